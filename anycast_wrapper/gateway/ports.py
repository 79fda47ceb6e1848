"""What a gateway needs from the world, beside probes: something that carries queries to servers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from anycast_wrapper.core.model import Address
from anycast_wrapper.errors import AnycastWrapError

from .model import Member


class ForwardingError(AnycastWrapError):
    """Queries for a service address could not be sent where they should go.

    Raised for an address as a whole: somebody else owns its route, or the kernel refused it.
    """


@dataclass(frozen=True)
class LeftOut:
    """A member that cannot be one, while the others can.

    Attributes:
        server: its name.
        detail: why, for people: it is on no subnet of ours, its route leads back to us...
    """

    server: str
    detail: str


class Forwarding(Protocol):
    """Carries a service address to its servers: routes with next-hop groups, or IPVS.

    What it makes is marked as ours in the kernel, and nothing that is not is ever touched.
    """

    async def adopt(self) -> Mapping[Address, tuple[Address, ...]]:
        """What a predecessor left: by service address, the servers that it leads to. Kept as it is.

        Raises:
            ForwardingError: the kernel cannot be asked.
        """

    async def apply(self, address: Address, members: Sequence[Member]) -> tuple[LeftOut, ...]:
        """Send a service address to exactly these; to nobody, if there are none. Idempotent.

        Flows to servers that stay are left where they are, if the kernel can do that.

        Raises:
            ForwardingError: it is as before, as far as can be told.
        """

    async def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` when what was applied may have been lost or may now be possible.

        Such as: somebody removed our route, an interface went or came, a route to a server changed.
        """

    def means(self, address: Address) -> str | None:
        """By what it is carried, for people, such as ``resilient group of 128 buckets``."""

    async def close(self) -> None:
        """Stop watching. What was applied stays."""
