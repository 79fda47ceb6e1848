"""Who announces what: by databases that were recorded from FRR 8.4, and by ones that were made up.

Recorded on host1 of three, of which host3 announces at last-resort: all is well (``three``), the
link of host2 is down (``cut``), and the same seen from host2 (``alone``).
"""

import contextlib
import json
import time
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.routing.census import Census, census
from anycast_wrapper.routing.lsdb import FORM_ERRORS, documents, lsas, offers, router_lsas
from anycast_wrapper.routing.reach import reachable

ADDRESSES = {4: ip_address("192.0.2.53"), 6: ip_address("2001:db8:53::53")}
ONE, TWO, THREE, GATEWAY = (f"192.168.53.{n}" for n in (11, 12, 13, 1))
RECORDED = Path(__file__).parent / "recorded"


def recorded(tag, version):
    """The documents that vtysh printed."""
    return list(documents((RECORDED / f"census-{tag}-{version}.txt").read_text()))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    ("tag", "me", "seen"),
    [
        ("three", ONE, {ONE: (10, True), TWO: (10, True), THREE: (60000, True)}),
        ("cut", ONE, {ONE: (10, True), THREE: (60000, True), TWO: (10, False)}),
        ("alone", TWO, {TWO: (10, True), ONE: (10, False), THREE: (60000, False)}),
    ],
)
def test_what_frr_8_says_is_understood(version, tag, me, seen):
    found = census(recorded(tag, version))
    announcers = found.announcers(ADDRESSES[version])
    assert {one.offer.router: (one.offer.cost, one.reachable) for one in announcers} == seen
    assert [one.offer.router for one in announcers] == list(seen)  # and in this order
    assert [one.offer.router for one in announcers if one.here] == [me]
    assert {(one.offer.area, one.offer.origin) for one in announcers} == {("0.0.0.0", "area")}
    assert all(0 < one.offer.age < 20 for one in announcers)
    others = {router for router, (_, there) in seen.items() if there} - {me}
    assert set(found.others(ADDRESSES[version])) == others
    assert found.announcers(ip_address("192.0.2.99")) == ()


# --- made up, in either form ---


def router(name, *links, age=10, v6=False, **more):
    """A router-LSA; a link is (where to, what says so)."""
    head = {"advertisingRouter": name, "linkStateId": name, **more}
    if not v6:
        found = {f"link{n}": link for n, link in enumerate(links)}
        return {**head, "lsaAge": age, "routerLinks": found}
    return {**head, "type": "Router", "age": age, "lsaDescription": list(links)}


def point_to_point(name):
    return {"linkType": "another Router (point-to-point)", "neighborRouterId": name}


def transit(address):
    return {"linkType": "a Transit Network", "designatedRouterAddress": address}


def host(address, cost=10):
    mask = {"networkAddress": address, "networkMask": "255.255.255.255"}
    return {"linkType": "Stub Network", **mask, "tos0Metric": cost}


def network(address, by, *attached, age=10):
    routers = {name: {"attachedRouterId": name} for name in attached}
    head = {"advertisingRouter": by, "linkStateId": address, "lsaAge": age, "networkMask": 24}
    return {**head, "attchedRouters": routers}


def of_frr_10(kind, *lsas, area="0.0.0.0"):
    return {"routerId": ONE, f"{kind}LinkStates": {"areas": {area: list(lsas)}}}


def of_frr_8(kind, *lsas, area="0.0.0.0"):
    """As FRR 8 shows the LSAs of one router."""
    title = {"router": "Router", "network": "Net"}[kind]
    named = {lsa["linkStateId"]: lsa for lsa in lsas}
    return {"routerId": ONE, f"{title} Link States": {area: named}}


def read(*said):
    """Through a text, as vtysh prints it."""
    text = "ospfd says:\n" + "\n".join(json.dumps(one, indent=1) for one in said)
    return census(list(documents(text)))


def others(*said):
    return set(read(*said).others(ADDRESSES[4]))


V4 = "192.0.2.53"


@pytest.mark.parametrize("form", [of_frr_8, of_frr_10])
def test_a_link_counts_if_both_ends_describe_it(form):
    ours = router(ONE, point_to_point(TWO), point_to_point(THREE), host(V4))
    two = router(TWO, point_to_point(ONE), host(V4))
    three = router(THREE, host(V4))
    assert others(form("router", ours, two, three)) == {TWO}


@pytest.mark.parametrize("form", [of_frr_8, of_frr_10])
def test_a_network_counts_if_its_designated_router_says_who_is_on_it(form):
    mine, two, three = (router(n, transit(GATEWAY), host(V4)) for n in (ONE, TWO, THREE))
    says = form("router", mine, two, three)
    assert others(says, form("network", network(GATEWAY, TWO, ONE, TWO))) == {TWO}
    assert others(says, form("network", network(GATEWAY, TWO, TWO, THREE))) == set()
    assert others(says, form("network", network(GATEWAY, TWO, ONE, TWO, age=3600))) == set()
    assert others(says, form("network")) == set()


def test_a_router_is_reached_over_others():
    chain = [f"10.0.0.{n}" for n in range(1, 200)]
    lsas = [router(ONE, point_to_point(chain[0]))]
    for before, name, after in zip([ONE, *chain], chain, [*chain[1:], None], strict=False):
        links = [point_to_point(before), *([point_to_point(after)] if after else [host(V4)])]
        lsas.append(router(name, *links))
    assert others(of_frr_10("router", *lsas)) == {chain[-1]}


def test_an_lsa_that_is_flushed_announces_nothing():
    ours = router(ONE, point_to_point(TWO), host(V4))
    flushed = router(TWO, point_to_point(ONE), host(V4), age=3600)
    assert others(of_frr_10("router", ours, flushed)) == set()


def external(by, metric=20):
    head = {"lsaAge": 10, "advertisingRouter": by, "linkStateId": V4}
    return {**head, "networkMask": 32, "metric": metric}


def summary(by, metric=20):
    head = {"lsaAge": 10, "advertisingRouter": by, "linkStateId": V4}
    return {**head, "networkMask": 32, "tos0Metric": metric}


def test_who_redistributes_counts_if_it_can_be_reached():
    routers = of_frr_10(
        "router", router(ONE, point_to_point(TWO)), router(TWO, point_to_point(ONE))
    )
    says = {"asExternalLinkStates": [external(TWO), external(THREE)]}
    assert others(routers, says) == {TWO}
    # A router of another area is known by the word of one that is on the border.
    border = {"lsaAge": 10, "advertisingRouter": TWO, "linkStateId": THREE, "networkMask": 0}
    assert others(routers, says, of_frr_10("asbrSummary", border)) == {TWO, THREE}
    lost = {**border, "advertisingRouter": "192.168.53.99"}
    assert others(routers, says, of_frr_10("asbrSummary", lost)) == {TWO}
    assert others(routers, {"asExternalLinkStates": [external(TWO, 0xFFFFFF)]}) == set()


def test_who_announces_in_another_area_counts_where_we_have_one_area():
    routers = of_frr_10(
        "router", router(ONE, point_to_point(TWO), host(V4)), router(TWO, point_to_point(ONE))
    )
    says = of_frr_10("summary", summary(TWO))
    assert others(routers, says) == {TWO}
    # In two areas ourselves, what comes from beyond may be our own word.
    second = router(ONE, host("192.0.2.54"))
    routers["routerLinkStates"]["areas"]["0.0.0.1"] = [second]
    assert others(routers, says) == set()


def test_a_router_is_told_once_at_its_best():
    mine = router(ONE, point_to_point(TWO))
    two = router(TWO, point_to_point(ONE), host(V4, 60000), host(V4, 10))
    found = read(of_frr_10("router", mine, two), {"asExternalLinkStates": [external(TWO, 1)]})
    (one,) = found.announcers(ADDRESSES[4])
    assert (one.offer.cost, one.offer.origin) == (10, "area")


def test_a_daemon_without_ospf_knows_nobody():
    for text in ("{}", '{"routerId": "192.168.53.11"}', "ospfd is not running\n"):
        assert "no OSPF router of its own" in census(list(documents(text)))
    only = of_frr_10("router", router(TWO, host(V4)))
    assert "no OSPF router of its own" in read(only)


@pytest.mark.parametrize(
    "document",
    [
        of_frr_10("router", router(ONE), router("not an id", host(V4))),
        of_frr_10("router", {"lsaAge": 1}),
        of_frr_10("router", router(ONE, {"designatedRouterAddress": ["unhashable"]})),
        of_frr_10("network", {"lsaAge": 1, "advertisingRouter": ONE}),
        of_frr_10("router", {**router(ONE), "lsaAge": float("inf")}),
    ],
    ids=str,
)
def test_another_form_is_no_census(document):
    ours = of_frr_10("router", router(ONE), area="0.0.0.9")
    with pytest.raises(FORM_ERRORS):
        read(ours, document)


@pytest.mark.parametrize(
    "text",
    [
        "{" * 4_000_000,
        "{\n" * 2_000_000,
        '{"a":' * 800_000,
        '{"a":\n' * 600_000,
        "{}\n" * 1_000_000,
    ],
    ids=["braces", "lines", "deep", "deep lines", "many"],
)
def test_what_only_looks_like_json_takes_no_time(text):
    """It is read by the loop that runs the probes."""
    began = time.thread_time()
    list(documents(text))
    assert time.thread_time() - began < 2.0


# --- no document whatsoever ---

WORDS = [
    *("Router Link States", "routerLinkStates", "networkLinkStates", "asExternalLinkStates"),
    *("summaryLinkStates", "asbrSummaryLinkStates", "areaScopedLinkStateDb", "asScopedLinkStateDb"),
    *("areas", "lsa", "lsaAge", "age", "advertisingRouter", "linkStateId", "routerId", "type"),
    *("routerLinks", "networkMask", "networkAddress", "tos0Metric", "metric", "prefix"),
    *("attchedRouters", "attachedRouter", "lsaDescription", "neighborRouterId", "areaId"),
]
SCRAPS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
LIKELY = st.sampled_from(
    ["Router", "Network", "AS-External", "Transit-Network", ONE, V4, "::1/128", "255.255.255.255"]
)
DOCUMENTS = st.recursive(
    SCRAPS | LIKELY,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6)
    ),
    max_leaves=30,
)


@given(st.lists(DOCUMENTS, max_size=3))
def test_nothing_but_a_known_error_comes_of_any_json(said):
    text = "\n".join(map(json.dumps, said))
    try:
        found = census(list(documents(text)))
    except FORM_ERRORS:
        return
    if isinstance(found, Census):
        for address in ADDRESSES.values():
            found.announcers(address)
            found.others(address)


@given(st.text(alphabet='{}[]",:0 a\n', max_size=60))
def test_nothing_but_a_known_error_comes_of_any_text(text):
    with contextlib.suppress(FORM_ERRORS):
        assert isinstance(census(list(documents(text))), str)


@given(st.data())
def test_a_recording_with_a_hole_in_it_raises_nothing_unknown(data):
    """A real document of which a part is replaced by anything."""
    said = recorded("three", data.draw(st.sampled_from([4, 6])))
    place = data.draw(st.sampled_from(said))
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            place[key] = data.draw(DOCUMENTS)
            break
        place = inner
    test_nothing_but_a_known_error_comes_of_any_json.hypothesis.inner_test(said)


@given(DOCUMENTS)
def test_each_reader_alone_raises_nothing_unknown(document):
    for reader in (
        lambda: list(router_lsas(document)),
        lambda: list(offers(lsas(document))),
        lambda: reachable(ONE, lsas(document)),
    ):
        with contextlib.suppress(FORM_ERRORS):
            reader()
