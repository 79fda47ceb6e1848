"""Not before the way back exists: the routes in require-route."""

import time

import pytest

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.load import Load
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper

from .claims import assert_nothing_lost
from .cluster import figure, pause

ADDRESSES = ("192.0.2.53", "2001:db8:53::53")
REQUIRED = 'require-route = ["0.0.0.0/0", "::/0"]'


def learnt(host, *, believe):
    """Whether a host believes what OSPF tells it: administrative distance 255 means never."""
    distance = "distance 110" if believe else "distance 255"
    host.vtysh("configure terminal", "router ospf", distance)
    host.vtysh("configure terminal", "router ospf6", distance)
    eventually(
        lambda: (host.has_default_route(4), host.has_default_route(6)) == (believe, believe),
        awaiting=f"{'a' if believe else 'no'} default route on {host.name}",
        seen=host.routes,
    )


def asking(lab):
    return Load(lab.client, ADDRESSES, rate=2000, tcp_rate=20)


@pytest.fixture
def pair():
    """Two nodes; the first requires its default routes and has not learnt them yet."""
    with Lab() as lab:
        first = Wrapper(lab.hosts[0], ADDRESSES, interfaces=REQUIRED)
        second = Wrapper(lab.hosts[1], ADDRESSES)
        second.start()
        learnt(lab.hosts[0], believe=False)
        yield lab, first


def test_a_default_route_that_is_late_and_then_vanishes(pair):
    lab, node = pair
    host = lab.hosts[0]
    with (
        Load(lab.client, ADDRESSES, rate=2000, tcp_rate=20) as load,
        lab.gateway.route_log() as log,
    ):
        reply = node("start", "--wait", "3", check=False)
        assert reply.returncode == 1
        assert "route-missing" in reply.stderr
        pause(2.0)
        assert "host1" not in log.nodes("192.0.2.53")
        assert node.service()["reason"] == "route-missing"
        appeared = time.monotonic()
        learnt(host, believe=True)
        came = [log.await_came("host1", address, appeared) for address in ADDRESSES]
        pause(2.0)
        vanished = time.monotonic()
    late = load.results
    figure(f"default route 5 s late: announced {max(came):.2f} s after it; {late.summary()}")
    assert_nothing_lost(late)
    assert late.by_server_between(appeared, vanished)["host1"] > 100

    lab.mend_ipv6()
    with (
        Load(lab.client, ADDRESSES, rate=2000, tcp_rate=20) as load,
        lab.gateway.route_log() as log,
    ):
        pause(1.0)
        began = time.monotonic()
        learnt(host, believe=False)
        gone = [log.await_gone("host1", address, began) for address in ADDRESSES]
        assert node.service()["reason"] == "route-missing"
        pause(3.0)
        learnt(host, believe=True)
        node.await_rank("preferred")
        pause(2.0)
    lost = load.results
    figure(f"its only way back vanished: gone after {max(gone):.2f} s; {lost.summary()}")
    # Whoever asks while the routers converge cannot be answered: there is no way back to them.
    assert len(lost.lost) < 0.3 * 2000


def test_nothing_is_lost_where_the_clients_are_reached_another_way():
    """The usual network: clients are in OSPF, the default route leads to the rest of the world."""
    with Lab(announce_clients=True) as lab:
        node = Wrapper(lab.hosts[0], ADDRESSES, interfaces=REQUIRED)
        other = Wrapper(lab.hosts[1], ADDRESSES)
        node.start()
        other.start()
        lab.mend_ipv6()
        with asking(lab) as load:
            pause(0.5)
            for daemon in ("ospf", "ospf6"):
                originate(lab.gateway, daemon, yes=False)
            assert node.await_rank("withdrawn")["reason"] == "route-missing"
            pause(5.0)
            for daemon in ("ospf", "ospf6"):
                originate(lab.gateway, daemon, yes=True)
            node.await_rank("preferred")
            pause(2.0)
        figure(f"the default route gone for 5 s: {load.results.summary()}")
        assert_nothing_lost(load.results)


def originate(gateway, daemon, *, yes):
    """Have the gateway originate a default route, or not."""
    no = "" if yes else "no "
    always = " always" if yes else ""
    gateway.vtysh(
        "configure terminal", f"router {daemon}", f"{no}default-information originate{always}"
    )
