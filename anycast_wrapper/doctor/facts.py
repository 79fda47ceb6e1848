"""What can be known of a host: plain, frozen values. Whatever could not be had says why.

Nothing here does I/O. A fact is the value itself, or `Unknown` (nobody could find out), or
`Absent` (the question does not arise on this host).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import PurePath
from typing import TypeVar

from anycast_wrapper.core.model import Address, Network

from .frrconfig import FrrConfig
from .namedconf import Block


@dataclass(frozen=True)
class Unknown:
    """Nobody could find out.

    Attributes:
        why: who tried what and got what, as a clause: ``vtysh: no such file``.
    """

    why: str = "nobody has asked"


@dataclass(frozen=True)
class Absent:
    """The question does not arise here.

    Attributes:
        why: as a clause: ``the daemon is unbound``.
    """

    why: str


@dataclass(frozen=True)
class PlannedProbe:
    """A probe as the configuration has it.

    Attributes:
        service: whose it is.
        qname: what is asked for; None for a command.
        withdraws: whether its failure withdraws, as opposed to last-resort.
        given: False for the one that a service without a probe gets.
        patience: seconds until a server that says nothing is given up.
    """

    service: str
    qname: str | None
    withdraws: bool
    given: bool
    patience: float


@dataclass(frozen=True)
class Plan:
    """What anycast-wrap is configured to do.

    Attributes:
        file: the configuration.
        hold: its interface; None in the classic layout.
        last_resort: its interface; None if there is none.
        kind: ``tap``, ``dummy`` or ``existing``.
        command: the daemon's.
        linger: seconds between withdrawing and stopping the daemon.
        stopping: seconds until a daemon that does not stop is killed.
        routing_daemon: ``frr``, ``bird``, or ``none`` for one that cannot be asked.
        protocol: ``ospf`` or ``bgp``.
    """

    file: str
    addresses: tuple[Address, ...]
    preferred: str = "anycast0"
    last_resort: str | None = "anycast1"
    hold: str | None = "anycast-hold"
    kind: str = "tap"
    require_route: tuple[Network, ...] = ()
    command: tuple[str, ...] = ("/usr/sbin/named", "-f")
    probes: tuple[PlannedProbe, ...] = ()
    linger: float = 2.0
    stopping: float = 30.0
    drain_file: str = "/var/lib/anycast-wrap/drained"
    control_socket: str = "/run/anycast-wrap/control.sock"
    routing_daemon: str = "frr"
    protocol: str = "ospf"
    vtysh: tuple[str, ...] = ("vtysh",)
    bird_socket: str = "/run/bird/bird.ctl"

    @property
    def versions(self) -> tuple[int, ...]:
        """The IP versions of the service addresses, in order."""
        return tuple(sorted({address.version for address in self.addresses}))

    @property
    def by_bgp(self) -> bool:
        """Whether FRR's bgpd is to announce."""
        return self.routing_daemon == "frr" and self.protocol == "bgp"

    @property
    def program(self) -> str:
        """What is started, by its name without a path."""
        return PurePath(self.command[0]).name if self.command else ""

    @property
    def ranks(self) -> tuple[str, ...]:
        """The rank interfaces."""
        return (self.preferred, *([self.last_resort] if self.last_resort else []))

    @property
    def ours(self) -> frozenset[str]:
        """Every interface that anycast-wrap puts addresses on."""
        return frozenset({*self.ranks, *([self.hold] if self.hold else [])})


@dataclass(frozen=True)
class Interface:
    """An interface of this host, with its addresses and their prefix lengths."""

    name: str
    up: bool = True
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()


@dataclass(frozen=True)
class DefaultRoute:
    """A default route in the kernel's main table; ``protocol`` is who put it there."""

    version: int
    protocol: str


@dataclass(frozen=True)
class Neighbour:
    """A neighbour of ospfd or ospf6d, and the state of the adjacency."""

    router: str
    interface: str
    state: str


@dataclass(frozen=True)
class Session:
    """A session of bgpd.

    Attributes:
        address: the neighbour's.
        state: Established, or how far it came.
        hold: seconds without a sign of life after which it is over; 0 is never.
        bfd: whether BFD watches it.
        external: whether the neighbour is in another AS.
    """

    address: str
    state: str
    hold: float
    bfd: bool = False
    external: bool = False


@dataclass(frozen=True)
class Unit:
    """A service unit of systemd, ours or that of a name server."""

    name: str
    enabled: bool = False
    active: bool = False
    kill_mode: str = ""
    stop_seconds: float | None = None


@dataclass(frozen=True)
class DaemonProcess:
    """The name server's process: how many files it has open, and how many it may."""

    pid: int
    files: int
    files_limit: int


@dataclass(frozen=True)
class Listener:
    """A socket that takes queries (UDP) or connections (TCP) at the port of the DNS.

    Attributes:
        address: where; an unspecified one is every address of its family.
        pid: whose; None if we may not know.
        name: of the process.
    """

    address: Address
    pid: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Place:
    """A file that will have to be written: why that cannot be done, or an empty string."""

    path: str
    hindrance: str = ""


@dataclass(frozen=True)
class Networkd:
    """systemd-networkd: which of our interfaces its files match, and whom routes belong to."""

    matched: Mapping[str, str] = field(default_factory=dict)
    drops_routes: bool = False


@dataclass(frozen=True)
class Facts:
    """Everything. A fact that nobody has looked for is `Unknown`.

    Attributes:
        plan: the configuration; `Unknown` with every mistake in it.
        program: the daemon's program as it is found, None if it is not.
        running: whether a wrapper answers at its control socket.
        control: the control socket's place.
        drain: the drain file's place.
        process: the daemon's process, None if it does not run.
        listeners: whoever listens at port 53.
        named: named.conf as named reads it.
        named_verdict: what named-checkconf has against it, empty if nothing.
        named_file: where named.conf is.
        named_version: BIND's, as far as it is told.
        interfaces: of this host, ours included.
        sources: by IP version, the source address that the kernel gives to a packet that goes far.
        default_routes: in the main table.
        sysctls: by their dotted names.
        tun: why /dev/net/tun cannot be used, empty if it can.
        daemons: of FRR, those that run.
        frr: FRR's running configuration.
        neighbours: by IP version, those of ospfd and ospf6d.
        originated: by IP version, the host addresses that the routing daemon originates.
        router_ids: by IP version, who ospfd and ospf6d, or bgpd, take themselves for.
        bgp: by IP version, the sessions of bgpd.
        units: ours, and those of name servers, as far as they exist.
        network_manager: those of our interfaces that NetworkManager manages.
        networkd: what systemd-networkd does.
    """

    plan: Plan | Unknown = Unknown()
    program: str | Unknown | None = Unknown()
    running: bool | Unknown = Unknown()
    control: Place | Unknown = Unknown()
    drain: Place | Unknown = Unknown()
    process: DaemonProcess | Unknown | None = Unknown()
    listeners: tuple[Listener, ...] | Unknown = Unknown()
    named: Block | Unknown | Absent = Unknown()
    named_verdict: str | Unknown | Absent = Unknown()
    named_file: str = "named.conf"
    named_version: tuple[int, ...] | Unknown | Absent = Unknown()
    interfaces: tuple[Interface, ...] | Unknown = Unknown()
    sources: Mapping[int, Address] | Unknown = Unknown()
    default_routes: tuple[DefaultRoute, ...] | Unknown = Unknown()
    sysctls: Mapping[str, str] | Unknown | Absent = Unknown()
    tun: str | Unknown = Unknown()
    daemons: frozenset[str] | Unknown | Absent = Unknown()
    frr: FrrConfig | Unknown | Absent = Unknown()
    neighbours: Mapping[int, tuple[Neighbour, ...] | Unknown | Absent] = field(default_factory=dict)
    originated: Mapping[int, frozenset[Address] | Unknown | Absent] = field(default_factory=dict)
    router_ids: Mapping[int, str | Unknown | Absent] = field(default_factory=dict)
    bgp: Mapping[int, tuple[Session, ...] | Unknown | Absent] = field(default_factory=dict)
    units: tuple[Unit, ...] | Unknown | Absent = Unknown()
    network_manager: frozenset[str] | Unknown | Absent = Unknown()
    networkd: Networkd | Unknown | Absent = Unknown()


_T = TypeVar("_T")


class UndeterminedError(Exception):
    """A check needs a fact that could not be had; the runner of the checks tells so."""


class IrrelevantError(Exception):
    """A check looks for something that this host cannot have; the runner tells so."""


def known(fact: _T | Unknown | Absent) -> _T:
    """The fact itself.

    Raises:
        UndeterminedError: it is not known.
        IrrelevantError: the question does not arise.
    """
    if isinstance(fact, Unknown):
        raise UndeterminedError(fact.why)
    if isinstance(fact, Absent):
        raise IrrelevantError(fact.why)
    return fact
