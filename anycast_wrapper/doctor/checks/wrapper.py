"""The wrapper's own configuration and places."""

import re
from collections.abc import Iterator

from anycast_wrapper.doctor.check import Finding, Severity, check, listed
from anycast_wrapper.doctor.facts import Absent, Facts, Place, Unknown, known
from anycast_wrapper.doctor.namedconf import zones

SUN_PATH = 108
"""Bytes of the path of a unix socket with its closing zero (unix(7))."""

LINGER = 1.0
"""Seconds in which routers have surely converged: OSPF's SPF delay is 50 ms to begin with (FRR),
and a withdrawal that came too early is said again after 1.1 s."""

PATIENCE = 10.0
"""Seconds for which a server that hangs may stay announced; resolvers of clients give up sooner."""


@check(
    Severity.ERROR,
    why="Without a configuration that is good, anycast-wrap does not start, and reload refuses.",
    cure="Correct what is listed; `anycast-wrap config check` lists it as well, and "
    "`anycast-wrap config init ADDRESS` writes a file to begin with.",
)
def configuration(facts: Facts) -> Iterator[Finding]:
    """The configuration file: that it can be read and has no mistake."""
    if isinstance(facts.plan, Unknown):
        yield Finding(facts.plan.why, "correct the file; `anycast-wrap config check` tells")


@check(
    Severity.ERROR,
    why="The wrapper starts the name server; without the program there is nothing to announce.",
    cure="Install the name server, or set `daemon.command` to the one that is there.",
)
def daemon_program(facts: Facts) -> Iterator[Finding]:
    """The first word of `daemon.command`: that there is such a program."""
    plan = known(facts.plan)
    if known(facts.program) is None:
        yield Finding(
            f"{plan.program or 'the daemon'}: no such program, or not executable",
            'command = ["/path/to/the/name-server", ...]   # in [daemon]',
            plan.file,
        )


@check(
    Severity.ERROR,
    why="A server that goes into the background looks like one that has ended: the wrapper would "
    "take its exit for a failed start.",
    cure="Add `-f` to `daemon.command`.",
)
def foreground(facts: Facts) -> Iterator[Finding]:
    """`daemon.command`, if it is named: that it stays in the foreground (`-f` or `-g`)."""
    plan = known(facts.plan)
    if plan.program != "named":
        return
    # Options without an argument may be written together, before one that has one: -4fu bind.
    if not any(re.match(r"-[46CFs]*[fg]", word) for word in plan.command[1:]):
        words = ", ".join(f'"{word}"' for word in (plan.command[0], "-f", *plan.command[1:]))
        yield Finding("named is started without -f", f"command = [{words}]", plan.file)


@check(
    Severity.WARNING,
    why="Between withdrawing and stopping the server, routers converge and queries under way are "
    "answered. A linger that is too short loses them.",
    cure='Set `drain.linger` to "2s", the default.',
)
def linger(facts: Facts) -> Iterator[Finding]:
    """`drain.linger`: at least a second."""
    plan = known(facts.plan)
    if plan.linger < LINGER:
        yield Finding(f"linger is {plan.linger:g} s", 'linger = "2s"   # in [drain]', plan.file)


@check(
    Severity.WARNING,
    why="As long as no probe has failed, a server that hangs stays announced, and swallows its "
    "share of the queries.",
    cure="Shorten `interval`, `timeout` or `fall` of one probe of each service.",
)
def probe_patience(facts: Facts) -> Iterator[Finding]:
    """The probes' times: that a server which says nothing is withdrawn within ten seconds."""
    plan = known(facts.plan)
    patience: dict[str, float] = {}
    for probe in plan.probes:
        if probe.withdraws:
            patience[probe.service] = min(probe.patience, patience.get(probe.service, 1e9))
    for service, seconds in patience.items():
        if seconds > PATIENCE:
            yield Finding(
                f"service {service}: a server that hangs is given up after {seconds:.0f} s",
                'interval = "1s"   # in a [[service.probe]] of it',
                plan.file,
            )


@check(
    Severity.INFO,
    why="The default probe asks for version.bind: it proves that the server reads and answers, "
    "and not that it has its zones.",
    cure="Give the service a `[[service.probe]]` that asks for something it serves.",
)
def own_probe(facts: Facts) -> Iterator[Finding]:
    """Whether each service has a probe of its own."""
    plan = known(facts.plan)
    for service in sorted({probe.service for probe in plan.probes if not probe.given}):
        yield Finding(
            f"service {service} has no probe of its own",
            '[[service.probe]]\nqname = "a.zone.that.you.serve"',
            plan.file,
        )


@check(
    Severity.WARNING,
    why="A name that this server does not serve itself fails on every node at once when its owner "
    "or the way there has a bad day, and every node withdraws itself.",
    cure='Set `on-failure = "last-resort"` for such a probe, and let one for a zone of your own '
    "withdraw.",
)
def shared_fate(facts: Facts) -> Iterator[Finding]:
    """Probes that withdraw: that they ask for what this server is authoritative for."""
    plan = known(facts.plan)
    own = {
        zone.name.rstrip(".").lower()
        for zone in zones(known(facts.named))
        if zone.type in ("primary", "secondary", "mirror")
    } | {"version.bind", "version.server", "id.server", "hostname.bind", "authors.bind"}
    for probe in plan.probes:
        if not probe.withdraws or not probe.given or probe.qname is None:
            continue
        name = probe.qname.rstrip(".").lower()
        if not any(name == zone or name.endswith(f".{zone}") for zone in own if zone):
            yield Finding(
                f"service {probe.service}: {probe.qname} is in no zone of this server, and its "
                "failure withdraws",
                'on-failure = "last-resort"   # in this [[service.probe]]',
                plan.file,
            )


@check(
    Severity.INFO,
    why="What outlives a killed wrapper goes on announcing until `withdraw` or the next start, and "
    "without a hold a planned stop loses what is under way.",
    cure='Use `kind = "tap"` and a hold, unless /dev/net/tun is not to be had.',
)
def layout(facts: Facts) -> Iterator[Finding]:
    """`interfaces.kind` and `interfaces.hold`: what they give up."""
    plan = known(facts.plan)
    if plan.hold is None:
        yield Finding(
            "there is no hold: a planned stop loses some milliseconds of queries",
            'hold = "anycast-hold"   # in [interfaces]',
            plan.file,
        )
    if plan.kind != "tap":
        yield Finding(
            f"interfaces of kind {plan.kind} outlive a wrapper that is killed",
            'kind = "tap"   # in [interfaces]',
            plan.file,
        )


@check(
    Severity.ERROR,
    why="Without its control socket the wrapper does not start, or cannot be stopped and drained.",
    cure="Set `control.socket` to a short path in a directory that root can write.",
)
def control_socket(facts: Facts) -> Iterator[Finding]:
    """The control socket's place: that it can be made, and that its path is not too long."""
    plan, place = known(facts.plan), known(facts.control)
    change = 'socket = "/run/anycast-wrap/control.sock"   # in [control]'
    if len(place.path.encode("utf-8", "replace")) >= SUN_PATH:
        yield Finding(f"the control socket's path is too long: {place.path}", change, plan.file)
    yield from _hindered("the control socket", place, change, plan.file)


@check(
    Severity.ERROR,
    why="A drain that cannot be written down does not survive a restart: the node would come back "
    "in the middle of the maintenance. `drain` refuses then.",
    cure="Make the directory of `drain.file`, and let root write there (`StateDirectory=` in a "
    "unit of systemd).",
)
def drain_file(facts: Facts) -> Iterator[Finding]:
    """The drain file's place: that a drain can be written down there."""
    plan, place = known(facts.plan), known(facts.drain)
    change = 'file = "/var/lib/anycast-wrap/drained"   # in [drain]'
    yield from _hindered("the drain file", place, change, plan.file)


def _hindered(what: str, place: Place, change: str, file: str) -> Iterator[Finding]:
    if place.hindrance:
        yield Finding(f"{what} {place.path} cannot be written: {place.hindrance}", change, file)


@check(
    Severity.WARNING,
    why="A node that announces before it has a way back swallows queries, and so does one that "
    "has lost it.",
    cure="Name the default route of each family in `interfaces.require-route`.",
)
def require_route(facts: Facts) -> Iterator[Finding]:
    """`interfaces.require-route`: that it has a default route for each family that is served.

    A default route that no routing protocol can take away need not be there.
    """
    plan = known(facts.plan)
    routes = facts.default_routes
    protocols: dict[int, set[str]] = {}
    if not isinstance(routes, Unknown | Absent):
        for route in routes:
            protocols.setdefault(route.version, set()).add(route.protocol)
    required = {network.version for network in plan.require_route if network.prefixlen == 0}
    missing = [
        "0.0.0.0/0" if version == 4 else "::/0"
        for version in plan.versions
        if version not in required and not _stays(protocols.get(version, set()))
    ]
    if missing:
        wanted = ", ".join(f'"{one}"' for one in (*plan.require_route, *missing))
        yield Finding(
            f"the service is announced whether or not there is a route to {listed(missing)}",
            f"require-route = [{wanted}]   # in [interfaces]",
            plan.file,
        )


def _stays(protocols: set[str]) -> bool:
    """Whether the default route is somebody's own, as opposed to learnt (rtnetlink(7))."""
    return bool(protocols & {"boot", "static", "kernel"})
