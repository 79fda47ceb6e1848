"""What may go out, in the order in which it is to be done."""

from collections.abc import Mapping
from dataclasses import dataclass

from anycast_wrapper.core.model import Address, Reason

from .model import Member
from .state import How, Known, Name


@dataclass(frozen=True)
class Apply:
    """Send a service address to exactly these servers, to nobody if there are none.

    To be answered with `events.Applied` or `events.ApplyFailed` before anything else comes in. Of
    several for one address that have not been done yet, the last is enough.
    """

    address: Address
    members: tuple[Member, ...]


@dataclass(frozen=True)
class RunProbe:
    """Run the probe once; answer with `events.ProbeDone` that carries the same ``ticket``."""

    watch: int
    ticket: int


Drains = Mapping[Name, str]
"""Who is drained, by pool and name, and by whom and why."""


@dataclass(frozen=True)
class RememberDrains:
    """Keep these drains where a restart and a reboot find them."""

    drained: Drains


@dataclass(frozen=True)
class ServerChanged:
    """Tell people: a server at one of its addresses is otherwise than before, or why it is not."""

    pool: str
    server: str
    address: Address
    before: Known
    known: Known
    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class AddressChanged:
    """Tell people: a service address leads elsewhere.

    Attributes:
        members: who is sent new queries.
        possible: how many servers there are for it in the configuration.
    """

    pool: str
    address: Address
    before: How
    how: How
    members: tuple[str, ...]
    possible: int


@dataclass(frozen=True)
class Noticed:
    """Tell people something else.

    Attributes:
        event: a stable name, such as ``apply-refused``.
    """

    event: str
    detail: str = ""


@dataclass(frozen=True)
class Exit:
    """The end.

    Attributes:
        code: the tracker's exit status.
    """

    code: int
    detail: str = ""


Effect = Apply | RunProbe | RememberDrains | ServerChanged | AddressChanged | Noticed | Exit
