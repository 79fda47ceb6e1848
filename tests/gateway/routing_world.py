"""A gateway's routing table in a namespace of the test's: the adapter's world, seen with ip(8)."""

import contextlib
import json
import os
import subprocess
import time
from ipaddress import ip_address

from pyroute2 import netns

from anycast_wrapper.gateway.model import Member
from anycast_wrapper.gateway.nexthops import NexthopForwarding, Settings

PROTOCOL = 153
METRIC = 50
FOREIGN = 4  # RTPROT_STATIC


def ip(*words, check=True):
    """Run ip(8) in this thread's namespace."""
    done = subprocess.run(["ip", *words], check=check, capture_output=True, text=True, timeout=10)
    return done.stdout


def shown(*words):
    return json.loads(ip("-json", "-details", *words) or "[]")


class Routing:
    """Two links with servers on both, a router on the first, and no default route.

    ``lan``: 10.53.0.1/24, fd53::1/64, with the router 10.53.0.9, fd53::9 to 10.99.0.0/24 and
    fd99::/64; ``far``: 10.54.0.1/24, fd54::1/64. Their other ends are ``lan-peer``, ``far-peer``.
    """

    keeps_weightless = False
    settings = Settings(protocol=PROTOCOL, metric=METRIC)

    def __init__(self):
        self.servers = {
            4: tuple(Member(f"ns{n}", ip_address(f"10.53.0.{10 + n}")) for n in range(1, 5)),
            6: tuple(Member(f"ns{n}", ip_address(f"fd53::{10 + n}")) for n in range(1, 5)),
        }
        self.unreachable = {
            4: Member("lost", ip_address("203.0.113.9")),
            6: Member("lost", ip_address("2001:db8:9::9")),
        }

    def forwarding(self, **options):
        return NexthopForwarding(self.settings, **options)

    def routes(self, address):
        """Every route to the address, in any table."""
        words = (f"-{address.version}", "route", "show", "table", "all", str(address))
        return [one for one in shown(*words) if one["type"] != "local"]

    def ours(self, address):
        wanted = str(PROTOCOL)
        return [one for one in self.routes(address) if one["protocol"] == wanted]

    def leads(self, address):
        (route, *_) = [one for one in self.ours(address) if one["type"] == "unicast"] or [None]
        if route is None:
            return {}
        hops = route.get("nexthops") or [{**route, "weight": 1}]
        # To a next hop of the other family it says "via" instead.
        named = {one.get("gateway") or one["via"]["host"]: one["weight"] for one in hops}
        return {ip_address(gateway): weight for gateway, weight in named.items()}

    def group(self, address):
        """The resilient or plain group that the address is led to."""
        (number,) = [one["nhid"] for one in self.ours(address) if "nhid" in one]
        (group,) = shown("nexthop", "show", "id", str(number))
        return group

    def lose(self, address):
        family = f"-{address.version}"
        ip(family, "route", "del", str(address), "metric", str(METRIC), "proto", str(PROTOCOL))

    def occupy(self, address):
        words = ("route", "add", str(address), "via", "10.53.0.200", "metric", str(METRIC))
        ip(*words, "proto", str(FOREIGN))

    def occupied(self, address):
        routes = self.routes(address)
        return [one["protocol"] for one in routes] == ["static"] and not self.ours(address)

    def objects(self):
        """Every next-hop object and group of ours."""
        return [one for one in shown("nexthop") if one["protocol"] == str(PROTOCOL)]


@contextlib.contextmanager
def routing():
    """Be in a new network namespace with two links, then back and rid of it."""
    name = f"acw-routes-{os.getpid()}"
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    netns.create(name)
    try:
        netns.setns(name)
        ip("link", "set", "lo", "up")
        for link, net in (("lan", 53), ("far", 54)):
            ip("link", "add", link, "type", "veth", "peer", "name", f"{link}-peer")
            for end in (link, f"{link}-peer"):
                # An address that comes by itself, a second later, would be one more thing to hear.
                ip("link", "set", end, "addrgenmode", "none")
            ip("address", "add", f"10.{net}.0.1/24", "dev", link)
            ip("address", "add", f"fd{net}::1/64", "dev", link, "nodad")
            ip("link", "set", link, "up")
            ip("link", "set", f"{link}-peer", "up")
        ip("route", "add", "10.99.0.0/24", "via", "10.53.0.9")
        ip("route", "add", "fd99::/64", "via", "fd53::9")
        _await_carrier("lan", "far")
        yield Routing()
    finally:
        netns.setns(home)
        netns.remove(name)
        os.close(home)


def _await_carrier(*links):
    give_up = time.monotonic() + 10
    while any("NO-CARRIER" in one["flags"] for one in shown("link") if one["ifname"] in links):
        assert time.monotonic() < give_up
