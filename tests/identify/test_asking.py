"""Asking a real server on a loopback port, and servers that do everything wrong."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from anycast_wrapper.identify.answers import KnownBy, Transport, Trouble
from anycast_wrapper.identify.asking import Order, Pace, ask_all
from anycast_wrapper.identify.channel import PORTS, NotAnAddressError, place, source_ports
from anycast_wrapper.identify.counting import Count
from tests.fakes.nameserver import Lie, LyingNameserver

from .anycast import Anycast, Node

UDP, TCP = Transport
NAMED = {"id.server": "host1", "hostname.bind": "host1.example", "version.bind": "9.18"}
QUICK = 0.6


def ask(server, *transports, host="127.0.0.1", **options):
    """The visits to a server."""

    async def scenario():
        async with server:
            return await visits_to(server.port, *transports, host=host, **options)

    return asyncio.run(scenario())


async def visits_to(port, *transports, host="127.0.0.1", **options):
    settings = {"zone": "example.com", "count": 3, "rate": 1000, "timeout": QUICK, **options}
    visits = []
    order = Order((place(host, port),), transports=transports or tuple(Transport), **settings)
    await ask_all(order, visits.append)
    return visits


def findings(visits, zone="example.com"):
    count = Count(zone)
    for visit in visits:
        count.add(visit)
    return count.findings()


def troubles(visits):
    return {answer.trouble for visit in visits for answer in visit.answers}


# --- what is asked ---


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_nodes_behind_an_address_are_found(host):
    nodes = (Node(nsid=b"host1", names=NAMED), Node(nsid=b"host2", names=NAMED))
    visits = ask(Anycast(*nodes, host=host), host=host, count=32, timeout=2.0)
    found = findings(visits)
    assert [node.identity.name for node in found.nodes] == ["host1", "host2"]
    assert all(node.identity.by is KnownBy.NSID for node in found.nodes)
    assert [balance.asked for balance in found.balances] == [32, 32]
    assert not found.problems
    assert found.nodes[0].versions == ("9.18",)
    assert all(0 < node.median <= node.p95 < 2 for node in found.nodes)


def test_every_visit_has_its_own_source_port_and_each_asks_from_one():
    server = Anycast(Node(nsid=b"host1", names=NAMED))
    ask(server, count=20, timeout=2.0)
    by_port = {}
    for transport, port, name in server.asked:
        by_port.setdefault((transport, port), []).append(name)
    assert len(by_port) == 40
    for (transport, port), names in by_port.items():
        assert port in PORTS
        chaos = ["id.server", "hostname.bind", "version.bind"]
        assert names == ["example.com", *(chaos if transport == "TCP" else [])]


def test_without_a_zone_the_root_is_asked_for():
    server = Anycast(Node(nsid=b"host1", rcode="REFUSED"))
    found = findings(ask(server, zone="", timeout=2.0), zone="")
    assert not found.problems
    assert found.nodes[0].identity.name == "host1"
    assert found.nodes[0].serials == ()


def test_without_nsid_the_name_comes_from_the_same_port():
    nodes = (
        Node(names={"id.server": "host1"}, serial=7),
        Node(names={"hostname.bind": "host2"}, refuses_names=True, serial=6),
    )
    server = Anycast(*nodes)
    found = findings(ask(server, UDP, count=4, timeout=2.0))
    by_name = {node.identity.name: node for node in found.nodes}
    assert set(by_name) <= {"host1", "host2"}
    for name, by, serial in (("host1", KnownBy.ID, 7), ("host2", KnownBy.HOSTNAME, 6)):
        if name in by_name:
            assert by_name[name].identity.by is by
            assert by_name[name].serials == (serial,)


def test_names_over_udp_are_asked_for_as_slowly_as_named_answers():
    began = time.monotonic()
    ask(Anycast(Node(names=NAMED)), UDP, count=4, timeout=2.0)
    assert 1.4 < time.monotonic() - began < 6


def test_lean_asks_no_more_than_it_takes():
    server = Anycast(Node(nsid=b"host1", names=NAMED))
    ask(server, count=5, lean=True, timeout=2.0)
    assert {name for _, _, name in server.asked} == {"example.com"}
    server = Anycast(Node(names=NAMED))
    ask(server, TCP, count=5, lean=True, timeout=2.0)
    assert [name for _, _, name in server.asked].count("id.server") == 5
    assert "hostname.bind" not in {name for _, _, name in server.asked}


def test_a_truncated_answer_is_asked_for_over_tcp():
    server = Anycast(Node(nsid=b"host1", names=NAMED, truncates=True))
    found = findings(ask(server, UDP, timeout=2.0))
    assert not found.problems
    assert [(balance.transport, balance.asked) for balance in found.balances] == [
        (UDP, 3),
        (TCP, 3),
    ]
    assert found.nodes[0].serials == (7,)


# --- what comes back ---


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize(
    ("lie", "trouble"),
    [
        (Lie.STALL, Trouble.TIMEOUT),
        (Lie.SLOW, Trouble.TIMEOUT),
        (Lie.WRONG_ID, Trouble.MISMATCHED),
        (Lie.WRONG_QUESTION, Trouble.MISMATCHED),
        (Lie.QUERY, Trouble.MISMATCHED),
        (Lie.GARBAGE, Trouble.MISMATCHED),
        (Lie.SHORT, Trouble.MALFORMED),
    ],
)
def test_each_lie_has_its_trouble(lie, trouble, transport):
    server = LyingNameserver(udp=lie, tcp=lie)
    server.delay = 5.0
    visits = ask(server, transport)
    assert len(visits) == 3
    assert troubles(visits) == {trouble}
    assert [problem.slug for problem in findings(visits).problems] == [trouble.value]


@pytest.mark.parametrize(
    ("lie", "slug"),
    [
        (Lie.SERVFAIL, "rcode"),
        (Lie.REFUSED, "rcode"),
        (Lie.NXDOMAIN, "rcode"),
        (Lie.NO_QUESTION, "rcode"),
        (Lie.EMPTY, "no-soa"),
    ],
)
def test_wrong_answers_are_answers_and_wrong(lie, slug):
    found = findings(ask(LyingNameserver(udp=lie, tcp=lie), timeout=2.0, lean=True))
    assert slug in {problem.slug for problem in found.problems}
    assert found.lost == 0


@pytest.mark.parametrize(
    ("lie", "trouble"),
    [
        (Lie.CLOSE, Trouble.CLOSED),
        (Lie.RESET, Trouble.RESET),
        (Lie.HALF, Trouble.MALFORMED),
        (Lie.HALF_STALL, Trouble.TIMEOUT),
    ],
)
def test_tcp_that_breaks_off(lie, trouble):
    assert troubles(ask(LyingNameserver(tcp=lie), TCP)) == {trouble}


def test_a_server_that_closes_after_an_answer_has_done_nothing_wrong():
    visits = ask(Anycast(Node(nsid=b"host1", closes_after=1)), TCP, timeout=2.0)
    assert troubles(visits) == {None}
    assert [len(visit.answers) for visit in visits] == [1, 1, 1]


def test_replies_from_elsewhere_are_none():
    server = Anycast(Node(nsid=b"host1"))
    server.elsewhere = True
    assert troubles(ask(server, UDP)) == {Trouble.TIMEOUT}


def test_what_anybody_may_have_sent_does_not_hide_the_answer():
    server = Anycast(Node(nsid=b"host1"))
    server.damage = lambda wire: [b"", b"\xff" * 40, b"abc", wire[::-1], wire]
    found = findings(ask(server, UDP, timeout=2.0))
    assert not found.problems
    assert found.answered == 3


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_nobody_listens_is_seen_at_once(transport, host):
    began = time.monotonic()
    server = LyingNameserver(host=host, listen=())
    visits = ask(server, transport, host=host, timeout=30)
    assert troubles(visits) == {Trouble.REFUSED}
    assert time.monotonic() - began < 5
    assert findings(visits).verdict == "nothing answers at all: 3 questions, no answer"


def test_no_way_there_is_unreachable():
    # Broadcast: the kernel refuses it to a socket that did not ask for it.
    visits = asyncio.run(visits_to(53, host="255.255.255.255"))
    assert troubles(visits) == {Trouble.UNREACHABLE}


def test_a_deaf_server_is_waited_for_as_long_as_stated_and_all_at_once():
    server = Anycast(Node(nsid=b"host1"))
    server.deaf = frozenset({"example.com"})
    began = time.monotonic()
    assert len(ask(server, UDP, count=40, timeout=0.5)) == 40
    assert time.monotonic() - began < 3


def test_no_damage_to_an_answer_raises():
    dice = random.Random(4)

    def damage(wire):
        wire = bytearray(wire)
        for _ in range(dice.randint(0, 4)):
            wire[dice.randrange(len(wire))] = dice.randrange(256)
        return [bytes(wire[: dice.randint(0, len(wire))])] * dice.randint(0, 2)

    server = Anycast(Node(nsid=b"host1", names=NAMED))
    server.damage = damage
    visits = ask(server, count=100, timeout=0.05, lean=True)
    # A truncation that was invented is asked for over TCP as well.
    assert len(visits) >= 200
    findings(visits)


# --- how fast, and how it ends ---


def test_the_rate_is_kept_whatever_is_asked():
    server = Anycast(Node(nsid=b"host1", names=NAMED))
    began = time.monotonic()
    ask(server, count=20, rate=100, timeout=2.0)
    took = time.monotonic() - began
    assert len(server.asked) == 20 + 20 * 4
    assert took > 0.9


def test_there_is_no_burst_after_a_pause():
    async def scenario():
        clock = asyncio.get_running_loop().time
        pace = Pace(100)
        await pace.turn()
        await asyncio.sleep(0.2)
        began = clock()
        for _ in range(6):
            await pace.turn()
        return clock() - began

    assert asyncio.run(scenario()) > 0.035


def test_no_rate_is_above_the_limit():
    async def scenario():
        clock = asyncio.get_running_loop().time
        pace, began = Pace(1e9), clock()
        for _ in range(101):
            await pace.turn()
        return clock() - began

    assert asyncio.run(scenario()) > 0.09


def test_no_end_but_a_cancellation_and_no_file_left_open():
    def open_files():
        return len(list(Path("/proc/self/fd").iterdir()))

    async def scenario():
        visits = []
        async with Anycast(Node(nsid=b"host1")) as server:
            before = open_files()
            order = Order((place("127.0.0.1", server.port),), count=None, rate=500)
            task = asyncio.create_task(ask_all(order, visits.append))
            async with asyncio.timeout(10):
                while len(visits) < 50:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # The server's own ends of the TCP connections go once it has read their end.
            async with asyncio.timeout(5):
                while open_files() > before:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_source_ports_do_not_repeat_and_have_no_order():
    ports = source_ports()
    first = [next(ports) for _ in range(len(PORTS))]
    assert set(first) == set(PORTS)
    assert first != sorted(first)
    assert next(ports) in PORTS


@pytest.mark.parametrize("words", ["", "ns.example", "192.0.2.256", "1::2::3", "\x00", "\ud800"])
def test_a_name_is_no_address(words):
    with pytest.raises(NotAnAddressError):
        place(words, 53)
