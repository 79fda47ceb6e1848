"""What an operator does to one node of two, and what is to be seen then.

That nothing is lost meanwhile is shown by the scenarios: see ``test_matrix.py``.
"""

import time

import psutil

from anycast_wrapper.lab.wrapper import left_on

from .cluster import figure, pause


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
