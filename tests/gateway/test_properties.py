"""Whatever happens, in whatever order: the law of the tracker's core, held by Hypothesis.

The state machine below throws events at the core in any order, lets any time pass between them and
refuses what it asks for at will. The invariants look at the world, and ask the core only what its
probes have found.
"""

from dataclasses import replace
from ipaddress import ip_address

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from anycast_wrapper.core.health import HealthState
from anycast_wrapper.core.model import Outcome, Probe, Reason
from anycast_wrapper.gateway import effects, events
from anycast_wrapper.gateway.absorbing import ABSORB
from anycast_wrapper.gateway.membership import appraise, judge
from anycast_wrapper.gateway.model import Below
from anycast_wrapper.gateway.plan import Policy, plan
from anycast_wrapper.gateway.state import How, Known
from anycast_wrapper.gateway.tracking import next_deadline

from .simulation import World, pool, servers

BOTH = servers(3, (4, 6))
FOUR = servers(2, 4)
A, B, C = ip_address("192.0.2.53"), ip_address("2001:db8::53"), ip_address("192.0.2.54")
STRAY, STRANGER = ip_address("192.0.2.99"), ip_address("198.51.100.77")
TIMED_OUT = Outcome(ok=False, reason=Reason.PROBE_TIMEOUT)
BAD = Outcome(ok=False, reason=Reason.PROBE_SERVFAIL)
PROBES = (Probe("soa", fall=1), Probe("txt", fall=2, interval=0.7))
NAMES = [("one", "ns1"), ("one", "ns2"), ("one", "ns3"), ("two", "ns1")]


def policies():
    return st.builds(
        lambda minimum, below, probes, second, keep, weight: Policy(
            (
                pool(
                    A,
                    B,
                    name="one",
                    members=tuple(replace(one, weight=weight) for one in BOTH),
                    probes=PROBES[:probes],
                    minimum=minimum,
                    below=below,
                ),
                *((pool(C, name="two", members=FOUR),) if second else ()),
            ),
            keep=keep,
        ),
        st.integers(1, 3),
        st.sampled_from(Below),
        st.integers(1, 2),
        st.booleans(),
        st.booleans(),
        st.integers(1, 3),
    )


class AnySequence(RuleBasedStateMachine):
    """Events in any order against a world that may refuse."""

    @initialize(policy=policies(), left=st.booleans(), drained=st.sets(st.sampled_from(NAMES)))
    def start(self, *, policy, left, drained):
        self.world = World(policy)
        if left:
            self.world.leads = {A: {BOTH[0].addresses[0]: 1, STRANGER: 1}, STRAY: {STRANGER: 1}}
        self.lost = False
        self.world.start(drained)
        self.check()

    def feed(self, event):
        self.world.feed(event)
        self.check()

    def check(self):
        """What holds between the effects since the last time."""
        running = {number for number, *_ in self.running()}
        for index, (_, effect) in enumerate(self.world.log):
            match effect:
                case effects.Apply(address, members):
                    assert all(one.address.version == address.version for one in members)
                    assert len({one.address for one in members}) == len(members)
                case effects.Exit():
                    assert index == len(self.world.log) - 1, "something follows the exit"
        self.world.log.clear()
        assert len(running) == len(self.running()), "a probe runs twice"

    def running(self):
        return [
            (event.watch, event.ticket)
            for _, event in self.world.pending
            if event.watch < len(plan(self.world.policy).watches)
            and self.state.ledger[event.watch].ticket == event.ticket
        ]

    @property
    def state(self):
        return self.world.state

    # --- what may happen ---

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.05, 0.1, 0.3, 1.0, 2.0, 7.0]))
    def time_passes(self, seconds):
        self.world.run_until(self.world.now + seconds)
        self.check()

    @rule(
        server=st.sampled_from([*BOTH, *FOUR]),
        which=st.integers(0, 1),
        how=st.sampled_from([TIMED_OUT, BAD]),
    )
    def server_fails(self, server, which, how):
        self.world.answers[server.addresses[which % len(server.addresses)]] = how

    @rule(server=st.sampled_from([*BOTH, *FOUR]))
    def server_recovers(self, server):
        for address in server.addresses:
            self.world.answers.pop(address, None)

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1))
    def drain(self, names):
        self.feed(events.Drained(tuple(sorted(names))))

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1))
    def undrain(self, names):
        self.feed(events.Undrained(tuple(sorted(names))))

    @rule(address=st.sampled_from([A, B, C, STRAY]))
    def kernel_refuses(self, address):
        self.world.refused.add(address)

    @rule()
    def kernel_allows(self):
        self.world.refused.clear()

    @rule(server=st.sampled_from(BOTH))
    def unreachable(self, server):
        self.world.unreachable.add(server.addresses[0])

    @rule()
    def reachable(self):
        self.world.unreachable.clear()
        self.feed(events.WorldChanged())

    @rule(address=st.sampled_from([A, B]))
    def somebody_removes_a_route(self, address):
        self.world.leads.pop(address, None)
        self.feed(events.WorldChanged())

    @rule()
    def the_world_changes(self):
        self.feed(events.WorldChanged())

    @rule(watch=st.integers(0, 9), ticket=st.integers(0, 9))
    def stray_outcome(self, watch, ticket):
        if (watch, ticket) not in self.running():
            before = self.state.ledger
            self.feed(events.ProbeDone(watch, ticket, BAD))
            assert self.state.ledger is before or self.state.ledger[watch].ticket != ticket

    @rule(policy=policies())
    def reload(self, policy):
        if not self.state.exited:
            self.world.reconfigure(policy)
            self.check()

    @rule()
    def stop(self):
        self.feed(events.StopAsked())

    # --- what must hold after every step ---

    @invariant()
    def members_are_who_they_have_to_be(self):
        if not hasattr(self, "world") or self.state.exited or self.world.refused:
            return
        state, known = self.state, plan(self.state.policy)
        for address, lead in state.leads.items():
            number = known.group_of.get(address)
            sites = [] if number is None else [known.sites[n] for n in known.groups[number].sites]
            by_address = {site.address: site for site in sites}
            for member in lead.asked or ():
                site = by_address[member.address]  # of the pool, and of its IP version
                name = site.pool, site.server.name
                found = appraise([state.ledger[n] for n in site.watches])[0]
                if name in state.drained:
                    assert member.weight == 0, "drained, and is sent new queries"
                    assert self.world.now <= state.drained[name].since + state.policy.linger
                    assert found is not Known.DOWN
                    continue
                assert member.weight == site.server.weight
                if found is Known.UNPROVEN:
                    trusted = member.address in state.adopted.get(address, ())
                    assert trusted or lead.how is How.FAIL_OPEN, "not proven yet"
                if found is Known.DOWN:
                    assert lead.how is How.FAIL_OPEN, "down"
            if lead.how is How.FAIL_OPEN:
                assert known.groups[number].pool.below is Below.KEEP

    @invariant()
    def what_is_known_of_a_site_is_what_its_probes_say(self):
        if not hasattr(self, "world"):
            return
        known = plan(self.state.policy)
        for site, standing in zip(known.sites, self.state.standings, strict=True):
            healths = [self.state.ledger[n] for n in site.watches]
            assert standing.known is appraise(healths)[0]
            if all(one.state is HealthState.UP for one in healths):
                assert standing.known is Known.UP

    @invariant()
    def nothing_that_is_called_for_is_forgotten(self):
        """What is kept from step to step is what would be found by looking at all of it.

        But for who has just come up, and waits a moment for others that do.
        """
        if not hasattr(self, "world") or self.state.exited or self.state.stopping is not None:
            return
        state, now = self.state, self.world.now
        for number, group in enumerate(plan(state.policy).groups):
            if number in state.judge_at and state.judge_at[number] <= now + 0.1:
                continue
            for address in group.addresses:
                found = judge(state, plan(state.policy), address, now)
                assert (found.members, found.how) == (
                    state.leads[address].asked,
                    state.leads[address].how,
                )

    @invariant()
    def the_kernel_has_what_the_core_asked_for(self):
        if not hasattr(self, "world") or self.state.exited:
            return
        for address, lead in self.state.leads.items():
            if lead.failure or self.state.again:
                continue
            has = self.world.leads.get(address, {})
            asked = {m.address: m.weight for m in lead.members}
            out = self.world.unreachable  # may have become so after it was applied
            assert {a: w for a, w in has.items() if a not in out} == {
                a: w for a, w in asked.items() if a not in out
            }

    @invariant()
    def the_next_deadline_lies_ahead(self):
        if hasattr(self, "world"):
            deadline = next_deadline(self.state, self.world.now)
            assert deadline is None or deadline > self.world.now

    def teardown(self):
        """Once faults stop, every address leads to every server within a bounded time."""
        if not hasattr(self, "world"):
            return
        world, ended = self.world, self.state.exited
        world.refused.clear()
        world.answers.clear()
        world.unreachable.clear()
        self.feed(events.WorldChanged())
        self.feed(events.Undrained(tuple(NAMES)))
        world.run_until(world.now + 15.0)
        if self.state.stopping is not None:
            assert self.state.exited, "a stop that does not end"
            # Where the kernel refused for long enough, it has ended and said what it has left.
            left = {a for a, lead in self.state.leads.items() if ended and lead.applied != ()}
            if not world.policy.keep:
                assert set(world.leads) <= left
            return
        for one in world.policy.pools:
            for address in one.addresses:
                every = {
                    str(a) for s in one.servers for a in s.addresses if a.version == address.version
                }
                assert world.led_to(address) == every
        assert set(world.leads) == {a for one in world.policy.pools for a in one.addresses}


AnySequence.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
)
TestAnySequence = AnySequence.TestCase


def test_every_event_is_absorbed():
    assert set(ABSORB) == set(events.Event.__args__)
