"""contrib/frr's BGP files on real zebra, bgpd and bfdd: accepted, announced by rank, filtered."""

from __future__ import annotations

import functools
import json
import pathlib
import time
from collections.abc import Callable

import frr_lan as lab
import lan_cluster
import pytest
from frr_lan import Lan, Node, wait_for
from lan_cluster import SERVICE, Cluster, await_bfd, boot, hops, refused

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

FILES = ("host-bgp", "gateway-bgp")
DAEMONS = ("zebra", "bfdd", "bgpd")
SECOND = ("192.0.2.54/32", "2001:db8:53::54/128")
BOGUS = ("203.0.113.77/32", "2001:db8:bad::77/128")
WITHIN = 20.0
NOTICE = "Graceful restart configuration changed, reset all peers to take effect"
"""What bgpd says although there is no peer yet."""
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


wait_hops = functools.partial(lan_cluster.wait_hops, bound=WITHIN)


def external(name: str, text: str) -> str:
    for old, new in EXTERNAL[name]:
        assert old in text, old
        text = text.replace(old, new)
    return text


def paths(node: Node, prefix: str) -> list[dict]:
    family = "ipv6" if ":" in prefix else "ipv4"
    told = json.loads(node.vtysh(f"show bgp {family} unicast {prefix} json", check=False) or "{}")
    return told.get("paths", [])


def preference(node: Node, prefix: str) -> set[tuple[int, int]]:
    """Local preference and MED of every path."""
    return {(path.get("locPrf"), path.get("metric")) for path in paths(node, prefix)}


def made(lan: Lan, host: str, gateway: str) -> Cluster:
    """A gateway and two hosts by BGP."""
    start = functools.partial(boot, daemons=DAEMONS, notices=frozenset({NOTICE}))
    return Cluster(lan, host, gateway, start, start, cold=30)


@pytest.mark.usefixtures("_lab_machine")
@pytest.mark.parametrize("name", FILES)
def test_a_dry_run_of_vtysh_finds_nothing_wrong(name: str, contrib: pathlib.Path) -> None:
    assert lab.run("vtysh", "-C", "-f", str(contrib / "frr" / f"{name}.frr.conf")) == ""


@pytest.fixture(scope="module")
def internal(make_lan: Callable[[], Lan], shipped: Callable[[str, str], str]) -> Cluster:
    cluster = made(make_lan(), shipped("frr", "host-bgp"), shipped("frr", "gateway-bgp"))
    # Two VIPs: each is preferred on one host and last-resort on the other.
    cluster.a.open_tap("anycast0", *SERVICE)
    cluster.a.open_tap("anycast1", *SECOND)
    cluster.b.open_tap("anycast0", *SECOND)
    cluster.b.open_tap("anycast1", *SERVICE)
    return cluster


@pytest.mark.parametrize("name", FILES)
def test_real_daemons_accept_every_line_and_keep_it(
    name: str, shipped: Callable[[str, str], str], internal: Cluster
) -> None:
    node = internal.a if name == "host-bgp" else internal.gateway
    assert refused(node, shipped("frr", name)) == set()


def test_each_vip_leads_to_the_host_that_prefers_it(internal: Cluster) -> None:
    for prefixes, number in ((SERVICE, 6), (SECOND, 7)):
        wait_for(
            lambda prefixes=prefixes, number=number: (
                hops(internal.gateway, prefixes[0]) == {f"192.168.1.{number}"}
            ),
            WITHIN,
            lambda prefixes=prefixes: str(hops(internal.gateway, prefixes[0])),
        )
        wait_hops(internal.gateway, prefixes[1], 1)
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
    await_bfd(internal.gateway, WITHIN)
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
    make_lan: Callable[[], Lan], shipped: Callable[[str, str], str]
) -> None:
    host, gateway = (external(name, shipped("frr", name)) for name in FILES)
    cluster = made(make_lan(), host, gateway)
    cluster.a.open_tap("anycast0", *SERVICE)
    cluster.b.open_tap("anycast1", *SERVICE)
    wait_for(lambda: len(paths(cluster.gateway, SERVICE[0])) == 2, WITHIN, "both paths")
    wait_for(lambda: hops(cluster.gateway, SERVICE[0]) == {"192.168.1.6"}, WITHIN, "the best alone")
    assert {med for _, med in preference(cluster.gateway, SERVICE[0])} == {10, 1000}
    cluster.b.close_tap("anycast1")
    cluster.b.open_tap("anycast0", *SERVICE)
    for prefix in SERVICE:
        wait_hops(cluster.gateway, prefix, 2)
    cluster.a.close_tap("anycast0")
    for prefix in SERVICE:
        wait_hops(cluster.gateway, prefix, 1)
