"""The routing daemons at large: do they run, with whom do they speak, what do they believe."""

import re
from collections.abc import Iterator

from anycast_wrapper.doctor.check import Finding, Severity, check, listed
from anycast_wrapper.doctor.facts import Absent, Facts, Unknown, known

from .ospf import DAEMON, FRR_FILE, config, interface, keyword, router

_BEARABLE = 10
"""Seconds for which the queries to a dead host may be lost."""

_STUCK = ("Init", "Attempt", "ExStart", "Exchange", "ExChange", "Loading", "Down")


@check(
    Severity.ERROR,
    why="Without zebra nobody hears of our interfaces; without ospfd (IPv4) or ospf6d (IPv6), or "
    "without bgpd where BGP announces, nothing is announced.",
    cure="Enable the daemon in /etc/frr/daemons and restart FRR (drain first: that takes every "
    "adjacency down).",
)
def routing_daemons(facts: Facts) -> Iterator[Finding]:
    """FRR: that zebra runs, and what the services need of ospfd, ospf6d, bgpd and bfdd."""
    plan, running = known(facts.plan), known(facts.daemons)
    needed = ["zebra"]
    if plan.by_bgp:
        needed += ["bgpd"]
    elif "bgpd" not in running:
        needed += [DAEMON[version] for version in plan.versions]
    if not isinstance(facts.frr, Unknown | Absent):
        lines = [line for stanza in facts.frr.stanzas for line in stanza.lines]
        bfd = re.compile(r"ip(v6)? ospf6? bfd|neighbor \S+ bfd")
        needed += ["bfdd"] if any(map(bfd.match, lines)) else []
    if missing := [daemon for daemon in needed if daemon not in running]:
        lines_to_set = " ".join(f"{one}=yes" for one in missing if one != "zebra")
        yield Finding(
            f"{listed(missing)} {'does' if len(missing) == 1 else 'do'} not run",
            f"{lines_to_set or 'zebra always runs'}   # then: systemctl restart frr",
            "/etc/frr/daemons",
        )


@check(
    Severity.ERROR,
    why="A host without a full adjacency tells no router of its service address, and learns no "
    "route.",
    cure="Compare area, hello and dead interval, MTU and authentication on both sides: "
    "`vtysh -c 'show ip ospf interface'`.",
)
def adjacency(facts: Facts) -> Iterator[Finding]:
    """OSPF's neighbours: that for each family one at least is Full."""
    plan = known(facts.plan)
    for version in plan.versions:
        config(facts, version)
        found = known(facts.neighbours.get(version, Unknown()))
        if any(one.state.startswith("Full") for one in found):
            continue
        seen = [f"{one.router} on {one.interface} is {one.state}" for one in found]
        yield Finding(
            f"{DAEMON[version]} has no neighbour that is Full"
            + (f": {listed(seen)}" if seen else " and hears of none"),
            f"vtysh -c 'show {'ip ospf' if version == 4 else 'ipv6 ospf6'} interface'",
        )


@check(
    Severity.WARNING,
    why="A neighbour that comes no further mostly has another MTU, or another authentication; if "
    "it is a gateway, it knows nothing of this host.",
    cure="Compare the MTU of both sides.",
)
def adjacency_stuck(facts: Facts) -> Iterator[Finding]:
    """OSPF's neighbours: that none is stuck on its way (two hosts are 2-Way)."""
    for version in known(facts.plan).versions:
        config(facts, version)
        for one in known(facts.neighbours.get(version, Unknown())):
            if one.state.startswith(_STUCK):
                yield Finding(
                    f"{DAEMON[version]}: {one.router} on {one.interface} is {one.state}",
                    f"ip link show {one.interface}   # and the same at the neighbour: MTU",
                )


@check(
    Severity.ERROR,
    why="Queries come in by the service address; without a default route no answer leaves.",
    cure="Have the gateway originate one (`default-information originate always`, or a stub area).",
)
def default_route(facts: Facts) -> Iterator[Finding]:
    """The kernel's main table: a default route for each family that is served."""
    plan, there = known(facts.plan), {one.version for one in known(facts.default_routes)}
    for version in plan.versions:
        if version not in there:
            line = "default-information originate always   # in router ospf of the gateway"
            if plan.by_bgp:
                line = "neighbor HOSTS default-originate   # in router bgp of the gateway"
            yield Finding(
                f"there is no default route for IPv{version}",
                line,
                "frr.conf of the gateway",
            )


@check(
    Severity.WARNING,
    why="Whatever any neighbour announces would be believed: another host's default route, and "
    "the service address of the other nodes, to which a probe could go astray.",
    cure="Let zebra install nothing but a default route: contrib/frr/host.frr.conf.",
)
def import_filter(facts: Facts) -> Iterator[Finding]:
    """`ip protocol ospf route-map` and `ipv6 protocol ospf6 route-map`: that there is one."""
    plan = known(facts.plan)
    for version in plan.versions:
        frr = config(facts, version)
        family, protocol = ("ip", "ospf") if version == 4 else ("ipv6", "ospf6")
        names = [
            head.split()[-1]
            for word in (protocol, "any")
            for head in frr.starting(f"{family} protocol {word} route-map")
        ]
        if not names:
            line = f"{family} protocol {protocol} route-map {protocol.upper()}-IN"
            yield Finding(f"{DAEMON[version]}'s routes are not filtered", line, FRR_FILE)
        for name in names:
            if next(frr.starting(f"route-map {name}"), None) is None:
                yield Finding(
                    f"the route-map {name} does not exist", f"route-map {name} permit 10", FRR_FILE
                )


@check(
    Severity.ERROR,
    why="Two routers with one id tear each other's LSAs down for ever. The service address is on "
    "every node.",
    cure="Set `ospf router-id` and `ospf6 router-id` to this host's own IPv4 address.",
)
def router_id(facts: Facts) -> Iterator[Finding]:
    """The router ids of ospfd and ospf6d: that none is a service address."""
    plan = known(facts.plan)
    for version in plan.versions:
        config(facts, version)
        now = known(facts.router_ids.get(version, Unknown()))
        if now in map(str, plan.addresses):
            protocol = "ospf" if version == 4 else "ospf6"
            yield Finding(
                f"{DAEMON[version]} takes the service address {now} for its router id",
                f"{protocol} router-id ADDRESS   # in router {protocol}: this host's own address",
                FRR_FILE,
            )


@check(
    Severity.WARNING,
    why="Without one zebra chooses among the addresses of this host, the service address included; "
    "what it chooses may change with the next start.",
    cure="Set `ospf router-id` and `ospf6 router-id` to this host's own IPv4 address.",
)
def router_id_set(facts: Facts) -> Iterator[Finding]:
    """`router-id`: that it is set for each of ospfd and ospf6d."""
    plan = known(facts.plan)
    for version in plan.versions:
        frr = config(facts, version)
        protocol = "ospf" if version == 4 else "ospf6"
        general = any(any(frr.starting(words)) for words in ("router-id", "ip router-id"))
        own = any("router-id" in line for line in router(frr, version))
        if not own and not general:
            yield Finding(
                f"{DAEMON[version]} has no router-id of its own",
                f"{protocol} router-id ADDRESS   # in router {protocol}: this host's own address",
                FRR_FILE,
            )


@check(
    Severity.WARNING,
    why="When the whole host dies, no wrapper can withdraw: the gateway has to notice. Until "
    "then (40 s at OSPF's defaults) this node's share of the queries is lost.",
    cure="Use BFD, or a dead interval of a few seconds, on the host and on the gateway.",
)
def host_death(facts: Facts) -> Iterator[Finding]:
    """The links to the neighbours: BFD, or a dead interval of ten seconds at most."""
    plan = known(facts.plan)
    for version in plan.versions:
        frr, word = config(facts, version), keyword(version)
        names = {one.interface for one in known(facts.neighbours.get(version, Unknown()))}
        for name in sorted(names - plan.ours):
            lines = interface(frr, name)
            dead = next((li for li in lines if li.startswith(f"{word} dead-interval")), "40")
            seconds = next((part for part in dead.split() if part.isdigit()), "0")
            if f"{word} bfd" not in lines and int(seconds[:6]) > _BEARABLE:
                yield Finding(
                    f"{name}: the death of this host is noticed after {seconds} s ({word})",
                    f"{word} bfd   # in interface {name}, and the same on the gateway",
                    FRR_FILE,
                )
