"""What an operator does to one node of two, under load: nothing is lost."""

import time

import psutil
import pytest

from anycast_wrapper.lab.wrapper import left_on

from .claims import assert_nothing_lost
from .cluster import figure, pause


@pytest.mark.parametrize("command", ["reload", "drain", "undrain", "stop", "start", "restart"])
def test_no_query_is_lost(cluster, command):
    """In this order, each starts where the one before has left the node."""
    if command not in {"undrain", "start"}:
        cluster.settle()
    fault = cluster.hurt(command, lambda: cluster.one(command), withdraws=False, afterwards=2.0)
    assert fault.results.sent > 2000
    assert_nothing_lost(fault.results)
    # A figure of a load that one host alone has answered would prove little.
    assert set(fault.results.by_server) == {"host1", "host2"} or command in {"start", "undrain"}


def test_a_drain_takes_the_node_out_and_outlives_a_restart(cluster):
    cluster.one("drain", "new", "disk")
    assert "host1" not in cluster.lab.gateway.nodes("192.0.2.53")
    assert cluster.one("status", check=False).returncode == 5
    restarted = cluster.one("restart")
    assert "drained" in restarted.stdout
    document = cluster.one.status()
    assert document["state"] == "drained"
    assert "new disk" in document["drained"]["detail"]
    assert {a["held"] for a in document["services"][0]["addresses"]} == {True}
    assert {a["originated"] for a in document["services"][0]["addresses"]} == {False}
    cluster.one("undrain")
    assert cluster.one("status").returncode == 0
    cluster.settle()


def test_three_addresses_are_announced_within_their_pacing(cluster):
    cluster.one("stop")
    with cluster.lab.gateway.route_log() as log:
        began = time.monotonic()
        cluster.one.start()
        took = {a: log.await_came("host1", a, began) for a in cluster.addresses}
    figure(f"announced at start: {took}")
    assert max(took.values()) < 3.5
    cluster.settle()


def test_stop_leaves_nothing_behind(cluster):
    named = cluster.one.daemon_pid
    cluster.one("stop")
    assert left_on(cluster.one.host) == []
    assert cluster.one("status", check=False).returncode == 3
    assert not psutil.pid_exists(named)
    cluster.one.start()
    cluster.settle()


def test_a_bad_file_changes_nothing(cluster):
    good = cluster.one.config.read_text()
    cluster.one.write(good + "\n[colour]\nred = 1\n")
    reply = cluster.one("reload", check=False)
    cluster.one.write(good)
    assert reply.returncode == 6
    assert "colour" in reply.stderr
    assert "the old configuration stays" in reply.stderr
    assert cluster.one.service()["rank"] == "preferred"
    pause(0.2)
    assert cluster.lab.gateway.nodes("192.0.2.53") == {"host1", "host2"}
