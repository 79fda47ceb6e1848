"""What ExaBGP understands: a line for a route, or for a watchdog of its configuration.

Both styles turn what is announced into *topics* with a rank each, and a topic into lines. A line
means the same however often it is said. See the wiki of Exa-Networks/exabgp, "Controlling ExaBGP",
and ``reactor/api/command`` in its source; versions 4 and 5 take the same lines.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from anycast_wrapper.core.model import Address, Rank

Services = Mapping[str, Mapping[Address, Rank]]
"""Of every service by its name, the rank of each of its addresses."""

Topics = dict[str, Rank]
"""What is talked about, and how strongly it is to be announced."""

LAST_RESORT_GROUP = "-last-resort"
"""Ends the name of the watchdog of a service at last-resort."""


class Style(Protocol):
    """A way to tell ExaBGP."""

    @property
    def repeats(self) -> bool:
        """Whether ExaBGP can forget what it was told, and has to be told from time to time."""

    def topics(self, services: Services) -> Topics:
        """What there is to talk about."""

    def lines(self, topic: str, rank: Rank) -> tuple[str, ...]:
        """What is to be said for a topic to stand at a rank, whatever was said of it before."""


@dataclass(frozen=True)
class Attributes:
    """What goes with a route of one rank.

    Attributes:
        med: the multi-exit discriminator: less is better.
        local_preference: only for peers of the same AS: more is better.
        communities: of RFC 1997 (``64500:53``, ``no-export``) and of RFC 8092 (``64500:53:1``).
        as_path: the AS numbers of the path as ExaBGP is to send it; none: ExaBGP's own affair.
    """

    med: int | None = None
    local_preference: int | None = None
    communities: tuple[str, ...] = ()
    as_path: tuple[int, ...] = ()

    def words(self) -> str:
        """As ExaBGP reads them, each with a blank before it."""
        large = [one for one in self.communities if one.count(":") > 1]
        plain = [one for one in self.communities if one not in large]
        said = {
            "med": self.med,
            "local-preference": self.local_preference,
            "as-path": _listed(map(str, self.as_path)),
            "community": _listed(plain),
            "large-community": _listed(large),
        }
        return "".join(
            f" {name} {value}" for name, value in said.items() if value not in (None, "")
        )


def _listed(words: Iterable[str]) -> str:
    """A list as ExaBGP writes it; nothing for an empty one."""
    text = " ".join(words)
    return f"[ {text} ]" if text else ""


@dataclass(frozen=True)
class Routes:
    """A route for every address, with everything that belongs to it.

    Attributes:
        ranks: what goes with the routes of each rank.
        next_hops: by IP version; where there is none, ``self``: ExaBGP takes its session's end.
    """

    ranks: Mapping[Rank, Attributes] = field(
        default_factory=lambda: {Rank.LAST_RESORT: Attributes(med=100)}
    )
    next_hops: Mapping[int, Address] = field(default_factory=dict)

    @property
    def repeats(self) -> bool:
        """No: ExaBGP keeps them over a reload, and over its sessions."""
        return False

    def topics(self, services: Services) -> Topics:
        """Every address, as a prefix."""
        return {
            f"{address}/{address.max_prefixlen}": rank
            for addresses in services.values()
            for address, rank in addresses.items()
        }

    def lines(self, topic: str, rank: Rank) -> tuple[str, ...]:
        """One line. An announcement takes the place of another one of the same prefix."""
        next_hop = self.next_hops.get(6 if ":" in topic else 4, "self")
        route = f"route {topic} next-hop {next_hop}"
        if rank is Rank.WITHDRAWN:
            return (f"withdraw {route}",)
        return (f"announce {route}{self.ranks.get(rank, Attributes()).words()}",)


@dataclass(frozen=True)
class Watchdogs:
    """A watchdog for every service, whose routes stand in ExaBGP's configuration.

    It has the service's name, and at last-resort the name with ``-last-resort`` behind it.
    """

    @property
    def repeats(self) -> bool:
        """Yes: with a reload ExaBGP goes back to what its file says. It costs no update."""
        return True

    def topics(self, services: Services) -> Topics:
        """Every service, at the weakest rank of its addresses: they go together."""
        return {
            name: min(addresses.values(), default=Rank.WITHDRAWN)
            for name, addresses in services.items()
        }

    def lines(self, topic: str, rank: Rank) -> tuple[str, ...]:
        """Two lines. The withdrawal comes first: it takes the prefix, whoever announced it."""
        groups = {Rank.PREFERRED: topic, Rank.LAST_RESORT: topic + LAST_RESORT_GROUP}
        gone = [f"withdraw watchdog {name}" for one, name in groups.items() if one is not rank]
        come = [f"announce watchdog {name}" for one, name in groups.items() if one is rank]
        return (*gone, *come)
