"""The nouns of a gateway: servers, the pools that they form, and who is sent queries."""

from dataclasses import dataclass
from enum import StrEnum

from anycast_wrapper.core.model import Address, Probe


class Below(StrEnum):
    """What becomes of a service address when fewer servers are left than its minimum."""

    WITHDRAW = "withdraw"
    """The route goes: another gateway, or nobody, is better than these few."""
    KEEP = "keep"
    """Fail open: all servers that are not drained get queries, whatever their probes say."""


@dataclass(frozen=True)
class Server:
    """A name server behind the gateway.

    Attributes:
        name: unique in its pool; what an operator drains by.
        addresses: its administrative addresses, at most one of each IP version: there it is probed,
            and there queries for a service address of the same version are sent.
        weight: its share of new flows, relative to the others'; 1 to 255, as the
            kernel's next-hop groups keep ``weight - 1`` in eight bits (``struct nexthop_grp``).
        interface: the interface that it is reached through (a tunnel, say), or None where the
            routing table is to say; then a server on another subnet is reached through the router
            that leads to it.
    """

    name: str
    addresses: tuple[Address, ...]
    weight: int = 1
    interface: str | None = None


@dataclass(frozen=True)
class Pool:
    """Service addresses and the servers that answer at them.

    Attributes:
        name: unique.
        addresses: the service addresses.
        servers: who serves; a service address of one IP version uses the servers' addresses of it.
        probes: how a server is proven, all of them at each of its addresses.
        minimum: healthy servers below which `below` applies, by service address.
    """

    name: str
    addresses: tuple[Address, ...]
    servers: tuple[Server, ...]
    probes: tuple[Probe, ...]
    minimum: int = 1
    below: Below = Below.WITHDRAW


@dataclass(frozen=True)
class Member:
    """A server as one service address sees it.

    Attributes:
        server: its name.
        address: where queries for the service address are handed to it.
        weight: its share of new flows. 0: it gets none, and keeps those that it has where whatever
            carries them can tell flows apart (IPVS); elsewhere it is out.
        interface: see `Server`.
    """

    server: str
    address: Address
    weight: int = 1
    interface: str | None = None
