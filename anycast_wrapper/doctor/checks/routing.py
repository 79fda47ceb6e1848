"""What OSPF announces, and what it must not."""

from collections.abc import Iterator
from ipaddress import ip_network

from anycast_wrapper.core.model import Address
from anycast_wrapper.doctor.check import Finding, Severity, check, listed
from anycast_wrapper.doctor.facts import Facts, Plan, Unknown, known
from anycast_wrapper.doctor.frrconfig import FrrConfig

from .ospf import FRR_FILE, classic, config, in_area, interface, is_loopback, keyword, router

BIRD_FILE = "/etc/bird/bird.conf"

LEAST_COST = 10000
"""Of the last resort: more than any path through a network has."""

LS_INFINITY = 65535
"""Means unreachable in some implementations (RFC 6987 uses it so)."""


def _covered(frr: FrrConfig, plan: Plan) -> Iterator[str]:
    """The ``network`` statements of ospfd that cover a service address."""
    for line in router(frr, 4):
        words = line.split()
        if len(words) >= 4 and words[0] == "network":
            try:
                network = ip_network(words[1], strict=False)
            except ValueError:
                continue
            if any(a.version == network.version and a in network for a in plan.addresses):
                yield line


@check(
    Severity.ERROR,
    why="An interface that is in no area is not announced, whatever its link does.",
    cure="Put every rank interface into the area: contrib/frr/host.frr.conf.",
)
def rank_area(facts: Facts) -> Iterator[Finding]:
    """The rank interfaces: that each is in an area, for each family that is served."""
    plan = known(facts.plan)
    for version in plan.versions:
        frr = config(facts, version)
        if version == 4 and any(_covered(frr, plan)):
            continue
        for name in plan.ranks:
            if not in_area(frr, version, name):
                yield Finding(
                    f"{name} is in no area ({keyword(version)})",
                    f"interface {name} / {keyword(version)} area 0",
                    FRR_FILE,
                )


@check(
    Severity.WARNING,
    why="OSPF would look for neighbours behind an interface that leads nowhere, and announce its "
    "link as a network in transit.",
    cure="Set `ip ospf passive` and `ipv6 ospf6 passive` on the rank interfaces.",
)
def rank_passive(facts: Facts) -> Iterator[Finding]:
    """The rank interfaces: that each is passive, unless a loopback."""
    plan = known(facts.plan)
    for version in plan.versions:
        frr, word = config(facts, version), keyword(version)
        general = {"passive-interface default", "no passive-interface"} & set(router(frr, version))
        for name in plan.ranks:
            if is_loopback(name) or not in_area(frr, version, name) or general:
                continue
            lines = (*interface(frr, name), *router(frr, version))
            if not any(
                li.startswith((f"{word} passive", f"passive-interface {name}")) for li in lines
            ):
                yield Finding(
                    f"{name} is not passive ({word})",
                    f"interface {name} / {word} passive",
                    FRR_FILE,
                )


def _cost(frr: FrrConfig, version: int, name: str) -> int | None:
    word = f"{keyword(version)} cost "
    for line in interface(frr, name):
        value = line.removeprefix(word).split()
        if line.startswith(word) and value and value[0].isascii() and value[0].isdigit():
            return int(value[0][:9])
    return None


@check(
    Severity.ERROR,
    why="At last-resort a node must lose against every node that is better. At the usual cost it "
    "would share their load instead.",
    cure="Set a cost of 60000 on the interface of last-resort.",
)
def last_resort_cost(facts: Facts) -> Iterator[Finding]:
    """The interface of last-resort: that its cost is high, and not that of an unreachable link."""
    plan = known(facts.plan)
    if plan.last_resort is None:
        return
    for version in plan.versions:
        frr, word = config(facts, version), keyword(version)
        cost = _cost(frr, version, plan.last_resort)
        if not in_area(frr, version, plan.last_resort):
            continue  # rank-area has told
        if cost is None or not LEAST_COST <= cost < LS_INFINITY:
            yield Finding(
                f"{plan.last_resort}: {word} cost is {cost if cost is not None else 'not set'}",
                f"interface {plan.last_resort} / {word} cost 60000",
                FRR_FILE,
            )


@check(
    Severity.ERROR,
    why="The hold has the service address whether or not the server answers: only its missing "
    "carrier would keep it from being announced.",
    cure="Take the hold out of FRR's configuration.",
)
def hold_in_area(facts: Facts) -> Iterator[Finding]:
    """The hold: that OSPF is not configured on it."""
    plan = known(facts.plan)
    if plan.hold is None:
        return
    for version in plan.versions:
        if in_area(config(facts, version), version, plan.hold):
            yield Finding(
                f"{plan.hold} is in an area ({keyword(version)})",
                f"interface {plan.hold} / no {keyword(version)} area",
                FRR_FILE,
            )


@check(
    Severity.WARNING,
    why="What originates routes beyond the rank interfaces announces whatever address appears "
    "(`redistribute connected`, a covering `network`), or draws traffic here that is not ours.",
    cure="Leave only `ip ospf area` and `ipv6 ospf6 area` on the interfaces.",
)
def originates_more(facts: Facts) -> Iterator[Finding]:
    """`redistribute`, `default-information originate` and a `network` that covers the service."""
    plan = known(facts.plan)
    for version in plan.versions:
        frr = config(facts, version)
        lines = [
            line
            for line in router(frr, version)
            if line.startswith(("redistribute ", "default-information originate"))
        ]
        if version == 4 and not classic(plan):
            lines += _covered(frr, plan)
        process = "ospf" if version == 4 else "ospf6"
        for line in dict.fromkeys(lines):
            yield Finding(f"router {process}: {line}", f"router {process} / no {line}", FRR_FILE)


def _is_bird(plan: Plan) -> bool:
    return plan.routing_daemon == "bird"


def _who(plan: Plan) -> str:
    return "BIRD" if _is_bird(plan) else "BGP" if plan.by_bgp else "OSPF"


def _covering(plan: Plan, version: int) -> tuple[str, str]:
    """What would have it originated, and where that belongs."""
    if _is_bird(plan):
        return f'protocol direct {{ interface "{plan.preferred}"; ... }}', BIRD_FILE
    if plan.by_bgp:
        return f"redistribute connected route-map RANKS   # that matches {plan.preferred}", FRR_FILE
    return f"interface {plan.preferred} / {keyword(version)} area 0", FRR_FILE


def _announcing(facts: Facts, plan: Plan) -> frozenset[Address]:
    """The addresses that are on a rank interface whose link is up."""
    return frozenset(
        one.ip
        for interface in known(facts.interfaces)
        if interface.name in plan.ranks and interface.up
        for one in interface.addresses
    )


@check(
    Severity.ERROR,
    why="The routers send queries to a node that holds the address and does not mean to serve it.",
    cure="Look which line covers it in `vtysh -c 'show running-config'`; until then, stop FRR.",
)
def hold_leaks(facts: Facts) -> Iterator[Finding]:
    """OSPF's database: that no service address is originated which no rank interface announces."""
    plan = known(facts.plan)
    for version in plan.versions:
        told = known(facts.originated.get(version, Unknown()))
        leaks = sorted(map(str, (told & set(plan.addresses)) - _announcing(facts, plan)))
        if leaks:
            yield Finding(
                f"{listed(leaks)}: originated by {_who(plan)}, and on no rank interface that is up",
                "birdc show protocols all   # which interfaces does it take?"
                if _is_bird(plan)
                else "vtysh -c 'show running-config'   # what covers it?",
            )


@check(
    Severity.ERROR,
    why="The wrapper believes that it announces, and no router hears of it.",
    cure="See rank-area, routing-daemons and adjacency; with BGP bgp-ranks and bgp-session.",
)
def announced_truly(facts: Facts) -> Iterator[Finding]:
    """OSPF's database: that what a rank interface announces is originated."""
    plan = known(facts.plan)
    for version in plan.versions:
        told = known(facts.originated.get(version, Unknown()))
        meant = {a for a in _announcing(facts, plan) & set(plan.addresses) if a.version == version}
        if missing := sorted(map(str, meant - told)):
            yield Finding(
                f"{listed(missing)}: on a rank interface that is up, and not originated by "
                f"{_who(plan)}",
                *_covering(plan, version),
            )


@check(
    Severity.WARNING,
    why="With graceful restart the routers keep the routes of a host whose ospfd is gone: for "
    "minutes nothing can be withdrawn.",
    cure="Take `graceful-restart` out.",
)
def graceful_restart(facts: Facts) -> Iterator[Finding]:
    """`graceful-restart`: that no OSPF process of this host has it."""
    for version in known(facts.plan).versions:
        process = "ospf" if version == 4 else "ospf6"
        lines = router(config(facts, version), version)
        for line in lines:
            if line.startswith(("graceful-restart", "capability graceful-restart")) and (
                "helper" not in line
            ):
                yield Finding(
                    f"router {process}: {line}", f"router {process} / no {line}", FRR_FILE
                )


@check(
    Severity.INFO,
    why="A withdrawal within a second of an announcement has to be said again (RFC 2328, "
    "MinLSArrival). The commands by which FRR can be made to do that would take this away, so it "
    "is left alone, and such a withdrawal takes up to seven seconds.",
    cure="Do without, if you can.",
)
def nudge_possible(facts: Facts) -> Iterator[Finding]:
    """`max-metric router-lsa` and `advertise prefix-list`: what keeps OSPF from being nudged."""
    for version in known(facts.plan).versions:
        frr = config(facts, version)
        for stanza in frr.stanzas:
            for line in stanza.lines:
                ours = (
                    line.startswith("max-metric router-lsa")
                    if version == 4
                    else "ospf6 advertise prefix-list" in line
                )
                if ours:
                    yield Finding(f"{stanza.head}: {line}", f"{stanza.head} / no {line}", FRR_FILE)
