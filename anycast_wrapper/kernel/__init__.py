"""The operating system's network: our interfaces, the service addresses, the required routes."""

import sys
from collections.abc import Collection, Sequence
from typing import Protocol

from anycast_wrapper.core.model import Address
from anycast_wrapper.ports import Hint, Kernel, KernelError

from .cards import Card, Kind, Role
from .counting import QueryCounter, counting_left_behind, remove_counting
from .withdraw import withdraw_all

__all__ = [
    "Card",
    "Kind",
    "OwnedKernel",
    "QueryCounter",
    "Role",
    "counting_left_behind",
    "open_hint",
    "open_kernel",
    "remove_counting",
    "withdraw_all",
]


def open_hint(addresses: Collection[Address], port: int) -> Hint | None:
    """What tells early of a daemon that does not read, or None where the system cannot."""
    if sys.platform != "linux":
        return None
    from .queues import StandingQueue  # noqa: PLC0415 - of no use elsewhere

    return StandingQueue(addresses, port)


class OwnedKernel(Kernel, Protocol):
    """A kernel adapter with the way out that needs no event loop."""

    def abandon(self) -> None:
        """Let the interfaces that live by an open file go, at once and without waiting."""


def open_kernel(cards: Sequence[Card], addresses: Collection[Address] = ()) -> OwnedKernel:
    """The adapter for the system that this runs on. Nothing is touched yet.

    Args:
        cards: our interfaces.
        addresses: the service addresses; `Links.delete` takes these off an existing interface.

    Raises:
        KernelError: this system has no adapter.
    """
    if sys.platform == "linux":
        # Here, since pyroute2 is neither needed nor installed on other systems.
        from .linux import LinuxKernel  # noqa: PLC0415

        return LinuxKernel(cards, addresses)
    if sys.platform.startswith("freebsd"):
        from .freebsd import FreeBSDKernel  # noqa: PLC0415 - the same, the other way round

        return FreeBSDKernel(cards, addresses)
    raise KernelError(f"no adapter for {sys.platform}: only for Linux and FreeBSD")
