"""The wrapper followed over a real socket: what it says, its silence, its end, its return."""

import asyncio
import contextlib
import json
from ipaddress import ip_address

import pytest

from anycast_wrapper.control.server import ControlServer, Handler
from anycast_wrapper.core.model import Rank
from anycast_wrapper.exabgp.follower import (
    HEARTBEAT,
    SILENCE,
    TurnedAwayError,
    follow,
    read,
)
from tests.fakes.clock import run
from tests.logged import events

A = ip_address("192.0.2.53")
UP = {"ok": True, "mark": "1", "services": [{"name": "x", "addresses": {str(A): "preferred"}}]}
DOWN = {"ok": True, "mark": "2", "services": [{"name": "x", "addresses": {str(A): "withdrawn"}}]}


class Wrapper:
    """A control socket whose answers are what a test says."""

    def __init__(self, path):
        self.path = path
        self.now = UP
        self.asked = []
        self.silent = False
        self.server = None
        self._changed = asyncio.Event()

    async def start(self):
        self.server = ControlServer(self.path, None, {"await": Handler(self._await, changes=False)})
        await self.server.open()

    async def end(self):
        await self.server.close()

    def change(self, document):
        self.now = document
        self._changed.set()

    async def _await(self, request):
        self.asked.append(request)
        if self.silent:
            await asyncio.Event().wait()
        if request["mark"] == self.now.get("mark"):
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(request["wait"]):
                    await self._changed.wait()
        return self.now


class Follower:
    """Writes down what it is told, and when."""

    def __init__(self, path):
        self.told = []
        self._task = asyncio.create_task(follow(path, self._tell))

    def _tell(self, services):
        self.told.append((asyncio.get_running_loop().time(), services))

    @property
    def last(self):
        return self.told[-1][1]

    async def close(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, condition):
        """Both ends are in this loop, whose time passes only if nobody has anything to do."""
        for _ in range(100_000):
            if self.told and condition(self):
                return
            await asyncio.sleep(0.001)
        raise AssertionError(self.told[-5:])


@contextlib.asynccontextmanager
async def followed(path):
    wrapper = Wrapper(path)
    await wrapper.start()
    follower = Follower(path)
    try:
        yield wrapper, follower
    finally:
        await follower.close()
        await wrapper.end()


def is_up(follower):
    return follower.last == {"x": {A: Rank.PREFERRED}}


def is_lost(follower):
    return follower.last is None


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sock"


def test_what_is_announced_is_told_and_every_change_of_it(path):
    async def scenario():
        async with followed(path) as (wrapper, follower):
            await follower.until(is_up)
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(0.1)
            wrapper.change(DOWN)
            await follower.until(lambda one: not is_up(one))
            assert follower.last == {"x": {A: Rank.WITHDRAWN}}
            assert follower.told[-1][0] < began + HEARTBEAT

    run(scenario())


def test_it_asks_again_and_again_with_the_mark_that_it_knows(path):
    async def scenario():
        async with followed(path) as (wrapper, follower):
            await follower.until(lambda one: len(one.told) >= 5)
            assert [one["mark"] for one in wrapper.asked[:4]] == ["", "1", "1", "1"]
            times = [at for at, _ in follower.told]
            assert times[4] - times[1] == pytest.approx(3 * HEARTBEAT, abs=0.1)
            assert None not in [services for _, services in follower.told]

    run(scenario())


def test_silence_is_a_loss_after_three_heartbeats(path):
    async def scenario():
        async with followed(path) as (wrapper, follower):
            await follower.until(is_up)
            wrapper.silent = True
            await follower.until(is_lost)
            last_good = follower.told[-2][0]
            assert follower.told[-1][0] - last_good == pytest.approx(SILENCE, abs=0.05)
            wrapper.silent = False
            await follower.until(is_up)

    run(scenario())


def test_the_end_of_the_wrapper_is_known_at_once_and_so_is_its_return(path, caplog):
    async def scenario():
        async with followed(path) as (wrapper, follower):
            await follower.until(is_up)
            wrapper.now = DOWN
            await wrapper.end()
            await follower.until(is_lost)
            await asyncio.sleep(30)
            assert is_lost(follower)
            wrapper.now = UP
            began = asyncio.get_running_loop().time()
            await wrapper.start()
            await follower.until(is_up)
            assert follower.told[-1][0] <= began + 1.1

    run(scenario())
    names = [name for name, _ in events(caplog)]
    assert names.count("wrapper-followed") == 2
    assert names.count("wrapper-lost") <= 2  # while it ends, and that nobody is there


def test_a_connection_that_ends_without_an_answer_is_a_loss_at_once(path):
    async def scenario():
        async def hang_up(reader, writer):
            await reader.readline()
            if first:
                first.pop()
                writer.write(json.dumps(UP).encode() + b"\n")
            writer.close()

        first = [True]
        server = await asyncio.start_unix_server(hang_up, path)
        began = asyncio.get_running_loop().time()
        follower = Follower(path)
        await follower.until(is_lost)
        assert [services is None for _, services in follower.told[:2]] == [False, True]
        assert follower.told[1][0] - began < 0.1
        await follower.close()
        server.close()

    run(scenario())


def test_to_be_turned_away_is_no_loss_for_a_while(path):
    async def scenario():
        async with followed(path) as (wrapper, follower):
            await follower.until(is_up)
            wrapper.now = {"ok": False, "error": "8 followers wait already; try again"}
            await asyncio.sleep(SILENCE)
            assert is_up(follower)
            await follower.until(is_lost)
            wrapper.now = UP
            await follower.until(is_up)

    run(scenario())


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"[]\n", b"{}\n", b"x" * (2 << 20)])
def test_whatever_answers_is_a_loss(path, content):
    async def scenario():
        async def answer(reader, writer):
            writer.write(content)
            with contextlib.suppress(OSError):
                await writer.drain()
            writer.close()

        server = await asyncio.start_unix_server(answer, path)
        follower = Follower(path)
        await follower.until(is_lost)
        await follower.close()
        server.close()

    run(scenario())


@pytest.mark.parametrize(
    "wrong",
    [
        {"mark": ""},
        {"mark": 7},
        {"services": None},
        {"services": [{"name": "x"}]},
        {"services": [{"name": "x", "addresses": {"192.0.2.300": "preferred"}}]},
        {"services": [{"name": "x", "addresses": {"192.0.2.3": "strong"}}]},
        {"services": [{"name": "x", "addresses": ["192.0.2.3"]}]},
        {"services": ["x"]},
    ],
)
def test_an_answer_of_another_kind_is_none(wrong):
    with pytest.raises(TurnedAwayError, match="another version"):
        read(UP | wrong)
