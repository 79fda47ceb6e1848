"""contrib/bird on real BIRD, with FRR on the gateway: parsed, adjacent, announced, filtered."""

from __future__ import annotations

import functools
import pathlib
import shutil
import subprocess
from collections.abc import Callable

import lan_cluster
import pytest
from frr_lan import Lan, Node, run, wait_for
from lan_cluster import CONVERGE, SERVICE, Cluster, await_way_back, hops

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

FILES = ("host-ospf", "host-bgp", "gateway-ospf")
SOON = 15.0
wait_hops = functools.partial(lan_cluster.wait_hops, bound=SOON)
BGPD = """
ip prefix-list SERVICE permit 192.0.2.53/32
ipv6 prefix-list SERVICE6 permit 2001:db8:53::53/128
router bgp 65000
 bgp router-id 192.168.1.1
 no bgp default ipv4-unicast
 neighbor 192.168.1.6 remote-as 65000
 neighbor 192.168.1.6 bfd
 neighbor 2001:db8:1::6 remote-as 65000
 neighbor 2001:db8:1::6 bfd
 address-family ipv4 unicast
  neighbor 192.168.1.6 activate
  neighbor 192.168.1.6 default-originate
  neighbor 192.168.1.6 prefix-list SERVICE in
 exit-address-family
 address-family ipv6 unicast
  neighbor 2001:db8:1::6 activate
  neighbor 2001:db8:1::6 default-originate
  neighbor 2001:db8:1::6 prefix-list SERVICE6 in
 exit-address-family
exit
"""


@pytest.fixture(scope="module", autouse=True)
def _bird(_lab_machine: None) -> None:
    if shutil.which("bird") is None:
        pytest.skip("no bird here (package bird2)")


def checked(path: pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bird", "-p", "-c", str(path)], check=False, capture_output=True, text=True, timeout=10
    )


def start_bird(node: Node, text: str) -> Node:
    where = node.directory
    (where / "bird.conf").write_text(text)
    files = ("-c", f"{where}/bird.conf", "-s", f"{where}/bird.ctl", "-P", f"{where}/bird.pid")
    with (where / "bird.log").open("ab") as log:
        node.processes["bird"] = subprocess.Popen(
            ["ip", "netns", "exec", node.namespace, "bird", "-f", *files],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    wait_for(lambda: "up and running" in birdc(node, "show status"), 10, "BIRD")
    return node


def birdc(node: Node, command: str) -> str:
    return run("birdc", "-s", f"{node.directory}/bird.ctl", *command.split(), check=False)


@pytest.mark.parametrize("name", FILES)
def test_bird_accepts_the_file(name: str, contrib: pathlib.Path) -> None:
    done = checked(contrib / "bird" / f"{name}.bird.conf")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_line_that_bird_does_not_know_is_noticed(tmp_path: pathlib.Path) -> None:
    bad = tmp_path / "bad.conf"
    bad.write_text("router id 192.168.1.6;\nprotocol anycast { }\n")
    assert checked(bad).returncode != 0


@pytest.fixture(scope="module")
def booted(make_lan: Callable[[], Lan], shipped: Callable[[str, str], str]) -> Cluster:
    """A gateway with FRR's file, and two hosts with BIRD's."""
    host, gateway = shipped("bird", "host-ospf"), shipped("frr", "gateway")
    return Cluster(make_lan(), host, gateway, start_bird, spread=30)


@pytest.fixture
def hosts(booted: Cluster) -> Cluster:
    booted.announce()
    return booted


def test_the_gateway_spreads_both_families_over_both_hosts(hosts: Cluster) -> None:
    assert hops(hosts.gateway, SERVICE[0]) == {"192.168.1.6", "192.168.1.7"}
    assert len(hops(hosts.gateway, SERVICE[1])) == 2


def test_bfd_stands_in_both_families(hosts: Cluster) -> None:
    def sessions() -> list[str]:
        told = birdc(hosts.a, "show bfd sessions").splitlines()
        return [line for line in told if " Up " in line]

    wait_for(
        lambda: len(sessions()) >= 4, SOON, lambda: birdc(hosts.a, "show bfd sessions")
    )  # the gateway and the other host, in each family


@pytest.mark.slow
def test_the_last_resort_serves_only_when_nobody_is_better(hosts: Cluster) -> None:
    hosts.a.open_tap("anycast1", *SERVICE)
    hosts.a.close_tap("anycast0")
    for prefix in SERVICE:
        wait_hops(hosts.gateway, prefix, 1)
    assert hops(hosts.gateway, SERVICE[0]) == {"192.168.1.7"}
    hosts.b.close_tap("anycast0")
    wait_for(
        lambda: hops(hosts.gateway, SERVICE[0]) == {"192.168.1.6"}, SOON, "the last resort serves"
    )
    wait_hops(hosts.gateway, SERVICE[1], 1)


def test_a_host_believes_the_gateway_s_default_route_and_nothing_else(hosts: Cluster) -> None:
    hosts.b.close_tap("anycast0")
    for prefix in SERVICE:
        wait_hops(hosts.gateway, prefix, 1)
        wait_for(lambda prefix=prefix: prefix in birdc(hosts.b, "show route"), SOON, "learnt")
        assert hops(hosts.b, prefix) == set()
    assert hops(hosts.b, "0.0.0.0/0") == {"192.168.1.1"}


def test_a_hold_without_carrier_is_announced_by_nobody(hosts: Cluster) -> None:
    hosts.a.close_tap("anycast0")
    hosts.a.ip("tuntap", "add", "anycast-hold", "mode", "tap")
    for prefix in SERVICE:
        hosts.a.ip("addr", "add", prefix, "dev", "anycast-hold")
    hosts.a.ip("link", "set", "anycast-hold", "up")
    try:
        wait_for(lambda: "anycast-hold up" in birdc(hosts.a, "show interfaces"), SOON, "the hold")
        # A later change that does arrive proves that there was time for the leak to arrive.
        hosts.b.close_tap("anycast0")
        for prefix in SERVICE:
            wait_hops(hosts.gateway, prefix, 0)
    finally:
        hosts.a.ip("link", "del", "anycast-hold")


@pytest.mark.slow
def test_a_host_that_stops_dead_is_missed_by_bfd(hosts: Cluster) -> None:
    hosts.a.freeze()
    try:
        took = [wait_hops(hosts.gateway, prefix, 1, bound=3.5) for prefix in SERVICE]
        assert sum(took) < 3.5, took  # the dead interval alone would be later
    finally:
        hosts.a.thaw()
    await_way_back(hosts.a, hosts.b)
    for prefix in SERVICE:
        wait_hops(hosts.gateway, prefix, 2, bound=CONVERGE)


@pytest.mark.slow
def test_bird_on_the_gateway_as_well(hosts: Cluster, shipped: Callable[[str, str], str]) -> None:
    for process in hosts.gateway.processes.values():
        process.terminate()
        process.wait(10)
    hosts.gateway.processes.clear()
    start_bird(hosts.gateway, shipped("bird", "gateway-ospf"))
    await_way_back(hosts.a, hosts.b)
    for prefix in SERVICE:
        wait_hops(hosts.gateway, prefix, 2, bound=CONVERGE)
    hosts.a.open_tap("rogue0", "203.0.113.77/32")
    hosts.a.close_tap("anycast0")
    for prefix in SERVICE:
        wait_hops(hosts.gateway, prefix, 1)
    assert hops(hosts.gateway, "203.0.113.77/32") == set()


def test_bgp_with_bgpd(make_lan: Callable[[], Lan], shipped: Callable[[str, str], str]) -> None:
    lan = make_lan()
    gateway, host = lan.node("gw", 1), lan.node("a", 6)
    gateway.start_frr()
    gateway.start_daemon("bgpd")
    assert gateway.load(BGPD) == []
    start_bird(host, shipped("bird", "host-bgp"))
    await_way_back(host)

    def preference() -> set[str]:
        words = ("show bgp ipv4 unicast 192.0.2.53/32", "show bgp ipv6 unicast 2001:db8:53::53/128")
        told = gateway.vtysh(*words)
        return {word for word in ("localpref 200", "localpref 50") if told.count(word) == 2}

    host.open_tap("anycast1", *SERVICE)
    for prefix in SERVICE:
        wait_hops(gateway, prefix, 1)
    wait_for(lambda: preference() == {"localpref 50"}, SOON, "the last resort")
    host.open_tap("anycast0", *SERVICE)
    wait_for(lambda: preference() == {"localpref 200"}, SOON, "preferred, with both up")
    host.ip("link", "set", "anycast0", "down")
    wait_for(lambda: preference() == {"localpref 50"}, SOON, "the last resort, which was there")
    host.close_tap("anycast1")
    for prefix in SERVICE:
        wait_hops(gateway, prefix, 0)
    sessions = birdc(host, "show bfd sessions")
    assert sessions.count(" Up ") == 2, sessions
