"""The loop: events in, effects performed in order, and when in doubt nothing is announced."""

import asyncio
import contextlib
import itertools
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.lifecycle import Phase
from anycast_wrapper.core.model import Drain, Policy, Probe, Rank, Service
from anycast_wrapper.core.query import all_announced, quiet, settled
from anycast_wrapper.kernel import Card, Kind, Role
from anycast_wrapper.performing import World
from anycast_wrapper.ports import KernelError
from anycast_wrapper.probing import GRACE, Bounded
from anycast_wrapper.supervisor import BEAT, Supervisor
from tests.fakes.clock import run
from tests.fakes.daemon import BAD, Ears, FakeDaemon, FakeHeart, FakeMemory, FakeProber
from tests.fakes.kernel import FakeHost, FakeKernel, FakeLink

V4 = ip_address("192.0.2.53")
V6 = ip_address("2001:db8:53::53")
DEFAULT = ip_network("0.0.0.0/0")
CARDS = (Card("anycast0"), Card("anycast1", metric=100), Card("anycast-hold", Role.HOLD))
KEY = ("resolver", "alive")


def policy(**changes):
    probes = (Probe("alive"),)
    return replace(Policy(services=(Service("resolver", (V4, V6), probes),)), **changes)


class Scene:
    """A supervisor in a fake world, and the task in which it runs."""

    def __init__(self, its_policy=None, *, cards=CARDS, adoptable=None, memory=None, host=None):
        its_policy = its_policy or policy()
        self.prober = FakeProber()
        probers = {
            (service.name, probe.name): Bounded(self.prober, 0.5)
            for service in its_policy.services
            for probe in service.probes
        }
        self.supervisor = Supervisor(its_policy, probers)
        self.kernel = FakeKernel(cards, its_policy.addresses, host)
        self.host = self.kernel.host
        self.daemon = FakeDaemon(self.supervisor.post, adoptable=adoptable)
        self.memory = memory or FakeMemory()
        self.heart = FakeHeart(asyncio.get_running_loop().time)
        self.ears = Ears()
        self.task = None

    @property
    def state(self):
        return self.supervisor.state

    def begin(self):
        world = World(self.kernel, self.daemon, self.memory, self.heart, (self.ears,))
        self.task = asyncio.get_running_loop().create_task(self.supervisor.run(world))

    async def eventually(self, condition, seconds=30.0):
        """Until the state is as it should be."""
        assert await self.supervisor.until(lambda state, _: condition(state), seconds)

    async def announced(self):
        self.begin()
        await self.eventually(all_announced)
        await self.eventually(settled)

    def announces(self, name="anycast0"):
        link = self.host.links.get(name)
        return link is not None and link.up and bool(link.addresses)

    async def stop(self):
        self.supervisor.post(events.StopAsked())
        return await self.ended()

    async def ended(self, seconds=60.0):
        async with asyncio.timeout(seconds):
            return await self.task


@contextlib.asynccontextmanager
async def scene(*args, **options):
    it = Scene(*args, **options)
    try:
        yield it
    finally:
        if it.task is not None and not it.task.done():
            it.task.cancel()
            await asyncio.gather(it.task, return_exceptions=True)


# --- a life ---


def test_from_start_to_announced_to_stop():
    async def scenario():
        async with scene() as it:
            await it.announced()
            assert it.host.links["anycast0"].addresses == {V4, V6}
            assert it.host.links["anycast-hold"].addresses == {V4, V6}
            assert not it.announces("anycast1")
            assert it.daemon.calls == ["spawn"]
            end = await it.stop()
            assert end.code == 0
            assert it.daemon.calls == ["spawn", "terminate"]
            assert it.host.links == {}
            assert it.host.listeners == []
            assert it.ears.exits() == [end]
            assert it.ears.ranks() == ["preferred", "withdrawn"]
            assert it.ears.changes()[-1] == ("withdrawn", "stopping")

    run(scenario())


def test_it_is_withdrawn_first_then_lingers_then_the_daemon_ends_then_the_hold_goes():
    async def scenario():
        async with scene() as it:
            await it.announced()
            loop = asyncio.get_running_loop()
            at = {}
            terminate = it.daemon.terminate

            def told():
                at["terminate"] = loop.time()
                assert not it.announces()
                assert it.host.links["anycast-hold"].addresses == {V4, V6}
                terminate()

            it.daemon.terminate = told
            began = loop.time()
            it.supervisor.post(events.StopAsked())
            await it.eventually(lambda _: not it.announces())
            assert loop.time() - began < 0.01
            await it.ended()
            assert at["terminate"] - began == pytest.approx(2.0, abs=0.05)

    run(scenario())


def test_the_moves_are_made_in_the_order_of_the_decision():
    async def scenario():
        async with scene() as it:
            await it.announced()
            calls = it.kernel.calls
            created = [name for method, name, *_ in calls if method == "create"]
            assert set(created[:3]) == {"anycast0", "anycast1", "anycast-hold"}
            held = calls.index(("add", "anycast-hold", V4))
            assert held < calls.index(("add", "anycast0", V4))

    run(scenario())


def test_a_daemon_that_a_predecessor_left_is_adopted_and_not_started():
    async def scenario():
        async with scene(adoptable=77) as it:
            await it.announced()
            assert it.daemon.calls == []
            assert it.state.life.pid == 77
            assert ("daemon-adopted", "pid 77 runs on from before") in it.ears.notices()

    run(scenario())


def test_a_drain_from_before_keeps_it_withdrawn():
    async def scenario():
        memory = FakeMemory(Drain(detail="by ann"))
        async with scene(memory=memory) as it:
            it.begin()
            await it.eventually(lambda state: settled(state) and state.life.phase is Phase.READY)
            assert not it.announces()
            it.supervisor.post(events.UndrainAsked())
            await it.eventually(all_announced)
            assert memory.drain is None

    run(scenario())


def test_a_drain_is_remembered_before_anybody_hears_of_it():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.supervisor.post(events.DrainAsked("by ann"))
            await it.eventually(lambda state: state.drained is not None)
            assert it.memory.drain == Drain(detail="by ann")
            assert not it.announces()
            assert it.daemon.running

    run(scenario())


def test_a_drain_that_cannot_be_stored_drains_all_the_same_and_is_told():
    async def scenario():
        async with scene(memory=FakeMemory(broken=True)) as it:
            await it.announced()
            it.supervisor.post(events.DrainAsked("by ann"))
            await it.eventually(lambda state: quiet(state, asyncio.get_running_loop().time()))
            ((event, detail),) = it.ears.notices()
            assert event == "drain-not-stored"
            assert "Read-only file system; a restart forgets it" in detail

    run(scenario())


def test_a_missing_route_keeps_it_withdrawn_until_it_is_there():
    async def scenario():
        async with scene(policy(required_routes=frozenset({DEFAULT}))) as it:
            it.begin()
            await it.eventually(settled)
            assert not it.announces()
            it.host.add_route(DEFAULT)
            await it.eventually(all_announced)
            it.host.remove_route(DEFAULT)
            await it.eventually(lambda _: not it.announces(), 0.1)

    run(scenario())


# --- probes ---


async def _raise():
    raise ZeroDivisionError("oops")


async def _hang():
    await asyncio.Event().wait()


async def _time_out():
    raise TimeoutError


@pytest.mark.parametrize(
    ("action", "reason", "words"),
    [
        (_raise, "probe-error", "ZeroDivisionError: oops"),
        (_hang, "probe-timeout", f"within {0.5 + GRACE:g} s"),
        (_time_out, "probe-timeout", "within 0.75 s"),
    ],
)
def test_a_probe_that_breaks_has_not_vouched(action, reason, words):
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.prober.action = action
            await it.eventually(lambda _: not it.announces(), 5)
            assert it.ears.changes()[-1] == ("withdrawn", reason)
            assert words in it.state.health[KEY].last.detail
            it.prober.action = None
            await it.eventually(all_announced)

    run(scenario())


def test_a_probe_that_cannot_be_cancelled_does_not_keep_us_from_stopping():
    async def scenario():
        release = asyncio.Event()

        async def stubborn():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()
            await asyncio.sleep(1)

        async with scene() as it:
            await it.announced()
            it.prober.action = stubborn
            asked = it.prober.asked
            await it.eventually(lambda _: it.prober.asked > asked)
            end = await it.stop()
            assert end.code == 0

    run(scenario())


def test_no_probe_outlives_the_supervisor():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.prober.action = _hang
            asked = it.prober.asked
            await it.eventually(lambda _: it.prober.asked > asked)
            await it.stop()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scenario())


# --- the daemon ---


def test_a_daemon_that_dies_takes_the_announcement_with_it_and_is_started_again():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.daemon.die(-11)
            await it.eventually(lambda _: not it.announces(), 0.01)
            assert it.host.links["anycast-hold"].up
            await it.eventually(all_announced)
            assert it.daemon.calls == ["spawn", "spawn"]

    run(scenario())


def test_a_daemon_that_cannot_be_started_ends_the_start():
    async def scenario():
        async with scene() as it:
            it.daemon.not_spawned = "/usr/sbin/named: no such file or directory"
            it.begin()
            end = await it.ended()
            assert end.code == 1
            assert "no such file or directory" in end.detail
            assert it.host.links == {}
            assert not any(call[0] == "add" and call[1] == "anycast0" for call in it.kernel.calls)

    run(scenario())


def test_a_daemon_that_cannot_be_signalled_is_told_and_killed_in_time():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.daemon.unreachable = True
            end = await it.stop()
            assert end.code == 0
            assert it.daemon.calls == ["spawn", "terminate", "kill"]
            assert (
                "daemon-unreachable",
                "pid 100 cannot be sent SIGTERM: Operation not permitted",
            ) in (it.ears.notices())

    run(scenario())


# --- the kernel refuses ---


def test_a_move_that_is_refused_is_told_and_tried_again():
    async def scenario():
        async with scene() as it:
            it.kernel.fail("add", "anycast0", "no buffer space", times=1)
            await it.announced()
            assert it.host.links["anycast0"].addresses == {V4, V6}
            (words,) = [
                detail for event, detail in it.ears.notices() if event == "interface-failed"
            ]
            assert words.startswith("anycast0: cannot add anycast0: no buffer space; tried again")

    run(scenario())


def test_nobody_is_told_of_an_announcement_that_was_refused():
    """``start`` and systemd go by the state that they hear."""

    async def scenario():
        async with scene() as it:
            it.kernel.fail("add", "anycast0", times=float("inf"))
            it.begin()
            await it.eventually(lambda state: "anycast0" in state.troubles)
            await asyncio.sleep(5)
            assert not any(map(all_announced, it.ears.states))
            assert it.ears.changes()[-1] == ("withdrawn", "interface-failed")

    run(scenario())


def test_after_a_refusal_nothing_more_is_tried_on_that_interface_in_the_same_step():
    async def scenario():
        async with scene() as it:
            it.kernel.fail("up", "anycast0", times=1)
            it.begin()
            await it.eventually(lambda state: "anycast0" in state.troubles)
            failed = it.kernel.calls.index(("up", "anycast0"))
            after = it.kernel.calls[failed + 1 :]
            assert all(name != "anycast0" for _, name, *_ in after)

    run(scenario())


def test_a_withdrawal_that_is_refused_is_done_by_stronger_means():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.kernel.fail("down", "anycast0", times=float("inf"))
            it.supervisor.post(events.DrainAsked())
            await it.eventually(lambda _: not it.announces(), 0.1)
            assert ("delete", "anycast0") in it.kernel.calls
            assert it.ears.changes()[-1][0] == "withdrawn"

    run(scenario())


def test_a_kernel_that_refuses_everything_on_one_interface_ends_in_reasons_not_in_a_loop():
    async def scenario():
        async with scene() as it:
            await it.announced()
            for method in ("up", "down", "add", "remove", "create", "delete"):
                it.kernel.fail(method, "anycast0", times=float("inf"))
            it.supervisor.post(events.DrainAsked())
            calls = len(it.kernel.calls)
            await asyncio.sleep(10)
            assert len(it.kernel.calls) - calls < 100
            assert any(event == "interface-failed" for event, _ in it.ears.notices())

    run(scenario())


def test_when_the_kernel_can_no_longer_be_read_everything_is_withdrawn_and_the_error_raised():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.kernel.fail("observe", None, "netlink is gone", times=float("inf"))
            it.host.touched()
            with pytest.raises(KernelError, match="netlink is gone"):
                await it.ended()
            assert not it.announces()
            assert "anycast0" not in it.host.links
            # The daemon runs on and waits with the hold for the next start.
            assert it.daemon.running
            assert it.host.links["anycast-hold"].addresses == {V4, V6}
            assert it.host.listeners == []

    run(scenario())


def test_a_fault_of_ours_withdraws_everything():
    async def scenario():
        async with scene() as it:
            await it.announced()

            def hear(state, told):
                raise RuntimeError("an audience broke the rule")

            it.ears.hear = hear
            with pytest.raises(RuntimeError):
                await it.ended()
            assert not it.announces()

    run(scenario())


def test_a_cancelled_supervisor_withdraws_everything():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await it.task
            assert not it.announces()

    run(scenario())


def test_what_cannot_be_deleted_keeps_nothing_else_from_it():
    async def scenario():
        existing = tuple(replace(card, kind=Kind.EXISTING) for card in CARDS)
        host = FakeHost({card.name: FakeLink() for card in CARDS})
        async with scene(cards=existing, host=host) as it:
            await it.announced()
            it.kernel.fail("delete", "anycast1", times=float("inf"))
            it.kernel.fail("observe", None, "netlink is gone", times=float("inf"))
            it.host.touched()
            with pytest.raises(KernelError, match="netlink is gone"):
                await it.ended()
            assert not it.announces()

    run(scenario())


# --- a beginning that fails ---


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("elsewhere", None),
        ("observe", None),
        ("create", "anycast0"),
        ("create", "anycast1"),
        ("create", "anycast-hold"),
        ("watch", None),
    ],
)
def test_a_beginning_that_fails_leaves_nothing(method, name):
    async def scenario():
        async with scene() as it:
            it.kernel.fail(method, name)
            it.begin()
            with pytest.raises(KernelError):
                await it.ended()
            assert it.host.links == {}
            assert it.host.listeners == []
            assert it.daemon.calls == []

    run(scenario())


@pytest.mark.parametrize("theirs", ["anycast0", "anycast1"])
def test_what_another_process_owns_is_never_touched(theirs):
    async def scenario():
        host = FakeHost()
        other = FakeKernel(CARDS, host=host)
        await other.create(theirs)
        await other.up(theirs)
        await other.add(theirs, V4)
        async with scene(host=host) as it:
            it.begin()
            with pytest.raises(KernelError, match="another process has it open"):
                await it.ended()
        assert set(host.links) == {theirs}
        assert host.links[theirs].up
        assert host.links[theirs].addresses == {V4}

    run(scenario())


def test_a_hold_from_before_survives_a_beginning_that_fails():
    """A daemon that a predecessor left answers through it."""

    async def scenario():
        host = FakeHost({"anycast-hold": FakeLink(up=True, addresses={V4, V6})})
        async with scene(host=host, adoptable=77) as it:
            it.kernel.fail("watch")
            it.begin()
            with pytest.raises(KernelError):
                await it.ended()
        assert set(host.links) == {"anycast-hold"}
        assert host.links["anycast-hold"].addresses == {V4, V6}

    run(scenario())


def test_an_address_on_an_interface_of_others_is_told_and_left_alone():
    async def scenario():
        host = FakeHost({"lo": FakeLink(up=True, addresses={V4})})
        async with scene(host=host) as it:
            await it.announced()
            ((event, words),) = it.ears.notices()
            assert event == "foreign-address"
            assert words.startswith("192.0.2.53 is also on lo, which is not ours: left alone;")
            await it.stop()
        assert host.links["lo"].addresses == {V4}

    run(scenario())


# --- what others change ---


def test_an_interface_that_somebody_removed_is_made_again():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.host.remove_link("anycast0")
            await it.eventually(lambda _: "anycast0 has vanished" in map(_words, it.ears.told))
            await it.eventually(all_announced)
            assert it.host.links["anycast0"].addresses == {V4, V6}

    run(scenario())


def _words(effect):
    return getattr(effect, "detail", "")


def test_a_link_that_somebody_set_down_is_set_up_again():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.host.set_link("anycast0", up=False)
            await it.eventually(lambda state: not all_announced(state))
            await it.eventually(lambda state: settled(state) and all_announced(state))
            assert it.host.links["anycast0"].up
            assert it.host.links["anycast0"].addresses == {V4, V6}
            drift = [words for event, words in it.ears.notices() if event == "drift"]
            assert "anycast0 was set down by someone else" in drift

    run(scenario())


def test_our_own_changes_are_no_drift():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.supervisor.post(events.DrainAsked())
            await asyncio.sleep(5)
            it.supervisor.post(events.UndrainAsked())
            await it.eventually(all_announced)
            await it.stop()
            assert it.ears.notices() == []

    run(scenario())


def test_many_changes_are_looked_at_once():
    async def scenario():
        async with scene() as it:
            await it.announced()
            await asyncio.sleep(3)
            looks = 0
            observe = it.kernel.observe

            async def counted():
                nonlocal looks
                looks += 1
                return await observe()

            it.kernel.observe = counted
            for _ in range(100):
                it.host.touched()
            await asyncio.sleep(0.01)
            assert 1 <= looks <= 2

    run(scenario())


# --- waiting ---


def test_until_waits_for_its_condition_or_its_time_or_the_end():
    async def scenario():
        async with scene() as it:
            it.begin()
            until, loop = it.supervisor.until, asyncio.get_running_loop()
            assert await until(lambda *_: True, 0)
            began = loop.time()
            assert not await until(lambda *_: False, 3)
            assert loop.time() - began == pytest.approx(3)
            assert await until(lambda state, _: all_announced(state), 30)
            waiting = asyncio.create_task(until(lambda *_: False, 600))
            await it.stop()
            assert await waiting is False

    run(scenario())


def test_until_that_is_given_up_leaves_nothing_behind():
    async def scenario():
        async with scene() as it:
            it.begin()
            waiting = asyncio.create_task(it.supervisor.until(lambda *_: False, 600))
            await asyncio.sleep(1)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await it.eventually(all_announced)
            await it.stop()

    run(scenario())


# --- another configuration ---


def test_a_new_configuration_takes_force_without_a_gap():
    async def scenario():
        async with scene() as it:
            await it.announced()
            more = ip_address("192.0.2.54")
            other = Service("other", (more,), (Probe("p"),))
            both = policy(services=(*it.state.policy.services, other))
            prober = FakeProber()
            it.supervisor.reconfigure(
                both, {KEY: Bounded(it.prober, 0.5), ("other", "p"): Bounded(prober, 0.5)}
            )
            await it.eventually(lambda _: more in it.host.links["anycast0"].addresses)
            assert prober.asked >= 2
            assert it.ears.ranks() == ["preferred", "preferred"]

    run(scenario())


def test_a_new_configuration_may_need_other_routes():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.supervisor.reconfigure(
                policy(required_routes=frozenset({DEFAULT})), {KEY: Bounded(it.prober, 0.5)}
            )
            await it.eventually(lambda _: not it.announces())
            assert it.ears.changes()[-1] == ("withdrawn", "route-missing")
            it.host.add_route(DEFAULT)
            await it.eventually(all_announced)

    run(scenario())


def test_a_probe_that_was_about_to_start_when_it_was_renamed_harms_nobody():
    async def scenario():
        unhandled = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: unhandled.append(what))
        async with scene() as it:
            await it.announced()
            service = Service("resolver", (V4, V6), (Probe("renamed"),))
            renamed = policy(services=(service,))
            # Both are in the queue before the loop turns: the probe is asked for, then renamed.
            now = asyncio.get_running_loop().time()
            asking = {KEY: replace(it.state.health[KEY], due=now)}
            it.supervisor.state = replace(it.state, health=asking)
            it.supervisor.post(events.TimePassed())
            it.supervisor.reconfigure(renamed, {("resolver", "renamed"): Bounded(it.prober, 0.5)})
            await it.eventually(lambda state: ("resolver", "renamed") in state.health)
            await it.eventually(lambda state: settled(state) and all_announced(state))
            assert unhandled == []

    run(scenario())


# --- the heart ---


def test_the_heart_beats_at_least_once_a_second():
    async def scenario():
        async with scene(memory=FakeMemory(Drain())) as it:
            it.daemon.notifies = False  # nothing happens
            it.begin()
            await asyncio.sleep(30)
            beats = it.heart.beats
            gaps = [after - before for before, after in itertools.pairwise(beats)]
            assert len(beats) >= 29
            assert max(gaps) <= BEAT + 0.01

    run(scenario())


def test_the_heart_stands_still_while_an_adapter_hangs():
    async def scenario():
        async with scene() as it:
            await it.announced()

            async def hang(name):
                await asyncio.Event().wait()

            it.kernel.down = hang
            it.supervisor.post(events.DrainAsked())
            await asyncio.sleep(2 * BEAT)
            beats = len(it.heart.beats)
            await asyncio.sleep(20 * BEAT)
            assert len(it.heart.beats) == beats

    run(scenario())


def test_a_probe_that_hangs_does_not_stop_the_heart():
    async def scenario():
        async with scene() as it:
            await it.announced()
            it.prober.action = _hang
            beats = len(it.heart.beats)
            await asyncio.sleep(10)
            assert len(it.heart.beats) - beats >= 9

    run(scenario())


# --- the audiences ---


def test_audiences_hear_of_every_step_after_it_was_done():
    async def scenario():
        async with scene() as it:
            seen = []
            hear = it.ears.hear

            def look(state, told):
                moved = [
                    e for e in told if isinstance(e, effects.Changed) and e.rank is not e.before
                ]
                seen.extend((e.rank, it.announces()) for e in moved)
                hear(state, told)

            it.ears.hear = look
            await it.announced()
            it.prober.outcome = BAD
            await it.eventually(lambda _: not it.announces())
            assert seen == [(Rank.PREFERRED, True), (Rank.WITHDRAWN, False)]

    run(scenario())


def test_what_falls_due_while_effects_are_performed_is_done_at_once():
    async def scenario():
        async with scene() as it:
            await it.announced()
            loop = asyncio.get_running_loop()
            hear, asked, slow = it.ears.hear, [], []

            async def note():
                asked.append(loop.time())

            def slowly(state, told):
                if slow:
                    loop._clock.now += slow.pop()
                hear(state, told)

            it.prober.action, it.ears.hear = note, slowly
            await it.eventually(lambda _: len(asked) == 1)
            due = it.state.health[KEY].due
            await asyncio.sleep(due - loop.time() - 0.1)
            slow.append(0.2)
            it.supervisor.post(events.UndrainAsked())
            await it.eventually(lambda _: len(asked) == 2)
            assert asked[1] == pytest.approx(due + 0.1, abs=0.01)

    run(scenario())
