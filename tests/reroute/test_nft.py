"""The rules in a real kernel: three hosts on a link, of which one has lost its daemon."""

import asyncio
import contextlib
import os
import selectors
import socket
import struct
import threading
from ipaddress import ip_address

import pytest

from anycast_wrapper.lab.namespace import Namespace
from anycast_wrapper.ports import Peer, RerouteError
from anycast_wrapper.reroute.neighbours import Neighbours
from anycast_wrapper.reroute.nft import NftDiversion

ADDRESS, OTHER, SIX = "192.0.2.53", "192.0.2.54", "2001:db8::53"
PEERS = {
    ip_address(ADDRESS): (Peer(ip_address("198.51.100.3"), "lan"),),
    ip_address(SIX): (Peer(ip_address("fd00::3"), "lan"),),
    ip_address(OTHER): (),
}
SERVICES = tuple((ip_address(a), 53) for a in (ADDRESS, OTHER, SIX))
IP_RECVTTL, IP_TTL = 12, 2
IPV6_RECVHOPLIMIT = 51


class World:
    """client (.1), one (.2) and two (.3) on a bridge; the client's route leads to ``one``."""

    def __init__(self):
        self._tag = f"rr{os.getpid()}"
        self.switch, self.client, self.one, self.two = (
            Namespace(f"{self._tag}-{name}") for name in ("switch", "client", "one", "two")
        )
        self.all = (self.switch, self.client, self.one, self.two)
        self.servers = []
        self.diversion = NftDiversion(tuple(self.one.argv(("nft", "-j", "-f", "-"))))

    def make(self):
        for space in self.all:
            space.create()
            space.sysctl({"ipv6/conf/all/accept_dad": 0, "ipv6/conf/default/accept_dad": 0})
        self.switch.ip("link add lan type bridge", "link set lan up")
        for number, space in enumerate(self.all[1:], start=1):
            self.switch.ip(f"link add p{number} type veth peer name lan netns {space.name}")
            self.switch.ip(f"link set p{number} master lan up")
            space.ip(
                f"addr add 198.51.100.{number}/24 dev lan",
                f"addr add fd00::{number}/64 dev lan nodad",
                "link set lan up",
            )
        for space in (self.one, self.two):
            space.ip(*(f"addr add {a} dev lo" for a in (ADDRESS, OTHER, f"{SIX}/128")))
        self.client.ip(
            f"route add {ADDRESS} via 198.51.100.2",
            f"route add {OTHER} via 198.51.100.2",
            f"route add {SIX} via fd00::2",
        )

    def remove(self):
        for server in self.servers:
            server.stop()
        for space in self.all:
            space.destroy()

    def serve(self, space, name, address=ADDRESS, port=53):
        server = Server(space, name, address, port)
        self.servers.append(server)
        return server

    def ask(self, address=ADDRESS, port=53, *, ttl=None, kind=socket.SOCK_DGRAM):
        """What answers; ``refused`` or ``silence`` if nobody does."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.client.within(lambda: socket.socket(family, kind)) as channel:
            channel.settimeout(1.0)
            if ttl is not None:
                channel.setsockopt(socket.IPPROTO_IP, IP_TTL, ttl)
            try:
                channel.connect((address, port))
                channel.send(b"who")
                return channel.recv(100).decode()
            except ConnectionRefusedError:
                return "refused"
            except TimeoutError:
                return "silence"

    def nft(self, *words):
        return self.one.run(["nft", *words]).stdout

    def do(self, coroutine):
        return asyncio.run(coroutine)


class Server:
    """Says its name and the TTL of the question, over UDP and TCP."""

    def __init__(self, space, name, address, port):
        self._name, self._six = name, ":" in address
        family = socket.AF_INET6 if self._six else socket.AF_INET
        self._udp = space.within(lambda: socket.socket(family, socket.SOCK_DGRAM))
        self._tcp = space.within(lambda: socket.socket(family, socket.SOCK_STREAM))
        level, option = (41, IPV6_RECVHOPLIMIT) if self._six else (0, IP_RECVTTL)
        self._udp.setsockopt(level, option, 1)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for one in (self._udp, self._tcp):
            one.bind((address, port))
        self._tcp.listen()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self):
        if self._thread.is_alive():
            self._wake.send(b".")
            self._thread.join()

    def _run(self):
        connections = []
        with selectors.DefaultSelector() as selector:
            for one in (self._udp, self._tcp, self._woken):
                selector.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        for one in (*connections, self._udp, self._tcp, self._woken, self._wake):
                            one.close()
                        return
                    if key.fileobj is self._udp:
                        self._answer()
                    elif key.fileobj is self._tcp:
                        connection, _ = self._tcp.accept()
                        connections.append(connection)
                        selector.register(connection, selectors.EVENT_READ)
                    elif key.fileobj.recv(100):
                        key.fileobj.send(self._name.encode())
                    else:
                        selector.unregister(key.fileobj)

    def _answer(self):
        _, extra, _, sender = self._udp.recvmsg(100, 100)
        (hops,) = struct.unpack("i", extra[0][2])
        with contextlib.suppress(OSError):
            self._udp.sendto(f"{self._name} {hops}".encode(), sender)


@pytest.fixture(scope="module")
def built():
    world = World()
    try:
        world.make()
        yield world
    finally:
        world.remove()


@pytest.fixture
def world(built):
    built.diversion = NftDiversion(tuple(built.one.argv(("nft", "-j", "-f", "-"))))
    yield built
    for server in built.servers:
        server.stop()
    built.servers.clear()
    built.one.run(["nft", "flush", "ruleset"])


def test_a_query_without_a_socket_is_answered_by_the_peer(world):
    world.serve(world.two, "two")
    world.serve(world.two, "two", SIX)
    assert world.ask() == "refused"
    world.do(world.diversion.apply(SERVICES, PEERS))
    assert world.ask() == "two 1"
    assert world.ask(SIX) == "two 1"
    assert world.ask(kind=socket.SOCK_STREAM) == "two"
    assert world.ask(SIX, kind=socket.SOCK_STREAM) == "two"
    counted = world.do(world.diversion.counters())
    assert counted.by_address[ip_address(ADDRESS)] >= 4
    assert counted.by_address[ip_address(OTHER)] == 0
    assert set(counted.by_peer) == {peers[0] for peers in PEERS.values() if peers}
    assert min(counted.by_peer.values()) >= 4


def test_a_query_with_a_socket_is_left_alone(world):
    world.serve(world.two, "two")
    world.serve(world.one, "one")
    world.do(world.diversion.apply(SERVICES, PEERS))
    assert world.ask() == "one 64"
    assert world.ask(kind=socket.SOCK_STREAM) == "one"
    assert sum(world.do(world.diversion.counters()).by_peer.values()) == 0


def test_what_is_diverted_is_so_although_there_is_a_socket_but_no_connection_is_cut(world):
    world.serve(world.two, "two")
    world.serve(world.one, "one")
    world.do(world.diversion.apply(SERVICES, PEERS))
    with world.client.within(socket.socket) as old:
        old.settimeout(1.0)
        old.connect((ADDRESS, 53))
        world.do(world.diversion.divert([ip_address(ADDRESS)]))
        assert world.ask() == "two 1"
        with world.client.within(socket.socket) as new:
            new.settimeout(1.0)
            new.connect((ADDRESS, 53))
            world.do(world.diversion.divert([]))
            assert world.ask() == "one 64"
            # Each connection stays where it was made.
            for channel, name in ((old, b"one"), (new, b"two")):
                channel.send(b"who")
                assert channel.recv(10) == name


def test_what_has_been_diverted_is_not_diverted_again(world):
    world.serve(world.two, "two")
    world.do(world.diversion.apply(SERVICES, PEERS))
    assert world.ask(ttl=2) == "two 1"
    assert world.ask(ttl=1) == "refused"


def test_nothing_else_is_diverted(world):
    world.serve(world.two, "two", OTHER)
    world.serve(world.two, "two", port=54)
    world.do(world.diversion.apply(SERVICES, PEERS))
    assert world.ask(OTHER) == "refused"  # it has no peer
    assert world.ask(port=54) == "refused"


def test_what_the_host_asks_itself_is_not_diverted(world):
    world.serve(world.two, "two")
    world.serve(world.one, "one")
    world.do(world.diversion.apply(SERVICES, PEERS))
    world.do(world.diversion.divert([ip_address(ADDRESS)]))
    with world.one.within(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as channel:
        channel.settimeout(1.0)
        channel.connect((ADDRESS, 53))
        channel.send(b"who")
        assert channel.recv(10) == b"one 64"


def test_without_a_peer_the_network_says_what_it_always_said(world):
    world.do(world.diversion.apply(SERVICES, PEERS))
    world.do(world.diversion.apply(SERVICES, dict.fromkeys(PEERS, ())))
    assert world.ask() == "refused"
    assert "to_" not in "".join(
        line for line in world.nft("list", "chains").splitlines() if "chain" in line
    )


def test_counters_outlive_another_set_of_rules(world):
    world.serve(world.two, "two")
    world.do(world.diversion.apply(SERVICES, PEERS))
    world.ask()
    before = world.do(world.diversion.counters())
    world.do(world.diversion.apply(SERVICES, dict.fromkeys(PEERS, ())))
    world.do(world.diversion.apply(SERVICES, PEERS))
    assert world.do(world.diversion.counters()) == before
    world.one.run(["nft", "flush", "ruleset"])
    with pytest.raises(RerouteError, match="exit 1"):
        world.do(world.diversion.counters())
    world.do(world.diversion.apply(SERVICES, PEERS))
    assert world.do(world.diversion.counters()) == before


def test_a_transaction_that_fails_changes_nothing(world):
    world.serve(world.two, "two")
    world.do(world.diversion.apply(SERVICES, PEERS))
    gone = {ip_address(ADDRESS): (Peer(ip_address("198.51.100.3"), "nowhere"),)}
    with pytest.raises(RerouteError, match="nft -j -f -: exit 1"):
        world.do(world.diversion.apply(SERVICES, gone))
    assert world.ask() == "two 1"


def test_only_our_own_tables_are_taken_out(world):
    world.nft("add", "table", "ip", "theirs")
    assert world.do(world.diversion.remove()) is False
    world.do(world.diversion.apply(SERVICES, PEERS))
    assert world.do(NftDiversion(world.diversion._argv).there()) == [4, 6]
    assert world.do(world.diversion.remove()) is True
    assert world.nft("list", "tables").split("\n") == ["table ip theirs", ""]
    world.do(world.diversion.apply(SERVICES, PEERS))
    assert world.do(world.diversion.there()) == [4, 6]


def test_this_kernel_lacks_nothing_and_a_trial_leaves_nothing(world):
    assert world.do(world.diversion.missing()) == ""
    assert world.nft("list", "tables") == ""


def test_a_peer_is_alive_if_its_link_says_so(world):
    def look():
        here, gone = (Peer(ip_address(f"198.51.100.{n}"), "lan") for n in (3, 99))

        async def ask():
            neighbours = Neighbours()
            await neighbours.alive([here, gone])
            await asyncio.sleep(0.05)
            return await neighbours.alive([here, gone]), await neighbours.link_to(here.address)

        alive, link = asyncio.run(ask())
        return alive == {here}, link

    assert world.one.within(look) == (True, "lan")


@pytest.mark.parametrize(
    ("address", "words"),
    [("198.51.100.2", "this host itself"), ("203.0.113.1", "no route"), ("10.1.1.1", "behind")],
)
def test_a_peer_must_be_a_neighbour(world, address, words):
    world.one.run(["ip", "route", "replace", "10.0.0.0/8", "via", "198.51.100.1"])

    def look():
        return asyncio.run(Neighbours().link_to(ip_address(address)))

    with pytest.raises(RerouteError, match=words):
        world.one.within(look)


def test_without_nft_the_error_names_the_package():
    with pytest.raises(RerouteError, match="no-such-nft: not found; it is in the package nftables"):
        asyncio.run(NftDiversion(("no-such-nft",)).apply(SERVICES, PEERS))
