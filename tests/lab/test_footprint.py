"""What the wrapper costs, and how a start goes wrong."""

import statistics
import time
from pathlib import Path

import psutil
import pytest

from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper, left_on

from .cluster import figure, pause

ADDRESSES = ("192.0.2.53",)


@pytest.fixture(scope="module")
def lab():
    with Lab(1) as lab:
        yield lab


def test_it_is_small_when_idle(lab):
    """One service, two probes a second: one question, over UDP and TCP."""
    node = Wrapper(lab.hosts[0], ADDRESSES)
    node.start()
    try:
        process = psutil.Process(node.pid)
        pause(2.0)
        before, began = process.cpu_times(), time.monotonic()
        pause(20.0)
        after, took = process.cpu_times(), time.monotonic() - began
        cpu = (after.user + after.system - before.user - before.system) / took
        resident = process.memory_info().rss / 1e6
        figure(f"idle: {cpu:.2%} of a core, resident {resident:.1f} MB")
        latencies = []
        for _ in range(7):
            began = time.monotonic()
            node("status")
            latencies.append(time.monotonic() - began)
        figure(f"status: median {statistics.median(latencies) * 1e3:.0f} ms, whole process")
        assert cpu < 0.01
        assert resident < 50
        assert statistics.median(latencies) < 0.45  # 150 ms, on a machine that does other things
    finally:
        node("stop", "--force")


def test_a_bad_named_conf_fails_the_start_with_nameds_own_words(lab):
    host = lab.hosts[0]
    node = Wrapper(host, ADDRESSES)
    good = host.dns.config.read_text()
    host.dns.config.write_text(good.replace("recursion no;", "recursion perhaps;"))
    try:
        began = time.monotonic()
        reply = node("start", check=False)
        took = time.monotonic() - began
    finally:
        host.dns.config.write_text(good)
    figure(f"bad named.conf: start fails after {took:.2f} s: {reply.stderr.strip()}")
    assert reply.returncode == 1
    assert took < 2.0
    assert "perhaps" in reply.stderr
    assert "Traceback" not in reply.stderr
    assert left_on(host) == []
    assert node("status", check=False).returncode == 3


def test_a_bad_named_conf_does_not_let_a_restart_begin(lab):
    host = lab.hosts[0]
    node = Wrapper(host, ADDRESSES)
    node.start()
    good = host.dns.config.read_text()
    host.dns.config.write_text(good.replace("recursion no;", "recursion perhaps;"))
    try:
        for command in ("restart", "reload"):
            reply = node(command, check=False)
            assert reply.returncode != 0
            assert "perhaps" in reply.stderr
        assert node.service()["rank"] == "preferred"
    finally:
        host.dns.config.write_text(good)
        node("stop", "--force")


@pytest.mark.parametrize("server", ["nsd", "knotd", "unbound"])
def test_servers_that_do_not_notify_are_announced_when_they_answer(lab, server):
    host = lab.hosts[0]
    command, probe = SERVERS[server](host.directory)
    node = Wrapper(host, ADDRESSES, command=command, probe=probe)
    node.start()
    try:
        lab.gateway.await_nodes("192.0.2.53", {"host1"})
        lab.await_quiet()
        with lab.gateway.route_log() as log:
            began = time.monotonic()
            node.kill_daemon()
            gone = log.await_gone("host1", "192.0.2.53", began)
        figure(f"kill -9 of {server}: gone after {gone * 1e3:.1f} ms")
        assert gone < 0.5
        node.await_rank("preferred")
    finally:
        node("stop", "--force")


def _nsd(directory: Path):
    config = directory / "nsd.conf"
    zone = directory / "nsd.zone"
    zone.write_text(
        "$TTL 60\n$ORIGIN example.test.\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.9\n"
    )
    config.write_text(
        f"""server:
  username: ""
  pidfile: ""
  xfrdfile: ""
  zonelistfile: "{directory}/nsd.list"
  database: ""
  xfrdir: "{directory}"
  zonesdir: "{directory}"
remote-control:
  control-enable: no
zone:
  name: example.test
  zonefile: nsd.zone
""",
    )
    return ["/usr/sbin/nsd", "-d", "-c", str(config)], SOA_PROBE


def _knot(directory: Path):
    config = directory / "knot.conf"
    zone = directory / "example.test.zone"
    zone.write_text(
        "$TTL 60\n$ORIGIN example.test.\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.9\n"
    )
    config.write_text(
        f"""server:
  rundir: "{directory}"
  listen: [ "0.0.0.0@53" ]
database:
  storage: "{directory}"
zone:
  - domain: example.test
    storage: "{directory}"
    file: example.test.zone
    zonefile-sync: -1
    journal-content: none
""",
    )
    return ["/usr/sbin/knotd", "-c", str(config)], SOA_PROBE


def _unbound(directory: Path):
    config = directory / "unbound.conf"
    config.write_text(
        f"""server:
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  interface: 0.0.0.0
  interface-automatic: yes
  access-control: 0.0.0.0/0 allow
  local-zone: "example.test." static
  local-data: "example.test. SOA ns.example.test. h.example.test. 1 1 1 1 1"
remote-control:
  control-enable: no
""",
    )
    return ["/usr/sbin/unbound", "-d", "-c", str(config)], SOA_PROBE


SOA_PROBE = '[[service.probe]]\nqname = "example.test"\nqtype = "SOA"\n'
SERVERS = {"nsd": _nsd, "knotd": _knot, "unbound": _unbound}
