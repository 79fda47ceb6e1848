"""What is shown while it is watched: the strip, lines, and that it ends as it should."""

import asyncio
import io
import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from anycast_wrapper.identify.asking import Order
from anycast_wrapper.identify.channel import place
from anycast_wrapper.identify.counting import Count
from anycast_wrapper.identify.lines import Lines, as_json_line
from anycast_wrapper.identify.run import run
from anycast_wrapper.identify.screen import Screen
from anycast_wrapper.identify.strip import LOST, Strip
from anycast_wrapper.identify.text import time_of_day
from anycast_wrapper.identify.watching import line, lines

from .anycast import Anycast, Node
from .values import A4, A6, VISITS, lost, soa, visit

CLOCK = time_of_day(datetime(2026, 11, 21, 4, 33))  # noqa: DTZ001


def strip_of(visits, seconds=1.0, **options):
    strip = Strip(seconds, **options)
    for one in visits:
        strip.add(one)
    return strip


FAILOVER = [
    *[visit(soa(f"host{1 + n % 2}"), at=n / 4) for n in range(16)],
    visit(lost(), at=4.0),
    *[visit(soa("host2"), at=4 + n / 4) for n in range(1, 12)],
]


def test_the_strip_shows_who_left_and_what_was_lost():
    shown = list(lines(strip_of(FAILOVER), 6.9, 40))
    assert "192.0.2.53" in shown[0]
    assert shown[1].startswith("  host1 ")
    # host1 answers two of four in each of four seconds, then no more; host2 has them all.
    cells = {row.split()[0]: row[8:15] for row in shown[1:3]}
    assert cells["host1"] == "▄▄▄▄   "
    assert cells["host2"] == "▄▄▄▄▆██"
    assert "····1··" in shown[3]


@given(st.lists(VISITS, max_size=30), st.integers(1, 200), st.floats(0, 200))
def test_any_strip_can_be_drawn_in_any_width(visits, width, upto):
    strip = strip_of(visits)
    rows = list(lines(strip, upto, width))
    assert len(rows) == sum(2 + len(strip.names(address)) for address in strip.addresses)


@given(st.lists(VISITS, max_size=30))
def test_every_visit_is_in_one_slice(visits):
    strip = strip_of(visits, seconds=0.5)
    total = sum(
        sum(strip.slice(address, number).values())
        for address in strip.addresses
        for number in range(201)
    )
    assert total == len(visits)


def test_a_long_watch_does_not_fill_the_memory():
    strip = strip_of((visit(soa("a"), at=float(n)) for n in range(500)), limit=100)
    assert strip.slice(A4, 399)[LOST] == strip.slice(A4, 399)["a"] == 0
    assert strip.slice(A4, 400)["a"] == 1


def test_a_line_says_who_answered_and_what_was_lost():
    counts = strip_of([visit(soa("host1")), visit(soa()), visit(lost())]).slice(A4, 0)
    expected = "04:33:02.0 192.0.2.53 (says nothing) 1, host1 1, lost 1"
    assert line(2.0, A4, counts, CLOCK) == expected
    assert json.loads(as_json_line(2.0, A4, counts)) == {
        "seconds": 2.0,
        "address": A4,
        "nodes": [{"node": None, "visits": 1}, {"node": "host1", "visits": 1}],
        "lost": 1,
    }


def test_lines_come_once_their_answers_are_due_and_all_of_them_in_the_end():
    async def scenario():
        said = []
        viewer = Lines(said.append, lambda at, where, n: f"{at:g} {where} {n['a']}", patience=0.0)
        task = asyncio.create_task(viewer.show())
        viewer.add(visit(soa("a"), at=0.5))
        viewer.add(visit(soa("a"), at=0.6, address=A6))
        viewer.add(visit(soa("a"), at=2.5))
        await asyncio.sleep(0)
        assert said == []
        async with asyncio.timeout(10):
            while not said:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        first = list(said)
        task.cancel()
        viewer.end()
        viewer.end()
        return first, said

    first, said = asyncio.run(scenario())
    assert first == [f"0 {A4} 1", f"0 {A6} 1"]
    assert said == [*first, f"1 {A4} 0", f"1 {A6} 0", f"2 {A4} 1", f"2 {A6} 0"]


async def watch(server, viewer, until, **options):
    count, stop = Count("example.com"), asyncio.Event()
    settings = {"zone": "example.com", "count": None, "rate": 200, "timeout": 0.3, "lean": True}
    where = place("127.0.0.1", server.port)
    order = Order((where,), **{**settings, **options})
    task = asyncio.create_task(run(order, count, viewer, stop))
    await until(count)
    stop.set()
    await task
    return count.findings()


async def answered(count, number):
    async with asyncio.timeout(20):
        while count.findings().answered < number:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def test_a_failover_is_followed_on_a_terminal():
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=80, color_system=None)

    async def scenario():
        async with Anycast(Node(nsid=b"host1"), Node(nsid=b"host2")) as server:

            async def until(count):
                await answered(count, 50)
                del server.nodes[0]
                await answered(count, 250)

            return await watch(server, Screen(console), until)

    found = asyncio.run(scenario())
    changes = [(event.node, event.change.value) for event in found.events]
    assert ("host1", "last-answer") in changes
    assert not [name for name, change in changes if (name, change) == ("host2", "last-answer")]
    assert "host1" in output.getvalue()
    assert "Ctrl-C" in output.getvalue()
    assert found.lost == 0, "what was under way at the end is not lost"


def test_what_is_under_way_when_it_is_stopped_is_not_lost():
    async def scenario():
        async with Anycast(Node(nsid=b"host1")) as server:
            server.deaf = frozenset({"example.com"})

            async def until(count):
                async with asyncio.timeout(10):
                    while len(server.asked) < 20:  # noqa: ASYNC110
                        await asyncio.sleep(0.02)

            return await watch(server, None, until, timeout=60)

    assert asyncio.run(scenario()).asked == 0


def test_output_that_fails_ends_it_with_that_error():
    said = []

    def say(words):
        said.append(words)
        if len(said) == 1:
            raise BrokenPipeError

    async def scenario():
        async with Anycast(Node(nsid=b"host1")) as server:
            viewer = Lines(say, as_json_line, patience=0.0)
            order = Order((place("127.0.0.1", server.port),), count=None)
            await run(order, Count(), viewer, asyncio.Event())

    with pytest.raises(BrokenPipeError):
        asyncio.run(scenario())
