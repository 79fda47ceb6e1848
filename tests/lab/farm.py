"""A gateway with four name servers behind it that know nothing of routing, and a client.

client --- gateway --- switch --- ns1 ... ns4
  |                       192.168.53.0/24, fd00:53::/64
  198.51.100.0/24, fd00:c::/64

Every server has the service addresses on its loopback. Beyond the gateway, on request, a second
router that speaks OSPF with it.
"""

import json
import os
import selectors
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from anycast_wrapper.lab import wire
from anycast_wrapper.lab.bind import NameServer
from anycast_wrapper.lab.claim import Claim
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.frr import Router
from anycast_wrapper.lab.frrconfig import OspfInterface, OspfTimers, RouterConfig
from anycast_wrapper.lab.node import Node
from anycast_wrapper.lab.topology import HOST_ARP, QUIET, ROUTING

SERVICES = ("192.0.2.53", "192.0.2.54", "2001:db8:53::53")
SERVERS = ("ns1", "ns2", "ns3", "ns4")
CORE = "203.0.113.1"
# Two routers that have just met; nothing of what is measured depends on it.
HURRY = tuple(
    (
        daemon,
        (
            "interface core",
            f" {words} network point-to-point",
            f" {words} retransmit-interval 1",
            "exit",
            f"router {block}",
            " timers lsa min-arrival 0",
            "exit",
        ),
    )
    for daemon, words, block in (("ospfd", "ip ospf", "ospf"), ("ospf6d", "ipv6 ospf6", "ospf6"))
)
EXAMPLE = Path(__file__).parents[2] / "contrib" / "track" / "gateway.frr.conf"


@dataclass
class Server:
    """One of the four."""

    node: Node
    number: int
    dns: NameServer

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def address(self) -> str:
        return f"192.168.53.{10 + self.number}"

    @property
    def address6(self) -> str:
        return f"fd00:53::{10 + self.number}"

    def start(self) -> None:
        """Start named, and wait until it answers."""
        self.dns.start()
        eventually(
            lambda: self.node.ask("127.0.0.1", timeout=0.1), awaiting=self.name, seen=self.dns.log
        )

    @property
    def pid(self) -> int:
        assert self.dns.process is not None
        return self.dns.process.pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)


class Farm:
    """All of it, from ``with`` until its end.

    Args:
        upstream: whether there are zebra and ospfd on the gateway, and a router beyond it.
    """

    def __init__(self, *, upstream: bool = False) -> None:
        self._with_upstream = upstream
        self._claim: Claim | None = None

    def __enter__(self) -> Self:
        self._claim = Claim()
        self.directory = self._claim.directory
        try:
            self._make()
        except BaseException:
            self._claim.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._claim is not None
        self._claim.release()

    def node(self, role: str) -> Node:
        assert self._claim is not None
        directory = self.directory / role
        directory.mkdir()
        namespace = self._claim.namespace(role)
        namespace.create()
        namespace.sysctl(QUIET)
        return Node(role, namespace, directory)

    def server(self, name: str) -> Server:
        return next(one for one in self.servers if one.name == name)

    def names(self) -> dict[str, str]:
        """Who is at an address."""
        pairs = [(one.address, one.name) for one in self.servers]
        return dict(pairs + [(one.address6, one.name) for one in self.servers])

    def nodes(self, address: str) -> set[str]:
        """The servers that the gateway's kernel sends an address to."""
        family = "-6" if ":" in address else "-4"
        said = self.gateway.run(["ip", family, "-j", "route", "show", address]).stdout
        routes = [one for one in json.loads(said or "[]") if one.get("type") != "blackhole"]
        if not routes:
            return set()
        hops = routes[0].get("nexthops") or [routes[0]]
        return {self.names().get(one["gateway"], one["gateway"]) for one in hops}

    def await_nodes(self, address: str, names: set[str], within: float = 10.0) -> float:
        """Wait until it is exactly these; when that was seen, by the monotonic clock."""
        eventually(
            lambda: self.nodes(address) == names,
            awaiting=f"{address} via {sorted(names)}",
            within=within,
            every=0.005,
            seen=lambda: self.nodes(address),
        )
        return time.monotonic()

    def cut(self, name: str, *, mended: bool = False) -> None:
        """Take a server's cable off at the switch, or put it back."""
        self.switch.ip(f"link set {name} {'up' if mended else 'down'}")

    def _make(self) -> None:
        self.switch, self.gateway, self.client = map(self.node, ("switch", "gateway", "client"))
        self.gateway.namespace.sysctl(ROUTING)
        self.servers = []
        for number, name in enumerate(SERVERS, start=1):
            node = self.node(name)
            node.namespace.sysctl(HOST_ARP)
            dns = NameServer(node.namespace, node.directory / "dns", name)
            self.servers.append(Server(node, number, dns))
        self._connect()
        for server in self.servers:
            server.dns.start()
        for server in self.servers:
            eventually(
                lambda server=server: server.node.ask(server.address, timeout=0.1),
                awaiting=server.name,
                seen=server.dns.log,
            )
        if self._with_upstream:
            self._connect_upstream()

    def _connect(self) -> None:
        lines = ["link add br0 type bridge forward_delay 0 mcast_snooping 0", "link set br0 up"]
        for node in (self.gateway, *(one.node for one in self.servers)):
            lines += [
                f"link add {node.name} type veth peer name lan netns {node.namespace.name}",
                f"link set {node.name} master br0 up",
            ]
        self.switch.ip(*lines)
        self.gateway.ip(
            f"link add clients type veth peer name eth0 netns {self.client.namespace.name}",
            *up("lan", "192.168.53.1/24", "fd00:53::1/64"),
            *up("clients", "198.51.100.1/24", "fd00:c::1/64"),
        )
        self.client.ip(
            *up("eth0", "198.51.100.2/24", "fd00:c::2/64"),
            "route add default via 198.51.100.1",
            "route add default via fd00:c::1",
        )
        for server in self.servers:
            server.node.ip(
                *up("lan", f"{server.address}/24", f"{server.address6}/64"),
                "route add default via 192.168.53.1",
                "route add default via fd00:53::1",
                *(f"addr add {one} dev lo" for one in SERVICES),
            )

    def _connect_upstream(self) -> None:
        self.upstream = self.node("upstream")
        self.gateway.ip(
            f"link add core type veth peer name core netns {self.upstream.namespace.name}",
            *up("core", f"{CORE}/24", "fd00:113::1/64"),
        )
        self.upstream.ip(*up("core", "203.0.113.2/24", "fd00:113::2/64"))
        core = OspfInterface("core", passive=False, timers=OspfTimers())
        self.routers = []
        for number, node in enumerate((self.gateway, self.upstream), start=1):
            config = RouterConfig(f"203.0.113.{number}", (core,), raw=HURRY)
            router = Router(node.namespace, node.directory / "frr", config)
            router.start_all()
            self.routers.append(router)
        for daemon in self.routers[0].config.daemons:
            self.routers[0].await_daemon(daemon)
        directory = str(self.routers[0].directory)
        self.gateway.run(["vtysh", "--vty_socket", directory, "-f", str(EXAMPLE)])
        eventually(
            lambda: (
                self.routers[0].show("show ip ospf neighbor")["neighbors"]
                and self.routers[0].show("show ipv6 ospf6 neighbor")["neighbors"]
            ),
            awaiting="the two routers to be neighbours",
            within=30.0,
        )

    def leads_upstream(self, address: str) -> bool:
        """Whether the second router has learnt a service address from the gateway."""
        return any(route.prefix == address for route in self.upstream.routes())


def up(interface: str, *addresses: str) -> list[str]:
    nodad = {True: " nodad", False: ""}
    return [
        *(f"addr add {one} dev {interface}{nodad[':' in one]}" for one in addresses),
        f"link set {interface} up",
    ]


@dataclass
class Session:
    """A TCP connection to a service address, held open."""

    channel: socket.socket
    server: str = ""
    broken: str = ""


@dataclass
class Sessions:
    """Many TCP connections to one service address, each asked again and again.

    Attributes:
        address: the service address.
        open: all of them, broken ones too.
    """

    address: str
    open: list[Session] = field(default_factory=list)

    def dial(self, client: Node, many: int) -> None:
        """Open so many more, and learn who is at their other ends."""
        fresh = client.namespace.within(lambda: [self._connect() for _ in range(many)])
        self.open += fresh
        self.ask(fresh)
        assert all(one.server for one in fresh), Counter(one.broken for one in fresh)

    def _connect(self) -> Session:
        channel = socket.create_connection((self.address, 53), timeout=5)
        channel.setblocking(False)
        return Session(channel)

    def ask(self, sessions: list[Session] | None = None, patience: float = 1.5) -> None:
        """Ask one question over each that is whole; who does not answer well is broken."""
        asked = [one for one in (sessions or self.open) if not one.broken]
        query = wire.question("www.example.test")
        with selectors.DefaultSelector() as selector:
            for one in asked:
                try:
                    one.channel.send(struct.pack("!HH", len(query) + 2, 4711) + query)
                except OSError as error:
                    one.broken = error.strerror
                    continue
                selector.register(one.channel, selectors.EVENT_READ, one)
            give_up = time.monotonic() + patience
            while selector.get_map() and time.monotonic() < give_up:
                for key, _ in selector.select(give_up - time.monotonic()):
                    selector.unregister(key.fileobj)
                    self._read(key.data)
            for key in list(selector.get_map().values()):
                key.data.broken = "silence"

    @staticmethod
    def _read(session: Session) -> None:
        try:
            data = session.channel.recv(4096)
        except OSError as error:
            session.broken = error.strerror
            return
        if not data:
            session.broken = "closed"
            return
        name = wire.read(data[2:]).server
        if session.server and session.server != name:
            session.broken = "answered by another"
        session.server = name

    def broken(self, *, leaver: str) -> Counter[bool]:
        """How many broke, by whether they were the leaver's."""
        return Counter(one.server == leaver for one in self.open if one.broken)

    def by_server(self) -> Counter[str]:
        return Counter(one.server for one in self.open)

    def close(self) -> None:
        for one in self.open:
            one.channel.close()
