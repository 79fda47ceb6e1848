"""A host: routing daemons that know the rank interfaces, and a name server to be started."""

import signal
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anycast_wrapper.lab.bgp import Bgp, host_lines, zebra_lines
from anycast_wrapper.lab.bind import NameServer
from anycast_wrapper.lab.bird import Bird, BirdConfig, rank_interfaces
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.frr import Router
from anycast_wrapper.lab.frrconfig import OspfInterface, OspfTimers, RouterConfig
from anycast_wrapper.lab.namespace import Namespace
from anycast_wrapper.lab.routed import Routed
from anycast_wrapper.lab.tap import Tap, host_prefix

PREFERRED = "anycast0"
LAST_RESORT = "anycast1"
LAST_RESORT_COST = 60000
GATEWAY = "192.168.53.1"
GATEWAY6 = "fd00:53::1"
MEND = "mend0"  # see `Lab.mend_ipv6`


@dataclass(frozen=True)
class HostOptions:
    """What sets a host apart.

    Attributes:
        classic: OSPF covers the service addresses on ``lo``, as the technote has it; it does not
            know the rank interfaces.
        networks: What ospfd announces by ``network`` instead of by interface, such as a /24 that
            leaks.
        secondary: Its zone comes from the gateway's name server (`Gateway.start_primary`) and can
            expire.
        rndc: rndc may control its named.
        speaker: In a lab with BGP, bgpd runs here; without, a test starts what speaks BGP.
        bird: BIRD is the routing daemon here, instead of FRR.
        stub: As `BirdConfig` has it.
    """

    classic: bool = False
    networks: Sequence[str] = ()
    secondary: bool = False
    rndc: bool = False
    speaker: bool = True
    bird: bool = False
    stub: bool = False


@dataclass(frozen=True)
class Common:
    """What the hosts have in common.

    Attributes:
        services: The service addresses.
        timers: For the OSPF neighbours.
        bgp: BGP instead of OSPF, if there is any.
    """

    services: tuple[str, ...]
    timers: OspfTimers
    bgp: Bgp | None = None


class Host(Routed):
    """A host of the cluster.

    Args:
        number: From 1.
        namespace: Its network.
        directory: Its files.
        common: What it shares with the others.
        options: What sets it apart.
    """

    def __init__(
        self,
        number: int,
        namespace: Namespace,
        directory: Path,
        common: Common,
        options: HostOptions,
    ) -> None:
        super().__init__(f"host{number}", namespace, directory)
        self.number = number
        self.options = options
        self.bgp = common.bgp
        self.address = f"192.168.53.{10 + number}"
        self.address6 = f"fd00:53::{10 + number}"
        self.link_local = f"fe80::{10 + number}"
        if options.bird:
            routing = RouterConfig(self.address)  # written, and never started
        elif common.bgp is None:
            routing = self._routing(common)
        else:
            routing = self._bgp(common, common.bgp)
        self.router = Router(namespace, directory / "frr", routing)
        self.bird = self._bird(common) if options.bird else None
        self.dns = NameServer(namespace, directory / "dns", self.name)
        self.configure_dns()

    def configure_dns(self) -> None:
        """Write named's files anew."""
        primary = "192.168.53.1 port 5300" if self.options.secondary else ""
        self.dns.configure(primary=primary, rndc=self.options.rndc)

    def named_command(self) -> list[str]:
        """The argv that runs named in the foreground, for whoever is already in the namespace."""
        return self.dns.command

    def start_named(self) -> subprocess.Popen[str]:
        """Start named without the wrapper, and wait until it answers on 127.0.0.1."""
        process = self.dns.start()
        eventually(
            lambda: self.ask("127.0.0.1", "id.server", "TXT", qclass="CH", timeout=0.1),
            awaiting=f"named on {self.name}",
            seen=self.dns.log,
        )
        return process

    def stop_named(self, signum: int = signal.SIGTERM) -> None:
        """End the named that `start_named` started."""
        self.dns.stop(signum)

    def open_tap(self, name: str, addresses: Iterable[str] = (), *, up: bool = False) -> Tap:
        """Open a TAP here that this process owns: see `Tap`."""
        return Tap(self.namespace, name, addresses, up=up)

    def add_to_loopback(self, *addresses: str) -> None:
        """Add service addresses to ``lo``: the classic announcement."""
        self.ip(*(f"addr add {host_prefix(one)} dev lo" for one in addresses))

    def remove_from_loopback(self, *addresses: str) -> None:
        """Remove them again: the classic withdrawal."""
        self.ip(*(f"addr del {host_prefix(one)} dev lo" for one in addresses))

    def _bird(self, common: Common) -> Bird:
        config = BirdConfig(
            router_id=self.address,
            interfaces=rank_interfaces([MEND]),
            timers=common.timers,
            bgp=common.bgp,
            sessions=((self.address, GATEWAY), (self.address6, GATEWAY6)),
            stub=self.options.stub,
        )
        return Bird(self.namespace, self.directory / "bird", config)

    def _bgp(self, common: Common, bgp: Bgp) -> RouterConfig:
        gateways = (GATEWAY, GATEWAY6)
        speaks = self.options.speaker
        return RouterConfig(
            router_id=self.address,
            bgp=host_lines(bgp, self.address, gateways, common.services) if speaks else (),
            bfd=bgp.bfdd() if speaks else (),
            raw=(("zebra", zebra_lines()),),
        )

    def _routing(self, common: Common) -> RouterConfig:
        networks = tuple(self.options.networks)
        if self.options.classic:
            networks += tuple(host_prefix(one) for one in common.services if ":" not in one)
        by_network = bool(networks)
        lan = OspfInterface(
            "lan", passive=False, priority=0, timers=common.timers, by_network=by_network
        )
        ranks: tuple[OspfInterface, ...] = (
            OspfInterface(PREFERRED, by_network=by_network),
            OspfInterface(LAST_RESORT, cost=LAST_RESORT_COST, by_network=by_network),
        )
        if self.options.classic:
            ranks = (OspfInterface("lo", families=(6,)),)
        ranks += (OspfInterface(MEND, families=(6,)),)
        if by_network:
            networks += ("192.168.53.0/24",)
        return RouterConfig(
            router_id=self.address,
            interfaces=(lan, *ranks),
            ospf=tuple(f"network {one} area 0" for one in networks),
        )
