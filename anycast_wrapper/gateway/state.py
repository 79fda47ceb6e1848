"""All that the tracker remembers, in one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from anycast_wrapper.core.model import Address, Reason

from .ledger import Ledger
from .model import Member
from .plan import Policy
from .ports import LeftOut

NEVER = float("-inf")
"""A time before everything."""

Name = tuple[str, str]
"""A server: the name of its pool and its own."""


class Known(StrEnum):
    """What is known of a server at one of its addresses."""

    UNPROVEN = "unproven"
    """Not all of its probes have settled yet since we began, and none of them is bad."""
    UP = "up"
    DOWN = "down"


class How(StrEnum):
    """How a service address is led, and why so."""

    PENDING = "pending"
    """Nobody knows enough yet."""
    SERVED = "served"
    FAIL_OPEN = "fail-open"
    """Too few servers are healthy, and all are sent queries whatever their probes say."""
    WITHDRAWN = "withdrawn"
    """Too few servers are healthy, or none can be reached: nobody is sent here."""
    STOPPING = "stopping"
    ABANDONED = "abandoned"
    """No longer in the configuration."""


@dataclass(frozen=True)
class Standing:
    """What a site was last reported as.

    Attributes:
        since: since when ``known`` is so.
    """

    known: Known
    reason: Reason
    since: float


@dataclass(frozen=True)
class Lead:
    """Where a service address leads.

    Attributes:
        asked: what was last asked for, or None if nothing was yet.
        applied: what was last done of that, or None if nothing was yet.
        left_out: who could not be a member when it was last asked to be one.
        failure: why what was asked for could not be done, or nothing.
        tries: how often it failed in a row.
        refusals: how often anything failed since we began.
        until: when it is to be tried again, if it failed.
        since: since when it leads there.
        told: how it was led, and to whom, when people were last told.
    """

    how: How = How.PENDING
    asked: tuple[Member, ...] | None = None
    applied: tuple[Member, ...] | None = None
    left_out: tuple[LeftOut, ...] = ()
    failure: str = ""
    tries: int = 0
    refusals: int = 0
    until: float = float("inf")
    since: float = NEVER
    told: tuple[How, tuple[str, ...]] = (How.PENDING, ())

    @property
    def members(self) -> tuple[Member, ...]:
        """Who is there: what was last applied, without those that were left out."""
        out = {one.server for one in self.left_out}
        return tuple(one for one in self.applied or () if one.server not in out)

    @property
    def serving(self) -> tuple[str, ...]:
        """The names of those that are sent new queries."""
        return tuple(one.server for one in self.members if one.weight)


@dataclass(frozen=True)
class Drain:
    """An operator's word that a server gets no queries.

    Attributes:
        detail: who, and why.
        since: when it was given, or when we began.
    """

    detail: str
    since: float


@dataclass(frozen=True)
class State:
    """The tracker's mind.

    Attributes:
        policy: the configuration in force.
        ledger: the health of every probe, by its number in the plan.
        standings: of every site, by its number in the plan.
        leads: of every service address that we have led anywhere.
        adopted: by service address, the servers that it led to when this configuration came into
            force: these are trusted until they are proven or not.
        drained: by server.
        judge_at: by the number of a group, when it is to be looked at anew.
        judged: by the number of a group, when it last was.
        again: everything is to be applied anew.
        renewed: when everything was last applied anew.
        began: when this configuration came into force.
        answered: the number of the probe whose outcome was taken in last, or None.
        stopping: when the end was asked for, or None.
        tickets: the number of probes run so far.
        exited: `effects.Exit` was given; nothing happens any more.
    """

    policy: Policy
    ledger: Ledger = field(default_factory=Ledger)
    standings: tuple[Standing, ...] = ()
    leads: Mapping[Address, Lead] = field(default_factory=dict)
    adopted: Mapping[Address, frozenset[Address]] = field(default_factory=dict)
    drained: Mapping[Name, Drain] = field(default_factory=dict)
    judge_at: Mapping[int, float] = field(default_factory=dict)
    judged: Mapping[int, float] = field(default_factory=dict)
    again: bool = False
    renewed: float = NEVER
    began: float = NEVER
    answered: int | None = None
    stopping: float | None = None
    tickets: int = 0
    exited: bool = False


def initial(policy: Policy) -> State:
    """Before anything has happened."""
    return State(policy)
