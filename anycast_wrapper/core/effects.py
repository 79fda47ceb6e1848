"""What may go out. The order of a tuple of effects is part of the decision: perform it as it is.

Withdrawals come first, then what is diverted, then the hold, then what the daemon is told, then
announcements, then probes, then words for people. Every `Move` is idempotent.
"""

from dataclasses import dataclass

from .model import Address, Rank, Reason


@dataclass(frozen=True)
class CreateLink:
    """Make the interface, down and without addresses, or take over the one that is there."""

    interface: str


@dataclass(frozen=True)
class DeleteLink:
    """Remove the interface with everything on it, if it is ours to remove."""

    interface: str


@dataclass(frozen=True)
class LinkUp:
    """Set the interface administratively up."""

    interface: str


@dataclass(frozen=True)
class LinkDown:
    """Set the interface administratively down: everything on it is withdrawn by one event."""

    interface: str


@dataclass(frozen=True)
class AddAddress:
    """Put a service address on the interface. Never done to one that is there already."""

    interface: str
    address: Address


@dataclass(frozen=True)
class RemoveAddress:
    """Take an address off the interface."""

    interface: str
    address: Address


Move = CreateLink | DeleteLink | LinkUp | LinkDown | AddAddress | RemoveAddress
"""What is done to the kernel."""


@dataclass(frozen=True)
class Divert:
    """Have queries to these addresses, and to no others, answered by another node."""

    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Nudge:
    """Make the routing daemon say again what it originates: the routers have dropped it."""


@dataclass(frozen=True)
class SpawnDaemon:
    """Start the daemon."""


@dataclass(frozen=True)
class TerminateDaemon:
    """Ask the daemon to end (SIGTERM)."""


@dataclass(frozen=True)
class KillDaemon:
    """End the daemon and its process group (SIGKILL)."""


@dataclass(frozen=True)
class RunProbe:
    """Run the probe once; answer with `events.ProbeDone` that carries the same ``ticket``.

    Attributes:
        hurried: there is a hint that the daemon hangs: a question that it leaves unanswered for a
            moment is answer enough.
    """

    service: str
    probe: str
    ticket: int
    hurried: bool = False


@dataclass(frozen=True)
class RememberDrain:
    """Keep, or forget, the operator's drain where a restart and a reboot find it."""

    drained: bool
    detail: str = ""


@dataclass(frozen=True)
class Changed:
    """Tell people: what is announced of a service, or why it is not, is another than before."""

    service: str
    before: Rank
    rank: Rank
    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class Noticed:
    """Tell people something that is no change of a service: a repair, a restart, a failure.

    Attributes:
        event: a stable name, such as ``daemon-restart``.
    """

    event: str
    detail: str = ""


@dataclass(frozen=True)
class Exit:
    """The end: nothing is announced, nothing is held, the daemon is gone.

    Attributes:
        code: the wrapper's exit status.
    """

    code: int
    detail: str = ""


Effect = (
    Move
    | Divert
    | Nudge
    | SpawnDaemon
    | TerminateDaemon
    | KillDaemon
    | RunProbe
    | RememberDrain
    | Changed
    | Noticed
    | Exit
)
