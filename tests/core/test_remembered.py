"""What is remembered changes no answer, and spares the work: counted, not timed."""

import gc
import sys
import weakref
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.judge import vouch
from anycast_wrapper.core.machine import next_deadline, step
from anycast_wrapper.core.model import Link, Observation, Outcome, Policy, Probe, Reason, Service
from anycast_wrapper.core.query import all_announced
from anycast_wrapper.core.remembered import remembered
from anycast_wrapper.core.state import initial
from anycast_wrapper.routing.truth import Meant
from anycast_wrapper.telemetry.history import History
from anycast_wrapper.telemetry.logs import EventLog
from anycast_wrapper.telemetry.metrics.tally import Tally
from anycast_wrapper.telemetry.status import Journal, headline
from anycast_wrapper.telemetry.systemd import Notifier, SystemdAudience

from .simulation import GOOD, World

BAD = Outcome(ok=False, reason=Reason.PROBE_SERVFAIL, detail="SERVFAIL")
SERVICES = (
    Service("one", (ip_address("192.0.2.53"),), (Probe("zone"), Probe("upstream"))),
    Service("two", (ip_address("2001:db8::53"),), (Probe("other"),)),
)


# --- the answers stay what they are ---


def test_the_very_same_question_is_answered_once():
    asked = []

    @remembered
    def total(numbers, *, more=0):
        """Adds."""
        asked.append(numbers)
        return sum(numbers) + more

    numbers = [1, 2]
    assert [total(numbers), total(numbers), len(asked)] == [3, 3, 1]
    assert [total([1, 2]), len(asked)] == [3, 2], "equal is not the same"
    assert total([1, 2], more=1) == 4
    assert total([], more=1) == 1
    assert (total.__name__, total.__doc__) == ("total", "Adds.")


def test_what_was_given_lives_on_so_that_nothing_else_is_taken_for_it():
    numbers = frozenset({1, 2})
    seen = weakref.ref(numbers)
    total = remembered(sum)
    assert total(numbers) == 3
    del numbers
    gc.collect()
    assert seen() is not None
    assert total(frozenset({3, 4})) == 7
    gc.collect()
    assert seen() is None


def test_what_failed_is_not_remembered():
    @remembered
    def inverse(number):
        return 1 / number

    number, zero = 4, 0
    assert inverse(number) == 0.25
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            inverse(zero)
    assert inverse(number) == 0.25


HAPPENINGS = {
    "a moment": lambda world: world.run_until(world.now + 0.07),
    "a while": lambda world: world.run_until(world.now + 3.3),
    "bad": lambda world: world.answers.update(zone=BAD),
    "worse": lambda world: world.answers.update(other=BAD),
    "good": lambda world: world.answers.clear(),
    "exit": lambda world: world.feed(events.DaemonExited(1, "assertion")),
    "ready": lambda world: world.feed(events.DaemonReady()),
    "drain": lambda world: world.feed(events.DrainAsked("x")),
    "undrain": lambda world: world.feed(events.UndrainAsked()),
    "queue": lambda world: world.feed(events.QueueStands(True)),
    "refuse": lambda world: world.refused.add("anycast0"),
    "let": lambda world: world.refused.clear(),
    "turn": lambda world: world.feed(
        events.Reconfigured(replace(world.state.policy, services=world.state.policy.services[::-1]))
    ),
    "fewer": lambda world: world.feed(
        events.Reconfigured(replace(world.state.policy, services=SERVICES[:1]))
    ),
    "stop": lambda world: world.feed(events.StopAsked()),
}
STORIES = st.lists(st.sampled_from(sorted(HAPPENINGS)), max_size=25)


class Told(World):
    """A world that writes down what it would show, and holds what follows from the health."""

    def __init__(self):
        super().__init__(Policy(SERVICES, reroute=True, nudge=True))
        self.lines = []
        self.feed(events.Started(self.observation))
        self.feed(events.DaemonReady())

    def feed(self, event):
        asked = super().feed(event)
        state = self.state
        self.lines.append((self.now, headline(state), next_deadline(state, self.now)))
        assert state.vouched == {
            service.name: vouch(service, state.health) for service in state.policy.services
        }
        return asked


@settings(max_examples=60, deadline=None)
@given(STORIES, STORIES)
def test_what_happens_elsewhere_changes_nothing_here(story, other):
    """A node alone, and the same node with every step between two steps of another one."""
    alone = Told()
    for name in story:
        HAPPENINGS[name](alone)

    beside, neighbour = Told(), Told()
    for number, name in enumerate(story):
        if number < len(other):
            HAPPENINGS[other[number]](neighbour)
        HAPPENINGS[name](beside)
    assert beside.log == alone.log
    assert beside.lines == alone.lines
    assert beside.state == alone.state


# --- the work does not grow ---


class Many:
    """So many services, all announced, and everybody who hears of every step."""

    def __init__(self, count):
        services = tuple(
            Service(f"s{n}", (ip_address(0xC6120001 + n),), (Probe("alive", rise=1),))
            for n in range(count)
        )
        self.state, self.now = initial(Policy(services)), 0.0
        self.audiences = [Journal(), Meant(), SystemdAudience(Notifier({})), Tally(), History()]
        for run in self.probes(events.Started(Observation(), adopted=1)):
            self.feed(events.ProbeDone(run.service, run.probe, run.ticket, GOOD))
        up = Link(up=True, addresses=frozenset(self.state.policy.addresses))
        links = {**self.state.links, "anycast0": up, "anycast-hold": up}
        self.feed(events.Observed(Observation(links)))
        assert all_announced(self.state)
        self.audiences.append(EventLog())

    def feed(self, event):
        self.state, asked = step(self.state, event, self.now)
        for audience in self.audiences:
            audience.hear(self.state, asked)
        return asked

    def probes(self, event):
        return [one for one in self.feed(event) if isinstance(one, effects.RunProbe)]

    def answers(self, outcome):
        """Every probe is asked and answers so; what each answer took, see `work`."""
        runs = []
        while not runs:
            self.now = next_deadline(self.state, self.now)
            runs = self.probes(events.TimePassed())
        for run in runs:
            answer = events.ProbeDone(run.service, run.probe, run.ticket, outcome)
            yield work(lambda answer=answer: (self.feed(answer), self.deadline()))

    def deadline(self):
        return next_deadline(self.state, self.now)


def work(done):
    """How many instructions of the interpreter it takes. Deterministic, unlike time."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        done()
    finally:
        sys.settrace(before)
    return count


def typical(count, happening=None, outcome=GOOD):
    many = Many(count)
    if happening is not None:
        many.feed(happening)
    for _ in range(4):  # Until nothing of it is new.
        works = sorted(many.answers(outcome))
    return works[len(works) // 2]


@pytest.mark.parametrize(
    ("happening", "outcome"),
    [(None, GOOD), (events.DrainAsked("x"), GOOD), (None, BAD)],
    ids=["announced", "drained", "all fail"],
)
def test_an_answer_costs_the_same_among_few_and_among_many(happening, outcome):
    few, many = (typical(count, happening, outcome) for count in (10, 110))
    # To find the probe that is due next, all are looked at: some ten instructions each. To judge a
    # single one takes fifty.
    assert many - few < 20 * 100, f"{few} instructions among 10 services, {many} among 110"
