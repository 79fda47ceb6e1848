"""The router between the clients and the hosts: ECMP over whatever OSPF or BGP tells it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from anycast_wrapper.lab.bgp import gateway_lines
from anycast_wrapper.lab.bind import NameServer
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.frr import Router
from anycast_wrapper.lab.frrconfig import OspfInterface, RouterConfig
from anycast_wrapper.lab.host import GATEWAY, Common, Host
from anycast_wrapper.lab.namespace import Namespace
from anycast_wrapper.lab.routed import Routed
from anycast_wrapper.lab.routelog import RouteLog

ADDRESS = GATEWAY
CLIENTS_ADDRESS = "198.51.100.1"
PRIMARY_PORT = 5300
# Replace an IPv6 route in one step. Without it zebra deletes and adds it, and for a tenth of a
# millisecond the router has no route at all: a loss that is neither the hosts' nor the protocol's.
ZEBRA_OPTIONS = ("--v6-rr-semantics",)


class Gateway(Routed):
    """The router in front of the hosts.

    Args:
        namespace: Its network.
        directory: Its files.
        hosts: Whose next hops it knows by name.
        common: What the hosts have in common, and with it.
        announce_clients: Whether OSPF announces the clients' network, beside the default route.
    """

    def __init__(
        self,
        namespace: Namespace,
        directory: Path,
        hosts: Sequence[Host],
        common: Common,
        *,
        announce_clients: bool = False,
    ) -> None:
        super().__init__("gateway", namespace, directory)
        self._names = {hop: h.name for h in hosts for hop in (h.address, h.address6, h.link_local)}
        config = self._ospf(common, announce_clients=announce_clients)
        if (bgp := common.bgp) is not None:
            neighbours = [address for host in hosts for address in (host.address, host.address6)]
            config = RouterConfig(
                router_id=CLIENTS_ADDRESS,
                bgp=gateway_lines(bgp, CLIENTS_ADDRESS, neighbours, common.services),
                bfd=bgp.bfdd(),
                zebra_options=ZEBRA_OPTIONS,
            )
        self.router = Router(namespace, directory / "frr", config)
        self.primary = NameServer(namespace, directory / "dns", "primary", PRIMARY_PORT)

    @staticmethod
    def _ospf(common: Common, *, announce_clients: bool) -> RouterConfig:
        interfaces: tuple[OspfInterface, ...] = (
            OspfInterface("lan", passive=False, priority=255, timers=common.timers),
        )
        if announce_clients:
            interfaces += (OspfInterface("clients"),)
        return RouterConfig(
            # Above the hosts' ids: the master of an exchange is the one whose first packet counts.
            router_id=CLIENTS_ADDRESS,
            interfaces=interfaces,
            ospf=("default-information originate always",),
            ospf6=("default-information originate always",),
            zebra_options=ZEBRA_OPTIONS,
        )

    def nexthops(self, address: str) -> set[str]:
        """The next hops of the host route in the kernel, as addresses (IPv6: link-local ones)."""
        return {hop for r in self.routes() if r.prefix == address for hop in r.nexthops}

    def nodes(self, address: str) -> set[str]:
        """The names of the hosts that the kernel sends an address to; none without a host route."""
        return {self._names.get(hop, hop) for hop in self.nexthops(address)}

    def await_nodes(self, address: str, nodes: set[str], within: float = 20.0) -> None:
        """Wait until an address leads to exactly these hosts."""
        eventually(
            lambda: self.nodes(address) == nodes,
            awaiting=f"{address} via {sorted(nodes)}",
            within=within,
            seen=lambda: self.nodes(address),
        )

    def route_log(self) -> RouteLog:
        """Start to write down every change of a host route; close it, or use it with ``with``."""
        return RouteLog(self.namespace, self._names)

    def full_neighbours(self) -> tuple[int, int]:
        """How many neighbours are Full, by ospfd and by ospf6d."""
        four = self.router.show("show ip ospf neighbor").get("neighbors", {})
        six = self.router.show("show ipv6 ospf6 neighbor").get("neighbors", [])
        # FRR 8 has both keys of ospfd's, FRR 10 the longer one only.
        states = [
            entry.get("nbrState") or entry["state"] for each in four.values() for entry in each
        ]
        return (
            sum(state.startswith("Full") for state in states),
            sum(entry["state"] == "Full" for entry in six),
        )

    def established(self) -> set[str]:
        """The addresses of the BGP neighbours with whom the session stands."""
        peers = self.router.show("show bgp neighbors")
        return {
            address
            for address, one in peers.items()
            if isinstance(one, dict) and one.get("bgpState") == "Established"
        }

    def restart(self) -> None:
        """Kill all daemons and start them again, as after a router's reboot."""
        self.router.stop_all()
        self.router.start_all()
        for daemon in self.router.config.daemons:
            self.router.await_daemon(daemon)

    def start_primary(
        self, *, expire: int = 2, notify: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Start the name server that hosts with ``secondary=True`` take their zone from.

        Args:
            expire: The zone's SOA expire: how long a secondary answers once this server is stopped.
            notify: The secondaries that are told of it. One that has found its primary gone does
                not ask it again for ten minutes, unless it is told.
        """
        self.primary.configure(expire=expire, notify=notify, rndc=True)
        process = self.primary.start()
        eventually(
            lambda: self.ask(ADDRESS, port=PRIMARY_PORT, timeout=0.1),
            awaiting="the primary name server on the gateway",
            seen=self.primary.log,
        )
        return process

    def stop_primary(self) -> None:
        """Stop it; the secondaries' zone expires after ``expire`` seconds."""
        self.primary.stop()
