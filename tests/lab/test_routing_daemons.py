"""The routing daemon has faults of its own: what we say of them is true, and routes come back."""

import time

import pytest

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper

from .cluster import figure, pause

ADDRESSES = ("192.0.2.53", "2001:db8:53::53")

STEADY = 8.0
"""Seconds without a change: the retransmission, and some more."""


@pytest.fixture(scope="module")
def node():
    with Lab(1) as lab:
        wrapper = Wrapper(lab.hosts[0], ADDRESSES)
        wrapper.lab = lab
        wrapper.start()
        yield wrapper


def origination(node):
    """What `status` says of each address."""
    return {a["address"]: a["originated"] for a in node.service()["addresses"]}


def await_announced(node, within):
    for address in ADDRESSES:
        node.lab.gateway.await_nodes(address, {"host1"}, within=within)
    eventually(
        lambda: set(origination(node).values()) == {True},
        awaiting="origination",
        within=within,
        seen=lambda: origination(node),
    )


@pytest.mark.parametrize(
    ("daemon", "address"),
    [
        ("ospfd", "192.0.2.53"),
        pytest.param("ospf6d", "2001:db8:53::53", marks=pytest.mark.slow),
    ],
)
def test_a_killed_ospf_daemon_is_told_and_comes_back(node, daemon, address):
    await_announced(node, 30)
    node.host.kill_daemon(daemon)
    eventually(lambda: origination(node)[address] is None, awaiting="the truth")
    text = node("status", check=False).stdout
    assert f"origination unknown ({daemon}" in text
    with node.lab.gateway.route_log() as log:
        began = time.monotonic()
        node.host.start_daemon(daemon)
        back = await_steady(node, log, address, began)
    await_announced(node, 30)
    figure(f"{daemon} killed and restarted: back for good after {back:.1f} s")


def await_steady(node, log, address, began):
    """Wait until the route is there and has not changed for a while; when it last came back.

    A restarted daemon finds its old LSAs at the neighbour, flushes them and begins anew: the route
    comes and goes before it stays, whatever we do.
    """
    node.lab.gateway.await_nodes(address, {"host1"}, within=60)
    pause(1.0)

    def steady():
        last = log.history(address)[-1].time if log.history(address) else began
        there = log.nodes(address) == {"host1"}
        return there and time.monotonic() - max(last, began) > STEADY and last

    return eventually(steady, awaiting="a steady route", within=90) - began


def test_a_restarted_zebra_still_lets_us_withdraw(node):
    await_announced(node, 30)
    node.host.kill_daemon("zebra")
    began = time.monotonic()
    node.host.start_daemon("zebra")
    await_announced(node, 60)
    figure(f"zebra killed and restarted: announced after {time.monotonic() - began:.1f} s")
    # ospfd and ospf6d see links through zebra only: they have to have found the new one.
    eventually(lambda: sees_interface(node), awaiting="zebra's clients", within=60)
    node.lab.await_quiet()
    with node.lab.gateway.route_log() as log:
        began = time.monotonic()
        node("drain", "--force")
        gone = [log.await_gone("host1", address, began, within=30) for address in ADDRESSES]
    figure(f"drained after zebra's restart: gone after {max(gone):.2f} s")
    pause(1.0)
    node("undrain")
    await_announced(node, 30)


def sees_interface(node):
    said = node.host.vtysh("show zebra client summary")
    return "ospf" in said and "ospf6" in said
