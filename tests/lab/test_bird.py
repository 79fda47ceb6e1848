"""BIRD instead of FRR on the hosts, and the same wrapper: what is lost, and what it says of itself.

`docs/bird.rst` rests on what is held here, with BIRD 2.0.12 as Debian 12 has it. Between the hosts
and the gateway (FRR) every timer of OSPF that concerns LSAs is at its default, but for BIRD's
``retransmit``.
"""

import json
import re
import signal
import time

import pytest

from anycast_wrapper.lab.bgp import Bgp
from anycast_wrapper.lab.bind import program
from anycast_wrapper.lab.cluster import pause
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.measure import measure_protocol_time
from anycast_wrapper.lab.topology import SERVICES, Lab

from .claims import assert_nothing_lost
from .cluster import Cluster, figure
from .conftest import required

BIRDS = [HostOptions(bird=True)] * 2
V4, V6 = SERVICES[0], SERVICES[-1]


@pytest.fixture(scope="module", autouse=True)
def _bird():
    if program("bird"):
        return
    if required():
        pytest.fail("this machine lacks bird (package bird2)")
    pytest.skip("no bird here (package bird2)")


@pytest.fixture(scope="module")
def ospf():
    with Lab(BIRDS) as lab:
        cluster = Cluster(lab)
        cluster.measure_protocol(rounds=1)
        cluster.start_wrappers()
        cluster.await_both()  # ospf6d needs no mending: what it hears are no prefixes of an area
        yield cluster


@pytest.fixture(scope="module")
def bgp():
    with Lab(BIRDS, bgp=Bgp()) as lab:
        cluster = Cluster(lab)
        cluster.start_wrappers()
        cluster.await_both()
        yield cluster


def truths(wrapper):
    return {one["truth"] for one in wrapper.service()["addresses"]}


def await_truth(wrapper, truth, within=20.0):
    eventually(
        lambda: truths(wrapper) == {truth},
        awaiting=truth,
        within=within,
        seen=lambda: (wrapper.status(), wrapper.log()),
    )


def bird_quiet(wrapper):
    """Nobody looks for FRR, and nothing complains again and again."""
    assert "vtysh" not in wrapper.log()
    assert "nudge" not in wrapper.log()


# --- OSPF ---


def test_the_truth_is_bird_s(ospf):
    status = ospf.one.status()
    assert status["routing_daemon"] == "bird"
    assert status["routing"] == {"ipv4": "answers", "ipv6": "answers"}
    await_truth(ospf.one, "agrees")
    assert ospf.one("status").stdout.count("held, originated by BIRD\n") == len(SERVICES)
    bird_quiet(ospf.one)


def test_peers_are_known(ospf):
    done = ospf.one("peers", "--json")
    names = {host.address: host.name for host in ospf.lab.hosts}
    for one in json.loads(done.stdout)["addresses"]:
        found = {names[a["router"]]: a for a in one["announcers"]}
        assert set(found) == {"host1", "host2"}
        assert [name for name, said in found.items() if said["here"]] == ["host1"]
        assert {said["cost"] for said in found.values()} == {10}
        assert {(a["origin"], a["reachable"], a["age"]) for a in found.values()} == {
            ("external", True, None)
        }
    text = ospf.one("peers").stdout
    assert f"{V6}: 2 nodes announce it\n" in text
    assert "  redistributed\n" in text


def test_a_planned_stop_loses_nothing_and_the_last_one_stays(ospf):
    stopped = ospf.hurt("BIRD, OSPF: stop", lambda: ospf.one("stop"))
    assert_nothing_lost(stopped.results)
    refused = ospf.other("stop", check=False)
    assert refused.returncode == 1
    assert "this node is the last that announces" in refused.stderr
    ospf.one.start()
    ospf.settle()


def test_a_killed_named_is_gone_in_the_protocol_s_time(ospf):
    ospf.settle()
    killed = ospf.hurt("BIRD, OSPF: kill -9 of named", ospf.one.kill_daemon)
    assert max(killed.gone.values()) < ospf.bound + killed.results.stall
    assert killed.lost < 200
    ospf.settle()


@pytest.mark.slow
def test_a_killed_wrapper_loses_nothing(ospf):
    ospf.settle()
    killed = ospf.hurt("BIRD, OSPF: kill -9 of the wrapper", ospf.one.kill)
    assert max(killed.gone.values()) < ospf.bound + killed.results.stall
    assert_nothing_lost(killed.results)
    ospf.one.start()
    ospf.settle()


@pytest.mark.slow
def test_the_hold_is_an_interface_without_carrier_and_is_not_announced(ospf):
    """It is up for BIRD, which does not mind a carrier unless it is told to (`check link`)."""
    bird = ospf.one.host.bird
    ospf.one("drain")
    try:
        ospf.lab.gateway.await_nodes(V4, {"host2"})
        shown = bird.birdc("show interfaces")
        assert re.search(r"^anycast-hold up .*\n.*AdminUp LinkDown", shown, re.MULTILINE)
        assert V4 in shown
        await_truth(ospf.one, "agrees")
        wider(bird, check_link=True)
        pause(2.0)
        assert ospf.lab.gateway.nodes(V4) == {"host2"}
        wider(bird, check_link=False)
        ospf.lab.gateway.await_nodes(V4, {"host1", "host2"})
        await_truth(ospf.one, "leaking", within=25)
        text = ospf.one("status", check=False).stdout
        assert text.count("BUT ORIGINATED BY BIRD") == len(SERVICES)
    finally:
        narrow(bird)
        ospf.one("undrain")
    ospf.settle()


def wider(bird, *, check_link):
    """As somebody writes it who wants to save a line: everything that is called so."""
    text = (bird.directory / "bird.conf").read_text()
    (bird.directory / "narrow.conf").exists() or (bird.directory / "narrow.conf").write_text(text)
    text = text.replace('"anycast0", "mend0", "anycast1"', '"anycast*", "mend0"')
    text = text.replace("check link;", f"check link {'yes' if check_link else 'no'};")
    text = text.replace("check link no;", "").replace("check link yes;", "check link;")
    (bird.directory / "wide.conf").write_text(text)
    assert "Reconfigur" in bird.birdc(f'configure "{bird.directory}/wide.conf"')


def narrow(bird):
    assert "Reconfigur" in bird.birdc("configure")


def external_cost(lab, address):
    """The metric with which the gateway has it from outside of OSPF."""
    found = re.search(
        rf"{re.escape(address)}/32 +\[(\d+)\]", lab.gateway.vtysh("show ip ospf route")
    )
    return int(found[1]) if found else None


@pytest.mark.slow
def test_either_order_of_moves_between_the_ranks_is_good():
    """Unless the filter prefers a rank, the route that is older stays the best."""
    with Lab(BIRDS) as lab:
        host = lab.hosts[0]
        address = "192.0.2.199"
        cost = lambda: external_cost(lab, address)  # noqa: E731
        weak = host.open_tap("anycast1", [address], up=True)
        eventually(lambda: cost() == 60010, awaiting="the last resort", seen=cost)
        pause(6.0)
        strong = host.open_tap("anycast0", [address], up=True)
        eventually(lambda: cost() == 20, awaiting="the preferred rank", seen=cost)
        with lab.gateway.route_log() as log:
            pause(6.0)
            strong.down()
            eventually(lambda: cost() == 60010, awaiting="the last resort again", seen=cost)
            assert [event for event in log.history(address) if not event.nodes] == []
        pause(6.0)
        strong.up()
        eventually(lambda: cost() == 20, awaiting="the preferred rank again", seen=cost)
        weak.close()
        strong.close()


@pytest.mark.slow
def test_the_protocol_s_own_time_beside_frr_s_and_why_not_by_stub():
    """One run, one gateway: FRR, BIRD with what docs/bird.rst says, BIRD with OSPF stubs."""
    kinds = {
        "FRR": HostOptions(),
        "BIRD, direct": HostOptions(bird=True),
        "BIRD, stub": HostOptions(bird=True, stub=True),
    }
    with Lab(list(kinds.values())) as lab:
        times = {}
        for (name, _), host in zip(kinds.items(), lab.hosts, strict=True):
            pause(6.0)  # MinLSInterval, which BIRD keeps
            times[name] = measure_protocol_time(lab, host)
            figure(f"link down until the route is gone, {name}: {times[name] * 1e3:.0f} ms")
        for host, limit in ((lab.hosts[1], 3.5), (lab.hosts[0], 8.0)):
            took = soon_after(lab, host, 0.3)
            who = "BIRD, retransmit 2" if host.bird else "FRR, not nudged"
            figure(f"withdrawn 0.3 s after it was announced, {who}: gone after {took:.1f} s")
            assert took < limit
    assert times["BIRD, direct"] < 3 * times["FRR"]
    assert times["BIRD, stub"] > 10 * times["BIRD, direct"]


def soon_after(lab, host, seconds):
    """Withdraw so long after announcing; how long that takes."""
    address = "192.0.2.198"
    lab.await_quiet()
    with lab.gateway.route_log() as log, host.open_tap("anycast0", [address]) as tap:
        began = time.monotonic()
        tap.up()
        log.await_came(host.name, address, began)
        pause(seconds)
        began = time.monotonic()
        tap.down()
        return log.await_gone(host.name, address, began, within=12)


# --- BGP ---


@pytest.mark.slow
def test_bgp_the_truth_is_what_is_exported_to_a_neighbour(bgp):
    await_truth(bgp.one, "agrees")
    assert bgp.one("status").stdout.count("held, originated by BIRD\n") == len(SERVICES)
    bird_quiet(bgp.one)
    asked = bgp.one("peers", check=False)
    assert asked.returncode == 1
    assert "no OSPF runs, and only OSPF tells a host who else announces" in asked.stderr


@pytest.mark.slow
def test_bgp_a_planned_stop_loses_nothing(bgp):
    pause(1.2)
    stopped = bgp.hurt("BIRD, BGP: stop", lambda: bgp.one("stop"))
    assert_nothing_lost(stopped.results)
    bgp.one.start()
    bgp.settle()


@pytest.mark.slow
def test_bgp_a_killed_named_is_gone_at_once(bgp):
    bgp.settle()
    killed = bgp.hurt("BIRD, BGP: kill -9 of named", bgp.one.kill_daemon)
    assert max(killed.gone.values()) < 0.25 + killed.results.stall
    assert killed.lost < 200
    bgp.settle()


@pytest.mark.slow
def test_bgp_a_session_that_is_down_announces_nothing(bgp):
    """Whatever the interfaces say: the truth is what the neighbour was told."""
    bird = bgp.one.host.bird
    bird.birdc("disable gateway4")
    try:
        eventually(
            lambda: (
                next(a for a in bgp.one.service()["addresses"] if a["address"] == V4)["originated"]
                is False
            ),
            awaiting="nothing exported",
            seen=bgp.one.status,
        )
    finally:
        bird.birdc("enable gateway4")
    await_truth(bgp.one, "agrees")


# --- what else asks the routing daemon ---


@pytest.mark.slow
def test_queries_go_to_the_neighbour_that_bird_knows(ospf):
    """[reroute] with peers = "ospf"."""
    wrapper = ospf.one
    ospf.settle()
    wrapper.amend("[drain]", "[reroute]\nenabled = true\n[drain]")
    wrapper("restart")
    ospf.settle()

    def peers():
        found = wrapper.status()["reroute"]["addresses"]
        return {one["address"]: one["peers"] for one in found}

    eventually(lambda: all(peers().values()), awaiting="a peer of each address", seen=peers)
    assert "192.168.53.12%lan" in peers()[V4] or "192.168.53.12" in str(peers()[V4])
    assert ospf.other.host.link_local in str(peers()[V6])
    killed = ospf.hurt("BIRD, OSPF, reroute: kill -9 of named", wrapper.kill_daemon)
    assert killed.lost < 200
    wrapper.amend("[reroute]\nenabled = true\n[drain]", "[drain]")
    ospf.settle()
    wrapper("restart")
    ospf.settle()


@pytest.mark.slow
def test_a_bird_that_cannot_be_asked_is_told_once_by_status_and_by_nobody_else(ospf):
    bird, wrapper = ospf.one.host.bird, ospf.one
    before = len(wrapper.log())
    bird.kill(signal.SIGSTOP)
    try:
        text = eventually(
            lambda: text if "unknown" in (text := wrapper("status", check=False).stdout) else "",
            awaiting="unknown",
        )
        assert text.count("origination unknown (BIRD does not answer within 2 s)") == len(SERVICES)
        assert "peers" not in wrapper.log()[before:]
        assert "BIRD" not in wrapper.log()[before:]
    finally:
        bird.kill(signal.SIGCONT)
    await_truth(wrapper, "agrees")
