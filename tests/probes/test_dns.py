import asyncio
import gc
import random
import re
import socket
import time
from pathlib import Path

import dns.message
import pytest

from anycast_wrapper.core.model import Reason
from anycast_wrapper.probes import DnsProbe
from anycast_wrapper.questions.exchange import place
from anycast_wrapper.questions.reply import examine, expectation, question
from tests.fakes.nameserver import Lie, LyingNameserver

QUICK = 0.15
BOTH = ("udp", "tcp")


def ask(lie, transport="udp", host="127.0.0.1", **options):
    async def scenario():
        async with LyingNameserver(udp=lie, tcp=lie, host=host) as server:
            probe = DnsProbe(
                (host,),
                "example.com",
                port=server.port,
                transports=(transport,),
                **{"timeout": QUICK, **options},
            )
            return await probe()

    return asyncio.run(scenario())


@pytest.mark.parametrize("transport", BOTH)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_truth_is_healthy(transport, host):
    outcome = ask(Lie.NONE, transport, host, timeout=2.0)
    assert outcome.ok
    assert outcome.reason is Reason.HEALTHY
    assert 0 < outcome.latency < 2.0
    assert re.fullmatch(rf"{transport} {host}#\d+ example\.com/SOA: NOERROR", outcome.detail)


@pytest.mark.parametrize("transport", BOTH)
@pytest.mark.parametrize(
    ("lie", "reason", "words"),
    [
        (Lie.SERVFAIL, Reason.PROBE_SERVFAIL, "SERVFAIL"),
        (Lie.NO_QUESTION, Reason.PROBE_SERVFAIL, "SERVFAIL"),
        (Lie.REFUSED, Reason.PROBE_REFUSED, "REFUSED"),
        (Lie.NXDOMAIN, Reason.PROBE_RCODE, "NXDOMAIN"),
        (Lie.STALL, Reason.PROBE_TIMEOUT, "no answer within 150 ms"),
        (Lie.SLOW, Reason.PROBE_TIMEOUT, "no answer within 150 ms"),
        (Lie.WRONG_ID, Reason.PROBE_MISMATCHED, "another query"),
        (Lie.WRONG_QUESTION, Reason.PROBE_MISMATCHED, "other.example./SOA"),
        (Lie.QUERY, Reason.PROBE_MISMATCHED, "a query instead of an answer"),
        (Lie.GARBAGE, Reason.PROBE_MALFORMED, "not a DNS message (40 bytes)"),
        (Lie.SHORT, Reason.PROBE_MALFORMED, "not a DNS message (3 bytes)"),
    ],
)
def test_each_lie_has_its_reason(lie, reason, words, transport):
    outcome = ask(lie, transport)
    assert (outcome.ok, outcome.reason, outcome.latency) == (False, reason, None)
    assert words in outcome.detail
    assert outcome.detail.startswith(f"{transport} 127.0.0.1#")


@pytest.mark.parametrize(
    ("lie", "reason", "words"),
    [
        (Lie.CLOSE, Reason.PROBE_MALFORMED, "closed without an answer"),
        (Lie.RESET, Reason.PROBE_MALFORMED, "reset without an answer"),
        (Lie.HALF, Reason.PROBE_MALFORMED, "closed after 44 of the 90 bytes of its message"),
        (Lie.HALF_STALL, Reason.PROBE_TIMEOUT, "no answer within 150 ms"),
    ],
)
def test_tcp_that_breaks_off(lie, reason, words):
    outcome = ask(lie, "tcp")
    assert outcome.reason is reason
    assert words in outcome.detail


@pytest.mark.parametrize("transport", BOTH)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_nobody_listens_is_seen_at_once(transport, host):
    async def scenario():
        async with LyingNameserver(host=host, listen=()) as server:
            probe = DnsProbe((host,), "a.", port=server.port, transports=(transport,), timeout=30)
            began = time.monotonic()
            return await probe(), time.monotonic() - began

    outcome, took = asyncio.run(scenario())
    assert outcome.reason is Reason.PROBE_CONNECTION_REFUSED
    assert took < 1


@pytest.mark.parametrize("transport", BOTH)
def test_no_way_there_is_unreachable(transport):
    # Broadcast: the kernel refuses it to a socket that did not ask for it.
    probe = DnsProbe(("255.255.255.255",), "a.", transports=(transport,), timeout=QUICK)
    outcome = asyncio.run(probe())
    assert outcome.reason is Reason.PROBE_UNREACHABLE


def test_tcp_dead_while_udp_lives():
    async def scenario():
        async with LyingNameserver(listen=("udp",)) as server:
            return await DnsProbe(("127.0.0.1",), "example.com", port=server.port)()

    outcome = asyncio.run(scenario())
    assert outcome.reason is Reason.PROBE_CONNECTION_REFUSED
    assert outcome.detail.startswith("tcp ")


def test_the_first_failure_goes_by_order_not_by_time():
    async def scenario():
        async with LyingNameserver(udp=Lie.STALL, tcp=Lie.SERVFAIL) as server:
            at = {"port": server.port, "timeout": QUICK}
            udp_first = DnsProbe(("127.0.0.1",), "example.com", **at)
            tcp_first = DnsProbe(("127.0.0.1",), "example.com", transports=("tcp", "udp"), **at)
            return await udp_first(), await tcp_first()

    udp_first, tcp_first = asyncio.run(scenario())
    assert udp_first.reason is Reason.PROBE_TIMEOUT
    assert tcp_first.reason is Reason.PROBE_SERVFAIL


def in_tries(tries, drops, lie=Lie.NONE, transport="udp", timeout=1.0, **options):
    """An outcome, and how many questions the server got."""

    async def scenario():
        async with LyingNameserver(udp=lie, tcp=lie) as server:
            server.drops = drops
            at = {"port": server.port, "transports": (transport,), "timeout": timeout}
            outcome = await DnsProbe(("127.0.0.1",), "a.", tries=tries, **at, **options)()
            return outcome, server.requests[transport]

    return asyncio.run(scenario())


@pytest.mark.parametrize("transport", BOTH)
def test_a_dropped_question_is_asked_again(transport):
    outcome, asked = in_tries(tries=4, drops=2, transport=transport)
    assert outcome.ok, outcome.detail
    assert asked == 3


@pytest.mark.parametrize("transport", BOTH)
def test_no_question_is_asked_after_the_last_try(transport):
    outcome, asked = in_tries(tries=2, drops=2, transport=transport, timeout=0.2)
    assert outcome.reason is Reason.PROBE_TIMEOUT
    assert "no answer within 200 ms" in outcome.detail
    assert asked == 2


@pytest.mark.parametrize("transport", BOTH)
def test_one_question_is_enough_where_it_is_answered(transport):
    assert in_tries(tries=10, drops=0, transport=transport)[1] == 1


@pytest.mark.parametrize("transport", BOTH)
@pytest.mark.parametrize(
    ("lie", "reason"),
    [(Lie.SERVFAIL, Reason.PROBE_SERVFAIL), (Lie.WRONG_ID, Reason.PROBE_MISMATCHED)],
)
def test_a_bad_answer_is_an_answer(lie, reason, transport):
    outcome, asked = in_tries(tries=10, drops=0, lie=lie, transport=transport)
    assert (outcome.reason, asked) == (reason, 1)


def test_a_late_answer_to_an_earlier_question_counts():
    outcome, asked = in_tries(tries=4, drops=0, lie=Lie.SLOW, timeout=0.6)  # after 200 ms
    assert outcome.ok, outcome.detail
    assert asked == 2
    assert outcome.latency >= 0.2


@pytest.mark.parametrize("transport", BOTH)
def test_the_latency_is_that_of_the_question_which_was_answered(transport):
    outcome, _ = in_tries(tries=2, drops=1, transport=transport, timeout=2, max_latency=0.5)
    assert outcome.ok, outcome.detail
    assert outcome.latency < 0.5


def test_all_are_asked_at_the_same_time():
    async def scenario():
        async with LyingNameserver(udp=Lie.STALL, tcp=Lie.STALL) as server:
            probe = DnsProbe(("127.0.0.1", "127.0.0.1"), "a.", port=server.port, timeout=0.3)
            began = time.monotonic()
            await probe()
            return time.monotonic() - began, server.requests

    took, requests = asyncio.run(scenario())
    assert took < 0.55
    assert requests == {"udp": 2, "tcp": 2}


def test_the_slowest_good_answer_is_the_latency():
    async def scenario():
        async with LyingNameserver(tcp=Lie.SLOW) as server:
            server.delay = 0.1
            return await DnsProbe(("127.0.0.1",), "a.", port=server.port, timeout=5)()

    outcome = asyncio.run(scenario())
    assert outcome.latency >= 0.1
    assert outcome.detail.startswith("tcp ")


def test_good_but_slow():
    outcome = ask(Lie.SLOW, timeout=5, max_latency=0.05)
    assert outcome.reason is Reason.PROBE_SLOW
    assert re.search(r"NOERROR after \d+ ms, over 50", outcome.detail)


def test_authority_matters_only_where_it_is_expected():
    assert ask(Lie.NO_AA).ok
    assert ask(Lie.NONE, aa=True).ok
    assert ask(Lie.NO_AA, aa=True).reason is Reason.PROBE_NOT_AUTHORITATIVE


def test_any_rcode_may_be_the_expected_one():
    assert ask(Lie.REFUSED, rcodes=frozenset({"REFUSED"})).ok
    assert ask(Lie.NONE, rcodes=frozenset({"NXDOMAIN"})).reason is Reason.PROBE_RCODE


@pytest.mark.parametrize(
    "pattern",
    [r"^ns\.example\.com\. hostmaster", r"^example\.com\. 300 IN SOA ns", r" 7 3600 600 86400 60$"],
)
def test_the_answer_is_found_as_dig_prints_it_long_and_short(pattern):
    assert ask(Lie.NONE, answer=re.compile(pattern)).ok


@pytest.mark.parametrize(
    ("lie", "words"), [(Lie.NONE, "300 IN SOA ns"), (Lie.EMPTY, "NOERROR without an answer")]
)
def test_another_answer_is_wrong(lie, words):
    outcome = ask(lie, answer=re.compile("10.0.0.1"))
    assert outcome.reason is Reason.PROBE_WRONG_ANSWER
    assert words in outcome.detail
    assert "/10.0.0.1/" in outcome.detail


def test_truncation_is_no_failure_by_itself():
    outcome = ask(Lie.TRUNCATED)
    assert outcome.ok
    assert outcome.detail.endswith("NOERROR, truncated")


@pytest.mark.parametrize(
    ("tcp", "reason"), [(Lie.NONE, Reason.HEALTHY), (Lie.SERVFAIL, Reason.PROBE_SERVFAIL)]
)
def test_a_truncated_answer_is_looked_for_over_tcp(tcp, reason):
    async def scenario():
        async with LyingNameserver(udp=Lie.TRUNCATED, tcp=tcp) as server:
            probe = DnsProbe(
                ("127.0.0.1",),
                "example.com",
                port=server.port,
                transports=("udp",),
                answer=re.compile("ns"),
            )
            return await probe()

    assert asyncio.run(scenario()).reason is reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"servers": ("named.example",)},
        {"servers": ()},
        {"qname": "a" * 64},
        {"qtype": "NONSENSE"},
        {"port": 70000},
    ],
)
def test_a_probe_that_makes_no_sense_fails_and_does_not_raise(wrong):
    probe = DnsProbe(**{"servers": ("127.0.0.1",), "qname": "a.", "timeout": QUICK, **wrong})
    assert asyncio.run(probe()).reason is Reason.PROBE_ERROR


def test_a_step_of_the_wall_clock_changes_nothing(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert ask(Lie.STALL).reason is Reason.PROBE_TIMEOUT
    assert ask(Lie.NONE).ok


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_file_is_left_open_whatever_happens():
    async def scenario():
        async with LyingNameserver(udp=Lie.STALL, tcp=Lie.HALF_STALL) as server:
            probe = DnsProbe(("127.0.0.1", "::1"), "a.", port=server.port, timeout=30)
            before = open_files()
            for _ in range(5):
                running = asyncio.create_task(probe())
                # Until the server has both questions, so that both sockets are open.
                asked = dict(server.requests)
                async with asyncio.timeout(5):
                    while any(server.requests[t] == asked[t] for t in BOTH):  # noqa: ASYNC110
                        await asyncio.sleep(0)
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running
                gc.collect()
                # The server's own ends of the TCP connections go once it reads their end.
                assert open_files() - before <= server.requests["tcp"]
        return before

    async def settled():
        return open_files()

    before = asyncio.run(settled())
    asyncio.run(scenario())
    assert asyncio.run(settled()) == before


def test_fresh_ids():
    seen = []

    class Peek(LyingNameserver):
        def reply(self, query, lie):
            seen.append(query[:2])
            return super().reply(query, lie)

    async def scenario():
        async with Peek() as server:
            probe = DnsProbe(("127.0.0.1",), "a.", port=server.port, transports=("udp",))
            for _ in range(20):
                assert (await probe()).ok

    asyncio.run(scenario())
    assert len(set(seen)) > 15


def test_the_query_asks_for_recursion_with_edns_1232():
    message = dns.message.from_wire(b"\x00M" + question("example.com", "SOA", "IN").message)
    assert message.id == 77
    assert message.flags == 0x0100
    assert (message.edns, message.payload) == (0, 1232)


def test_no_damage_to_an_answer_gets_past_the_probe_as_an_exception():
    dice = random.Random(53)
    asked = question("example.com", "SOA", "IN")
    good = LyingNameserver().reply(b"\x00\x01" + asked.message, Lie.NONE)
    expect = expectation({"NOERROR"}, aa=True, answer=re.compile("ns"))
    for _ in range(3000):
        wire = bytearray(good)
        for _ in range(dice.randint(1, 6)):
            wire[dice.randrange(len(wire))] = dice.randrange(256)
        finding = examine(bytes(wire[: dice.randint(0, len(wire))]), asked, b"\x00\x01", expect)
        assert isinstance(finding.reason, Reason)


def test_a_scoped_address_is_understood():
    assert place("fe80::1%lo", 53).sockaddr[3] == socket.if_nametoindex("lo")
