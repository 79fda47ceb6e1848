"""The tables are total: no state and no cue is forgotten."""

from itertools import product
from typing import get_args

import pytest

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.absorb import ABSORB
from anycast_wrapper.core.health import TRANSITIONS, Health, HealthState, ask, settle
from anycast_wrapper.core.judge import PHASE_REASON
from anycast_wrapper.core.lifecycle import (
    AFTER_EXIT,
    TABLE,
    Context,
    Cue,
    Life,
    Phase,
    advance,
    describe_exit,
)
from anycast_wrapper.core.model import DaemonPolicy, Outcome, Probe, Reason, Restart

GOOD = Outcome(ok=True, reason=Reason.HEALTHY)
BAD = Outcome(ok=False, reason=Reason.PROBE_TIMEOUT)


def test_every_phase_knows_every_cue():
    assert set(TABLE) == set(product(Phase, Cue))


def test_every_exit_is_decided():
    assert set(AFTER_EXIT) == set(product(Restart, (True, False)))


def test_every_health_state_knows_both_outcomes():
    assert set(TRANSITIONS) == set(product(HealthState, (True, False)))


def test_every_phase_has_its_reason():
    assert set(PHASE_REASON) == set(Phase)
    assert [phase for phase, reason in PHASE_REASON.items() if reason is None] == [Phase.READY]


def test_every_event_is_absorbed():
    assert set(ABSORB) == set(get_args(events.Event))


def test_every_move_names_its_interface():
    assert all("interface" in move.__dataclass_fields__ for move in get_args(effects.Move))


@pytest.mark.parametrize("phase", Phase)
def test_a_daemon_that_is_to_stop_is_down_or_on_its_way(phase: Phase):
    life, _ = advance(Life(phase=phase, proven=True), Cue.STOP, Context(DaemonPolicy(), 1.0))
    assert life.phase in {Phase.DOWN, Phase.STOPPING, Phase.KILLING, Phase.ENDED}


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.READY, Phase.STOPPING, Phase.KILLING])
def test_an_exit_is_never_overlooked(phase: Phase):
    life, _ = advance(Life(phase=phase, proven=True), Cue.EXITED, Context(DaemonPolicy(), 1.0, -9))
    assert life.phase is Phase.BACKOFF


def test_a_daemon_that_lasted_starts_its_back_off_afresh():
    policy = DaemonPolicy(restart_delay=1.0, restart_delay_max=30.0)
    tired = Life(phase=Phase.READY, since=0.0, proven=True, failures=9)
    life, _ = advance(tired, Cue.EXITED, Context(policy, 30.0, -11))
    assert life.deadline == 31.0
    life, _ = advance(tired, Cue.EXITED, Context(policy, 29.0, -11))
    assert life.deadline == 59.0


def test_an_adopted_daemon_that_said_goodbye_has_ended_cleanly():
    leaving = Life(phase=Phase.STOPPING, proven=True, leaving=True)
    life, _ = advance(leaving, Cue.EXITED, Context(DaemonPolicy(), 1.0, None))
    assert (life.phase, life.code) == (Phase.ENDED, 0)


@pytest.mark.parametrize(
    ("code", "words"),
    [(-9, "killed by signal 9"), (1, "exited with status 1"), (None, "unknown")],
)
def test_an_exit_is_described(code: int | None, words: str):
    assert words in describe_exit(code, "")
    assert describe_exit(code, "boo").endswith(": boo")


def test_rise_and_fall_count_in_a_row():
    probe = Probe("p", interval=1.0, recheck=0.1, rise=2, fall=3)
    health = Health()
    states = []
    for outcome in (GOOD, BAD, GOOD, GOOD, BAD, BAD, GOOD, BAD, BAD, BAD, GOOD, BAD, GOOD, GOOD):
        health = settle(ask(health, 1, 5.0), probe, outcome, 5.0)
        states.append(health.state.value)
    assert states == [
        "unproven",
        "unproven",
        "unproven",
        "up",
        "falling",
        "falling",
        "up",
        "falling",
        "falling",
        "down",
        "rising",
        "down",
        "rising",
        "up",
    ]


def test_a_timeout_is_followed_by_its_recheck_at_once():
    probe = Probe("p", interval=1.0, recheck=0.1)
    up = Health(state=HealthState.UP, last=GOOD, streak=2)
    falling = settle(ask(up, 1, now=10.0), probe, BAD, now=10.5)
    assert falling.due == 10.5
    steady = settle(ask(up, 1, now=10.0), probe, GOOD, now=10.001)
    assert steady.due == 11.0
