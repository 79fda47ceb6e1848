"""The worlds that the kernel contract is held in: in memory, a namespace, a simulated FreeBSD."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Protocol

from pyroute2 import netns

from anycast_wrapper.core.model import Address, Network, Switch
from anycast_wrapper.kernel import Card, Kind, OwnedKernel, Role
from anycast_wrapper.kernel.freebsd import FreeBSDKernel
from anycast_wrapper.kernel.linux import LinuxKernel
from tests.fakes.kernel import FakeHost, FakeKernel

PREFERRED = Card("anycast0")
LAST_RESORT = Card("anycast1", metric=100)
HOLD = Card("anycast-hold", Role.HOLD)
LO1 = Card("lo1", kind=Kind.EXISTING, switch=Switch.ADDRESS)
FULL = (PREFERRED, LAST_RESORT, HOLD)
STANDIN = Path(__file__).parent.parent / "kernel" / "freebsd_standin.py"


class World(Protocol):
    """What a test does behind the adapter's back, and what the world is capable of."""

    cards: tuple[Card, ...]
    makes: bool

    def kernel(self) -> OwnedKernel: ...
    def remove_link(self, name: str) -> None: ...
    def place(self, name: str, address: Address) -> None: ...
    def add_route(self, route: Network) -> None: ...
    def remove_route(self, route: Network) -> None: ...


@dataclass
class Memory(FakeHost):
    cards: tuple[Card, ...] = FULL
    makes: bool = True

    def kernel(self) -> OwnedKernel:
        return FakeKernel(self.cards, host=self)


@dataclass
class Namespace:
    """Linux, in the network namespace that the test's thread is in."""

    cards: tuple[Card, ...] = FULL
    makes: bool = True

    def kernel(self) -> OwnedKernel:
        return LinuxKernel(self.cards)

    def remove_link(self, name: str) -> None:
        ip("link", "del", name)

    def place(self, name: str, address: Address) -> None:
        ip("address", "add", f"{address}/{address.max_prefixlen}", "dev", name)

    def add_route(self, route: Network) -> None:
        ip("route", "add", str(route), "via", gateway(route))

    def remove_route(self, route: Network) -> None:
        ip("route", "del", str(route), "via", gateway(route))


@dataclass
class Simulated:
    """FreeBSD: its adapter, on a stand-in for ifconfig and route that keeps state in a file."""

    state: Path
    cards: tuple[Card, ...] = (LO1,)
    makes: bool = False
    calls: list[str] = field(default_factory=list)

    def kernel(self) -> OwnedKernel:
        return FreeBSDKernel(
            self.cards,
            ifconfig_command=(sys.executable, str(STANDIN), str(self.state), "ifconfig"),
            route_command=(sys.executable, str(STANDIN), str(self.state), "route"),
            poll=0.05,
        )

    def remove_link(self, name: str) -> None:
        self._edit(lambda state: state["links"].pop(name))

    def place(self, name: str, address: Address) -> None:
        self._edit(lambda state: state["links"][name]["addresses"].append(str(address)))

    def add_route(self, route: Network) -> None:
        self._edit(lambda state: state["routes"].append(str(route)))

    def remove_route(self, route: Network) -> None:
        self._edit(lambda state: state["routes"].remove(str(route)))

    def _edit(self, change) -> None:
        state = json.loads(self.state.read_text())
        change(state)
        replacement = self.state.with_suffix(".new")
        replacement.write_text(json.dumps(state))
        replacement.replace(self.state)  # at once: the adapter may look at any moment


def ip(*words: str) -> str:
    """Run ip(8) in this thread's namespace."""
    done = subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=10)
    return done.stdout


def gateway(route: Network) -> str:
    return "10.9.0.2" if route.version == 4 else "2001:db8:9::2"


@contextlib.contextmanager
def namespace() -> Iterator[Namespace]:
    """Be in a new network namespace with an uplink, then back and rid of it."""
    name = f"acw-kernel-{os.getpid()}"
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    netns.create(name)
    try:
        netns.setns(name)
        ip("link", "set", "lo", "up")
        ip("link", "add", "uplink", "type", "veth", "peer", "name", "router")
        ip("link", "set", "router", "up")
        ip("link", "set", "uplink", "up")
        ip("address", "add", "10.9.0.1/24", "dev", "uplink")
        ip("address", "add", "2001:db8:9::1/64", "dev", "uplink", "nodad")
        yield Namespace()
    finally:
        netns.setns(home)
        netns.remove(name)
        os.close(home)


@contextlib.contextmanager
def simulated(directory: Path) -> Iterator[Simulated]:
    """A FreeBSD with lo0, lo1 and em0."""
    links = {name: {"up": True, "addresses": []} for name in ("lo0", "lo1", "em0")}
    state = directory / "state.json"
    state.write_text(json.dumps({"links": links, "routes": []}))
    yield Simulated(state)


DEFAULT4 = ip_network("0.0.0.0/0")
DEFAULT6 = ip_network("::/0")
