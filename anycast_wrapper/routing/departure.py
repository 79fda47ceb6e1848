"""Whether a node may leave: who else announces what it announces.

The answer is the link-state database's, at one moment. Two nodes that are told to leave in the same
second find each other there, and both leave: nothing coordinates them but OSPF, which is the point
of the whole. To look once more after the withdrawal would catch that, but all of them would come
back together and none would have left; and what was told to stop would have to be told to start.
So it is left to whoever gives the commands: one node after the other (``serial: 1``). When the
command for one has returned, the others have heard of it, milliseconds later as a rule.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from anycast_wrapper.core.model import Address

from .census import Census
from .daemon import RoutingDaemon


@dataclass(frozen=True)
class Departure:
    """What would be left.

    Attributes:
        wanted: how many other nodes must announce an address.
        lacking: the addresses that fewer announce, each with the router ids of those that do.
        silent: the addresses of which nobody knows.
        why: why not, in sentences.
        dead: routers that are in the database with a lacking address, but cannot be reached.
    """

    wanted: int = 0
    lacking: Mapping[Address, tuple[str, ...]] = field(default_factory=dict)
    silent: tuple[Address, ...] = ()
    why: tuple[str, ...] = ()
    dead: frozenset[str] = frozenset()

    @property
    def refusal(self) -> str:
        """Why the node must not leave, and what to do; "" if it may."""
        if not self.lacking:
            return ""
        alone = [address for address, others in self.lacking.items() if not others]
        parts = []
        if alone:
            parts.append(f"this node is the last that announces {_list(alone)}: nobody else does")
        parts += [
            f"besides this node, only {_list(others)} announces {address}, and drain.minimum is "
            f"{self.wanted}"
            for address, others in self.lacking.items()
            if others
        ]
        if self.dead:
            who = "they do" if len(self.dead) > 1 else "it does"
            parts.append(f"{_list(sorted(self.dead))} cannot be reached, so {who} not count")
        after = "nobody would answer there" if alone else "fewer would be left than wanted"
        return (
            f"{'; '.join(parts)}. Without it {after}; nothing was changed, and it goes on "
            "announcing. Start or undrain another node first (`anycast-wrap peers` shows them), or "
            "insist with --force"
        )

    @property
    def warning(self) -> str:
        """What an operator should know although the node may leave; "" if nothing."""
        if not self.silent:
            return ""
        return (
            f"nobody knows whether another node announces {_list(self.silent)}: {_join(self.why)}"
        )


async def departure(
    daemon: RoutingDaemon, addresses: Collection[Address], minimum: int
) -> Departure:
    """Look who else announces the addresses. Never raises.

    Args:
        daemon: who is asked.
        addresses: what this node announces now; what it does not, it cannot be the last to.
        minimum: how many other nodes must announce each of them; with 0 nobody is asked.
    """
    if minimum <= 0 or not addresses:
        return Departure()
    answers = await daemon.census(sorted({address.version for address in addresses}))
    return judge(addresses, answers, minimum)


def judge(
    addresses: Collection[Address], answers: Mapping[int, Census | str], minimum: int
) -> Departure:
    """The same, once the answers are there."""
    lacking: dict[Address, tuple[str, ...]] = {}
    silent, dead, why = [], set(), []
    for address in addresses:
        known = answers[address.version]
        if isinstance(known, str):
            silent.append(address)
            why.append(known)
            continue
        others = known.others(address)
        if len(others) < minimum and known.blind:
            silent.append(address)
            why.append(known.blind)
        elif len(others) < minimum:
            lacking[address] = others
            dead |= set(_dead(known, address))
    return Departure(minimum, lacking, tuple(silent), tuple(why), frozenset(dead))


def _dead(known: Census, address: Address) -> Iterator[str]:
    for one in known.announcers(address):
        if not one.reachable and not one.here:
            yield one.offer.router


def _list(words: Sequence[object]) -> str:
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last


def _join(sentences: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(sentences))
