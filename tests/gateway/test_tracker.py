"""The gateway's loop against a world of fakes, in a time of its own."""

import asyncio
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import pytest

from anycast_wrapper.core.model import Reason
from anycast_wrapper.gateway import effects, events
from anycast_wrapper.gateway.plan import Policy, plan
from anycast_wrapper.gateway.ports import ForwardingError
from anycast_wrapper.gateway.state import How
from anycast_wrapper.gateway.tracker import BEAT, Tracker, World
from anycast_wrapper.ports import StateError
from anycast_wrapper.probing import Bounded
from tests.fakes.clock import run
from tests.fakes.daemon import BAD, GOOD, FakeHeart
from tests.fakes.forwarding import FakeForwarding, FakeRoutes

from .simulation import pool, servers

V4, V6 = ip_address("192.0.2.53"), ip_address("2001:db8::53")


@dataclass
class FakeDrains:
    drained: dict = field(default_factory=dict)
    broken: bool = False

    def recall(self):
        if self.broken:
            raise StateError("cannot read /var/lib/anycast-wrap/drained: Input/output error")
        return self.drained

    def remember(self, drained):
        if self.broken:
            raise StateError("cannot write /var/lib/anycast-wrap/drained: Input/output error")
        self.drained = dict(drained)


@dataclass
class Ears:
    told: list = field(default_factory=list)
    answered: int = 0
    turns: int = 0

    def hear(self, _state, told, answered):
        self.told.extend(told)
        self.answered += len(answered)
        self.turns += 1

    def notices(self):
        return [one.event for one in self.told if isinstance(one, effects.Noticed)]


class Scene:
    """A tracker in a fake world, and the task in which it runs."""

    def __init__(self, policy=None, routes=None, drains=None):
        self.policy = policy or Policy((pool(V4),))
        self.bad = set()
        self.asked = []
        self.forwarding = FakeForwarding(routes or FakeRoutes())
        self.routes = self.forwarding.routes
        self.drains = drains or FakeDrains()
        self.heart = FakeHeart(asyncio.get_running_loop().time)
        self.ears = Ears()
        self.tracker = Tracker(self.policy, self.probers(self.policy))
        world = World(self.forwarding, self.drains, self.heart, (self.ears,))
        self.task = asyncio.get_running_loop().create_task(self.tracker.run(world))

    def probers(self, policy):
        known = plan(policy)
        return [self.prober(known.sites[watch.site].address) for watch in known.watches]

    def prober(self, address):
        async def ask():
            self.asked.append((asyncio.get_running_loop().time(), address))
            await asyncio.sleep(0.001)
            return BAD if str(address) in self.bad else GOOD

        return Bounded(ask, 0.5)

    async def eventually(self, condition, seconds=30.0):
        assert await self.tracker.until(lambda state, _: condition(state), seconds)

    async def led(self, count=4, address=V4):
        await self.eventually(lambda _: len(self.routes.ours.get(address, {})) == count)

    async def stop(self):
        self.tracker.post(events.StopAsked())
        return await self.task


def test_an_address_leads_to_those_that_answer_and_is_withdrawn_at_the_end():
    async def scenario():
        scene = Scene()
        await scene.led(4)
        scene.bad.add("198.51.100.2")
        await scene.led(3)
        scene.bad.clear()
        await scene.led(4)
        assert (await scene.stop()).code == 0
        assert scene.routes.ours == {}
        assert scene.forwarding.closed

    run(scenario())


def test_what_is_there_is_adopted_before_anything_is_asked():
    async def scenario():
        routes = FakeRoutes(ours={V4: {ip_address("198.51.100.1"): 1}})
        scene = Scene(routes=routes)
        await scene.eventually(lambda state: state.leads)
        assert list(routes.ours[V4]) == [ip_address("198.51.100.1")]
        await scene.led(4)
        await scene.stop()
        assert scene.ears.notices()[0] == "route-adopted"

    run(scenario())


def test_a_hundred_that_fail_at_once_are_few_changes_of_the_route():
    async def scenario():
        scene = Scene(Policy((pool(V4, members=servers(200)),)))
        await scene.led(200)
        before = len(scene.forwarding.asked)
        scene.bad |= {f"198.51.100.{n}" for n in range(1, 101)}
        await scene.led(100)
        assert len(scene.forwarding.asked) - before <= 60  # of a spread of 0.1 s in turns of 4 ms
        await scene.stop()

    run(scenario())


def test_a_thousand_servers_are_asked_all_over_the_second():
    async def scenario():
        scene = Scene(Policy((pool(V4, members=servers(250)),)))
        await scene.led(250)
        start = asyncio.get_running_loop().time()
        scene.asked.clear()
        await asyncio.sleep(4)
        tenths = {}
        for at, _ in scene.asked:
            tenths.setdefault(int((at - start) / 0.05), []).append(at)
        assert 950 <= len(scene.asked) <= 1050
        assert max(map(len, tenths.values())) <= 60
        await scene.stop()

    run(scenario())


def test_a_drain_is_stored_and_found_again():
    async def scenario():
        drains = FakeDrains()
        scene = Scene(drains=drains)
        await scene.led(4)
        scene.tracker.post(events.Drained((("resolver", "ns1"),), "by me"))
        await scene.led(3)
        assert drains.drained == {("resolver", "ns1"): "by me"}
        await scene.stop()
        again = Scene(drains=drains)
        await again.led(3)
        await asyncio.sleep(5)
        assert len(again.routes.ours[V4]) == 3
        await again.stop()

    run(scenario())


def test_drains_that_cannot_be_read_or_stored_are_told_of_and_nothing_else_happens():
    async def scenario():
        scene = Scene(drains=FakeDrains(broken=True))
        await scene.led(4)
        scene.tracker.post(events.Drained((("resolver", "ns1"),)))
        await scene.led(3)
        await scene.stop()
        assert "drains-unreadable" in scene.ears.notices()
        assert "drain-not-stored" in scene.ears.notices()

    run(scenario())


def test_what_is_refused_is_tried_again_and_the_other_address_is_led_meanwhile():
    async def scenario():
        policy = Policy((pool(V4, V6, members=servers(2, (4, 6))),))
        scene = Scene(policy)
        scene.routes.refused[V4] = "No buffer space available"
        await scene.led(2, V6)
        await scene.eventually(lambda state: state.leads[V4].refusals >= 2)
        scene.routes.refused.clear()
        await scene.led(2)
        await scene.stop()
        assert scene.ears.notices().count("apply-refused") == 1
        assert "apply-recovered" in scene.ears.notices()

    run(scenario())


def test_a_route_that_somebody_removes_is_put_back():
    async def scenario():
        scene = Scene()
        await scene.led(4)
        for _ in range(3):
            del scene.routes.ours[V4]
            for _ in range(5):  # the kernel says it of every part of it
                scene.routes.changed()
            await scene.led(4)
        await scene.stop()

    run(scenario())


def test_a_new_configuration_takes_force_between_two_steps():
    async def scenario():
        scene = Scene()
        await scene.led(4)
        policy = Policy((pool(V4, members=servers(2)), pool(V6, name="b", members=servers(3, 6))))
        scene.tracker.reconfigure(policy, scene.probers(policy))
        await scene.led(3, V6)
        await scene.led(2)
        await scene.stop()

    run(scenario())


def test_an_end_that_keeps_leaves_the_route():
    async def scenario():
        scene = Scene(replace(Policy((pool(V4),)), keep=True))
        await scene.led(4)
        await scene.stop()
        assert len(scene.routes.ours[V4]) == 4

    run(scenario())


def test_a_kernel_that_cannot_be_asked_ends_it():
    class Mute(FakeForwarding):
        async def adopt(self):
            raise ForwardingError("netlink: Operation not permitted")

    async def scenario():
        scene = Scene()
        scene.forwarding = Mute()
        scene.task.cancel()
        tracker = Tracker(scene.policy, scene.probers(scene.policy))
        with pytest.raises(ForwardingError):
            await tracker.run(World(scene.forwarding, scene.drains, scene.heart))
        assert scene.forwarding.closed

    run(scenario())


def test_a_loop_that_stands_still_takes_no_server_out():
    stalls = [0.0]

    async def stalled():
        if stalls:
            loop = asyncio.get_running_loop()
            loop._clock.now += stalls.pop()
            return replace(BAD, reason=Reason.PROBE_TIMEOUT)
        return GOOD

    async def scenario():
        scene = Scene(Policy((pool(V4, members=servers(1)),)))
        scene.tracker.reconfigure(scene.policy, [Bounded(stalled, 0.5)])
        await scene.led(1)
        before = len(scene.forwarding.asked)
        stalls.extend([1.0, 1.0])
        await asyncio.sleep(5)
        assert not stalls
        assert len(scene.forwarding.asked) == before
        stalls.append(0.5)  # in its own time: a timeout as any other
        await scene.led(0)
        await scene.led(1)
        stalls.extend([1.0] * 3)  # without end: then it counts
        await scene.led(0)
        await scene.stop()

    run(scenario())


def test_the_heart_beats_and_every_outcome_is_counted_once():
    async def scenario():
        scene = Scene()
        await scene.led(4)
        await asyncio.sleep(5)
        gaps = [b - a for a, b in zip(scene.heart.beats, scene.heart.beats[1:], strict=False)]
        assert max(gaps) <= 3 * BEAT
        await scene.stop()
        assert scene.ears.answered in (len(scene.asked), len(scene.asked) - 1)
        assert scene.tracker.state.leads[V4].how is How.STOPPING

    run(scenario())
