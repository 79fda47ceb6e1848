"""Whatever happens, in whatever order: the law of the core, held by Hypothesis.

The state machine below throws events at the core in any order, lets any time pass between them and
refuses kernel operations at will. The invariants look at the world, not into the core.
"""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.health import HealthState
from anycast_wrapper.core.lifecycle import Phase
from anycast_wrapper.core.machine import next_deadline
from anycast_wrapper.core.model import (
    DaemonPolicy,
    Interface,
    Link,
    Outcome,
    Policy,
    Probe,
    Rank,
    Readiness,
    Reason,
    Restart,
    Service,
    Switch,
)

from .simulation import World

A, B, C = ip_address("192.0.2.53"), ip_address("192.0.2.54"), ip_address("2001:db8::53")
DEFAULT = ip_network("0.0.0.0/0")
BAD = Outcome(ok=False, reason=Reason.PROBE_SERVFAIL)
SLOW = Outcome(ok=False, reason=Reason.PROBE_TIMEOUT)

SERVICES = (
    Service("one", (A, C), (Probe("zone"), Probe("upstream", on_failure=Rank.LAST_RESORT))),
    Service("two", (B,), (Probe("other"),)),
)
LOWERED = (SERVICES[0], replace(SERVICES[1], ceiling=Rank.LAST_RESORT))
CLASSIC = {Rank.PREFERRED: Interface("lo", Switch.ADDRESS)}


class AnySequence(RuleBasedStateMachine):
    """Events in any order against a world that may refuse."""

    @initialize(
        restart=st.sampled_from(Restart),
        ready=st.sampled_from(Readiness),
        classic=st.booleans(),
        routed=st.booleans(),
        adopted=st.sampled_from([None, 7]),
        left=st.booleans(),
        helped=st.booleans(),
        paced=st.booleans(),
        overlap=st.booleans(),
    )
    def start(self, *, restart, ready, classic, routed, adopted, left, helped, paced, overlap):
        policy = Policy(
            services=SERVICES,
            daemon=DaemonPolicy(restart=restart, ready=ready),
            required_routes=frozenset({DEFAULT} if routed else ()),
            reroute=helped,
            nudge=helped,
        )
        policy = replace(policy, gap=policy.gap if paced else 0.0, overlap=overlap)
        if classic:
            services = (replace(SERVICES[0], probes=SERVICES[0].probes[:1]), SERVICES[1])
            policy = replace(policy, hold=None, ranks=CLASSIC, services=services)
        self.world = World(policy)
        self.world.routes = frozenset({DEFAULT})
        if classic:
            self.world.links["lo"] = Link(up=True, addresses=frozenset({A} if left else ()))
        elif left:
            self.world.links["anycast0"] = Link(up=True, addresses=frozenset({A, B, C}))
        self.refused_ever = False
        self.meddled = False
        self.helped = helped
        self.diverted = frozenset()
        self.feed(events.Started(self.world.observation, adopted=adopted))

    def feed(self, event):
        seen = len(self.world.log)
        self.world.feed(event)
        self.check(self.world.log[seen:])

    def check(self, log):
        """What holds between the effects of one step and of the next."""
        paced = [t for t, e in log if isinstance(e, effects.AddAddress) and self.ranked(e)]
        if len(paced) > 2 and self.world.policy.gap:
            assert len(set(paced)) > 1, "more than one IPv4 and one IPv6 address at a time"
        for index, (_, effect) in enumerate(log):
            if isinstance(effect, effects.Divert | effects.Nudge):
                assert self.helped, "help that the policy does not ask for"
            if isinstance(effect, effects.Divert):
                self.diverted = frozenset(map(str, effect.addresses))
            if isinstance(effect, effects.Exit):
                assert index == len(log) - 1, "something follows the exit"
                if not self.refused_ever:
                    assert not self.world.announced(), "left with something announced"

    def ranked(self, effect):
        return effect.interface in {i.name for i in self.world.policy.ranks.values()}

    @property
    def state(self):
        return self.world.state

    # --- what may happen ---

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.1, 0.3, 0.5, 1.0, 2.5, 40.0]))
    def time_passes(self, seconds):
        seen = len(self.world.log)
        self.world.run_until(self.world.now + seconds)
        self.check(self.world.log[seen:])

    @rule()
    def spawned(self):
        self.feed(events.DaemonSpawned(100))

    @rule()
    def ready(self):
        self.feed(events.DaemonReady())

    @rule()
    def leaving(self):
        self.feed(events.DaemonStopping())

    @rule(code=st.sampled_from([0, 1, -9, None]))
    def exited(self, code):
        self.feed(events.DaemonExited(code))

    @rule(probe=st.sampled_from(["zone", "upstream", "other"]), how=st.sampled_from([BAD, SLOW]))
    def probe_fails(self, probe, how):
        self.world.answers[probe] = how

    @rule(probe=st.sampled_from(["zone", "upstream", "other"]))
    def probe_recovers(self, probe):
        self.world.answers.pop(probe, None)

    @rule(stands=st.booleans())
    def queue_stands(self, stands):
        self.feed(events.QueueStands(stands))

    @rule()
    def drain(self):
        self.feed(events.DrainAsked())

    @rule()
    def undrain(self):
        self.feed(events.UndrainAsked())

    @rule(there=st.booleans())
    def route(self, there):
        self.world.routes = frozenset({DEFAULT} if there else ())
        self.feed(events.Observed(self.world.observation))

    @rule(name=st.sampled_from(["anycast0", "anycast1", "anycast-hold", "lo"]))
    def kernel_refuses(self, name):
        self.world.refused.add(name)
        self.refused_ever = True

    @rule()
    def kernel_allows(self):
        self.world.refused.clear()

    @precondition(lambda self: self.world.policy.hold is not None and not self.state.exited)
    @rule(
        name=st.sampled_from(["anycast0", "anycast1", "anycast-hold"]),
        link=st.sampled_from(
            [None, Link(up=False), Link(up=True), Link(up=True, addresses=frozenset({A}))],
        ),
    )
    def somebody_changes(self, name, link):
        if link is None:
            self.world.links.pop(name, None)
        else:
            self.world.links[name] = link
        self.meddled = True
        self.feed(events.Observed(self.world.observation))

    @rule(services=st.sampled_from([SERVICES, SERVICES[:1], SERVICES[1:], LOWERED, LOWERED[1:]]))
    def reload(self, services):
        if self.world.policy.hold is None:
            return
        self.world.policy = replace(self.world.policy, services=services)
        self.feed(events.Reconfigured(self.world.policy))

    @rule()
    def stop(self):
        self.feed(events.StopAsked())

    # --- what must hold after every step ---

    @invariant()
    def nothing_is_announced_without_cause(self):
        if not hasattr(self, "world") or self.refused_ever:
            return
        on = {address for _, address in self.world.announced()}
        state = self.state
        if state.life.phase is not Phase.READY:
            assert not on, "announced while the daemon is not ready"
        if state.drained is not None:
            assert not on, "announced while drained"
        if state.stopping is not None:
            assert not on, "announced while stopping"
        if state.policy.required_routes - self.world.routes:
            assert not on, "announced without the way back"
        for service in state.policy.services:
            for probe in service.probes:
                health = state.health[service.name, probe.name].state
                down = not health.vouches and probe.on_failure is Rank.WITHDRAWN
                if down or health is HealthState.UNPROVEN:
                    assert not on & set(map(str, service.addresses)), "announced unproven"

    @invariant()
    def nothing_is_announced_above_its_ceiling_or_twice_where_that_is_a_fault(self):
        if not hasattr(self, "world") or self.refused_ever:
            return
        policy, on = self.world.policy, self.world.announced()
        if not policy.overlap and not self.meddled:
            assert len({address for _, address in on}) == len(on), "at two ranks at once"
        if policy.overlap:
            return  # It is retired from its former rank only once it has arrived.
        for service in policy.services:
            if service.ceiling is not Rank.PREFERRED:
                above = {("anycast0", str(address)) for address in service.addresses}
                assert not on & above, "above its ceiling"

    @invariant()
    def nothing_is_diverted_that_is_announced_or_still_answered(self):
        if not hasattr(self, "world") or self.state.exited:
            return
        assert self.diverted == set(map(str, self.state.diverted))
        if self.state.drained is not None or self.state.stopping is not None:
            assert not self.diverted, "diverted although the hold answers"
        if not self.refused_ever:
            on = {address for _, address in self.world.announced()}
            assert not self.diverted & on, "diverted while announced"
        for service in self.state.policy.services:
            healths = [self.state.health[service.name, p.name].state for p in service.probes]
            well = self.state.life.phase is Phase.READY and all(h.vouches for h in healths)
            if well and not self.state.policy.required_routes - self.state.routes:
                assert not self.diverted & set(map(str, service.addresses)), "diverted while well"

    @invariant()
    def the_core_knows_what_the_kernel_has(self):
        if hasattr(self, "world") and not self.state.exited and not self.world.refused:
            assert dict(self.state.links) == self.world.links

    @invariant()
    def the_next_deadline_lies_ahead(self):
        if hasattr(self, "world"):
            deadline = next_deadline(self.state, self.world.now)
            assert deadline is None or deadline > self.world.now

    def teardown(self):
        """Once faults stop, every service is announced again within a bounded time."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.refused.clear()
        world.answers.clear()
        world.routes = frozenset({DEFAULT})
        self.feed(events.Observed(world.observation))
        self.feed(events.UndrainAsked())
        self.feed(events.QueueStands(stands=False))
        for _ in range(40):
            # The daemon does what it is told: starts, gets ready, and ends when asked to.
            phase = self.state.life.phase
            if phase is Phase.STARTING:
                self.feed(events.DaemonReady())
            elif phase in (Phase.STOPPING, Phase.KILLING):
                self.feed(events.DaemonExited(-15))
            world.run_until(world.now + 1.0)
        if self.state.exited:
            return
        assert self.state.stopping is None, "a stop that does not end"
        ranks = world.policy.ranks
        assert world.announced() == {
            (ranks[service.ceiling].name, str(address))
            for service in world.policy.services
            for address in service.addresses
        }


AnySequence.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=30,
    deadline=None,
)
TestAnySequence = AnySequence.TestCase


def test_a_withdrawal_is_part_of_the_step_that_learns_the_reason():
    for event in (
        events.DaemonExited(-9),
        events.DaemonStopping(),
        events.DrainAsked(),
        events.StopAsked(),
    ):
        world = World(Policy(services=SERVICES))
        world.feed(events.Started(world.observation))
        world.feed(events.DaemonReady())
        world.run_until(0.2)  # within a second of the first announcement: paced for all but this
        assert world.announced()
        first = world.feed(event)[0]
        assert first == effects.LinkDown("anycast0")


def test_two_announcements_keep_their_distance():
    world = World(Policy(services=SERVICES))
    world.feed(events.Started(world.observation))
    world.feed(events.DaemonReady())
    world.run_until(30.0)
    times = sorted(
        {
            t
            for t, e in world.log
            if isinstance(e, effects.AddAddress) and e.interface != "anycast-hold"
        },
    )
    assert all(b - a >= world.policy.gap for a, b in pairwise(times))
