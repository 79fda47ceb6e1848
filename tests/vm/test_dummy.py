"""``kind = "dummy"``: real FRR, BIND and wrapper, on interfaces that outlive the wrapper."""

import contextlib

import pytest

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper, left_on

ADDRESSES = ("192.0.2.53", "2001:db8:53::53")
PROBE = """
[[service.probe]]
qname = "example.test"
timeout = "3s"
interval = "3s"
"""
WITHIN = 90.0


@pytest.fixture(scope="module")
def world():
    with Lab(1) as lab, contextlib.ExitStack() as stack:
        node = Wrapper(lab.hosts[0], ADDRESSES, interfaces='kind = "dummy"', probe=PROBE)
        stack.callback(lambda: node("stop", "--force", check=False))
        yield lab, node


def led(lab, *, there):
    names = {"host1"} if there else set()
    for address in ADDRESSES:
        lab.gateway.await_nodes(address, names, within=WITHIN)


def test_it_is_announced_by_link_and_held_without_carrier(world):
    lab, node = world
    node("start", timeout=110)
    led(lab, there=True)
    said = node.host.run(["ip", "-d", "link"]).stdout
    kinds = {name: f"{name}:" in said for name in ("anycast0", "anycast1", "anycast-hold")}
    assert all(kinds.values())
    assert said.count("dummy") >= 3
    hold = node.host.run(["ip", "link", "show", "anycast-hold"]).stdout
    assert "NO-CARRIER" in hold


def test_stop_and_start(world):
    lab, node = world
    node("stop", "--force", timeout=110)
    led(lab, there=False)
    assert left_on(node.host) == []
    node("start", timeout=110)
    led(lab, there=True)


def test_a_killed_wrapper_leaves_it_announced_and_withdraw_takes_it_down(world):
    lab, node = world
    node.kill()
    eventually(
        lambda: node("status", check=False).returncode == 1,
        awaiting="status: dead, and something is left behind",
        within=WITHIN,
    )
    led(lab, there=True)
    node("withdraw")
    led(lab, there=False)
    # named still runs, and goes on answering what is under way.
    assert left_on(node.host) == ["anycast-hold"]
    node("start", timeout=110)
    led(lab, there=True)
