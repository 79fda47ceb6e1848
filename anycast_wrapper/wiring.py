"""A configuration made into the values and the adapters that a supervisor works with."""

import re
from collections.abc import Sequence

from . import probewiring
from .config import FREEBSD, schema
from .core.model import (
    MIN_LS_ARRIVAL_GAP,
    Address,
    DaemonPolicy,
    Interface,
    Policy,
    Rank,
    Readiness,
    Restart,
    Service,
    Switch,
)
from .kernel import Card, Kind, OwnedKernel, QueryCounter, Role, open_hint, open_kernel
from .nameserver import DaemonProcess, default_check, default_notify
from .ports import Hint, Post
from .probes import CommandProbe, DnsProbe
from .probing import HURRIED, Bounded, Probers
from .reroute import ListedPeers, LivingPeers, NftDiversion, Rerouter
from .reroute.rerouter import Services, Tell
from .routing import (
    BGP,
    BIRD,
    FRR,
    BgpTable,
    Bird,
    BirdPeers,
    FrrNudge,
    Manner,
    OspfPeers,
    RoutingDaemon,
    Unasked,
    Vtysh,
)

LAST_RESORT_METRIC = 100
"""IFA_RT_PRIORITY of addresses at last-resort: zebra prefers the connected route of the preferred
rank while both are up."""

DNS_PORT = 53

_RANKS = {"withdraw": Rank.WITHDRAWN, "last-resort": Rank.LAST_RESORT}
_CEILINGS = {"preferred": Rank.PREFERRED, "last-resort": Rank.LAST_RESORT}


def policy(config: schema.Config) -> Policy:
    """What the core decides by."""
    interfaces = config.interfaces
    ranks = {Rank.PREFERRED: interfaces.preferred, Rank.LAST_RESORT: interfaces.last_resort}
    daemon, bgp = config.daemon, config.routing.protocol == "bgp"
    return Policy(
        services=tuple(_service(service) for service in config.services),
        daemon=DaemonPolicy(
            restart=Restart(daemon.restart),
            ready=readiness(daemon),
            ready_timeout=daemon.ready_timeout,
            stop_timeout=daemon.stop_timeout,
            restart_delay=daemon.restart_delay,
            restart_delay_max=max(daemon.restart_delay_max, daemon.restart_delay),
        ),
        hold=None if interfaces.hold == schema.NONE else Interface(interfaces.hold),
        ranks={
            rank: Interface(name, switch(name))
            for rank, name in ranks.items()
            if name != schema.NONE
        },
        required_routes=frozenset(interfaces.require_route),
        linger=config.drain.linger,
        reroute=config.reroute.enabled,
        nudge=config.routing.nudge and config.routing.daemon == schema.FRR and not bgp,
        # bgpd says the latest soon, whatever was said before; and zebra forgets an address that is
        # taken off one of two interfaces, which bgpd goes by, and neither ospfd nor ExaBGP does.
        gap=0.0 if bgp else MIN_LS_ARRIVAL_GAP,
        overlap=not bgp or config.routing.daemon == schema.NONE,
    )


def switch(name: str) -> Switch:
    """What announces an address on an interface: the address itself, if it is a loopback."""
    return Switch.ADDRESS if schema.LOOPBACK.fullmatch(name) else Switch.LINK


def readiness(daemon: schema.Daemon) -> Readiness:
    """Who says that the daemon is ready. Of the servers that notify, ``auto`` knows named."""
    if daemon.ready != "auto":
        return Readiness(daemon.ready)
    is_named = re.search(r"(^|/)named$", daemon.command[0]) is not None
    # BIND notifies on Linux only (bin/named/os.c).
    return Readiness.NOTIFY if is_named and not FREEBSD else Readiness.PROBE


def _service(service: schema.Service) -> Service:
    probes = tuple(probewiring.probe(probe, _RANKS[probe.on_failure]) for probe in service.probe)
    return Service(service.name, service.addresses, probes, _CEILINGS[service.ceiling])


def cards(config: schema.Config) -> tuple[Card, ...]:
    """Our interfaces as a kernel adapter wants to know them."""
    interfaces, kind = config.interfaces, Kind(config.interfaces.kind)
    made = [Card(interfaces.preferred, Role.RANK, kind, switch(interfaces.preferred))]
    if interfaces.last_resort != schema.NONE:
        name = interfaces.last_resort
        made.append(Card(name, Role.RANK, kind, switch(name), LAST_RESORT_METRIC))
    if interfaces.hold != schema.NONE:
        made.append(Card(interfaces.hold, Role.HOLD, kind))
    return tuple(made)


def kernel(config: schema.Config) -> OwnedKernel:
    """The kernel adapter. Nothing is touched yet."""
    return open_kernel(cards(config), policy(config).addresses)


def hint(config: schema.Config) -> Hint | None:
    """What tells early of a server that does not read, at the port where it is asked."""
    ports = {
        probe.port
        for service in config.services
        for probe in service.probe
        if isinstance(probe, schema.DnsProbe)
    }
    return open_hint(policy(config).addresses, ports.pop()) if len(ports) == 1 else None


def probers(config: schema.Config) -> Probers:
    """Every probe of every service, ready to be run."""
    return {
        (service.name, probe.called): Bounded(
            _prober(service, probe),
            probe.timeout,
            # A hint about the server's sockets says nothing about a command.
            min(HURRIED, probe.timeout) if isinstance(probe, schema.DnsProbe) else probe.timeout,
        )
        for service in config.services
        for probe in service.probe
    }


def _prober(service: schema.Service, probe: schema.AnyProbe) -> DnsProbe | CommandProbe:
    if isinstance(probe, schema.CommandProbe):
        return CommandProbe(probe.command, probe.timeout)
    servers = service.addresses if probe.server is None else (probe.server,)
    return probewiring.dns_probe(probe, servers, probe.timeout)


def check_command(config: schema.Config) -> Sequence[str] | None:
    """What tells whether the daemon's own configuration is good, or None."""
    return config.daemon.check_command or default_check(config.daemon.command)


def daemon(config: schema.Config, post: Post) -> DaemonProcess:
    """The supervised daemon. Nothing is started yet."""
    directory = config.control.socket.parent
    command = config.daemon.command
    notifies = readiness(config.daemon) is Readiness.NOTIFY
    return DaemonProcess(
        command,
        directory / "daemon.json",
        post,
        notify_path=default_notify(directory, command) if notifies else None,
        check_command=check_command(config),
    )


def asked(config: schema.Config) -> Services:
    """The service addresses with the ports that the daemon is asked at."""
    return tuple(
        (address, port)
        for service in config.services
        for address in service.addresses
        for port in sorted({p.port for p in service.probe if isinstance(p, schema.DnsProbe)})
        or [DNS_PORT]
    )


def counter(config: schema.Config) -> QueryCounter | None:
    """What counts the queries that come in, if the configuration wants it. Nothing is begun."""
    return QueryCounter(asked(config)) if config.metrics.count_queries else None


def rerouter(config: schema.Config, tell: Tell) -> Rerouter | None:
    """What has queries answered elsewhere, if the configuration wants it. Nothing is begun."""
    if not config.reroute.enabled:
        return None
    made: Rerouter
    source: ListedPeers | OspfPeers | BirdPeers

    def complain(words: str) -> None:
        made.complain(words)

    if isinstance(config.reroute.peers, tuple):
        source = ListedPeers(config.reroute.peers, complain)
    elif config.routing.daemon == schema.BIRD:
        source = BirdPeers(config.routing.bird_socket)
    else:
        source = OspfPeers(config.routing.vtysh)
    made = Rerouter(NftDiversion(), LivingPeers(source, complain), asked(config), tell)
    return made


def nudge(config: schema.Config) -> FrrNudge:
    """What makes the routing daemon repeat itself."""
    versions = sorted({address.version for address in policy(config).addresses})
    return FrrNudge(config.routing.vtysh, config.interfaces.preferred, versions)


def routing_daemon(routing: schema.Routing, addresses: Sequence[Address]) -> RoutingDaemon:
    """Whom to ask what is really announced, and of which addresses."""
    if routing.daemon == schema.FRR:
        bgp = routing.protocol == "bgp"
        return BgpTable(routing.vtysh, addresses) if bgp else Vtysh(routing.vtysh)
    return Bird(routing.bird_socket) if routing.daemon == schema.BIRD else Unasked()


def manner(routing: schema.Routing) -> Manner:
    """How the routing daemon is spoken of."""
    if routing.daemon == schema.BIRD:
        return BIRD
    return BGP if routing.protocol == "bgp" else FRR
