"""The observers of a node: what they hear is what a scrape says, and they hold nobody up."""

import asyncio
import socket
from ipaddress import ip_address

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from anycast_wrapper.config.load import parse
from anycast_wrapper.core import effects, events
from anycast_wrapper.node import FIXED
from anycast_wrapper.observing import Observers, Sights
from anycast_wrapper.reloading import changed
from anycast_wrapper.routing import Lookout
from anycast_wrapper.web import Answer
from tests.telemetry.story import V4, V6, Story

SERVICE = '[[service]]\nname = "resolver"\naddresses = ["192.0.2.53"]\n'


def listening(port):
    return parse(f'[metrics]\nlisten = "127.0.0.1:{port}"\n{SERVICE}', "f")


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Scene:
    """Observers with everything that they look at."""

    def __init__(self, config, answers=None, **sights):
        self.answers = (
            {4: frozenset({V4}), 6: "ospf6d: not running"} if answers is None else answers
        )
        self.asked = 0
        self.compared = []
        self.told = []
        sights = Sights(
            lookout=Lookout(self._ask),
            compare=self.compared.append,
            tell=lambda *words: self.told.append(words),
            **sights,
        )
        self.observers = Observers(config, sights)

    async def _ask(self):
        self.asked += 1
        return self.answers

    async def __aenter__(self):
        self.observers.open()
        return self

    async def __aexit__(self, *_):
        await self.observers.close()

    async def until(self, condition):
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - of many kinds
                await asyncio.sleep(0.01)


async def fetch(port, path="/metrics"):
    """The samples of a scrape, {(name, labels): value}, or the body of something else."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    body = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    await writer.wait_closed()
    if path != "/metrics":
        return body
    return {
        (
            sample.name.removeprefix("anycast_wrap_"),
            tuple(sorted(sample.labels.items())),
        ): sample.value
        for family in parse_text(body.decode())
        for sample in family.samples
    }


def test_a_scrape_says_what_was_heard(port):
    async def queries():
        one = {"address": str(V4), "udp": 7, "tcp": 1}
        return {"working": True, "detail": "", "addresses": [one]}

    async def scenario():
        rerouted = {str(V4): 3}
        scene = Scene(listening(port), rerouted=lambda: rerouted, queries=queries)
        story = Story(*scene.observers.audiences).announced()
        async with scene:
            await scene.until(lambda: scene.told and scene.compared)
            assert scene.told == [("metrics-listening", f"127.0.0.1:{port}")]
            found = await fetch(port)
        here = (("address", str(V4)), ("service", "resolver"))
        assert found["address_originated", here] == 1
        assert ("address_originated", (("address", str(V6)), ("service", "resolver"))) not in found
        assert found["routing_up", (("ip_version", "6"),)] == 0
        assert 0 <= found["routing_age_seconds", ()] < 20
        assert found["rerouted_packets_total", (("address", str(V4)),)] == 3
        assert found["queries_total", (("address", str(V4)), ("transport", "udp"))] == 7
        assert found["service_rank", (("service", "resolver"),)] == 2
        assert story.announced

    asyncio.run(scenario())


def test_queries_that_cannot_be_counted_are_absent(port):
    async def queries():
        return {"working": False, "detail": "no nft", "addresses": []}

    async def scenario():
        async with Scene(listening(port), queries=queries) as scene:
            await scene.until(lambda: scene.told)
            found = await fetch(port)
        assert not any(name == "queries_total" for name, _ in found)

    asyncio.run(scenario())


def test_other_routes_are_answered_beside_the_metrics(port):
    async def page(asked):
        return Answer(b"a page")

    async def scenario():
        async with Scene(listening(port), routes={"/": page}) as scene:
            await scene.until(lambda: scene.told)
            assert await fetch(port, "/") == b"a page"
            assert b"/metrics" in await fetch(port, "/other")

    asyncio.run(scenario())


def test_notices_of_the_node_are_heard_as_well(port):
    async def scenario():
        scene = Scene(listening(port))
        story = Story(*scene.observers.audiences).announced()
        story.feed(events.DrainAsked("x"))
        for audience in scene.observers.audiences:
            audience.hear(story.state, (effects.Noticed("reloaded"),))
        async with scene:
            await scene.until(lambda: scene.told)
            found = await fetch(port)
        assert found["notices_total", (("event", "reloaded"),)] == 1
        assert found["drained", ()] == 1

    asyncio.run(scenario())


def test_without_a_listener_ospf_is_still_asked_and_nobody_listens(port):
    async def scenario():
        async with Scene(parse(SERVICE, "f")) as scene:
            assert scene.observers.audiences == ()
            await scene.until(lambda: scene.compared)
            assert scene.compared[0].heard == scene.answers
            with pytest.raises(ConnectionRefusedError):
                await fetch(port)

    asyncio.run(scenario())


def test_a_port_that_is_taken_keeps_nobody_from_serving(port):
    async def scenario():
        with socket.socket() as other:
            other.bind(("127.0.0.1", port))
            other.listen()
            async with Scene(listening(port)) as scene:
                await scene.until(lambda: scene.told)
                assert scene.told[0][0] == "metrics-unavailable"
                await scene.until(lambda: scene.compared)

    asyncio.run(scenario())


def test_before_they_are_opened_they_can_be_closed():
    async def scenario():
        await Scene(parse(SERVICE, "f")).observers.close()
        await Scene(listening(1)).observers.close()

    asyncio.run(scenario())


def test_another_place_to_listen_needs_a_restart():
    assert changed(listening(9153), listening(9154), FIXED) == ["metrics"]
    assert changed(listening(9153), listening(9153), FIXED) == []
    assert str(ip_address("127.0.0.1")) in str(listening(9153).metrics)
