"""What may come in. An event is a fact that has happened; it never asks how."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from anycast_wrapper.core.model import Address, Outcome

from .model import Member
from .plan import Policy
from .ports import LeftOut
from .state import Name


@dataclass(frozen=True)
class Started:
    """The tracker begins.

    Attributes:
        adopted: what a predecessor left: by service address, the servers that it leads to.
        drained: the drains that outlived the last run, each with who gave it and why.
    """

    adopted: Mapping[Address, tuple[Address, ...]] = field(default_factory=dict)
    drained: Mapping[Name, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TimePassed:
    """The deadline that `tracking.next_deadline` named has come, or nothing in particular has."""


@dataclass(frozen=True)
class ProbeDone:
    """A probe that `effects.RunProbe` started has an outcome.

    Attributes:
        watch: its number.
        ticket: what `RunProbe` carried; an outcome with another one is void.
    """

    watch: int
    ticket: int
    outcome: Outcome


@dataclass(frozen=True)
class Applied:
    """A service address leads to these servers, but for those that were left out."""

    address: Address
    members: tuple[Member, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class ApplyFailed:
    """A service address leads where it led before."""

    address: Address
    detail: str


@dataclass(frozen=True)
class WorldChanged:
    """What was applied may have been lost, or what was refused may now be possible."""


@dataclass(frozen=True)
class Drained:
    """An operator takes servers out of service, each by its pool and its name."""

    servers: tuple[Name, ...]
    detail: str = ""


@dataclass(frozen=True)
class Undrained:
    """An operator puts servers back."""

    servers: tuple[Name, ...]


@dataclass(frozen=True)
class Reconfigured:
    """A new configuration is in force."""

    policy: Policy


@dataclass(frozen=True)
class StopAsked:
    """An operator, or systemd, ends the tracker."""

    detail: str = ""


Event = (
    Started
    | TimePassed
    | ProbeDone
    | Applied
    | ApplyFailed
    | WorldChanged
    | Drained
    | Undrained
    | Reconfigured
    | StopAsked
)
