"""IPVS in a namespace of the test's: the adapter's world, seen with ipvsadm(8) and ip(8).

Few kernels have IPVS built in: ``./run vm`` runs these tests on one that has it as a module.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
from ipaddress import ip_address

import pytest
from pyroute2 import netns

from anycast_wrapper.gateway.ipvs import IpvsForwarding, Settings
from anycast_wrapper.gateway.model import Member
from anycast_wrapper.gateway.ports import ForwardingError
from tests.gateway.routing_world import ip, shown

POLL = 0.1


def ipvsadm(*words):
    """Run ipvsadm(8) in this thread's namespace."""
    argv = ["ipvsadm", *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=20).stdout


def placed(address, port=53):
    """As ipvsadm writes it."""
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"


class Ipvs:
    """A director on one link with its servers, and a router there that leads to another."""

    keeps_weightless = True
    settings = Settings()

    def __init__(self):
        self.servers = {
            4: tuple(Member(f"ns{n}", ip_address(f"10.53.0.{10 + n}")) for n in range(1, 5)),
            6: tuple(Member(f"ns{n}", ip_address(f"fd53::{10 + n}")) for n in range(1, 5)),
        }
        self.unreachable = {
            4: Member("behind", ip_address("10.99.0.9")),
            6: Member("lost", ip_address("2001:db8:9::9")),
        }

    def forwarding(self, settings=None):
        return IpvsForwarding(settings or self.settings, poll=POLL)

    def lines(self, address):
        """What ipvsadm would restore of an address: services, then real servers, sorted."""
        wanted = placed(address, "").removesuffix(":")
        return sorted(line for line in ipvsadm("-S", "-n").splitlines() if f" {wanted}:" in line)

    def leads(self, address):
        by_transport = {"-u": {}, "-t": {}}
        for line in self.lines(address):
            words = line.split()
            if words[0] == "-a":
                real = words[words.index("-r") + 1].rpartition(":")[0].strip("[]")
                weight = int(words[words.index("-w") + 1])
                by_transport[words[1]][ip_address(real)] = weight
        assert by_transport["-u"] == by_transport["-t"]
        there = bool(self.lines(address))
        assert (address in self.marked()) == there
        assert (address in self.announced()) == any(by_transport["-u"].values())
        return by_transport["-u"]

    def marked(self):
        """The addresses that have our mark."""
        words = ("route", "show", "table", "local", "proto", str(self.settings.protocol))
        return {ip_address(one["dst"]) for f in ("-4", "-6") for one in shown(f, *words)}

    def announced(self):
        """The addresses on our dummy."""
        for link in shown("address"):
            if link["ifname"] == self.settings.interface and "UP" in link["flags"]:
                return {ip_address(one["local"]) for one in link["addr_info"]}
        return set()

    def lose(self, address):
        ipvsadm("-D", "-u", placed(address))

    def occupy(self, address):
        ipvsadm("-A", "-u", placed(address), "-s", "rr")
        ipvsadm("-a", "-u", placed(address), "-r", "10.53.0.200:53", "-g")
        self._foreign = self.lines(address)

    def occupied(self, address):
        return self.lines(address) == self._foreign and address not in self.marked()


@contextlib.contextmanager
def ipvs():
    """Be in a new network namespace with one link, then back and rid of it."""
    name = f"acw-ipvs-{os.getpid()}"
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    netns.create(name)
    try:
        netns.setns(name)
        need_ipvs()
        ip("link", "set", "lo", "up")
        ip("link", "add", "lan", "type", "veth", "peer", "name", "lan-peer")
        ip("address", "add", "10.53.0.1/24", "dev", "lan")
        ip("address", "add", "fd53::1/64", "dev", "lan", "nodad")
        ip("link", "set", "lan", "up")
        ip("link", "set", "lan-peer", "up")
        ip("route", "add", "10.99.0.0/24", "via", "10.53.0.9")
        yield Ipvs()
    finally:
        netns.setns(home)
        netns.remove(name)
        os.close(home)


def need_ipvs():
    """Skip where there is none; fail in the machine that was made to have it."""

    async def there():
        forwarding = IpvsForwarding()
        try:
            await forwarding.adopt()
        finally:
            await forwarding.close()

    lacks = "" if shutil.which("ipvsadm") else "no ipvsadm here"
    try:
        asyncio.run(there())
    except ForwardingError as error:
        lacks = str(error)
    if lacks and os.environ.get("ANYCAST_VM") == "1":
        pytest.fail(lacks)
    if lacks:
        pytest.skip(f"{lacks}; ./run vm has it")
