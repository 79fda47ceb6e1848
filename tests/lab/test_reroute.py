"""Failover below the routing protocol's limit, on real daemons: what is lost with and without."""

import json
import signal
import statistics
import time

import pytest

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.load import Load
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper

from .cluster import Cluster, figure, pause

RATE = 5000.0
ROUNDS = 3
ADDRESSES = ("192.0.2.53", "2001:db8:53::53")
OFF = "[reroute]\nenabled = false\n"
ON = "[reroute]\nenabled = true\n"


@pytest.fixture(scope="module")
def cluster():
    """Two hosts that reroute; one address of each kind, so that announcing is one change."""
    with Lab() as lab:
        wrappers = [Wrapper(host, ADDRESSES, more=OFF) for host in lab.hosts]
        cluster = Cluster(lab, ADDRESSES, wrappers)
        cluster.measure_protocol()
        cluster.start()
        yield cluster


def restart(cluster, old, new):
    for wrapper in cluster.wrappers:
        wrapper("stop", "--force")
        if old in wrapper.config.read_text():
            wrapper.amend(old, new)
    cluster.start()
    cluster.settle()
    if ON in cluster.one.config.read_text():
        for wrapper in cluster.wrappers:
            await_peers(wrapper)


def with_reroute(cluster):
    restart(cluster, OFF, ON)


def without_reroute(cluster):
    restart(cluster, ON, OFF)


def await_peers(wrapper, count=1):
    """Wait until every address has that many peers."""

    def reached():
        reroute = wrapper.status()["reroute"]
        return reroute["working"] and all(
            len(one["peers"]) == count for one in reroute["addresses"]
        )

    eventually(reached, awaiting=f"{count} peers of {wrapper.host.name}", seen=wrapper.log)


def diverted(wrapper):
    """How many packets it has sent to its peers; counted every few seconds."""

    def packets():
        return sum(one["packets"] for one in wrapper.status()["reroute"]["addresses"])

    before, until = packets(), time.monotonic() + 12
    eventually(
        lambda: packets() > before or time.monotonic() > until, awaiting="a count", within=15
    )
    return packets()


def ready(cluster):
    cluster.one.start()
    cluster.settle()
    cluster.lab.mend_ipv6()


def fault(cluster, make, seconds=1.0):
    """Make a fault under load; the results and when it was made."""
    with Load(cluster.lab.client, cluster.addresses, rate=RATE, tcp_rate=20) as load:
        pause(0.5)
        began = time.monotonic()
        make()
        pause(seconds)
    return load.results, began


def kills(cluster, name):
    lost, last = [], []
    for _ in range(ROUNDS):
        ready(cluster)
        results, began = fault(cluster, cluster.one.kill_daemon)
        lost.append(len(results.lost))
        last.append(max((at - began for at, _ in results.lost), default=0.0))
        figure(f"kill -9 of named, {name}: {results.summary()}")
    figure(
        f"kill -9 of named, {name}: lost {sorted(lost)}, median {statistics.median(lost)}; "
        f"the last of them sent after {statistics.median(last) * 1e3:.1f} ms (median)"
    )
    return statistics.median(lost)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_killed_named_loses_a_fifth_of_what_it_loses_without(cluster):
    without_reroute(cluster)
    without = kills(cluster, "without reroute")
    with_reroute(cluster)
    with_it = kills(cluster, "with reroute")
    figure(f"kill -9 of named: {with_it} lost with reroute, {without} without")
    # On a busy machine named itself takes its time to die, with its sockets open.
    assert with_it <= max(without / 5, 20)
    assert diverted(cluster.one) > 0


@pytest.mark.timeout(300)
def test_a_restart_of_named_and_its_return_lose_no_more_than_its_buffers(cluster):
    with_reroute(cluster)
    ready(cluster)
    results, began = fault(cluster, cluster.one.kill_daemon, seconds=6.0)
    figure(f"named restarted: {results.summary()}")
    assert cluster.one.await_rank("preferred")
    assert results.lost_between(began + 0.05, began + 60) <= 2
    assert results.by_server_between(began + 3.0, began + 60)["host1"] > 0


def announced_a_moment_ago(cluster):
    """Withdraw ``one`` and announce it again; return within half a second of that."""
    ready(cluster)
    cluster.one("drain")
    cluster.lab.await_quiet()
    with cluster.lab.gateway.route_log() as log:
        began = time.monotonic()
        undrain = cluster.one.host.popen(cluster.one.argv("undrain"))
        for address in cluster.addresses:
            log.await_came(cluster.one.host.name, address, began)
    undrain.wait()


SLOW = 'restart-delay = "12s"\n'
"""So that a named that comes back does not hide how long its route stays."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "nudged", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["nudge", "no-nudge"]
)
@pytest.mark.parametrize("rerouted", [True, False], ids=["reroute", "no-reroute"])
def test_a_withdrawal_right_after_an_announcement(cluster, rerouted, nudged):
    before = cluster.one.config.read_text()
    try:
        cluster.one.amend("[routing]\n", f"[routing]\nnudge = {str(nudged).lower()}\n")
        cluster.one.amend("[daemon]\n", f"[daemon]\n{SLOW}")
        (with_reroute if rerouted else without_reroute)(cluster)
        announced_a_moment_ago(cluster)
        with cluster.lab.gateway.route_log() as log:
            results, began = fault(cluster, cluster.one.kill_daemon, seconds=9.0)
            gone = [log.await_gone("host1", one, began, within=15) for one in ADDRESSES]
    finally:
        cluster.one.write(before)
    late = results.lost_between(began + 0.05, began + 60)
    figure(
        f"named killed right after an announcement, reroute {rerouted}, nudge {nudged}: IPv4 route "
        f"gone after {gone[0]:.2f} s, IPv6 after {gone[1]:.2f} s, {len(results.lost)} lost, "
        f"{late} after the first 50 ms"
    )
    if nudged:
        assert gone[0] < 2.5
        assert "nudge-failed" not in cluster.one.log()
    if rerouted:
        assert late <= 2


@pytest.mark.timeout(300)
def test_a_hung_named_is_diverted_when_the_verdict_falls(cluster):
    with_reroute(cluster)
    ready(cluster)
    with cluster.lab.gateway.route_log() as log:
        stop = lambda: cluster.one.kill_daemon(signal.SIGSTOP)  # noqa: E731
        results, began = fault(cluster, stop, seconds=3.0)
        gone = log.await_gone("host1", ADDRESSES[0], began)
    cluster.one.kill_daemon(signal.SIGCONT)
    last = max(at - began for at, _ in results.lost)
    figure(
        f"SIGSTOP of named: {len(results.lost)} lost, the last of them sent after {last:.3f} s; "
        f"route gone after {gone:.3f} s"
    )
    assert last <= gone + 0.05
    cluster.settle()
    eventually(
        lambda: not any(a["diverting"] for a in cluster.one.status()["reroute"]["addresses"]),
        awaiting="nothing diverted",
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_that_fail_at_once_do_not_send_each_other_anything_twice(cluster):
    with_reroute(cluster)
    ready(cluster)
    spies = [Spy(host) for host in cluster.lab.hosts]
    both = lambda: [wrapper.kill_daemon() for wrapper in cluster.wrappers]  # noqa: E731
    results, _ = fault(cluster, both, seconds=4.0)
    arrived = [spy.read() for spy in spies]
    figure(
        f"both nameds killed: {results.summary()}; arrived with TTL 1 and more: {arrived}; "
        f"diverted: {[diverted(wrapper) for wrapper in cluster.wrappers]}"
    )
    cluster.settle()
    # A query is sent by the gateway once and by a node at most once, and then has a TTL of 1.
    asked = len(results.records.sent)
    assert 0 < sum(once["ttl1"] for once in arrived) <= sum(once["more"] for once in arrived)
    assert sum(once["ttl1"] for once in arrived) < asked


class Spy:
    """Counts UDP queries that arrive at a host, by TTL, in a table of its own, before our rules."""

    def __init__(self, host):
        self._host = host
        rules = """
table ip spy {
  counter ttl1 { }
  counter more { }
  chain arriving {
    type filter hook prerouting priority -300; policy accept;
    iifname "lan" ip daddr 192.0.2.53 udp dport 53 ip ttl 1 counter name ttl1
    iifname "lan" ip daddr 192.0.2.53 udp dport 53 ip ttl > 1 counter name more
  }
}
"""
        host.run(["nft", "-f", "-"], stdin=rules)

    def read(self):
        said = self._host.run(["nft", "-j", "list", "counters", "table", "ip", "spy"]).stdout
        self._host.run(["nft", "delete", "table", "ip", "spy"])
        found = [c["counter"] for c in json.loads(said)["nftables"] if "counter" in c]
        return {one["name"]: one["packets"] for one in found}


def tables(host):
    return host.run(["nft", "list", "tables"]).stdout.split("\n")


@pytest.mark.timeout(200)
def test_what_a_killed_wrapper_leaves_is_taken_out(cluster):
    with_reroute(cluster)
    host = cluster.one.host
    host.run(["nft", "add", "table", "ip", "theirs"])
    cluster.one.kill()
    eventually(lambda: cluster.one("status", check=False).returncode == 1, awaiting="its end")
    assert "table ip anycast_wrap" in tables(host)
    assert "rules" in cluster.one("status", check=False).stdout
    cluster.one.start()
    assert 'leftover detail="rules that divert' in cluster.one.log()
    await_peers(cluster.one)
    cluster.one.kill()
    eventually(lambda: cluster.one("status", check=False).returncode == 1, awaiting="its end")
    assert "rules that diverted queries removed" in cluster.one("withdraw").stdout
    assert tables(host) == ["table ip theirs", ""]
    cluster.one.start()
    cluster.one("stop")
    assert tables(host) == ["table ip theirs", ""]
    host.run(["nft", "delete", "table", "ip", "theirs"])


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_peer_that_offers_nothing_is_none_and_without_one_nothing_is_diverted(cluster):
    with_reroute(cluster)
    ready(cluster)
    assert all(
        one["peers"][0] in ("192.168.53.12%lan", "fe80::12%lan")
        for one in cluster.one.status()["reroute"]["addresses"]
    )
    cluster.other("drain")
    await_peers(cluster.one, 0)
    assert "no peer offers it" in cluster.one("status", check=False).stdout
    before = diverted(cluster.one)
    results, _ = fault(cluster, cluster.one.kill_daemon, seconds=0.5)
    assert len(results.lost) > 0
    assert diverted(cluster.one) == before
    cluster.other("undrain")
    cluster.settle()
    await_peers(cluster.one)


@pytest.mark.timeout(200)
def test_a_firewall_that_flushes_everything_is_survived(cluster):
    with_reroute(cluster)
    cluster.one.host.run(["nft", "flush", "ruleset"])
    eventually(
        lambda: "table ip anycast_wrap" in tables(cluster.one.host),
        awaiting="our rules again",
        within=15,
        seen=cluster.one.log,
    )
    await_peers(cluster.one)
