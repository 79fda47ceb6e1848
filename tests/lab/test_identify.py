"""``anycast-wrap identify`` from a client's place, against hosts behind a real router."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.load import PACKAGE_ROOT
from anycast_wrapper.lab.topology import Lab

from .cluster import Cluster, figure

ADDRESSES = ("192.0.2.53", "2001:db8:53::53")
HOSTS = {"host1", "host2", "host3"}


@pytest.fixture(scope="module")
def cluster():
    with Lab([HostOptions(rndc=True)] * 3) as lab:
        cluster = Cluster(lab, ADDRESSES)
        cluster.start()
        yield cluster


def argv(*options):
    program = (sys.executable, "-m", "anycast_wrapper", "-c", "/nonexistent", "identify")
    return ["env", f"PYTHONPATH={PACKAGE_ROOT}", *program, *ADDRESSES, *options]


def identify(cluster, *options):
    """What it says to programs, and its exit status."""
    asked = argv("--zone", "example.test", "--rate", "400", "--json", *options)
    done = cluster.lab.client.run(asked, check=False, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout), done.returncode


def show(cluster, title, *options):
    """Keep what people see, where somebody asks for it: it is in docs/identify.rst."""
    if "IDENTIFY_OUTPUT" in os.environ:
        done = cluster.lab.client.run(argv(*options), check=False, timeout=60)
        keep(f"{title}: exit {done.returncode}", done.stdout + done.stderr)


def keep(title, text):
    if path := os.environ.get("IDENTIFY_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"### {title}\n{text}\n")


def test_all_hosts_are_seen_and_shares_add_up(cluster):
    cluster.settle()
    document, code = identify(cluster)
    assert (code, document["problems"]) == (0, [])
    assert document["questions"] == document["answers"] == 64 * 2 * (1 + 4)
    assert {node["node"] for node in document["nodes"]} == HOSTS
    assert {node["known_by"] for node in document["nodes"]} == {"NSID"}
    assert [node["serials"] for node in document["nodes"]] == [[1]] * 3
    places = [(one["address"], one["transport"]) for one in document["balances"]]
    assert places == [(address, how) for address in ADDRESSES for how in ("udp", "tcp")]
    for balance in document["balances"]:
        assert {node["node"] for node in balance["nodes"]} == HOSTS
        assert sum(node["visits"] for node in balance["nodes"]) == balance["asked"] == 64
        assert sum(node["share"] for node in balance["nodes"]) == pytest.approx(1, abs=0.001)
        shares = "/".join(str(node["visits"]) for node in balance["nodes"])
        verdict = balance["evenness"]["sentence"]
        figure(f"{balance['address']} {balance['transport']}: {shares} {verdict}")
    show(cluster, "all fine", "--zone", "example.test")


def test_a_stale_secondary_is_found(cluster):
    cluster.settle()
    for host in cluster.lab.hosts[:2]:
        reload_with(host, 2)
    document, code = identify(cluster)
    assert code == 1
    serials = {node["node"]: (node["serials"], node["stale"]) for node in document["nodes"]}
    assert serials == {"host1": ([2], False), "host2": ([2], False), "host3": ([1], True)}
    (problem,) = document["problems"]
    assert problem["slug"] == "serials-differ"
    assert "host1, host2 have 2 (the newest); host3 has 1 (stale)" in problem["sentence"]
    show(cluster, "a stale secondary", "--zone", "example.test", "--udp")
    reload_with(cluster.lab.hosts[2], 2)
    assert identify(cluster, "--count", "16")[0]["problems"] == []


def reload_with(host, serial):
    host.dns.write_zone(serial=serial)
    host.dns.rndc("reload")
    eventually(lambda: serial_of(host) == serial, awaiting=f"serial {serial} on {host.name}")


def serial_of(host):
    said = host.dns.rndc("zonestatus", "example.test")
    return int(next(line for line in said.splitlines() if line.startswith("serial")).split()[1])


def test_a_failover_is_followed(cluster):
    cluster.settle()
    asked = argv("--watch", "--rate", "200", "--timeout", "0.5")
    client = cluster.lab.client
    with client.popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watched:
        try:
            lines = [watched.stdout.readline() for _ in range(6)]
            cluster.one.kill_daemon()
            cluster.one.await_rank("withdrawn")
            cluster.one.await_rank("preferred")
            for address in ADDRESSES:
                cluster.lab.gateway.await_nodes(address, HOSTS)
            lines += [watched.stdout.readline() for _ in range(6)]
            while not all("host1" in line for line in lines[-2:]):
                lines.append(watched.stdout.readline())
        finally:
            watched.send_signal(signal.SIGINT)
        output, errors = watched.communicate(timeout=20)
    text = "".join(lines) + output
    assert errors == ""
    assert watched.returncode in {0, 1}, text  # at this rate, hardly any are lost
    assert text.count("cannot be told: nodes came or went meanwhile") == 4
    keep(f"watch: exit {watched.returncode}", text)
    for address in ADDRESSES:
        of_one = [one for one in output.splitlines() if f"  {address}" in one and " host1 " in one]
        said = [one.split(" host1 ")[1] for one in of_one if " answers" in one]
        left = "answers no longer; this was its last answer"
        assert said == ["answers", left, "answers again"], text
    figure(f"followed: {output.splitlines()[-1]}")
