"""The checks of BGP: content with the shipped file, find faults, do not arise with OSPF."""

from dataclasses import replace

import pytest

from anycast_wrapper.doctor import frrconfig
from anycast_wrapper.doctor.check import Outcome
from anycast_wrapper.doctor.checks import ALL
from anycast_wrapper.doctor.facts import Session, Unknown

from .world import CONTRIB, GOOD, OWN4, PLAN, V4, result

TEXT = (CONTRIB / "frr" / "host-bgp.frr.conf").read_text()
BGP = sorted(name for name in ALL if name.startswith("bgp-"))
OF_OSPF = sorted(
    {
        *("rank-area", "rank-passive", "last-resort-cost", "hold-in-area", "originates-more"),
        *("graceful-restart", "nudge-possible", "adjacency", "adjacency-stuck", "import-filter"),
        *("router-id", "router-id-set", "host-death"),
    }
    & set(ALL)
)
UP4 = Session("192.168.1.1", "Established", 9.0, bfd=True)
UP6 = Session("2001:db8:1::1", "Established", 9.0, bfd=True)
HOST = replace(
    GOOD,
    plan=replace(PLAN, protocol="bgp"),
    frr=frrconfig.parse(TEXT),
    daemons=frozenset({"zebra", "bgpd", "bfdd"}),
    neighbours={},
    bgp={4: (UP4,), 6: (UP6,)},
    router_ids={4: OWN4, 6: OWN4},
)
WHY = Unknown("nobody was at home")


def frr(*changes):
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return {"frr": frrconfig.parse(text)}


def sessions(**changes):
    return {"bgp": {4: (replace(UP4, **changes),), 6: (replace(UP6, **changes),)}}


EXTERNAL = sessions(external=True)

BAD = [
    (
        "bgp-told",
        {"plan": PLAN},
        'bgpd redistributes connected routes, and routing.protocol is "ospf"',
        'protocol = "bgp"',
    ),
    (
        "bgp-ranks",
        frr(("  redistribute connected route-map RANKS6\n", "")),
        "BGP does not redistribute connected in address-family ipv6 unicast",
        "redistribute connected route-map RANKS",
    ),
    (
        "bgp-ranks",
        frr((" match interface anycast1\n", " match interface anycast9\n")),
        "no clause of the route-map RANKS matches anycast1",
        "match interface anycast1",
    ),
    (
        "bgp-hold",
        frr(("redistribute connected route-map RANKS\n", "redistribute connected\n")),
        "has no route-map",
        "route-map RANKS",
    ),
    (
        "bgp-hold",
        frr((" match interface anycast0\n", "")),
        "route-map RANKS permit 10 lets any interface pass",
        "match interface anycast0",
    ),
    (
        "bgp-hold",
        frr((" match interface anycast0\n", " match interface anycast-hold\n")),
        "lets anycast-hold pass",
        "match interface anycast0",
    ),
    (
        "bgp-preference",
        frr(
            (" set local-preference 50\n", ""), (" set local-preference 200\n", ""), ("1000", "10")
        ),
        "RANKS: last-resort is as good as preferred",
        "set local-preference 50",
    ),
    (
        "bgp-preference",
        {**frr((" set metric 1000\n", "")), **EXTERNAL},
        "RANKS: last-resort has no higher MED",
        "set metric 1000",
    ),
    ("bgp-session", sessions(state="Active"), "192.168.1.1 is Active", "show bgp summary"),
    ("bgp-session", {"bgp": {4: (), 6: (UP6,)}}, "ipv4 is Established, as there is none", ""),
    ("bgp-host-death", sessions(bfd=False, hold=180.0), "noticed after 180 s", "bfd"),
    ("bgp-host-death", sessions(bfd=False, hold=0.0), "noticed never: its hold time is 0", "bfd"),
    (
        "bgp-import",
        frr(("ipv6 protocol bgp route-map BGP6-IN\n", "")),
        "bgpd's ipv6 routes are not filtered",
        "ipv6 protocol bgp route-map",
    ),
    ("bgp-router-id", {"router_ids": {4: str(V4), 6: OWN4}}, f"service address {V4}", "router-id"),
    (
        "routing-daemons",
        {"daemons": frozenset({"zebra", "ospfd", "ospf6d"})},
        "bgpd and bfdd do not run",
        "bgpd=yes",
    ),
    (
        "announced-truly",
        {"originated": {4: frozenset(), 6: frozenset()}},
        "not originated by BGP",
        "redistribute connected route-map RANKS",
    ),
]


@pytest.mark.parametrize("name", ALL)
def test_the_good_host_is_good_and_what_is_of_ospf_does_not_arise(name):
    wanted = Outcome.IRRELEVANT if name in OF_OSPF else Outcome.GOOD
    assert result(name, HOST).outcome is wanted, result(name, HOST)


@pytest.mark.parametrize(("name", "changes", "found", "change"), BAD, ids=[b[0] for b in BAD])
def test_a_fault_is_found_and_its_cure_told(name, changes, found, change):
    told = result(name, HOST, **changes)
    assert told.outcome is Outcome.FOUND, told
    assert found in "; ".join(one.found for one in told.findings)
    assert change in "; ".join(one.change for one in told.findings)


def test_every_check_of_bgp_has_its_fault():
    assert {name for name, *_ in BAD} >= set(BGP)


def test_between_two_ases_the_shipped_file_is_good():
    assert result("bgp-preference", HOST, **EXTERNAL).outcome is Outcome.GOOD


@pytest.mark.parametrize("name", [name for name in BGP if name != "bgp-told"])
def test_with_ospf_it_does_not_arise(name):
    told = result(name)
    assert (told.outcome, told.detail) == (Outcome.IRRELEVANT, "BGP does not announce here")


@pytest.mark.parametrize("name", BGP)
def test_what_nobody_knows_is_told_as_such(name):
    nothing = {4: WHY, 6: WHY}
    told = result(name, HOST, frr=WHY, bgp=nothing, router_ids=nothing)
    wanted = Outcome.UNKNOWN
    assert (told.outcome, told.detail) == (wanted, WHY.why)


def test_that_bgpd_does_not_run_is_told_once():
    told = result("bgp-ranks", HOST, daemons=frozenset({"zebra"}))
    assert (told.outcome, told.detail) == (Outcome.UNKNOWN, "bgpd does not run")
