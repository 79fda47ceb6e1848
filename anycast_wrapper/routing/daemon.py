"""What can be asked of a routing daemon, whichever it is, and how one is spoken of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from anycast_wrapper.core.model import Address

from .census import Census

Answer = frozenset[Address] | str
"""The addresses, or a sentence that says why nobody knows."""


class RoutingDaemon(Protocol):
    """Something that announces for us, and says so."""

    async def originated(self, versions: Sequence[int]) -> dict[int, Answer]:
        """The host addresses that are originated, by IP version. Never raises."""
        ...

    async def census(self, versions: Sequence[int]) -> dict[int, Census | str]:
        """Who originates what, by IP version, or why nobody knows. Never raises."""
        ...


class Unasked:
    """A `RoutingDaemon` that cannot be asked: to every question it has the same sentence."""

    WHY = 'the routing daemon is not asked (routing.daemon is "none")'

    async def originated(self, versions: Sequence[int]) -> dict[int, Answer]:
        """See `RoutingDaemon`."""
        return dict.fromkeys(versions, self.WHY)

    async def census(self, versions: Sequence[int]) -> dict[int, Census | str]:
        """See `RoutingDaemon`."""
        return dict.fromkeys(versions, self.WHY)


@dataclass(frozen=True)
class Manner:
    """How a routing daemon is spoken of.

    Attributes:
        protocol: what originates, in a word.
        who: the daemon that does, for each IP version.
        missing: what to ask oneself where an announcement is not originated, by IP version.
        leaking: what to look for where something is originated that is not announced.
    """

    protocol: str
    who: Mapping[int, str]
    missing: Mapping[int, str]
    leaking: str


BIRD = Manner(
    "BIRD",
    dict.fromkeys((4, 6), "BIRD"),
    dict.fromkeys(
        (4, 6),
        "is the interface in `protocol direct`, does the export filter let it pass, and does BGP "
        "stand? See docs/bird.rst",
    ),
    "look for an interface pattern in `protocol direct` or `protocol ospf` that is too wide, and "
    "for another interface that has the address",
)
"""BIRD, as `docs/bird.rst` has it configured."""
