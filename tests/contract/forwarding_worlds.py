"""Worlds for the contract of `Forwarding`: one kept in memory, and those of the real adapters.

A world is what is on the other side of an adapter, and can be looked at and changed without it.
Whoever writes an adapter adds a world to `WORLDS`, with the marks that it needs.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from ipaddress import ip_address
from typing import Any, Protocol

import pytest

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.model import Member
from anycast_wrapper.gateway.ports import Forwarding
from tests.fakes.forwarding import FakeForwarding, FakeRoutes
from tests.gateway.ipvs_world import ipvs
from tests.gateway.routing_world import routing

V4, OTHER4 = ip_address("192.0.2.53"), ip_address("192.0.2.54")
V6 = ip_address("2001:db8:53::53")


class World(Protocol):
    """What an adapter works on.

    Attributes:
        keeps_weightless: whether a member of weight 0 stays where it is, with weight 0 (IPVS);
            elsewhere it is out.
        servers: four servers that can be reached, by the IP version of the service address.
        unreachable: a server that cannot be a member, by the IP version, or nothing where the
            adapter cannot tell.
    """

    keeps_weightless: bool
    servers: dict[int, tuple[Member, ...]]
    unreachable: dict[int, Member]

    def forwarding(self) -> Forwarding:
        """An adapter that knows nothing, like that of a process that has just begun."""

    def leads(self, address: Address) -> dict[Address, int]:
        """Where the kernel sends a service address by what we made: servers and their weights."""

    def lose(self, address: Address) -> None:
        """Somebody removes what we made for an address."""

    def occupy(self, address: Address) -> None:
        """Somebody else has the address carried, in a way that ours would be in conflict with."""

    def occupied(self, address: Address) -> bool:
        """Whether what somebody else made is still there, and as it was."""


class Memory:
    """The fake one."""

    keeps_weightless = False

    def __init__(self) -> None:
        self.routes = FakeRoutes()
        self.servers = {
            4: tuple(Member(f"ns{n}", ip_address(f"198.51.100.{n}")) for n in range(1, 5)),
            6: tuple(Member(f"ns{n}", ip_address(f"2001:db8:1::{n}")) for n in range(1, 5)),
        }
        self.unreachable = {
            4: Member("far", ip_address("203.0.113.9")),
            6: Member("far", ip_address("2001:db8:9::9")),
        }
        self.routes.unreachable |= {one.address for one in self.unreachable.values()}

    def forwarding(self) -> Forwarding:
        return FakeForwarding(self.routes)

    def leads(self, address: Address) -> dict[Address, int]:
        return dict(self.routes.ours.get(address, {}))

    def lose(self, address: Address) -> None:
        self.routes.ours.pop(address, None)
        self.routes.changed()

    def occupy(self, address: Address) -> None:
        self.routes.foreign.add(address)

    def occupied(self, address: Address) -> bool:
        return address in self.routes.foreign and address not in self.routes.ours


@contextlib.contextmanager
def memory() -> Iterator[World]:
    yield Memory()


WORLDS: dict[str, tuple[Callable[[], AbstractContextManager[World]], Any]] = {
    # name: (makes the world and takes it down again, marks)
    "memory": (memory, ()),
    "routes": (routing, pytest.mark.root),
    "ipvs": (ipvs, pytest.mark.root),
}


def parameters() -> list[Any]:
    """What to give to a fixture."""
    return [pytest.param(make, id=name, marks=marks) for name, (make, marks) in WORLDS.items()]
