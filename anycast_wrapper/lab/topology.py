"""The lab: a client, a router and hosts in namespaces, for as long as a ``with`` lasts.

client --- gateway --- switch --- host1, host2, ...
  198.51.100.0/24    192.168.53.0/24
  fd00:c::/64        fd00:53::/64
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from anycast_wrapper.lab.bgp import Bgp
from anycast_wrapper.lab.bind import program
from anycast_wrapper.lab.cables import connect
from anycast_wrapper.lab.claim import Claim
from anycast_wrapper.lab.eventually import NeverHappenedError, eventually
from anycast_wrapper.lab.frrconfig import DAEMON_DIR, DAEMONS, OspfTimers
from anycast_wrapper.lab.gateway import Gateway
from anycast_wrapper.lab.host import GATEWAY, GATEWAY6, MEND, PREFERRED, Common, Host, HostOptions
from anycast_wrapper.lab.hurry import calm, start_hurried
from anycast_wrapper.lab.node import Node
from anycast_wrapper.lab.tap import Tap

SERVICES = ("192.0.2.53", "192.0.2.54", "192.0.2.55", "2001:db8:53::53")

MENDED = 8.0
"""Seconds until the gateway leads one more prefix to its host: MinLSInterval is 5."""
MENDINGS = 3
"""Prefixes that are tried: once in hundreds of times one led to another host as well."""

MIN_LS_ARRIVAL = 1.2  # RFC 2328 says 1 s; the rest is for the clock of the other side

QUIET = {
    # Everything comes up at once: nobody else is on these links to have the same address.
    "ipv6/conf/all/accept_dad": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/dad_transmits": 0,
    "ipv6/conf/default/accept_ra": 0,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
}
ROUTING = {
    "ipv4/ip_forward": 1,
    "ipv6/conf/all/forwarding": 1,
    # By ports as well, so that one client's queries spread over the hosts.
    "ipv4/fib_multipath_hash_policy": 1,
    "ipv6/fib_multipath_hash_policy": 1,
}
# A held address must not answer ARP on the LAN.
HOST_ARP = {"ipv4/conf/all/arp_ignore": 1, "ipv4/conf/all/arp_announce": 2}


def missing() -> list[str]:
    """What this machine lacks for a lab, in words; empty when nothing."""
    lacks = []
    if os.geteuid() != 0:
        lacks.append("root")
    lacks += [f"{DAEMON_DIR / name} (FRR)" for name in DAEMONS if not (DAEMON_DIR / name).exists()]
    lacks += [name for name in ("ip", "vtysh") if not shutil.which(name)]
    if not program("named"):
        lacks.append("named (BIND 9)")
    if not Path("/dev/net/tun").exists():
        lacks.append("/dev/net/tun")
    return lacks


class Lab:
    """A lab, up and converged once entered and gone once left.

    Args:
        hosts: How many, or what sets each one apart.
        services: The service addresses.
        timers: For the OSPF neighbours; LSA timers are always FRR's defaults.
        announce_clients: Whether OSPF announces the clients' network beside the default route.
        bgp: BGP instead of OSPF; the hosts' default routes are static then.

    Attributes:
        client: Where queries come from.
        gateway: The router.
        hosts: The hosts, ``hosts[0]`` being ``host1``.
        directory: Everything's files.
        removed: The names of dead owners' labs that were found and removed.
        setup_seconds: How long it took to come up.
    """

    client: Node
    gateway: Gateway
    switch: Node
    hosts: list[Host]

    def __init__(
        self,
        hosts: int | Sequence[HostOptions] = 2,
        *,
        services: Sequence[str] = SERVICES,
        timers: OspfTimers = OspfTimers(),  # noqa: B008 - frozen
        announce_clients: bool = False,
        bgp: Bgp | None = None,
    ) -> None:
        self.services = tuple(services)
        self.setup_seconds = 0.0
        self._options = [HostOptions()] * hosts if isinstance(hosts, int) else list(hosts)
        self._timers = timers
        self._announce_clients = announce_clients
        self._bgp = bgp
        self._taps: list[Tap] = []
        self._mends: dict[str, Tap] = {}

    def __enter__(self) -> Self:
        started = time.monotonic()
        self._claim = Claim()
        self.directory = self._claim.directory
        self.removed = tuple(self._claim.removed)
        try:
            self._make_nodes()
            connect(self.switch, self.gateway, self.client, self.hosts)
            self._start_routing()
        except BaseException:
            self.close()
            raise
        self.setup_seconds = time.monotonic() - started
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove everything, whatever state it is in."""
        for tap in self._taps:
            tap.close()
        self._claim.release()

    def announce(
        self, host: Host, addresses: Iterable[str] = (), *, interface: str = PREFERRED
    ) -> Tap:
        """Announce addresses (default: all services) from a host without the wrapper.

        They go up by one link event on a TAP that this process owns; closing it withdraws them.
        """
        tap = host.open_tap(interface, tuple(addresses) or self.services, up=True)
        self._taps.append(tap)
        return tap

    def mend_ipv6(self) -> None:
        """Make the gateway able to withdraw one IPv6 next hop; call it once all hosts announce.

        ospf6d, 8.4 as well as today's, gives the path that created a route no next hops of its own
        (`ospf6_intra_prefix_lsa_add` copies `route->path.nh_list`, which is empty). If the host
        that announced first withdraws first, its next hop stays in the gateway's kernel
        (FRRouting/frr#13579). An LSA of that host that changes while others announce gives the path
        its next hops: so every host announces one more prefix, of no meaning. The fault is back
        once all have withdrawn, and after an SPF run. With BGP there is nothing to be mended.
        """
        if self._bgp is not None:
            return
        self.await_quiet()
        for host in self.hosts:
            self._mend(host)
        self.await_quiet()

    def _mend(self, host: Host) -> None:
        for attempt in range(MENDINGS):
            address = f"fd00:53:ffff::{secrets.randbelow(0xFFFF):x}"
            if host.name in self._mends:
                self._mends[host.name].add(address)
            else:
                self._mends[host.name] = self.announce(host, [address], interface=MEND)
            try:
                self.gateway.await_nodes(address, {host.name}, MENDED)
                break
            except NeverHappenedError:
                if attempt == MENDINGS - 1:
                    raise

    def await_established(self, hosts: Sequence[Host], within: float = 20.0) -> None:
        """Wait until the BGP sessions of these hosts stand, those of both families."""
        wanted = {address for host in hosts for address in (host.address, host.address6)}
        eventually(
            lambda: wanted <= self.gateway.established(),
            awaiting=f"BGP with {sorted(wanted)}",
            within=within,
            seen=lambda: (self.gateway.established(), self.gateway.router.log()),
        )

    def await_converged(self, within: float = 20.0) -> None:
        """Wait until every neighbour is Full and every host has learnt its default routes."""
        if self._bgp is not None:
            self.await_established([host for host in self.hosts if host.options.speaker], within)
            return
        wanted = len(self.hosts)
        eventually(
            lambda: all(
                host.has_default_route(4) and host.has_default_route(6) for host in self.hosts
            ),
            awaiting="the default routes on every host",
            within=within,
            seen=lambda: [(host.name, host.routes()) for host in self.hosts],
        )
        eventually(
            lambda: self.gateway.full_neighbours() == (wanted, wanted),
            awaiting=f"{wanted} Full neighbours of ospfd and of ospf6d",
            within=within,
            seen=self.gateway.full_neighbours,
        )

    def _make_nodes(self) -> None:
        def place(role: str) -> Node:
            directory = self.directory / role
            directory.mkdir()
            namespace = self._claim.namespace(role)
            namespace.create()
            namespace.sysctl(QUIET)
            return Node(role, namespace, directory)

        self.switch = place("switch")
        self.client = place("client")
        front = place("gateway")
        self.hosts = []
        common = Common(self.services, self._timers, self._bgp)
        for number, options in enumerate(self._options, start=1):
            node = place(f"host{number}")
            node.namespace.sysctl(HOST_ARP)
            self.hosts.append(Host(number, node.namespace, node.directory, common, options))
        front.namespace.sysctl(ROUTING)
        self.gateway = Gateway(
            front.namespace,
            front.directory,
            self.hosts,
            common,
            announce_clients=self._announce_clients,
        )

    def _start_routing(self) -> None:
        hosts = [host.router for host in self.hosts if host.bird is None]
        birds = [host.bird for host in self.hosts if host.bird is not None]
        if self._bgp is not None:
            for host in self.hosts:
                host.ip(f"route add default via {GATEWAY}", f"route add default via {GATEWAY6}")
            for router in (self.gateway.router, *hosts):
                router.start_all()
            for bird in birds:
                bird.start()
            self.await_established([host for host in self.hosts if host.options.speaker])
            return
        start_hurried(self.gateway.router, hosts, self._timers)
        for bird in birds:
            bird.start()
        self.await_converged()
        calm([self.gateway.router, *hosts])
        self.await_quiet()

    @staticmethod
    def await_quiet() -> None:
        """Let MinLSArrival pass: an LSA within it of the last is dropped, and comes 5 s later."""
        quiet_from = time.monotonic() + MIN_LS_ARRIVAL
        eventually(lambda: time.monotonic() >= quiet_from, awaiting="a quiet second")
