"""What is ours in the kernel: next hops, groups, routes. Plain values; `reading` makes them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.ports import ForwardingError

FIRST_ID, LAST_ID = 0x1F530000, 0x1F53FFFF
"""The ids of our next-hop objects and groups.

Not below 2^28: there zebra counts its own ids up from the highest that it hears of, takes an object
of ours for its own routes when it leads the same way, and makes it again under its own protocol
when we remove it. Ids with bit 28 are those of its Ethernet segments, numbered from 2^28; of any of
these it disregards what the kernel says (``zebra_evpn_mh_is_fdb_nh``). Seen with FRR 8.4.4.
"""


_CLOCK = 0.03
"""Seconds that a timer may differ when it is read back: 1/100 s, made of 1/HZ s."""


class Means(Enum):
    """What carries a service address, the best first."""

    RESILIENT = "resilient group"
    GROUP = "group"
    MULTIPATH = "multipath route"


@dataclass(frozen=True)
class Resilience:
    """How a resilient group keeps flows where they are.

    Attributes:
        buckets: 1 to 65535; flows are hashed to buckets, and a bucket has one next hop. Fixed for
            the group's life.
        idle: seconds without a packet after which a bucket may move to a next hop that has too few.
        unbalanced: seconds after which buckets move whether they are idle or not; 0 for never.
    """

    buckets: int = 1024
    idle: float = 30.0
    unbalanced: float = 120.0

    def alike(self, other: "Resilience") -> bool:
        """Whether they are the same, as exactly as the kernel's clock goes."""
        return (
            self.buckets == other.buckets
            and abs(self.idle - other.idle) < _CLOCK
            and abs(self.unbalanced - other.unbalanced) < _CLOCK
        )


@dataclass(frozen=True)
class Settings:
    """What everything that is made has in common.

    Attributes:
        protocol: the number (rtnetlink(7), RTPROT_*) that marks what is ours; nobody else's.
        table: the routing table.
        metric: of the route (RTA_PRIORITY), at least 1. The anchor has the next one.
        resilience: of the groups.
    """

    protocol: int = 153
    table: int = 254
    metric: int = 50
    resilience: Resilience = field(default_factory=Resilience)


@dataclass(frozen=True)
class Hop:
    """A way out of this host.

    Attributes:
        gateway: the server itself or the router that leads to it.
        index: the interface's number.
        onlink: the kernel is not to look whether the gateway is on the interface's subnet.
    """

    gateway: Address
    index: int
    onlink: bool = False


Entries = tuple[tuple[Hop, int], ...]
"""Next hops with their weights, in the order of `ordered`."""


def ordered(entries: Iterable[tuple[Hop, int]]) -> Entries:
    """In an order of our own: the kernel gives IPv6 next hops back in another than it got them."""
    return tuple(sorted(entries, key=lambda entry: (entry[0].index, str(entry[0].gateway))))


@dataclass(frozen=True)
class Group:
    """A group of next hops.

    Attributes:
        entries: (id of a next hop, weight), sorted.
        resilience: None for a plain group.
    """

    entries: tuple[tuple[int, int], ...]
    resilience: Resilience | None = None

    def alike(self, other: "Group") -> bool:
        """Whether they are the same, as exactly as the kernel's clock goes."""
        if self.resilience is None or other.resilience is None:
            return self == other
        return self.entries == other.entries and self.resilience.alike(other.resilience)

    def may_become(self, other: "Group") -> bool:
        """Whether the kernel can: not of another type, nor with another number of buckets."""
        if self.resilience is None or other.resilience is None:
            return self.resilience is other.resilience
        return self.resilience.buckets == other.resilience.buckets


@dataclass(frozen=True)
class Route:
    """The route of one service address, or its anchor.

    Attributes:
        address: the service address; the prefix is it alone.
        table: the routing table.
        metric: its priority.
        group: the id of the group that it leads to, or None.
        hops: (next hop, weight) where there is no group; none for the anchor.
    """

    address: Address
    table: int
    metric: int
    group: int | None = None
    hops: Entries = ()

    @property
    def place(self) -> tuple[int, int]:
        """Where there can be one route only to an address: table and metric."""
        return self.table, self.metric

    @property
    def anchor(self) -> bool:
        """Whether it leads nowhere."""
        return self.group is None and not self.hops


@dataclass
class Found:
    """Everything of ours in the kernel, and the ids that are taken.

    Kept up as we change things, and read anew once anybody else may have.
    """

    hops: dict[int, Hop] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    routes: set[Route] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)

    def free_id(self) -> int:
        """An id of our range that nothing has.

        Raises:
            ForwardingError: there is none.
        """
        for number in range(FIRST_ID, LAST_ID + 1):
            if number not in self.taken:
                return number
        raise ForwardingError(f"all {LAST_ID - FIRST_ID + 1} ids of next hops are in use")

    def routes_of(self, address: Address) -> list[Route]:
        """All our routes to an address, in any table, in a stable order."""
        routes = (route for route in self.routes if route.address == address)
        return sorted(routes, key=lambda route: route.place)

    def leads_to(self, route: Route) -> Mapping[Hop, int]:
        """The next hops of a route with their weights, by whatever means."""
        if route.group is None:
            return dict(route.hops)
        group = self.groups.get(route.group, Group(()))
        return {
            self.hops[number]: weight for number, weight in group.entries if number in self.hops
        }

    def unused_hops(self) -> list[int]:
        """Next hops that are in no group."""
        used = {number for group in self.groups.values() for number, _ in group.entries}
        return sorted(set(self.hops) - used)

    def unused_groups(self) -> list[int]:
        """Groups that no route leads to."""
        return sorted(set(self.groups) - {route.group for route in self.routes})
