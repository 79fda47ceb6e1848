"""What may come in. An event is a fact that has happened; it never asks how."""

from dataclasses import dataclass

from .effects import Move
from .model import Drain, Observation, Outcome, Policy


@dataclass(frozen=True)
class Started:
    """The wrapper begins.

    Attributes:
        observation: what the kernel has, before anything was done.
        drained: an operator's drain that outlived the last run.
        adopted: the pid of a daemon that a predecessor left running, or None.
        disturbed: something of a predecessor was found, so the routing daemon may have changed
            what it originates a moment ago.
    """

    observation: Observation
    drained: Drain | None = None
    adopted: int | None = None
    disturbed: bool = False


@dataclass(frozen=True)
class TimePassed:
    """The deadline that `next_deadline` named has come, or nothing in particular has."""


@dataclass(frozen=True)
class Observed:
    """The kernel says what it has now, after something changed."""

    observation: Observation


@dataclass(frozen=True)
class MoveFailed:
    """A move was refused by the kernel, and those after it on the same interface were not tried.

    Attributes:
        observation: what the kernel has now.
    """

    move: Move
    detail: str
    observation: Observation


@dataclass(frozen=True)
class DaemonSpawned:
    """The daemon's process exists."""

    pid: int


@dataclass(frozen=True)
class DaemonNotSpawned:
    """The daemon could not even be started: no such file, no permission."""

    detail: str


@dataclass(frozen=True)
class DaemonReady:
    """The daemon says that it serves (READY=1, sd_notify(3))."""


@dataclass(frozen=True)
class DaemonStopping:
    """The daemon says that it is about to end (STOPPING=1): its own doing, or ours."""


@dataclass(frozen=True)
class DaemonExited:
    """The daemon's process has ended.

    Attributes:
        code: its exit status; negative is the signal that killed it; None if it was adopted and
            nobody can know.
        detail: its last words, for people.
    """

    code: int | None
    detail: str = ""


@dataclass(frozen=True)
class ProbeDone:
    """A probe that `effects.RunProbe` started has an outcome.

    Attributes:
        ticket: the number that `RunProbe` carried; an outcome with another one is void, because
            the daemon or the probe is no longer the one that was asked.
    """

    service: str
    probe: str
    ticket: int
    outcome: Outcome


@dataclass(frozen=True)
class QueueStands:
    """A hint, never a verdict: what waits to be read by the daemon grows and is not read.

    Attributes:
        stands: whether it does, or no longer does.
    """

    stands: bool


@dataclass(frozen=True)
class DrainAsked:
    """An operator takes the node out of service."""

    detail: str = ""


@dataclass(frozen=True)
class UndrainAsked:
    """An operator puts the node back."""


@dataclass(frozen=True)
class StopAsked:
    """An operator, or systemd, ends the wrapper: withdraw, linger, stop the daemon, exit."""

    detail: str = ""


@dataclass(frozen=True)
class Reconfigured:
    """A new configuration is in force."""

    policy: Policy


Event = (
    Started
    | TimePassed
    | Observed
    | MoveFailed
    | DaemonSpawned
    | DaemonNotSpawned
    | DaemonReady
    | DaemonStopping
    | DaemonExited
    | ProbeDone
    | QueueStands
    | DrainAsked
    | UndrainAsked
    | StopAsked
    | Reconfigured
)
