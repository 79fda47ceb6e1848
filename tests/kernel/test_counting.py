"""Counting queries: what nft answers, and real rules in namespaces of our own."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import statistics
import sys
import time
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.kernel.counting import (
    LONG,
    QueryCounter,
    counting_left_behind,
    remove_counting,
)
from anycast_wrapper.kernel.countrules import counts, no_table, table
from anycast_wrapper.lab.namespace import Namespace
from anycast_wrapper.nft import transact
from anycast_wrapper.ports import KernelError

V4, V6, OTHER = "192.0.2.53", "2001:db8:53::53", "192.0.2.54"
SERVICES = tuple((ip_address(one), 53) for one in (V4, V6))
LOG = logging.getLogger("figures")


def said(**elements):
    """What nft says of sets by name, each a list of (address, packets)."""
    sets = [
        {
            "set": {
                "name": name,
                "elem": [
                    {"elem": {"val": {"concat": [host, 53]}, "counter": {"packets": number}}}
                    for host, number in found
                ],
            }
        }
        for name, found in elements.items()
    ]
    return json.dumps({"nftables": [{"metainfo": {}}, {"table": {"name": "x"}}, *sets]})


def nft(tmp_path, *answers):
    """A program that answers as nft would: one line of a file at each call, then the last again."""
    (tmp_path / "answers").write_text("".join(f"{one}\n" for one in answers))
    program = tmp_path / "nft"
    program.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys\n"
        f"file = pathlib.Path({str(tmp_path)!r}, 'answers')\n"
        "first, *rest = file.read_text().splitlines()\n"
        "asks = '\"list\"' in sys.stdin.read()\n"
        "if asks and rest: file.write_text('\\n'.join(rest))\n"
        "if asks and first == 'refused': sys.exit('No such file or directory')\n"
        "print(first if asks else '')\n"
    )
    program.chmod(0o755)
    return (str(program),)


# --- without a kernel ---


def test_what_nft_says_is_read():
    answer = said(udp4=[(V4, 7), (OTHER, 1)], tcp4=[(V4, 2)], udp6=[(V6, 3)])
    v4, v6, other = map(ip_address, (V4, V6, OTHER))
    expected = {(v4, "udp"): 7, (other, "udp"): 1, (v4, "tcp"): 2, (v6, "udp"): 3}
    assert counts(answer) == expected


@given(
    st.one_of(
        st.text(max_size=50),
        st.recursive(
            st.one_of(st.none(), st.integers(), st.text(max_size=5)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(["nftables", "set", "name", "elem", "val", "concat"]), inner
                ),
            ),
            max_leaves=12,
        ).map(json.dumps),
    )
)
def test_any_other_answer_is_an_error_in_words(answer):
    with contextlib.suppress(KernelError):
        counts(answer)


def test_the_rate_is_of_the_time_between_two_looks(tmp_path):
    async def story():
        now = [100.0]
        answers = [said(udp4=[(V4, n)], tcp4=[(V4, n // 10)]) for n in (1000, 1500, 1500)]
        counter = QueryCounter(SERVICES, nft(tmp_path, *answers), clock=lambda: now[0])
        await counter.open()
        first = await counter.read()
        assert first["addresses"][0]["udp_per_second"] is None
        now[0] += 0.1
        assert await counter.read() == first  # too soon to ask again
        now[0] += 1.9
        v4, v6 = (await counter.read())["addresses"]
        assert (v4["udp"], v4["udp_per_second"], v4["tcp_per_second"]) == (1500, 250.0, 25.0)
        assert (v6["udp"], v6["udp_per_second"]) == (0, 0.0)
        now[0] += LONG + 1
        v4, _ = (await counter.read())["addresses"]
        assert v4["udp_per_second"] is None  # an average of an hour says nothing of now

    asyncio.run(story())


def test_a_table_that_somebody_flushed_is_made_anew_and_nothing_counts_backwards(tmp_path):
    async def story():
        now = [0.0]
        answers = [said(udp4=[(V4, 1000)]), "refused", said(udp4=[(V4, 5)])]
        counter = QueryCounter(SERVICES, nft(tmp_path, *answers), clock=lambda: now[0])
        found = []
        for _ in range(3):
            found.append((await counter.read())["addresses"][0]["udp"])
            now[0] += 1
        assert found == [1000, 1000, 1005]

    asyncio.run(story())


def test_without_nft_it_is_said_and_nothing_fails():
    async def story():
        counter = QueryCounter(SERVICES, ("/nonexistent/nft",))
        with pytest.raises(KernelError, match="in the package nftables"):
            await counter.open()
        report = await counter.read()
        assert not report["working"]
        assert "package nftables" in report["detail"]
        assert [one["udp_per_second"] for one in report["addresses"]] == [None, None]
        assert not await counting_left_behind(("/nonexistent/nft",))
        assert not await remove_counting(("/nonexistent/nft",))

    asyncio.run(story())


def test_an_answer_in_another_form_is_said_and_nothing_fails(tmp_path):
    async def story():
        counter = QueryCounter(SERVICES, nft(tmp_path, '{"nftables": [{"set": {"elem": 7}}]}'))
        report = await counter.read()
        assert (report["working"], "unknown form" in report["detail"]) == (False, True)

    asyncio.run(story())


# --- in a kernel ---


class World:
    """A client and a server that has the service addresses, on one cable."""

    def __init__(self):
        tag = f"cn{os.getpid()}"
        self.client, self.server = Namespace(f"{tag}-client"), Namespace(f"{tag}-server")
        self.argv = tuple(self.server.argv(("nft", "-j", "-f", "-")))

    def make(self):
        for space in (self.client, self.server):
            space.create()
            space.sysctl({"ipv6/conf/all/accept_dad": 0, "ipv6/conf/default/accept_dad": 0})
        self.client.ip(f"link add lan type veth peer name lan netns {self.server.name}")
        for number, space in enumerate((self.client, self.server), start=1):
            space.ip(
                f"addr add 198.51.100.{number}/24 dev lan",
                f"addr add fd00::{number}/64 dev lan nodad",
                "link set lan up",
            )
        self.server.ip(*(f"addr add {one} dev lo" for one in (V4, OTHER, f"{V6}/128")))
        routes = (f"route add {one} via 198.51.100.2" for one in (V4, OTHER))
        self.client.ip(*routes, f"route add {V6} via fd00::2")

    def remove(self):
        for space in (self.client, self.server):
            space.destroy()

    def send(self, address, count, *, space=None, port=53):
        """That many questions over UDP; whoever is there may answer or not."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        inside = space or self.client
        with inside.within(lambda: socket.socket(family, socket.SOCK_DGRAM)) as channel:
            for _ in range(count):
                channel.sendto(b"a question", (address, port))

    def connect(self, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.client.within(lambda: socket.socket(family)) as channel:
            channel.settimeout(5)
            channel.connect((address, 53))
            channel.sendall(b"one question after another" * 10)

    def listen(self, family, kind):
        made = self.server.within(lambda: socket.socket(family, kind))
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 53))
        if kind == socket.SOCK_STREAM:
            made.listen(16)
        return made


@pytest.fixture
def world():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    made = World()
    try:
        made.make()
        yield made
    finally:
        made.remove()


@pytest.fixture
def listening(world):
    sockets = [
        world.listen(family, kind)
        for family in (socket.AF_INET, socket.AF_INET6)
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    ]
    yield
    for one in sockets:
        one.close()


@pytest.mark.root
@pytest.mark.usefixtures("listening")
def test_queries_are_counted_by_address_and_transport_and_nothing_else_is(world):
    async def story():
        counter = QueryCounter(SERVICES, world.argv)
        await counter.open()
        world.send(V4, 5)
        world.send(V6, 3)
        world.send(OTHER, 100)
        world.send(V4, 100, port=54)
        world.send(V4, 100, space=world.server)  # such as our own probes
        for _ in range(2):
            world.connect(V4)
        world.connect(V6)
        report = await counter.read()
        assert report["working"], report
        found = [(one["address"], one["udp"], one["tcp"]) for one in report["addresses"]]
        assert found == [(V4, 5, 2), (V6, 3, 1)]
        await counter.close()
        assert (await counter.read())["addresses"] == report["addresses"]
        assert not await counting_left_behind(world.argv)

    asyncio.run(story())


@pytest.mark.root
@pytest.mark.usefixtures("listening")
def test_a_host_whose_firewall_is_started_anew_goes_on_counting(world):
    async def story():
        counter = QueryCounter(SERVICES, world.argv, clock=iter(range(100, 1000)).__next__)
        await counter.open()
        world.send(V4, 5)
        await counter.read()
        await transact([{"flush": {"ruleset": None}}], world.argv)
        await counter.read()
        world.send(V4, 2)
        assert (await counter.read())["addresses"][0]["udp"] == 7

    asyncio.run(story())


@pytest.mark.root
def test_what_is_left_behind_is_found_and_taken_out_and_nothing_of_others(world):
    async def story():
        other = [{"add": {"table": {"family": "inet", "name": "firewall"}}}]
        await transact(other, world.argv)
        counter = QueryCounter(SERVICES, world.argv)
        await counter.open()
        assert await counting_left_behind(world.argv)
        await QueryCounter(SERVICES, world.argv).open()  # the next start
        assert await remove_counting(world.argv)
        assert not await remove_counting(world.argv)
        there = await transact([{"list": {"tables": None}}], world.argv)
        assert '"firewall"' in there
        assert "anycast" not in there

    asyncio.run(story())


@pytest.mark.root
@pytest.mark.usefixtures("listening")
def test_another_configuration_is_counted_without_losing_a_query(world):
    async def story():
        counter = QueryCounter(SERVICES[:1], world.argv, clock=iter(range(100, 1000)).__next__)
        await counter.open()
        world.send(V4, 4)
        await counter.serve((*SERVICES, (ip_address(OTHER), 53)))
        world.send(V4, 1)
        world.send(OTHER, 2)
        report = await counter.read()
        assert [one["udp"] for one in report["addresses"]] == [5, 0, 2]

    asyncio.run(story())


PACKETS = 40_000
ROUNDS = 9


@pytest.mark.root
@pytest.mark.usefixtures("listening")
def test_what_it_costs_per_packet(world, record_property):
    """Measured where it is paid: on this processor, a packet sent is received in the same call."""

    def seconds_each():
        began = time.process_time()
        world.send(V4, PACKETS)
        return (time.process_time() - began) / PACKETS

    async def story():
        world.send(V4, PACKETS)  # warm
        pairs = []
        for _ in range(ROUNDS):
            await transact(table(SERVICES), world.argv)
            with_rules = seconds_each()
            await transact(no_table(), world.argv)
            pairs.append((with_rules, seconds_each()))
        return pairs

    pairs = asyncio.run(story())
    counting, plain = (statistics.median(side) for side in zip(*pairs, strict=True))
    extra = statistics.median(one - other for one, other in pairs)
    words = (
        f"counting queries: {extra * 1e9:.0f} ns a packet ({plain * 1e6:.2f} us without, "
        f"{counting * 1e6:.2f} us with: {1 / plain:,.0f} and {1 / counting:,.0f} packets/s)"
    )
    LOG.info(words)
    record_property("cost", words)
    assert extra < 5e-6
