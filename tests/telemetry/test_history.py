"""The last hour: bounded, monotonic, and true to what was there."""

import json
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.core import events
from anycast_wrapper.core.model import Outcome, Policy, Probe, Reason, Service
from anycast_wrapper.telemetry import history as module
from anycast_wrapper.telemetry.history import HOUR, RECENT, STEP, History, ProbeHistory
from anycast_wrapper.telemetry.status import Journal, snapshot

from .story import BAD, V4, Story


def good(ms):
    return Outcome(ok=True, reason=Reason.HEALTHY, latency=ms / 1000)


@pytest.fixture
def history():
    return History()


@pytest.fixture
def story(history):
    return Story(history)


def of(document, kind, name):
    (found,) = [one for one in document[kind] if one["name"] == name]
    return found


def test_ranks_are_told_with_their_ages_and_reasons(story, history):
    story.announced()
    story.feed(events.DrainAsked("by ann"))
    drained = story.now
    story.run_until(drained + 100)
    document = history.document(story.now)
    assert json.loads(json.dumps(document)) == document
    assert (document["seconds"], document["step"]) == (3600.0, 10.0)
    ranks = of(document, "services", "resolver")["ranks"]
    assert [(one["rank"], one["reason"]) for one in ranks][-2:] == [
        ("preferred", "healthy"),
        ("withdrawn", "drained"),
    ]
    assert ranks[0]["rank"] == "withdrawn"
    assert ranks[-1] == {"ago": 100.0, "rank": "withdrawn", "reason": "drained", "detail": "by ann"}
    assert all(one["ago"] >= other["ago"] for one, other in pairwise(ranks))


def test_what_is_over_for_an_hour_is_forgotten_but_not_what_the_hour_began_with(story, history):
    story.announced()
    story.feed(events.DrainAsked("by ann"))
    story.run_until(story.now + 5)
    story.feed(events.UndrainAsked())
    story.run_until(story.now + HOUR + 60)
    (only,) = of(history.document(story.now), "services", "resolver")["ranks"]
    assert only["rank"] == "preferred"
    assert only["ago"] > HOUR
    for probe in history.document(story.now)["probes"]:
        assert len(probe["points"]) <= HOUR / STEP + 1
        assert all(0 <= point[0] <= HOUR for point in probe["points"])


def test_results_are_put_together_by_ten_seconds_with_failures_apart(story, history):
    story.announced()
    story.answers["alive"] = BAD
    began = story.now
    story.run_until(began + 60)
    points = of(history.document(story.now), "probes", "alive")["points"]
    assert sum(point[5] for point in points) > 50
    assert points[-2][1:4] == [None, None, None]
    assert points[-2][4:] == [0, 10]
    assert points[0][1:4] == [1.0, 1.0, 1.0]
    fine = of(history.document(story.now), "probes", "resolves")["points"]
    assert sum(point[5] for point in fine) == 0


def test_the_last_results_go_into_the_status_document(story, history):
    story.announced()
    story.answers["alive"] = BAD
    story.run_until(story.now + 5)
    document = snapshot(story.state, story.now, 1, Journal())
    history.add_recent(document)
    alive, resolves = document["services"][0]["probes"]
    assert alive["recent"][0] == 1.0
    assert alive["recent"][-3:] == [None, None, None]
    assert set(resolves["recent"]) == {1.0}
    assert json.loads(json.dumps(document)) == document


def test_before_anything_was_asked_there_is_nothing_and_no_fault(story, history):
    document = snapshot(story.state, story.now, 1, Journal())
    history.add_recent(document)
    assert [probe["recent"] for probe in document["services"][0]["probes"]] == [[], []]
    assert history.document(0.0)["services"] == []


def test_a_wall_clock_that_is_set_moves_nothing(story, history):
    # The module has no clock at all: nothing to patch, nothing to step.
    assert not {"time", "datetime"} & set(vars(module))
    story.announced()
    assert max(point[0] for point in history.document(story.now)["probes"][0]["points"]) <= 20


def test_what_a_reload_removes_is_forgotten(story, history):
    story.announced()
    story.feed(events.Reconfigured(Policy(services=(Service("other", (V4,), (Probe("new"),)),))))
    story.run_until(story.now + 5)
    document = history.document(story.now)
    assert [one["name"] for one in document["services"]] == ["other"]
    assert [(one["service"], one["name"]) for one in document["probes"]] == [("other", "new")]


def test_memory_is_bounded_however_often_it_is_asked_and_changes():
    probe = ProbeHistory()
    for number in range(200_000):
        probe.add(number * 0.02, good(number % 7) if number % 3 else BAD)
    assert len(probe.recent) == RECENT
    assert len(probe.points(4_000.0)) <= HOUR / STEP + 1
    assert len(probe._latencies) <= module.SAMPLES


RESULTS = st.lists(
    st.tuples(
        st.floats(0, 30, allow_nan=False),
        st.one_of(st.none(), st.floats(0, 10_000, allow_nan=False)),
    ),
    min_size=1,
    max_size=80,
)


@given(RESULTS)
def test_nothing_is_lost_and_figures_are_in_order(results):
    probe, now = ProbeHistory(), 0.0
    for wait, latency in results:
        now += wait
        probe.add(now, BAD if latency is None else good(latency))
    points = probe.points(now)
    assert sum(point[4] + point[5] for point in points) == len(results)
    assert sum(point[5] for point in points) == sum(latency is None for _, latency in results)
    for _, least, middle, most, fine, _ in points:
        assert (least is None) == (fine == 0)
        if least is not None:
            assert least <= middle <= most
    ages = [point[0] for point in points]
    assert ages == sorted(ages, reverse=True)
    known = [round(latency, 3) for _, latency in results if latency is not None]
    if len(points) == 1 and known:
        assert points[0][2] == pytest.approx(median(known), abs=0.002)
