"""All that the core remembers, in one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .health import Health
from .ladder import Trouble
from .lifecycle import Life
from .model import Address, Drain, Link, Network, Policy, Rank, Reason, Verdict

NEVER = float("-inf")
"""A time before everything."""

Key = tuple[str, str]
"""A probe: the name of its service and its own."""


@dataclass(frozen=True)
class Standing:
    """What a service was last reported as, and since when.

    Attributes:
        verdict: the rank it should have and why.
        rank: the rank it has: of its addresses, the weakest.
    """

    verdict: Verdict
    rank: Rank
    since: float


@dataclass(frozen=True)
class State:
    """The wrapper's mind.

    Attributes:
        policy: the configuration in force.
        life: the daemon's.
        health: of every probe.
        vouched: what the probes of each service add up to. It follows from ``health``, and is
            another object only once one of them says something else.
        answered: the probe whose outcome was taken in last, or None.
        links: our interfaces as the kernel is believed to have them.
        routes: the required routes that are there.
        known: every service address there was since the start; what is on a loopback and not known
            is not ours.
        drained: an operator's word, or None.
        stopping: when the end was asked for, or None.
        last_change: when the routing daemon last had to originate something else.
        last_withdrawal: when something was last withdrawn; lingering counts from here.
        diverted: addresses of which queries are diverted to other nodes.
        nudge_at: when the routing daemon is to be made to say again what it has said, or None.
        suspect: there is a hint that the daemon hangs.
        troubles: interfaces that the kernel refuses to change.
        standings: what was reported of each service.
        tickets: the number of probes run so far.
        exited: `effects.Exit` was given; nothing happens any more.
    """

    policy: Policy
    life: Life = field(default_factory=Life)
    health: Mapping[Key, Health] = field(default_factory=dict)
    vouched: Mapping[str, Verdict] = field(default_factory=dict)
    answered: Key | None = None
    links: Mapping[str, Link] = field(default_factory=dict)
    routes: frozenset[Network] = frozenset()
    known: frozenset[Address] = frozenset()
    drained: Drain | None = None
    stopping: float | None = None
    last_change: float = NEVER
    last_withdrawal: float = NEVER
    diverted: frozenset[Address] = frozenset()
    nudge_at: float | None = None
    suspect: bool = False
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    tickets: int = 0
    exited: bool = False


def initial(policy: Policy) -> State:
    """Before anything has happened."""
    return State(policy=policy, known=frozenset(policy.addresses))


def unknown_standing(now: float) -> Standing:
    """Of a service that nothing was reported of yet."""
    return Standing(Verdict(Rank.WITHDRAWN, Reason.DAEMON_DOWN), Rank.WITHDRAWN, now)
