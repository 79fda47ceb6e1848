"""The nouns of the domain. Every value is frozen; every decision carries a `Reason`.

Times are seconds of one monotonic clock, as floats. Durations are seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MIN_LS_ARRIVAL_GAP = 1.1
"""Seconds between two changes of what the host originates.

RFC 2328 appendix B, MinLSArrival: a router drops an instance of an LSA that arrives less than one
second after the last one that it accepted, and hears of it again only when the sender retransmits,
five seconds later. All IPv4 service addresses of a host share one router-LSA.
"""


class Rank(IntEnum):
    """How strongly a node offers a service; greater is stronger."""

    WITHDRAWN = 0
    LAST_RESORT = 1
    PREFERRED = 2

    @property
    def slug(self) -> str:
        """As people and programs read it: ``withdrawn``, ``last-resort``, ``preferred``."""
        return self.name.lower().replace("_", "-")


class Reason(StrEnum):
    """Why: the same slug in the log, in the metrics, in ``status`` and in the transcripts."""

    HEALTHY = "healthy"
    CEILING = "ceiling"
    PACING = "pacing"
    DRAINED = "drained"
    STOPPING = "stopping"
    DAEMON_DOWN = "daemon-down"
    DAEMON_STARTING = "daemon-starting"
    DAEMON_STOPPING = "daemon-stopping"
    DAEMON_EXITED = "daemon-exited"
    ROUTE_MISSING = "route-missing"
    INTERFACE_FAILED = "interface-failed"
    STATE_UNREADABLE = "state-unreadable"
    PROBE_PENDING = "probe-pending"
    PROBE_TIMEOUT = "probe-timeout"
    PROBE_UNREACHABLE = "probe-unreachable"
    PROBE_CONNECTION_REFUSED = "probe-connection-refused"
    PROBE_SERVFAIL = "probe-servfail"
    PROBE_REFUSED = "probe-refused"
    PROBE_RCODE = "probe-rcode"
    PROBE_NOT_AUTHORITATIVE = "probe-not-authoritative"
    PROBE_WRONG_ANSWER = "probe-wrong-answer"
    PROBE_SLOW = "probe-slow"
    PROBE_MALFORMED = "probe-malformed"
    PROBE_MISMATCHED = "probe-mismatched"
    PROBE_COMMAND_FAILED = "probe-command-failed"
    PROBE_ERROR = "probe-error"


class Switch(Enum):
    """What announces an address that sits on a rank interface."""

    LINK = "link"
    """The interface's link state: one event takes everything on it down."""
    ADDRESS = "address"
    """The address itself: a loopback, whose link is never touched (the classic layout)."""


@dataclass(frozen=True)
class Interface:
    """A rank interface or the hold, by name, and what switches it."""

    name: str
    switch: Switch = Switch.LINK


@dataclass(frozen=True)
class Link:
    """An interface as the kernel has it: administratively up, and its global addresses."""

    up: bool
    addresses: frozenset[Address] = frozenset()


@dataclass(frozen=True)
class Observation:
    """What the kernel has right now.

    Attributes:
        links: our interfaces that exist, by name; one that does not exist is not a key.
        routes: those of the required routes that are in the main table.
    """

    links: Mapping[str, Link] = field(default_factory=dict)
    routes: frozenset[Network] = frozenset()


@dataclass(frozen=True)
class Outcome:
    """What one run of a probe found.

    Attributes:
        ok: whether every question was answered as expected.
        reason: `Reason.HEALTHY`, or what was wrong first.
        detail: a few words for people: who was asked what and what came back.
        latency: seconds of the slowest good answer, or None if there was none.
    """

    ok: bool
    reason: Reason
    detail: str = ""
    latency: float | None = None


@dataclass(frozen=True)
class Probe:
    """One health question, as far as the core cares.

    Attributes:
        name: unique within its service.
        definition: everything else about it, opaque; a reload that changes it starts it afresh.
        on_failure: the strongest rank that is left to the service while this probe is down.
    """

    name: str
    interval: float = 1.0
    recheck: float = 0.1
    rise: int = 2
    fall: int = 2
    on_failure: Rank = Rank.WITHDRAWN
    definition: str = ""


@dataclass(frozen=True)
class Service:
    """A name, the service addresses that it is offered at, and the probes that vouch for it.

    Attributes:
        ceiling: the strongest rank that it takes on this node: one that is the last resort here and
            preferred elsewhere.
    """

    name: str
    addresses: tuple[Address, ...]
    probes: tuple[Probe, ...]
    ceiling: Rank = Rank.PREFERRED


class Restart(StrEnum):
    """What to do when the daemon has ended without being asked to."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class Readiness(StrEnum):
    """Who says that the daemon is ready to be probed."""

    NOTIFY = "notify"
    """The daemon, by sd_notify(3): nothing is asked of it before READY=1."""
    PROBE = "probe"
    """Nobody: the probes decide, from the moment it runs."""


@dataclass(frozen=True)
class DaemonPolicy:
    """How the supervised daemon is started, ended and started again. Durations in seconds."""

    restart: Restart = Restart.ON_FAILURE
    ready: Readiness = Readiness.NOTIFY
    ready_timeout: float = 60.0
    stop_timeout: float = 30.0
    restart_delay: float = 0.5
    restart_delay_max: float = 30.0


@dataclass(frozen=True)
class Policy:
    """All of the configuration that decisions depend on.

    Attributes:
        gap: seconds between two changes of what the routing daemon originates; with 0, whatever is
            to be changed is changed at once.
        overlap: a move between ranks announces an address at the new one before it retires it at
            the old one. Otherwise it goes from the old one first: an address is never on two
            interfaces that are up.
        reroute: queries that cannot be answered here are to be diverted to another node.
        nudge: the routing daemon is to say again what the routers have dropped.
    """

    services: tuple[Service, ...]
    daemon: DaemonPolicy = DaemonPolicy()
    hold: Interface | None = Interface("anycast-hold")
    ranks: Mapping[Rank, Interface] = field(
        default_factory=lambda: {
            Rank.PREFERRED: Interface("anycast0"),
            Rank.LAST_RESORT: Interface("anycast1"),
        },
    )
    required_routes: frozenset[Network] = frozenset()
    linger: float = 2.0
    gap: float = MIN_LS_ARRIVAL_GAP
    overlap: bool = True
    reroute: bool = False
    nudge: bool = False

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Every service address, in the order of the configuration."""
        return tuple(a for service in self.services for a in service.addresses)


@dataclass(frozen=True)
class Drain:
    """An operator's word that the node stays out of service.

    Attributes:
        reason: `Reason.DRAINED`, or `Reason.STATE_UNREADABLE` where nobody can tell whether it is
            drained, which counts as drained.
        detail: who, and why.
    """

    reason: Reason = Reason.DRAINED
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a service's probes and everything else add up to."""

    rank: Rank
    reason: Reason
    detail: str = ""
