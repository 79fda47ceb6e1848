"""contrib/frr's BGP files on real zebra, bgpd and bfdd: accepted, announced by rank, filtered."""

from __future__ import annotations

import json
import pathlib
import time
from collections.abc import Callable

import frr_lan as lab
import pytest
from frr_lan import Lan, Node, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

FILES = ("host-bgp", "gateway-bgp")
DAEMONS = ("zebra", "bfdd", "bgpd")
SERVICE = ("192.0.2.53/32", "2001:db8:53::53/128")
SECOND = ("192.0.2.54/32", "2001:db8:53::54/128")
BOGUS = ("203.0.113.77/32", "2001:db8:bad::77/128")
WITHIN = 20.0
EXTERNAL = {
    "host-bgp": (("router bgp 65000", "router bgp 65053"),),
    "gateway-bgp": (
        (" remote-as 65000", " remote-as 65053"),
        ("  neighbor HOSTS route-reflector-client\n", ""),
        ("  neighbor HOSTS6 route-reflector-client\n", ""),
        ("  neighbor HOSTS addpath-tx-all-paths\n", ""),
        ("  neighbor HOSTS6 addpath-tx-all-paths\n", ""),
    ),
}
"""What the heads of the files say of eBGP."""


@pytest.fixture(scope="module")
def shipped(contrib: pathlib.Path) -> Callable[[str], str]:
    return lambda name: (contrib / "frr" / f"{name}.frr.conf").read_text()


def external(name: str, text: str) -> str:
    for old, new in EXTERNAL[name]:
        assert old in text, old
        text = text.replace(old, new)
    return text


def second_host(text: str) -> str:
    assert text.count("router-id 192.168.1.6") == 1
    return text.replace("router-id 192.168.1.6", "router-id 192.168.1.7")


def boot(node: Node, text: str) -> Node:
    node.start_frr(DAEMONS)
    # bgpd says so although there is no peer yet.
    noise = "Graceful restart configuration changed, reset all peers to take effect"
    assert set(node.load(text)) <= {noise}
    return node


def commands(text: str) -> set[str]:
    lines = (line.strip() for line in text.splitlines())
    return {line for line in lines if line and not line.startswith("!")} - {"end", "exit"}


def hops(node: Node, prefix: str) -> set[str]:
    return {hop.get("gateway", hop.get("dev", "?")) for hop in node.routes(prefix)}


def wait_count(node: Node, prefix: str, count: int, bound: float = WITHIN) -> float:
    begin = time.monotonic()
    wait_for(
        lambda: len(hops(node, prefix)) == count,
        bound,
        lambda: f"{count} next hops for {prefix} in {node.namespace}, has {hops(node, prefix)}",
    )
    return time.monotonic() - begin


def paths(node: Node, prefix: str) -> list[dict]:
    family = "ipv6" if ":" in prefix else "ipv4"
    told = json.loads(node.vtysh(f"show bgp {family} unicast {prefix} json", check=False) or "{}")
    return told.get("paths", [])


def preference(node: Node, prefix: str) -> set[tuple[int, int]]:
    """Local preference and MED of every path."""
    return {(path.get("locPrf"), path.get("metric")) for path in paths(node, prefix)}


class Cluster:
    """A gateway and two hosts; each host announces what `announce` says."""

    def __init__(self, lan: Lan, host: str, gateway: str) -> None:
        self.gateway = boot(lan.node("gw", 1), gateway)
        self.a = boot(lan.node("a", 6), host)
        self.b = boot(lan.node("b", 7), second_host(host))
        for node in (self.a, self.b):
            for family in ("0.0.0.0/0", "::/0"):
                wait_count(node, family, 1, 30)


@pytest.mark.usefixtures("_lab_machine")
@pytest.mark.parametrize("name", FILES)
def test_a_dry_run_of_vtysh_finds_nothing_wrong(name: str, contrib: pathlib.Path) -> None:
    assert lab.run("vtysh", "-C", "-f", str(contrib / "frr" / f"{name}.frr.conf")) == ""


@pytest.fixture(scope="module")
def internal(make_lan: Callable[[], Lan], shipped: Callable[[str], str]) -> Cluster:
    cluster = Cluster(make_lan(), shipped("host-bgp"), shipped("gateway-bgp"))
    # Two VIPs: each is preferred on one host and last-resort on the other.
    cluster.a.open_tap("anycast0", *SERVICE)
    cluster.a.open_tap("anycast1", *SECOND)
    cluster.b.open_tap("anycast0", *SECOND)
    cluster.b.open_tap("anycast1", *SERVICE)
    return cluster


@pytest.mark.parametrize("name", FILES)
def test_real_daemons_accept_every_line_and_keep_it(
    name: str, shipped: Callable[[str], str], internal: Cluster
) -> None:
    node = internal.a if name == "host-bgp" else internal.gateway
    running = commands(node.vtysh("show running-config"))
    unshown = {
        line
        for line in commands(shipped(name)) - running
        if not line.startswith(("frr defaults", "service integrated", "log syslog", "hostname"))
    }
    defaults = {
        "detect-multiplier 3",
        "transmit-interval 300",
        "receive-interval 300",
        "ip forwarding",
        "ipv6 forwarding",
        "bgp log-neighbor-changes",
    }
    assert unshown - defaults == set()


def test_each_vip_leads_to_the_host_that_prefers_it(internal: Cluster) -> None:
    for prefixes, number in ((SERVICE, 6), (SECOND, 7)):
        wait_for(
            lambda prefixes=prefixes, number=number: (
                hops(internal.gateway, prefixes[0]) == {f"192.168.1.{number}"}
            ),
            WITHIN,
            lambda prefixes=prefixes: str(hops(internal.gateway, prefixes[0])),
        )
        wait_count(internal.gateway, prefixes[1], 1)
        for prefix in prefixes:
            wait_for(
                lambda prefix=prefix: (
                    preference(internal.gateway, prefix) == {(200, 10), (50, 1000)}
                ),
                WITHIN,
                lambda prefix=prefix: str(paths(internal.gateway, prefix)),
            )


def test_every_host_hears_of_the_other_and_installs_nothing_of_it(internal: Cluster) -> None:
    for host in (internal.a, internal.b):
        for prefix in (*SERVICE, *SECOND):
            wait_for(
                lambda host=host, prefix=prefix: len(paths(host, prefix)) == 2,
                WITHIN,
                "both paths, its own and the other's",
            )
    internal.b.close_tap("anycast1")
    try:
        for prefix in SERVICE:
            wait_for(
                lambda prefix=prefix: len(paths(internal.b, prefix)) == 1, WITHIN, "its own is gone"
            )
            assert hops(internal.b, prefix) == set(), "installed what another host announces"
    finally:
        internal.b.open_tap("anycast1", *SERVICE)


def test_what_is_no_service_address_goes_nowhere(internal: Cluster) -> None:
    """Host a does not let it out; host b does, and the gateway does not let it in."""
    anything = "ip prefix-list SERVICE seq 99 permit 0.0.0.0/0 le 32\nend\n"
    assert internal.b.load(anything) == []
    internal.a.ip("addr", "add", BOGUS[1], "dev", "anycast0")
    # The lie first, so that the truth proves that it had its time.
    internal.b.close_tap("anycast0")
    for prefix in SECOND:
        wait_for(lambda prefix=prefix: len(paths(internal.gateway, prefix)) == 1, WITHIN, "gone")
    internal.b.open_tap("anycast0", BOGUS[0], *SECOND)
    try:
        for prefix in SECOND:
            wait_for(
                lambda prefix=prefix: len(paths(internal.gateway, prefix)) == 2, WITHIN, "back"
            )
        wait_for(lambda: paths(internal.b, BOGUS[0]), WITHIN, "b originates it")
        assert paths(internal.gateway, BOGUS[0]) == []
        assert hops(internal.gateway, BOGUS[0]) == set()
        assert paths(internal.a, BOGUS[1]) == []
    finally:
        internal.a.ip("addr", "del", BOGUS[1], "dev", "anycast0")
        internal.b.ip("addr", "del", BOGUS[0], "dev", "anycast0")
        assert internal.b.load(f"no {anything}") == []


def test_a_host_that_stops_dead_is_noticed_by_bfd(
    internal: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    def sessions_up() -> bool:
        peers = json.loads(internal.gateway.vtysh("show bfd peers json"))
        return sum(peer["status"] == "up" for peer in peers) == 4

    wait_for(sessions_up, WITHIN, "four BFD sessions")
    wait_for(lambda: hops(internal.gateway, SERVICE[0]) == {"192.168.1.6"}, WITHIN, "a serves")
    begin = time.monotonic()
    internal.a.freeze()
    try:
        wait_for(
            lambda: hops(internal.gateway, SERVICE[0]) == {"192.168.1.7"}, WITHIN, "b takes over"
        )
        took = time.monotonic() - begin
    finally:
        internal.a.thaw()
    with capsys.disabled():
        print(f"\n    BGP: a host stops dead -> the other has its VIP: {took:.2f} s")  # noqa: T201
    assert took < 4, "slower than BFD: the hold time is 9 s"


def test_between_two_ases_the_med_decides(
    make_lan: Callable[[], Lan], shipped: Callable[[str], str]
) -> None:
    host, gateway = (external(name, shipped(name)) for name in FILES)
    cluster = Cluster(make_lan(), host, gateway)
    cluster.a.open_tap("anycast0", *SERVICE)
    cluster.b.open_tap("anycast1", *SERVICE)
    wait_for(lambda: len(paths(cluster.gateway, SERVICE[0])) == 2, WITHIN, "both paths")
    wait_for(lambda: hops(cluster.gateway, SERVICE[0]) == {"192.168.1.6"}, WITHIN, "the best alone")
    assert {med for _, med in preference(cluster.gateway, SERVICE[0])} == {10, 1000}
    cluster.b.close_tap("anycast1")
    cluster.b.open_tap("anycast0", *SERVICE)
    for prefix in SERVICE:
        wait_count(cluster.gateway, prefix, 2)
    cluster.a.close_tap("anycast0")
    for prefix in SERVICE:
        wait_count(cluster.gateway, prefix, 1)
