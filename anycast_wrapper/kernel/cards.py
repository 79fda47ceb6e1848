"""Which interfaces are ours, and how each is made.

A card says to an adapter what the configuration says to us; the adapter itself knows no
configuration.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum

from anycast_wrapper.core.model import Switch

IFNAMSIZ = 16
"""Bytes of an interface name with its closing zero (net/if.h)."""


class Role(Enum):
    """What an interface of ours is for."""

    HOLD = "hold"
    """Service addresses rest here; no routing daemon may ever see carrier on it."""
    RANK = "rank"
    """What is up on it is announced."""


class Kind(StrEnum):
    """How an interface of ours comes to be."""

    TAP = "tap"
    """Opened by this process: a rank ends with it, the hold is persistent and outlives it."""
    DUMMY = "dummy"
    """Made by netlink, outlives this process."""
    EXISTING = "existing"
    """The operator's: never made, never removed."""


@dataclass(frozen=True)
class Card:
    """One of our interfaces.

    Attributes:
        name: the interface name, the same as `core.model.Interface.name`.
        role: rank interface or hold.
        kind: how it is made and removed.
        switch: what announces an address on it; the link of one whose switch is
            `Switch.ADDRESS` is never taken down.
        metric: route priority of the addresses on it (IFA_RT_PRIORITY), or None for the
            kernel's own; lower wins where two ranks carry the same address.
    """

    name: str
    role: Role = Role.RANK
    kind: Kind = Kind.TAP
    switch: Switch = Switch.LINK
    metric: int | None = None
