"""What bgpd announces, and with whom it speaks. Nothing of this arises where OSPF announces."""

from collections.abc import Iterator

from anycast_wrapper.doctor.check import Finding, Severity, check, listed
from anycast_wrapper.doctor.facts import Facts, Unknown, known

from .ospf import FRR_FILE
from .routemaps import FAMILY, by_bgp, clauses, config, matching, redistributed

_BEARABLE = 10.0
"""Seconds for which the queries to a dead host may be lost."""

_USUAL_PREFERENCE = 100
"""What a path has without a word about it (RFC 4271 leaves it open; every vendor's is this)."""


@check(
    Severity.ERROR,
    why="With BGP an address that moves between ranks has to leave one interface before it appears "
    "on the other: zebra 8.4 loses it else. And nothing is asked of ospfd that bgpd would know.",
    cure='Set `protocol = "bgp"` in `[routing]`.',
)
def bgp_told(facts: Facts) -> Iterator[Finding]:
    """FRR's configuration: that `routing.protocol` says so if BGP announces, and not OSPF."""
    plan, frr = known(facts.plan), known(facts.frr)
    if plan.by_bgp or next(frr.starting("router ospf"), next(frr.starting("router ospf6"), None)):
        return
    names = {redistributed(frr, version) for version in plan.versions}
    if any(name is not None for name in names):
        yield Finding(
            'bgpd redistributes connected routes, and routing.protocol is "ospf"',
            '[routing] protocol = "bgp"',
            plan.file,
        )


@check(
    Severity.ERROR,
    why="What is on the rank interfaces is announced by `redistribute connected` and by nothing "
    "else; a rank that the route-map does not let pass is no rank.",
    cure="Redistribute connected with a route-map that has a clause for each rank interface: "
    "contrib/frr/host-bgp.frr.conf.",
)
def bgp_ranks(facts: Facts) -> Iterator[Finding]:
    """`redistribute connected` of BGP: that its route-map matches each rank interface."""
    plan, frr = by_bgp(facts), config(facts)
    for version in plan.versions:
        family = f"address-family {FAMILY[version]} unicast"
        name = redistributed(frr, version)
        if name is None:
            line = f"{family} / redistribute connected route-map RANKS"
            yield Finding(f"BGP does not redistribute connected in {family}", line, FRR_FILE)
            continue
        if not name:
            continue  # bgp-hold tells
        for interface in plan.ranks:
            if matching(clauses(frr, name), interface) is None:
                yield Finding(
                    f"no clause of the route-map {name} matches {interface}",
                    f"route-map {name} permit 10 / match interface {interface}",
                    FRR_FILE,
                )


@check(
    Severity.ERROR,
    why="What matches more than the rank interfaces announces the host's own networks, and the "
    "service address wherever else it appears.",
    cure="Give every clause of the route-map one `match interface`, of a rank.",
)
def bgp_hold(facts: Facts) -> Iterator[Finding]:
    """`redistribute connected` of BGP: that nothing but the rank interfaces passes."""
    plan, frr = by_bgp(facts), config(facts)
    for version in plan.versions:
        name = redistributed(frr, version)
        if name is None:
            continue  # bgp-ranks has told
        if not name:
            line = f"address-family {FAMILY[version]} unicast / redistribute connected"
            yield Finding(f"{line} has no route-map", f"{line} route-map RANKS", FRR_FILE)
        for clause in clauses(frr, name) if name else []:
            others = [one for one in clause.interfaces if one not in plan.ranks]
            if others or not clause.interfaces:
                what = listed(others) if others else "any interface"
                line = f"{clause.head} / match interface {plan.preferred}"
                yield Finding(f"{clause.head} lets {what} pass", line, FRR_FILE)


@check(
    Severity.ERROR,
    why="Both ranks would be the same to the routers: a node in trouble goes on taking its share.",
    cure="Set a lower local preference (iBGP) or a higher MED (eBGP) for last-resort.",
)
def bgp_preference(facts: Facts) -> Iterator[Finding]:
    """The route-map's clauses: that last-resort has a lower local preference or a higher MED."""
    plan, frr = by_bgp(facts), config(facts)
    external = {
        one.external
        for version in plan.versions
        for one in known(facts.bgp.get(version, Unknown()))
    }
    for name in sorted({n for v in plan.versions if (n := redistributed(frr, v))}):
        strong = matching(clauses(frr, name), plan.preferred)
        weak = matching(clauses(frr, name), plan.last_resort or "")
        if strong is None or weak is None:
            continue  # bgp-ranks has told, or there is none
        lower = weak.number("local-preference", _USUAL_PREFERENCE) < strong.number(
            "local-preference", _USUAL_PREFERENCE
        )
        # Without a word about it, a MED is 0.
        dearer = weak.number("metric", 0) > strong.number("metric", 0)
        if False in external and not lower and not dearer:
            line = f"{weak.head} / set local-preference 50"
            yield Finding(f"{name}: last-resort is as good as preferred", line, FRR_FILE)
        elif True in external and not dearer:
            # Local preference does not leave the AS (RFC 4271, 5.1.5).
            line = f"{weak.head} / set metric 1000"
            yield Finding(f"{name}: last-resort has no higher MED", line, FRR_FILE)


@check(
    Severity.ERROR,
    why="Without a session nobody hears of the service address.",
    cure="Look why: `vtysh -c 'show bgp summary'` and `show bgp neighbors` have the last error.",
)
def bgp_session(facts: Facts) -> Iterator[Finding]:
    """BGP's neighbours: that for each family one session at least is Established."""
    plan = by_bgp(facts)
    for version in plan.versions:
        found = known(facts.bgp.get(version, Unknown()))
        if any(one.state == "Established" for one in found):
            continue
        seen = [f"{one.address} is {one.state}" for one in found]
        yield Finding(
            f"no BGP session for {FAMILY[version]} is Established"
            + (f": {listed(seen)}" if seen else ", as there is none"),
            "vtysh -c 'show bgp summary'",
        )


@check(
    Severity.WARNING,
    why="When the whole host dies, no wrapper can withdraw: the gateway has to notice. Until "
    "then (180 s at FRR's default hold time) this node's share of the queries is lost.",
    cure="Use BFD, or a hold time of a few seconds, on the host and on the gateway.",
)
def bgp_host_death(facts: Facts) -> Iterator[Finding]:
    """BGP's neighbours: BFD, or a hold time of ten seconds at most."""
    plan = by_bgp(facts)
    for version in plan.versions:
        for one in known(facts.bgp.get(version, Unknown())):
            if one.state == "Established" and not one.bfd and not 0 < one.hold <= _BEARABLE:
                when = f"after {one.hold:g} s" if one.hold else "never: its hold time is 0"
                yield Finding(
                    f"{one.address}: the death of this host is noticed {when}",
                    f"neighbor {one.address} bfd   # and the same on the gateway",
                    FRR_FILE,
                )


@check(
    Severity.WARNING,
    why="Whatever a neighbour announces would be installed: the service address of the other "
    "nodes among it, to which a probe could go astray.",
    cure="Let zebra install nothing but a default route: contrib/frr/host-bgp.frr.conf.",
)
def bgp_import(facts: Facts) -> Iterator[Finding]:
    """`ip protocol bgp route-map` and `ipv6 protocol bgp route-map`: that there is one."""
    plan, frr = by_bgp(facts), config(facts)
    for version in plan.versions:
        word = "ip" if version == 4 else "ipv6"
        heads = [f"{word} protocol {one} route-map" for one in ("bgp", "any")]
        if not any(next(frr.starting(head), None) for head in heads):
            yield Finding(
                f"bgpd's {FAMILY[version]} routes are not filtered", f"{heads[0]} BGP-IN", FRR_FILE
            )


@check(
    Severity.ERROR,
    why="Two speakers with one id refuse each other, or one takes the other's path for its own. "
    "The service address is on every node.",
    cure="Set `bgp router-id` to this host's own IPv4 address.",
)
def bgp_router_id(facts: Facts) -> Iterator[Finding]:
    """The router id of bgpd: that it is no service address."""
    plan = by_bgp(facts)
    now = {known(facts.router_ids.get(version, Unknown())) for version in plan.versions}
    for one in sorted(now & set(map(str, plan.addresses))):
        yield Finding(
            f"bgpd takes the service address {one} for its router id",
            "bgp router-id ADDRESS   # in router bgp: this host's own address",
            FRR_FILE,
        )
