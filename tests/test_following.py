"""Followers are told at once of what changes, and hear a heartbeat where nothing does."""

import asyncio
from dataclasses import replace
from ipaddress import ip_address

import pytest

from anycast_wrapper.core.model import Link, Policy, Probe, Service
from anycast_wrapper.core.state import initial
from anycast_wrapper.following import FOLLOWERS, LONGEST, Following
from tests.fakes.clock import run

A, B = ip_address("192.0.2.53"), ip_address("2001:db8::53")
POLICY = Policy(services=(Service("resolver", (A, B), (Probe("p"),)),))


class Node:
    """A state that takes steps, and what waits for them: as the supervisor has it."""

    def __init__(self):
        self.state = initial(POLICY)
        self._waiting = []
        self.following = Following(lambda: self.state, self.until)

    async def until(self, condition, seconds):
        if condition(self.state, 0.0):
            return True
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((condition, future))
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            return False

    def step(self, state):
        self.state = state
        for condition, future in self._waiting:
            if not future.done() and condition(state, 0.0):
                future.set_result(True)

    def announce(self, *addresses):
        link = Link(up=True, addresses=frozenset(addresses))
        self.step(replace(self.state, links={"anycast0": link}))

    async def ask(self, mark="", wait=0.5):
        return await self.following.reply({"command": "await", "mark": mark, "wait": wait})


def now():
    return asyncio.get_running_loop().time()


def ranks(reply):
    (service,) = reply["services"]
    assert service["name"] == "resolver"
    return list(service["addresses"].values())


def test_who_knows_nothing_is_answered_at_once():
    async def scenario():
        began = now()
        reply = await Node().ask()
        assert now() == began
        assert reply["ok"]
        assert ranks(reply) == ["withdrawn", "withdrawn"]

    run(scenario())


def test_a_heartbeat_comes_where_nothing_changes():
    async def scenario():
        node = Node()
        known = (await node.ask())["mark"]
        began = now()
        assert (await node.ask(known))["mark"] == known
        assert now() == pytest.approx(began + 0.5)

    run(scenario())


def test_a_change_comes_at_once():
    async def scenario():
        node = Node()
        first = await node.ask()
        asking = asyncio.create_task(node.ask(first["mark"], wait=60))
        await asyncio.sleep(1)
        began = now()
        node.announce(A)
        reply = await asking
        assert now() == began
        assert ranks(reply) == ["preferred", "withdrawn"]
        assert reply["mark"] != first["mark"]

    run(scenario())


def test_what_changed_between_two_questions_is_not_missed():
    async def scenario():
        node = Node()
        known = (await node.ask())["mark"]
        node.announce(A, B)
        began = now()
        assert ranks(await node.ask(known, wait=60)) == ["preferred", "preferred"]
        assert now() == began

    run(scenario())


def test_a_step_that_changes_nothing_of_it_wakes_nobody():
    async def scenario():
        node = Node()
        known = (await node.ask())["mark"]
        asking = asyncio.create_task(node.ask(known, wait=5))
        await asyncio.sleep(1)
        began = now()
        node.step(replace(node.state, tickets=7))
        assert (await asking)["mark"] == known
        assert now() == pytest.approx(began + 4)

    run(scenario())


def test_another_configuration_is_a_change():
    async def scenario():
        node = Node()
        known = (await node.ask())["mark"]
        asking = asyncio.create_task(node.ask(known, wait=60))
        await asyncio.sleep(1)
        began = now()
        node.step(replace(node.state, policy=replace(POLICY, services=())))
        assert (await asking)["services"] == []
        assert now() == began

    run(scenario())


def test_too_many_followers_are_turned_away_and_the_others_stay():
    async def scenario():
        node = Node()
        known = (await node.ask())["mark"]
        asking = [asyncio.create_task(node.ask(known, wait=5)) for _ in range(FOLLOWERS)]
        await asyncio.sleep(0)
        reply = await node.ask(known)
        assert not reply["ok"]
        assert "followers" in reply["error"]
        assert all(one["ok"] for one in await asyncio.gather(*asking))
        assert (await node.ask(known))["ok"]

    run(scenario())


def test_a_follower_that_goes_away_leaves_its_place():
    async def scenario():
        node = Node()
        known = (await node.ask())["mark"]
        for _ in range(3 * FOLLOWERS):
            asking = asyncio.create_task(node.ask(known, wait=5))
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        assert (await node.ask(known))["ok"]

    run(scenario())


@pytest.mark.parametrize("wait", [-1, LONGEST + 1, "5", None, True, [], float("nan")])
def test_a_wait_that_is_none_is_refused(wait):
    async def scenario():
        reply = await Node().ask(wait=wait)
        assert (reply["ok"], reply["code"]) == (False, 2)

    run(scenario())


@pytest.mark.parametrize("mark", [None, 7, [], {"a": 1}, "x" * 1000])
def test_whatever_the_mark_is(mark):
    async def scenario():
        assert (await Node().ask(mark))["ok"]

    run(scenario())
