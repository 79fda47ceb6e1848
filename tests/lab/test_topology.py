"""The lab itself: what the other lab tests rest on."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anycast_wrapper.lab.claim import ROOT
from anycast_wrapper.lab.eventually import NeverHappenedError, eventually
from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.load import Load
from anycast_wrapper.lab.measure import measure_protocol_time
from anycast_wrapper.lab.namespace import NETNS_DIR
from anycast_wrapper.lab.private import privately
from anycast_wrapper.lab.topology import SERVICES, Lab

LOG = logging.getLogger(__name__)

BOTH = {"host1", "host2"}


def traces_of(name):
    return [*NETNS_DIR.glob(f"{name}-*"), *ROOT.glob(name)]


@pytest.fixture
def serving(shared_lab):
    """Both hosts serve every address."""
    for host in shared_lab.hosts:
        host.start_named()
    taps = [shared_lab.announce(host) for host in shared_lab.hosts]
    for address in SERVICES:
        shared_lab.gateway.await_nodes(address, BOTH)
    yield shared_lab
    for tap in taps:
        tap.close()
    for address in SERVICES:
        shared_lab.gateway.await_nodes(address, set())
    for host in shared_lab.hosts:
        host.stop_named()


def test_both_hosts_are_full_neighbours_with_default_routes(shared_lab):
    assert shared_lab.setup_seconds < 15
    assert shared_lab.gateway.full_neighbours() == (2, 2)
    for host in shared_lab.hosts:
        assert host.has_default_route(4)
        assert host.has_default_route(6)
        # As in the talk: hosts learn the default route and nothing else.
        assert not [r for r in host.routes() if r.prefix.startswith(("198.51.100.", "fd00:c:"))]


def test_zebra_has_lost_nothing_and_misses_nobody(shared_lab):
    """What FRR 10 does when its clients leave too early, and without mgmtd."""
    for node in (shared_lab.gateway, *shared_lab.hosts):
        assert "192.168.53.0/24" in node.vtysh("show ip route connected")
        assert "fd00:53::/64" in node.vtysh("show ipv6 route connected")
        assert "closed connection" not in node.router.log()


def test_a_command_finds_a_directory_of_its_own_where_the_machine_has_another(shared_lab, tmp_path):
    own, shared = tmp_path / "own", tmp_path / "shared"
    for place in (own, shared):
        place.mkdir()
    (own / "mine").touch()
    places = ((own, shared), (own, tmp_path / "none"))
    done = shared_lab.client.run([*privately(places), "ls", str(shared)])
    assert done.stdout == "mine\n"
    assert list(shared.iterdir()) == []


def test_every_lsa_timer_is_frrs_default(shared_lab):
    for router in (shared_lab.gateway, *shared_lab.hosts):
        running = router.vtysh("show running-config")
        assert "timers" not in running
        assert "retransmit" not in running
        assert running.count("dead-interval 4") == 2
        kept = [path.read_text() for path in (router.directory / "frr").glob("*.conf")]
        assert len(kept) == 3
        assert not [text for text in kept if "timers" in text or "retransmit" in text]


def test_an_announced_address_is_in_the_gateways_kernel(shared_lab):
    host = shared_lab.hosts[0]
    with shared_lab.gateway.route_log() as log:
        before = time.monotonic()
        tap = shared_lab.announce(host)
        for address in SERVICES:
            log.await_came(host.name, address, before)
        assert shared_lab.gateway.nexthops("192.0.2.53") == {host.address}
        assert shared_lab.gateway.nexthops("2001:db8:53::53") == {host.link_local}
        assert shared_lab.gateway.nodes("192.0.2.54") == {host.name}

        shared_lab.await_quiet()
        before = time.monotonic()
        tap.close()
        took = [log.await_gone(host.name, address, before) for address in SERVICES]
    assert max(took) < 1, took
    assert not shared_lab.gateway.nodes("192.0.2.53")


def test_an_address_on_plain_interfaces_works_without_the_labs_helpers(shared_lab):
    host = shared_lab.hosts[1]
    host.ip("addr add 192.0.2.99/32 dev lo")
    assert not shared_lab.gateway.nexthops("192.0.2.99")
    assert host.run(["ip", "addr", "show", "dev", "lo"]).stdout.count("192.0.2.99") == 1
    host.ip("addr del 192.0.2.99/32 dev lo")


def test_a_healthy_pair_loses_nothing_for_ten_seconds(serving):
    with Load(serving.client, SERVICES, rate=2000, tcp_rate=20) as load:
        began = time.monotonic()
        eventually(lambda: time.monotonic() >= began + 10, awaiting="ten seconds", within=11)
    LOG.info("%s", load.results.summary())
    assert load.results.sent > 19_000
    assert load.results.lost == []
    assert set(load.results.by_server) == BOTH
    assert load.results.longest_gap < 0.5


def test_a_stopped_server_shows_as_loss_with_its_reason(serving):
    with Load(serving.client, ["192.0.2.53"], rate=500) as load:
        stopped = time.monotonic()
        serving.hosts[0].stop_named()
        eventually(lambda: time.monotonic() >= stopped + 1, awaiting="a second of loss")
        restarted = time.monotonic()
        serving.hosts[0].start_named()
    lost = load.results.lost
    assert 100 < len(lost) < 500, load.results.summary()
    assert all(stopped - 1 < sent < restarted + 2 for sent, _ in lost)
    assert load.results.lost_between(stopped, restarted) > 100
    assert load.results.by_server["host2"] > load.results.by_server["host1"]
    assert sum(load.results.why_lost.values()) == len(lost)


def test_ipv6_next_hops_leave_one_by_one_once_mended(serving):
    serving.mend_ipv6()
    host = serving.hosts[0]
    with serving.gateway.route_log() as log:
        before = time.monotonic()
        host.ip("link set anycast0 down")
        assert log.await_gone(host.name, "2001:db8:53::53", before) < 1
        assert log.nodes("2001:db8:53::53") == {"host2"}


def test_the_protocols_own_time_is_milliseconds(shared_lab):
    assert measure_protocol_time(shared_lab, shared_lab.hosts[0]) < 0.2


def test_routing_daemons_can_be_killed_and_started_again(lab):
    host = lab.hosts[0]
    tap = lab.announce(host, ["192.0.2.53"])
    lab.gateway.await_nodes("192.0.2.53", {host.name})
    host.kill_daemon("ospfd")
    lab.gateway.await_nodes("192.0.2.53", set())
    host.start_daemon("ospfd")
    lab.gateway.await_nodes("192.0.2.53", {host.name}, within=40)
    tap.close()


def test_a_secondary_zone_expires_with_its_primary_gone():
    with Lab([HostOptions(secondary=True)]) as lab:
        host = lab.hosts[0]
        lab.gateway.start_primary(expire=2)
        host.start_named()

        def rcode():
            reply = host.ask("127.0.0.1")
            return reply.rcode if reply else None

        eventually(lambda: rcode() == "NOERROR", awaiting="the transferred zone", seen=rcode)
        lab.gateway.stop_primary()
        eventually(lambda: rcode() == "SERVFAIL", awaiting="the zone to expire", seen=rcode)


def test_classic_host_announces_what_is_on_loopback():
    with Lab([HostOptions(classic=True, rndc=True)]) as lab:
        host = lab.hosts[0]
        host.start_named()
        assert "server is up and running" in host.dns.rndc("status")
        host.add_to_loopback("192.0.2.53", "2001:db8:53::53")
        for address in ("192.0.2.53", "2001:db8:53::53"):
            lab.gateway.await_nodes(address, {host.name})
            reply = lab.client.ask(address)
            assert reply
            assert reply.server == host.name
        host.remove_from_loopback("192.0.2.53", "2001:db8:53::53")
        for address in ("192.0.2.53", "2001:db8:53::53"):
            lab.gateway.await_nodes(address, set())


def test_two_labs_at_once_do_not_collide_and_leave_nothing():
    with Lab(1) as one, Lab(1) as other:
        one.announce(one.hosts[0], ["192.0.2.53"])
        one.gateway.await_nodes("192.0.2.53", {"host1"})
        assert not other.gateway.nodes("192.0.2.53")
        names = [one.directory.name, other.directory.name]
        assert all(len(traces_of(name)) == 5 for name in names)
        child = one.client.popen(["sleep", "60"])
    assert [traces_of(name) for name in names] == [[], []]
    assert child.returncode == -9


def test_a_lab_that_fails_leaves_nothing():
    lab = Lab(1)

    def interrupted():
        with lab:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert traces_of(lab.directory.name) == []


def test_what_a_killed_owner_left_is_removed_by_the_next_lab():
    script = (
        "import signal; from anycast_wrapper.lab.topology import Lab\n"
        "with Lab(1) as lab: print(lab.directory.name, flush=True); signal.pause()"
    )
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    ) as owner:
        name = owner.stdout.readline().strip()
        with Lab(1):
            assert len(traces_of(name)) == 5  # its owner lives
        owner.kill()
    assert len(traces_of(name)) == 5
    with Lab(1):
        assert traces_of(name) == []


def test_eventually_says_what_was_awaited_and_what_was_seen():
    with pytest.raises(NeverHappenedError, match=r"waited 0\.\d s for the sun; last seen: 'rain'"):
        eventually(lambda: False, awaiting="the sun", within=0.05, seen=lambda: "rain")
