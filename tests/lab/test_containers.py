"""Beside FRR in one pod, as contrib/containers/pod.yaml has it, without a container runtime."""

import os
import signal

import pytest

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.load import Load
from anycast_wrapper.lab.topology import SERVICES, Lab
from anycast_wrapper.lab.wrapper import Wrapper, left_on

from .claims import assert_nothing_lost
from .cluster import figure, pause
from .container import CAPABILITIES, Contained

ADDRESSES = tuple(one for one in SERVICES if ":" in one or one == SERVICES[0])
"""One of each family: of several, all but the first would be announced 1.1 s apart."""


@pytest.fixture(scope="module")
def pair():
    """Two hosts: the wrapper in a container on the first, as it is used otherwise on the second."""
    with Lab() as lab:
        other = Wrapper(lab.hosts[1], ADDRESSES)
        other.start()
        yield lab


@pytest.fixture
def pod(pair):
    pod = Contained(pair.hosts[0], ADDRESSES)
    pod.output.unlink(missing_ok=True)
    yield pod
    if pod.process is not None and pod.process.poll() is None:
        pod.stop()


def both(pair):
    for address in ADDRESSES:
        pair.gateway.await_nodes(address, {"host1", "host2"}, within=30)


def alone(pair):
    for address in ADDRESSES:
        if ":" not in address:  # see `Lab.mend_ipv6`
            pair.gateway.await_nodes(address, {"host2"})


def test_a_containers_life(pair, pod):
    pod.start()
    both(pair)
    pair.mend_ipv6()
    assert pod.probe() == 0
    assert pod.processes()[1].startswith("python")
    assert {a["truth"] for a in pod.service()["addresses"]} == {"agrees"}
    log = pod.log()
    assert "sysctl-failed" in log  # /proc/sys is read-only, which is no reason not to serve
    assert " error " not in log

    # named dies: withdrawn, started again, announced again, and nobody is left unreaped.
    os.kill(pod.pid_of("named"), signal.SIGKILL)
    eventually(lambda: "killed by signal 9" in pod.log(), awaiting="named's end", seen=pod.log)
    pod.await_rank("preferred")
    both(pair)
    assert not [name for name in pod.processes().values() if name.endswith(" Z")]

    # An orphan comes to the first process, which reaps it.
    pod.inside("sh", "-c", "sh -c 'sleep 0 & sleep 0 &' & wait")
    eventually(
        lambda: not any("sleep" in name for name in pod.processes().values()),
        awaiting="no zombie",
        seen=pod.processes,
    )

    # A drained node is alive: 5, which a liveness probe must not take for dead.
    pod("drain", "for a test")
    assert pod.probe() == 5
    pod("undrain")

    # What a kubelet does.
    both(pair)
    pair.await_quiet()
    with Load(pair.client, ADDRESSES, rate=2000, longest=60) as load:
        pause(0.5)
        code = pod.stop()
    figure(f"SIGTERM to a container: {load.results.summary()}")
    assert code == 0, pod.log()
    assert_nothing_lost(load.results)
    assert left_on(pod.host) == []


def test_a_killed_wrapper_ends_the_container_and_loses_nothing(pair, pod):
    pod.start()
    both(pair)
    pair.mend_ipv6()
    with Load(pair.client, ADDRESSES, rate=2000, longest=60) as load:
        pause(0.5)
        os.kill(pod.outer_pid(pod.pid), signal.SIGKILL)
        alone(pair)
        assert pod.process.wait(timeout=10) == 137
        pause(0.5)
    figure(f"kill -9 of the wrapper in a container: {load.results.summary()}")
    assert_nothing_lost(load.results)
    # The pod's network outlives the container: the next one takes over the hold.
    assert left_on(pod.host) == ["anycast-hold"]
    pod.start()
    both(pair)
    assert pod.stop() == 0
    assert left_on(pod.host) == []


@pytest.mark.slow
def test_without_frrs_sockets(pair):
    pod = Contained(pair.hosts[0], ADDRESSES, daemon="none")
    pod.start()
    both(pair)
    assert pod.probe() == 0
    assert {a["truth"] for a in pod.service()["addresses"]} == {"unknown"}
    assert pod.stop() == 0


@pytest.mark.parametrize("name", [name for name in CAPABILITIES if name != "dac_override"])
def test_a_capability_less_is_said(pair, pod, name):
    process = pod.run_container(without=name)
    assert process.wait(timeout=20) == 4
    assert f"not permitted, for lack of CAP_{name.upper()} (" in pod.log()
    assert "securityContext.capabilities.add" in pod.log()
    assert left_on(pod.host) == []


def test_without_the_device_it_is_said(pair, pod):
    assert pod.run_container(tun=False).wait(timeout=20) == 1
    assert "no /dev/net/tun" in pod.log()
    assert "a container must be given the device" in pod.log()
    assert left_on(pod.host) == []


def test_a_named_of_somebody_else_is_said(pair):
    """On the host itself: what runs in another container has no pid here."""
    host = pair.hosts[0]
    wrapper = Wrapper(host, ADDRESSES)
    process = host.start_named()
    try:
        done = wrapper("start", check=False)
        assert done.returncode == 1
        assert f"named runs already with {host.dns.config}, pid {process.pid}, and" in done.stderr
        assert left_on(host) == []
        assert wrapper("status", check=False).returncode == 3
    finally:
        host.stop_named()
