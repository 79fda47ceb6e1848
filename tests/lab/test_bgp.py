"""BGP with two VIPs on two machines: each is preferred on one and the last resort on the other."""

import json
import time
from contextlib import contextmanager

import pytest

from anycast_wrapper.lab.bgp import Bgp
from anycast_wrapper.lab.cluster import RATE, TCP_RATE
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.load import Load
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import PROBE, Wrapper

from .claims import assert_nothing_lost
from .cluster import figure, pause

FIRST = ("192.0.2.53", "2001:db8:53::53")
SECOND = ("192.0.2.54", "2001:db8:53::54")
BOTH = (*FIRST, *SECOND)
STRONG, WEAK = (200, 10), (50, 1000)

UPSTREAM = """
[[service.probe]]
name = "upstream"
type = "command"
command = ["test", "-e", "@DIR@/upstream"]
interval = "200ms"
on-failure = "last-resort"
"""


class Pair:
    """Two hosts, two services; `one` prefers the first, `other` the second."""

    def __init__(self, lab):
        self.lab = lab
        self.one = self.wrapper(lab.hosts[0], FIRST, SECOND)
        self.other = self.wrapper(lab.hosts[1], SECOND, FIRST)

    @staticmethod
    def wrapper(host, own, others):
        """From configuration alone: the same file on both but for the ceilings."""
        listed = json.dumps(list(others))
        more = (
            f'[[service]]\nname = "other"\naddresses = {listed}\nceiling = "last-resort"\n{PROBE}'
        )
        wrapper = Wrapper(host, own, probe=PROBE + UPSTREAM, more=more)
        (wrapper.directory / "upstream").touch()
        return wrapper

    def start(self):
        for wrapper in (self.one, self.other):
            wrapper.start()
        self.await_nodes({"host1"}, {"host2"})

    def await_nodes(self, first, second, within=20.0):
        """Wait until each VIP leads to these hosts, for both families."""
        for addresses, nodes in ((FIRST, first), (SECOND, second)):
            for address in addresses:
                self.lab.gateway.await_nodes(address, nodes, within=within)

    def paths(self, address):
        """Local preference and MED of what the gateway hears, by the host that says it."""
        family = "ipv6 unicast" if ":" in address else "ipv4 unicast"
        size = 128 if ":" in address else 32
        told = self.lab.gateway.show(f"show bgp {family} {address}/{size}").get("paths", [])
        return {path["peer"]["routerId"]: (path["locPrf"], path["metric"]) for path in told}

    def await_paths(self, address, wanted):
        hosts = {f"192.168.53.{10 + number}": found for number, found in wanted.items()}
        eventually(
            lambda: self.paths(address) == hosts,
            awaiting=f"{address} {wanted}",
            seen=lambda: self.paths(address),
        )

    @contextmanager
    def load(self):
        with Load(self.lab.client, BOTH, rate=RATE, tcp_rate=TCP_RATE, longest=120) as load:
            pause(0.5)
            yield load

    def hurt(self, name, fault, first, second, within=20.0):
        """A fault under load, until the VIPs are where they should be; seconds, results."""
        with self.lab.gateway.route_log() as log, self.load() as load:
            began = time.monotonic()
            fault()
            self.await_nodes(first, second, within)
            pause(0.5)
            changes = [event.time - began for event in log.events if event.time > began]
        took = max(changes, default=0.0)
        figure(f"BGP: {name}: routes moved after {took * 1e3:.0f} ms, {load.results.summary()}")
        return took, load.results


@pytest.fixture(scope="module")
def pair():
    with Lab(2, services=BOTH, bgp=Bgp(bfd=True)) as lab:
        pair = Pair(lab)
        pair.start()
        yield pair


def test_each_machine_has_its_own_vip_and_announces_both(pair):
    for address in FIRST:
        pair.await_paths(address, {1: STRONG, 2: WEAK})
    for address in SECOND:
        pair.await_paths(address, {1: WEAK, 2: STRONG})
    status = pair.one.status()
    assert status["state"] == "announced"
    other = pair.one.service("other")
    assert (other["rank"], other["reason"], other["ceiling"]) == (
        "last-resort",
        "ceiling",
        "last-resort",
    )
    assert pair.one("status").returncode == 0
    eventually(lambda: truths(pair.one) == ["agrees"] * 4, awaiting="the truth")
    assert "originated by BGP" in pair.one("status").stdout


def truths(wrapper):
    """What is to be thought of every address."""
    services = wrapper.status()["services"]
    return [address["truth"] for service in services for address in service["addresses"]]


def test_peers_are_learnt_from_bgp(pair):
    told = json.loads(pair.one("peers", "--json").stdout)
    for entry in told["addresses"]:
        found = {one["router"]: one["preference"] for one in entry["announcers"]}
        mine, others = (200, 50) if entry["address"] in FIRST else (50, 200)
        assert found == {"192.168.53.11": mine, "192.168.53.12": others}
        assert [one["here"] for one in entry["announcers"]] == [True, False]
        assert "why" not in entry


def test_doctor_finds_bgp_well_and_ospf_not_to_be_asked_for(pair):
    document = json.loads(pair.one("doctor", "--json", check=False).stdout)
    told = {one["name"]: (one["outcome"], one["findings"]) for one in document["checks"]}
    ours = {name for name in told if name.startswith("bgp-")}
    ours |= {"routing-daemons", "announced-truly", "hold-leaks"}
    assert {name: told[name] for name in ours} == dict.fromkeys(ours, ("good", []))
    assert told["rank-area"][0] == told["adjacency"][0] == "irrelevant"


def test_a_drained_machine_loses_nothing_and_the_other_has_both(pair):
    _, results = pair.hurt("drain", lambda: pair.one("drain"), {"host2"}, {"host2"})
    assert_nothing_lost(results)
    refused = pair.other("drain", check=False)
    assert refused.returncode == 1
    assert "nobody else does" in refused.stderr
    _, results = pair.hurt("undrain", lambda: pair.one("undrain"), {"host1"}, {"host2"})
    assert_nothing_lost(results)


def test_a_planned_stop_of_the_other_machine_loses_nothing(pair):
    _, results = pair.hurt("stop", lambda: pair.other("stop"), {"host1"}, {"host1"})
    assert_nothing_lost(results)
    _, results = pair.hurt("start", pair.other.start, {"host1"}, {"host2"})
    assert_nothing_lost(results)


def test_a_killed_wrapper_loses_nothing(pair):
    took, results = pair.hurt("kill -9 of the wrapper", pair.one.kill, {"host2"}, {"host2"})
    assert_nothing_lost(results)
    assert took < 2.0
    pair.one.start()
    pair.await_nodes({"host1"}, {"host2"})


def test_a_killed_named_is_lost_for_as_long_as_bgp_takes(pair):
    with pair.lab.gateway.route_log() as log, pair.load() as load:
        began = time.monotonic()
        pair.one.kill_daemon()
        gone = [log.await_gone("host1", address, began) for address in FIRST]
        pause(0.5)
    figure(f"BGP: kill -9 of named: gone after {max(gone) * 1e3:.0f} ms, {load.results.summary()}")
    # bgpd collects for 50 ms what it is to work on, on the host and on the gateway.
    assert max(gone) < 1.0
    pair.await_nodes({"host1"}, {"host2"})


def test_a_move_between_ranks_is_on_the_wire_and_loses_nothing(pair):
    upstream = pair.one.directory / "upstream"
    for way, fault, path, first in (
        # The other machine's path is as weak as ours then: both serve.
        ("down", upstream.unlink, WEAK, {"host1", "host2"}),
        ("up", upstream.touch, STRONG, {"host1"}),
    ):
        _, results = pair.hurt(f"move between ranks, {way}", fault, first, {"host2"})
        assert_nothing_lost(results)
        for address in FIRST:
            pair.await_paths(address, {1: path, 2: WEAK})
    eventually(lambda: truths(pair.one) == ["agrees"] * 4, awaiting="the truth")


def test_with_both_at_last_resort_both_serve(pair):
    def both(change):
        for wrapper in (pair.one, pair.other):
            getattr(wrapper.directory / "upstream", change)()

    everybody = {"host1", "host2"}
    _, results = pair.hurt("a shared upstream fails", lambda: both("unlink"), everybody, everybody)
    assert_nothing_lost(results)
    for address in BOTH:
        pair.await_paths(address, {1: WEAK, 2: WEAK})
    _, results = pair.hurt("and comes back", lambda: both("touch"), {"host1"}, {"host2"})
    assert_nothing_lost(results)


def cut(pair, host):
    pair.lab.switch.ip(f"link set {host} nomaster")


def test_a_machine_that_is_cut_off_is_missed_by_bfd(pair):
    took, results = pair.hurt(
        "a machine cut off, BFD 3 x 300 ms", lambda: cut(pair, "host1"), {"host2"}, {"host2"}
    )
    assert took < 3.0
    assert results.lost_over_udp < results.sent / 2
    # An announcement that nobody hears is none, and is told.
    for truth in ("not-originated", "agrees"):
        eventually(
            lambda truth=truth: truths(pair.one) == [truth] * 4,
            awaiting=truth,
        )
        pair.lab.switch.ip("link set host1 master br0")
        pair.await_nodes({"host1"}, {"host2"}, within=30)


def test_without_bfd_it_is_the_hold_time():
    with Lab(2, services=BOTH, bgp=Bgp(keepalive=1, hold=3)) as lab:
        pair = Pair(lab)
        pair.start()
        took, _ = pair.hurt(
            "a machine cut off, hold time 3 s", lambda: cut(pair, "host1"), {"host2"}, {"host2"}
        )
        assert 1.5 < took < 5.0


def test_where_bgp_hides_the_others_a_departure_is_allowed_and_said_to_be_unsure():
    with Lab(2, services=BOTH, bgp=Bgp(all_paths=False)) as lab:
        pair = Pair(lab)
        pair.start()
        told = pair.one("peers").stdout
        assert "there may be more: bgpd hears of other nodes only what its neighbours" in told
        drained = pair.one("drain")
        assert "nobody knows whether another node announces" in drained.stderr
        pair.await_nodes({"host2"}, {"host2"})


@pytest.mark.slow
def test_between_two_ases_all_of_it_goes_by_the_med():
    with Lab(2, services=BOTH, bgp=Bgp(external=True, bfd=True)) as lab:
        pair = Pair(lab)
        pair.start()
        _, results = pair.hurt(
            "eBGP: drain", lambda: pair.one("drain", "--force"), {"host2"}, {"host2"}
        )
        assert_nothing_lost(results)
        _, results = pair.hurt("eBGP: undrain", lambda: pair.one("undrain"), {"host1"}, {"host2"})
        assert_nothing_lost(results)
        upstream = pair.one.directory / "upstream"
        _, results = pair.hurt("eBGP: move down", upstream.unlink, {"host1", "host2"}, {"host2"})
        assert_nothing_lost(results)


@pytest.mark.slow
def test_zebra_loses_an_address_that_is_taken_off_one_of_two_interfaces():
    """Why there is no overlap with BGP: FRR 8.4 has the fault; 10.3 no more."""
    with Lab(1, services=FIRST, bgp=Bgp()) as lab:
        host = lab.hosts[0]
        strong = lab.announce(host, FIRST)
        lab.gateway.await_nodes(FIRST[0], {"host1"})
        lab.announce(host, FIRST, interface="anycast1")
        pause(1.0)
        strong.down()
        pause(1.0)
        route = host.vtysh(f"show ip route {FIRST[0]}/32")
        told = host.show(f"show bgp ipv4 unicast {FIRST[0]}/32")["paths"][0]
        figure(
            f"BGP: up-then-down: zebra has {' '.join(route.split())}; bgpd says {told['locPrf']}"
        )
        old = "FRRouting 8.4" in host.vtysh("show version")
        assert (told["locPrf"] == STRONG[0]) == old, "by which interface zebra goes: see ladder"
