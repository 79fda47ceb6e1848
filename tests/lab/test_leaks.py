"""What is held must never be announced, whatever the routing daemon's configuration covers."""

import pytest

from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper

from .cluster import figure, pause

ADDRESSES = ("192.0.2.53", "2001:db8:53::53")

LEAKS = {
    "redistribute connected": HostOptions(
        raw={
            "ospfd": ["router ospf", " redistribute connected"],
            "ospf6d": ["router ospf6", " redistribute connected"],
        },
    ),
    "a network that covers it": HostOptions(networks=("192.0.2.0/24",)),
    "an area on the hold": HostOptions(
        raw={
            "ospfd": ["interface anycast-hold", " ip ospf area 0"],
            "ospf6d": ["interface anycast-hold", " ipv6 ospf6 area 0"],
        },
    ),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_held_address_is_never_announced(leak):
    with Lab([LEAKS[leak]]) as lab:
        node = Wrapper(lab.hosts[0], ADDRESSES)
        (node.directory / "drained").write_text("{}")
        with lab.gateway.route_log() as log:
            node("start")
            pause(5.0)
            assert {a["held"] for a in node.service()["addresses"]} == {True}
            assert {a["originated"] for a in node.service()["addresses"]} == {False}
            assert [event for event in log.events if event.address in ADDRESSES] == []
            figure(f"{leak}: held for 5 s, in the gateway's table never")
            # The same configuration does announce what is meant to be announced.
            node("undrain")
            lab.gateway.await_nodes("192.0.2.53", {"host1"})
