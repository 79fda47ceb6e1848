"""What dies on one node of two, under load: medians, where one run of a scenario is noise."""

import signal
import statistics

import pytest

from anycast_wrapper.lab.bind import named_version
from anycast_wrapper.lab.eventually import eventually

from .claims import assert_nothing_lost
from .cluster import figure

ROUNDS = 3


def repeated(cluster, name, fault, *, rounds=ROUNDS):
    """Make a fault several times; the median of the worst address counts: one run is noise."""
    found = []
    for _ in range(rounds):
        cluster.one.start()
        cluster.settle()
        cluster.lab.mend_ipv6()
        found.append(cluster.hurt(name, fault))
    worst = statistics.median(max(fault.gone.values()) for fault in found)
    lost = statistics.median(fault.lost for fault in found)
    ratio = worst / cluster.protocol_time
    figure(f"{name}: median {worst * 1e3:.1f} ms, {ratio:.1f} x the protocol, {lost} lost")
    return found, worst


def test_a_killed_wrapper_loses_nothing(cluster):
    found, worst = repeated(cluster, "kill -9 of the wrapper", cluster.one.kill)
    for fault in found:
        assert_nothing_lost(fault.results)
    assert worst <= cluster.bound


def test_a_killed_wrapper_leaves_named_which_is_adopted(cluster):
    cluster.one.start()
    cluster.settle()
    named = cluster.one.daemon_pid
    cluster.one.kill()
    eventually(lambda: cluster.one("status", check=False).returncode == 1, awaiting="its end")
    assert "held" in cluster.one("status", check=False).stdout
    cluster.one.start()
    assert cluster.one.daemon_pid == named
    assert "daemon-adopted" in cluster.one.log()
    cluster.one.kill_daemon(signal.SIGTERM)
    if named_version() < (9, 20):
        # It says goodbye to us, as it would have to the one that started it.
        eventually(lambda: cluster.one("status", check=False).returncode == 3, awaiting="the end")
    else:
        # It says goodbye to nobody else than the one that started it; so we take it for a crash.
        eventually(lambda: cluster.one.daemon_pid != named, awaiting="another named")
        cluster.settle()


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGABRT, marks=pytest.mark.slow)]
)
def test_a_dead_named_is_out_in_the_protocols_own_time(cluster, number):
    name = f"named dies of {number.name}"
    found, worst = repeated(cluster, name, lambda: cluster.one.kill_daemon(number))
    assert all(set(fault.gone) == set(cluster.addresses) for fault in found)
    assert worst <= cluster.bound
    assert cluster.one.await_rank("preferred")["reason"] == "healthy"
