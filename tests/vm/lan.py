"""A director, two name servers and a client on one link, in namespaces, as in seed 002.

The servers answer the client directly: they have the service address on loopback, and say nothing
of it. Both are asked by the director from an address of its own on their subnet.
"""

import asyncio
import contextlib
import secrets
import tempfile
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import dns.message
import dns.query

from anycast_wrapper.gateway.ipvs import IpvsForwarding, Settings
from anycast_wrapper.gateway.model import Member
from anycast_wrapper.lab.bind import ZONE, NameServer
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.namespace import Namespace

VIP, VIP6 = "192.0.2.53", "2001:db8:53::53"
CLIENT = ("10.9.53.9/24", "fd09::9/64")
DEFAULT = Settings()
PATIENCE = 5.0
"""Seconds for an answer: this machine is slow."""


class Real:
    """A name server: its namespace, its address, its named."""

    def __init__(self, lan, number, directory):
        self.name = f"ns{number}"
        self.address = f"10.{number}.53.2"
        self.address6 = f"fd{number:02}::2"
        self.namespace = lan.namespace(self.name, f"{self.address}/24", f"{self.address6}/64")
        self.namespace.sysctl(
            {
                "ipv4/conf/all/arp_ignore": 1,
                "ipv4/conf/all/arp_announce": 2,
            }
        )
        self.namespace.ip(
            f"addr add {VIP}/32 dev lo",
            f"addr add {VIP6}/128 dev lo nodad",
            "route add 10.9.53.0/24 dev lan",
            "route add fd09::/64 dev lan",
        )
        self.named = NameServer(self.namespace, directory / self.name, self.name)

    def member(self, address, weight=1):
        mine = self.address if address.version == 4 else self.address6
        return Member(self.name, ip_address(mine), weight)


class Lan:
    """All of it; ``with Lan() as lan``."""

    def __init__(self):
        self._stack = contextlib.ExitStack()
        self._tag = f"vm-{secrets.token_hex(2)}"

    def __enter__(self):
        try:
            self._set_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _set_up(self):
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix=self._tag)))
        directory.chmod(0o755)
        self.directory = directory
        self._switch = self._made("switch")
        self._switch.ip(
            "link add br0 type bridge forward_delay 0 mcast_snooping 0", "link set br0 up"
        )
        director = ("10.1.53.1/24", "10.3.53.1/24", "fd01::1/64", "fd03::1/64")
        self.director = self.namespace("director", *director, "10.9.53.1/24", "fd09::1/64")
        self.director.sysctl({"ipv4/vs/expire_nodest_conn": 1})
        self.client = self.namespace("client", *CLIENT)
        self.client.ip(f"route add {VIP} via 10.9.53.1", f"route add {VIP6} via fd09::1")
        self.servers = tuple(Real(self, number, directory) for number in (1, 3))
        for server in self.servers:
            self._stack.callback(server.named.stop)
            server.named.start()
        for server in self.servers:
            self.await_named(server)

    def await_named(self, server):
        """Wait until a server that was started answers at its own addresses."""
        for address in (server.address, server.address6):
            eventually(
                lambda address=address: self.director.within(lambda: ask(address, "udp", 1.0)),
                awaiting=f"{server.name} at {address}",
                within=60,
            )

    def _made(self, name):
        namespace = Namespace(f"{self._tag}-{name}")
        namespace.create()
        self._stack.callback(namespace.destroy)
        return namespace

    def namespace(self, name, *addresses):
        """A machine on the link."""
        made = self._made(name)
        self._switch.ip(
            f"link add {name} type veth peer name lan netns {made.name}",
            f"link set {name} master br0 up",
        )
        given = (f"addr add {one} dev lan{' nodad' if ':' in one else ''}" for one in addresses)
        made.ip(*given, "link set lan up")
        return made

    def apply(self, address, *members, settings=DEFAULT):
        """What a tracker would do that has just been started: adopt, apply, end."""

        async def once():
            forwarding = IpvsForwarding(settings)
            try:
                await forwarding.adopt()
                return await forwarding.apply(ip_address(address), members)
            finally:
                await forwarding.close()

        return self.director.within(lambda: asyncio.run(once()))

    def ipvsadm(self, *words):
        return self.director.run(["ipvsadm", *words]).stdout

    def who(self, address, count, transport="udp", wait=PATIENCE):
        """Who answers so many questions, each a flow of its own; "" for nobody."""
        return self.client.within(
            lambda: Counter(ask(address, transport, wait) for _ in range(count))
        )


def question():
    return dns.message.make_query(f"{ZONE}.", "TXT")


def ask(address, transport="udp", wait=PATIENCE):
    """Who answers: what the server's zone says of itself; "" for nobody."""
    exchange = dns.query.udp if transport == "udp" else dns.query.tcp
    try:
        answer = exchange(question(), address, timeout=wait)
        return identity(answer)
    except (OSError, EOFError, dns.exception.DNSException):
        return ""


def identity(answer):
    return answer.answer[0][0].strings[0].decode() if answer.answer else ""
