"""The gateway's side on real kernels and name servers: what is lost when a server leaves."""

import asyncio
import json
import re
import signal
import time
from ipaddress import ip_address

import pytest

from anycast_wrapper.gateway.model import Member
from anycast_wrapper.gateway.nexthops import Means, NexthopForwarding, Resilience, Settings
from anycast_wrapper.gateway.nexthops.model import FIRST_ID
from anycast_wrapper.lab.cluster import pause
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.load import Load
from anycast_wrapper.lab.routelog import RouteLog

from .cluster import figure
from .farm import SERVERS, Farm, Sessions
from .tracker import Tracker

RESILIENT, PLAIN, SIX = "192.0.2.53", "192.0.2.54", "2001:db8:53::53"
MANY = 120


@pytest.fixture(scope="module")
def farm():
    with Farm() as made:
        yield made


def lead(farm, address, names, means=Means.RESILIENT):
    """Have the gateway send an address to these, by an adapter that adopts what there is."""
    six = ":" in address
    members = [
        Member(name, ip_address(farm.server(name).address6 if six else farm.server(name).address))
        for name in names
    ]

    async def scenario():
        resilience = Resilience(buckets=128, idle=2.0, unbalanced=0.0)
        forwarding = NexthopForwarding(Settings(resilience=resilience), means=means)
        try:
            await forwarding.adopt()
            assert await forwarding.apply(ip_address(address), members) == ()
        finally:
            await forwarding.close()

    farm.gateway.namespace.within(lambda: asyncio.run(scenario()))


def test_sessions_to_servers_that_stay_are_not_broken(farm):
    """One of four leaves, and comes back, with TCP sessions held open to all of them."""
    ways = {RESILIENT: Means.RESILIENT, SIX: Means.RESILIENT, PLAIN: Means.MULTIPATH}
    held = {address: Sessions(address) for address in ways}
    try:
        for address, means in ways.items():
            lead(farm, address, SERVERS, means)
            held[address].dial(farm.client, MANY)
            assert set(held[address].by_server()) == set(SERVERS)
        for names, seconds in ((SERVERS[:3], 1.0), (SERVERS, 5.0)):
            for address, means in ways.items():
                lead(farm, address, names, means)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                for sessions in held.values():
                    sessions.ask()
        fresh = Sessions(RESILIENT)
        fresh.dial(farm.client, MANY)
        fresh.close()
        broken = {a: held[a].broken(leaver="ns4") for a in ways}
        for address, means in ways.items():
            stayed = MANY - held[address].by_server()["ns4"]
            figure(
                f"one of four leaves and comes back, {means.value}, {address}: "
                f"{broken[address][False]} of {stayed} TCP sessions to the others broken"
            )
        figure(
            f"new sessions after its return, by server: {dict(sorted(fresh.by_server().items()))}"
        )
        assert broken[RESILIENT][False] == broken[SIX][False] == 0
        assert broken[PLAIN][False] > 0
        assert fresh.by_server()["ns4"] > 0
    finally:
        for sessions in held.values():
            sessions.close()
        for address, means in ways.items():
            lead(farm, address, (), means)


def test_a_second_router_learns_of_the_route_and_hears_nothing_of_servers_that_come_and_go():
    """FRR on the gateway redistributes our anchor; zebra leaves what is ours alone."""
    both = (RESILIENT, SIX)
    with Farm(upstream=True) as farm:
        for address in both:
            lead(farm, address, SERVERS)
        eventually(
            lambda: all(map(farm.leads_upstream, both)),
            awaiting="the routes at the next router",
            within=40,  # two routers that have just met drop each other's second word
        )
        before = sequences(farm)
        with RouteLog(farm.upstream.namespace, {}) as heard:
            for names in (SERVERS[1:], SERVERS[2:], SERVERS):
                for address in both:
                    lead(farm, address, names)
                    assert farm.nodes(address) == set(names)
            farm.cut("gateway")
            farm.await_nodes(RESILIENT, set())
            farm.cut("gateway", mended=True)
            for address in both:
                eventually(lambda one=address: lead(farm, one, SERVERS) or True)
                assert farm.nodes(address) == set(SERVERS)
                assert farm.leads_upstream(address)
            for address in both:
                assert len(heard.history(address)) == 1, "what there was at first"
        if "FRRouting 8.4" in farm.routers[0].vtysh("show version"):
            assert sequences(farm) == before  # newer ones repeat themselves
        objects = json.loads(farm.gateway.run(["ip", "-j", "nexthop"]).stdout)
        owners = {one["protocol"] for one in objects if one["id"] >= FIRST_ID}
        assert owners == {str(Settings().protocol)}
        for address in both:
            started = time.monotonic()
            lead(farm, address, ())
            eventually(lambda one=address: not farm.leads_upstream(one), awaiting="no route there")
            took = time.monotonic() - started
            figure(f"the last server of {address} gone: the next router knows {took:.2f} s later")


def sequences(farm):
    """The sequence numbers of the LSAs about service addresses: each change is a new one."""
    shown = (
        farm.routers[1].show(f"show ip ospf database external {RESILIENT}"),
        farm.routers[1].show("show ipv6 ospf6 database as-external detail"),
    )
    found = re.findall(r'"lsaSeqNumber":\s*"([0-9a-f]+)"', json.dumps(shown[0]))
    found += re.findall(r'(?i)"[a-z]*seq[a-z]*":\s*"?(\w+)', json.dumps(shown[1]))
    assert len(found) >= 2, shown
    return found


@pytest.fixture(scope="module")
def tracked(farm):
    """The farm, led by a tracker at its defaults."""
    tracker = Tracker(farm, [f'name = "dns"\naddresses = ["{RESILIENT}", "{SIX}"]'])
    tracker.start()
    try:
        for address in (RESILIENT, SIX):
            farm.await_nodes(address, set(SERVERS))
        yield tracker
    finally:
        tracker.stop()


def hang(server):
    server.signal(signal.SIGSTOP)


def wake(server):
    server.signal(signal.SIGCONT)


def kill(server):
    server.dns.stop(signal.SIGKILL)


@pytest.mark.parametrize(
    "fault",
    [
        "hung",
        pytest.param("killed", marks=pytest.mark.slow),
        pytest.param("cut off", marks=pytest.mark.slow),
    ],
)
def test_what_a_dead_server_costs(farm, tracked, fault):
    """At the defaults: one question a second, half a second to answer."""
    server = farm.server("ns3")
    hurt, heal = {
        "killed": (kill, lambda server: server.start()),
        "hung": (hang, wake),
        "cut off": (lambda one: farm.cut(one.name), lambda one: farm.cut(one.name, mended=True)),
    }[fault]
    with Load(farm.client, (RESILIENT, SIX), rate=500) as load:
        began = time.monotonic()
        hurt(server)
        gone = {a: farm.await_nodes(a, set(SERVERS) - {"ns3"}) - began for a in (RESILIENT, SIX)}
        pause(0.5)
        heal(server)
        began = time.monotonic()
        back = {a: farm.await_nodes(a, set(SERVERS), within=20) - began for a in (RESILIENT, SIX)}
    lost = load.results
    figure(
        f"a server {fault}: out after {gone[RESILIENT]:.2f} s ({gone[SIX]:.2f} s by IPv6), "
        f"back after {back[RESILIENT]:.2f} s; {len(lost.lost)} of {lost.sent} lost, "
        f"{lost.lost_between(began - 0.4, began)} of those in the 0.4 s before it came back"
    )
    # 1.6 s at the defaults; the rest is for a machine that does much else.
    assert max(gone.values()) < 2.5
    assert lost.lost_between(began - 0.4, began) == 0


def test_a_drained_server_costs_nobody_an_answer(farm, tracked):
    with Load(farm.client, (RESILIENT, SIX), rate=1000, tcp_rate=20) as load:
        began = time.monotonic()
        tracked("drain", "ns2", "new", "disk")
        figure(f"`track drain` returns after {time.monotonic() - began:.2f} s")
        assert farm.nodes(RESILIENT) == farm.nodes(SIX) == set(SERVERS) - {"ns2"}
        tracked("undrain", "ns2")
        farm.await_nodes(RESILIENT, set(SERVERS))
        pause(0.5)
    results = load.results
    figure(
        f"drain and undrain: {results.lost_over_udp} over UDP and {results.torn} over TCP "
        f"of {results.sent} lost"
    )
    assert results.lost_over_udp == 0


def test_a_killed_tracker_leaves_the_routes_and_the_next_takes_them_over(farm, tracked):
    with Load(farm.client, (RESILIENT, SIX), rate=1000) as load:
        before = farm.gateway.run(["ip", "-j", "nexthop"]).stdout
        tracked.kill()
        assert farm.nodes(RESILIENT) == farm.nodes(SIX) == set(SERVERS)
        assert tracked("status", check=False).returncode == 1
        tracked.start()
        eventually(
            lambda: tracked("status", check=False).returncode == 0, awaiting="the next tracker"
        )
        pause(2.0)
        assert farm.nodes(RESILIENT) == farm.nodes(SIX) == set(SERVERS)
        # The same objects, not others that lead the same way.
        assert farm.gateway.run(["ip", "-j", "nexthop"]).stdout == before
    results = load.results
    figure(f"kill -9 of the tracker and a new one: {len(results.lost)} of {results.sent} lost")
    assert not results.lost


def test_below_the_minimum_a_route_goes_or_stays_and_a_foreign_one_is_left_alone(farm, tracked):
    tracked.stop()  # there can be one only
    assert farm.nodes(RESILIENT) == farm.nodes(SIX) == set()
    assert json.loads(farm.gateway.run(["ip", "-j", "nexthop"]).stdout or "[]") == []
    goes, stays, foreign = "192.0.2.61", "192.0.2.62", "192.0.2.63"
    pools = [
        f'name = "goes"\naddresses = ["{goes}"]\nminimum = 3',
        f'name = "stays"\naddresses = ["{stays}"]\nminimum = 3\nbelow-minimum = "keep"',
        f'name = "foreign"\naddresses = ["{foreign}"]',
    ]
    farm.gateway.ip(f"route add {foreign} via 192.168.53.200 metric 50 proto static")
    tracker = Tracker(farm, pools)
    tracker.start()
    try:
        for address in (goes, stays):
            farm.await_nodes(address, set(SERVERS))
        tracker.await_logged("somebody else's route (protocol static)")
        assert farm.nodes(foreign) == {"192.168.53.200"}
        for name in ("ns1", "ns2"):
            hang(farm.server(name))
        farm.await_nodes(goes, set())
        farm.await_nodes(stays, set(SERVERS))
        for name in ("ns1", "ns2"):
            wake(farm.server(name))
        farm.await_nodes(goes, set(SERVERS), within=20)
        farm.gateway.ip(f"route del {foreign} metric 50 proto static")
        farm.await_nodes(foreign, set(SERVERS))
    finally:
        tracker.stop()
    assert farm.nodes(goes) == farm.nodes(foreign) == set()
