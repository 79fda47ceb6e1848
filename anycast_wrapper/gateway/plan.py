"""What is to be watched and led where, worked out of the configuration and numbered.

Everything that is looked up while probes run is a number into a tuple, so that an answer from one
server of a thousand costs what it costs with one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from anycast_wrapper.core.model import Address, Probe
from anycast_wrapper.core.remembered import remembered

from .model import Pool, Server


@dataclass(frozen=True)
class Policy:
    """All of the configuration that decisions depend on.

    Attributes:
        linger: seconds in which a drained server keeps the flows that it has.
        keep: the end of the tracker leaves everything as it is; else all of it is withdrawn.
    """

    pools: tuple[Pool, ...]
    linger: float = 2.0
    keep: bool = False


@dataclass(frozen=True)
class Site:
    """A server at one of its addresses, as one pool sees it: what is healthy or not.

    Attributes:
        pool: the pool's name.
        group: its number in `Plan.groups`.
        watches: the numbers of its probes in `Plan.watches`.
    """

    pool: str
    server: Server
    address: Address
    group: int
    watches: range

    @property
    def key(self) -> tuple[str, str, Address]:
        """What makes it the same one in another configuration."""
        return self.pool, self.server.name, self.address


@dataclass(frozen=True)
class Watch:
    """One probe of one site.

    Attributes:
        site: its number in `Plan.sites`.
    """

    site: int
    probe: Probe


@dataclass(frozen=True)
class Group:
    """The part of a pool that has one IP version: it lives and dies apart from the other.

    Attributes:
        addresses: the service addresses.
        sites: the numbers of those that may serve them, in the order of the configuration.
    """

    pool: Pool
    version: int
    addresses: tuple[Address, ...]
    sites: range


@dataclass(frozen=True)
class Plan:
    """All of it.

    Attributes:
        group_of: by service address, the number of its group.
    """

    sites: tuple[Site, ...]
    watches: tuple[Watch, ...]
    groups: tuple[Group, ...]
    group_of: Mapping[Address, int]


@remembered
def plan(policy: Policy) -> Plan:
    """The plan of a configuration. A server without an address of a version has no site of it."""
    sites: list[Site] = []
    watches: list[Watch] = []
    groups: list[Group] = []
    for pool in policy.pools:
        for version in sorted({address.version for address in pool.addresses}):
            first = len(sites)
            for server in pool.servers:
                for address in server.addresses:
                    if address.version != version:
                        continue
                    numbers = range(len(watches), len(watches) + len(pool.probes))
                    watches += [Watch(len(sites), probe) for probe in pool.probes]
                    sites.append(Site(pool.name, server, address, len(groups), numbers))
            addresses = tuple(one for one in pool.addresses if one.version == version)
            groups.append(Group(pool, version, addresses, range(first, len(sites))))
    group_of = {one: number for number, group in enumerate(groups) for one in group.addresses}
    return Plan(tuple(sites), tuple(watches), tuple(groups), group_of)
