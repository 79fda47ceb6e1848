"""What a scrape says: every result once, what is known and nothing else, in forms that parse."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from ipaddress import ip_address

import hypothesis.strategies as st
import psutil
import pytest
from hypothesis import given, settings
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.model import Outcome, Probe, Rank, Reason, Service
from anycast_wrapper.telemetry.metrics import catalogue
from anycast_wrapper.telemetry.metrics.collector import NodeCollector
from anycast_wrapper.telemetry.metrics.exposition import KEPT, Exposition
from anycast_wrapper.telemetry.metrics.lag import LoopLag
from anycast_wrapper.telemetry.metrics.processes import ProcessReader
from anycast_wrapper.telemetry.metrics.sources import STATES, Sources, Truth
from anycast_wrapper.telemetry.metrics.tally import DURATIONS, Spread, Tally
from anycast_wrapper.telemetry.status import node_state

from .story import BAD, V4, V6, Story


def collector(tally, **sources):
    return NodeCollector(tally, LoopLag(), Sources(**sources))


def samples(tally, **sources):
    """Every sample of a scrape: {(name, {label: value}): value}."""
    text, _ = Exposition(collector(tally, **sources), lambda: 0.0).text("")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(text.decode())
        for sample in family.samples
    }


def value(found, name, **labels):
    return found.get((f"anycast_wrap_{name}", frozenset(labels.items())))


def names(found):
    return {name for name, _ in found}


# --- every result once ---


class Counted(Story):
    """A story that keeps its own books of what was absorbed."""

    def __init__(self, *audiences, **policy):
        self.expected = {}
        self.hidden = 0
        super().__init__(*audiences, **policy)

    def feed(self, event):
        before = self.state
        asked = super().feed(event)
        if isinstance(event, events.ProbeDone):
            key = event.service, event.probe
            health = before.health.get(key)
            if health is not None and health.ticket == event.ticket:
                if self.state.life.phase is not before.life.phase:
                    self.hidden += 1
                else:
                    books = (key, event.outcome.reason)
                    self.expected[books] = self.expected.get(books, 0) + 1
        return asked


def _another(story):
    """The same probes, asked otherwise: what is known of them is forgotten, the names stay."""
    (service,) = story.state.policy.services
    probes = tuple(replace(one, definition=one.definition + "x") for one in service.probes)
    return replace(story.state.policy, services=(replace(service, probes=probes),))


HAPPENINGS = {
    "a moment": lambda story: story.run_until(story.now + 0.07),
    "a while": lambda story: story.run_until(story.now + 3.3),
    "bad": lambda story: story.answers.update(alive=BAD),
    "good": lambda story: story.answers.clear(),
    "exit": lambda story: story.feed(events.DaemonExited(1, "assertion")),
    "ready": lambda story: story.ready(),
    "drain": lambda story: story.feed(events.DrainAsked("x")),
    "undrain": lambda story: story.feed(events.UndrainAsked()),
    "queue": lambda story: story.feed(events.QueueStands(True)),
    "queue gone": lambda story: story.feed(events.QueueStands(False)),
    "refuse": lambda story: story.refused.add("anycast0"),
    "let": lambda story: story.refused.clear(),
    "reload": lambda story: story.feed(events.Reconfigured(story.state.policy)),
    "reload other": lambda story: story.feed(events.Reconfigured(_another(story))),
    "heard twice": lambda story: [one.hear(story.state, ()) for one in story.audiences],
    "stop": lambda story: story.feed(events.StopAsked()),
}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(HAPPENINGS)), max_size=40))
def test_every_result_that_the_core_takes_in_is_counted_once(happenings):
    tally = Tally()
    story = Counted(tally).announced()
    for name in happenings:
        HAPPENINGS[name](story)
    counted = {books: count for books, count in tally.results.items() if count}
    assert counted == story.expected
    assert story.hidden <= 1  # that of the step which ends the daemon, at the end
    durations = {key: sum(spread.counts) for key, spread in tally.durations.items()}
    for key, count in durations.items():
        assert count == sum(n for (k, _), n in counted.items() if k == key)


def test_one_outcome_that_comes_again_and_again_is_counted_each_time():
    """A prober may well answer with the same object."""
    tally = Tally()
    story = Story(tally).announced()
    before = tally.results[("resolver", "alive"), Reason.HEALTHY]
    story.run_until(story.now + 10)
    assert tally.results[("resolver", "alive"), Reason.HEALTHY] == before + 10


def test_what_a_restart_forgets_stays_counted():
    tally = Tally()
    story = Story(tally).announced()
    before = tally.results.total()
    story.feed(events.DaemonExited(-9, "killed"))
    story.run_until(story.now + 1)
    assert tally.results.total() == before
    story.ready(4712).run_until(story.now + 3)
    assert tally.results.total() > before


def test_a_duration_counts_from_the_question_to_the_result():
    tally = Tally()
    story = Story(tally).announced()
    story.answers["alive"] = Outcome(ok=False, reason=Reason.PROBE_TIMEOUT)
    sofar = tally.durations["resolver", "alive"].total
    story.run_until(story.now + 1.2)
    assert tally.results[("resolver", "alive"), Reason.PROBE_TIMEOUT] >= 1
    assert tally.durations["resolver", "alive"].total - sofar >= 0.5


@given(st.lists(st.floats(min_value=0, max_value=100), max_size=50))
def test_a_spread_is_a_histogram(values):
    spread = Spread(DURATIONS)
    for one in values:
        spread.add(one)
    buckets = dict(spread.cumulative())
    assert buckets["+Inf"] == len(values)
    for bound in DURATIONS:
        assert buckets[repr(bound)] == sum(one <= bound for one in values)


# --- transitions, withdrawals, notices ---


def test_transitions_have_from_to_and_reason():
    tally = Tally()
    story = Story(tally).announced()
    story.answers["alive"] = BAD
    story.run_until(story.now + 3)
    found = samples(tally)
    labels = {"service": "resolver", "from": "preferred", "to": "withdrawn"}
    assert value(found, "service_transitions_total", **labels, reason="probe-servfail") == 1
    assert value(found, "service_withdrawals_total", service="resolver", planned="false") == 1
    assert value(found, "service_withdrawals_total", service="resolver", planned="true") == 0


def test_a_drain_is_a_withdrawal_that_was_planned():
    tally = Tally()
    story = Story(tally).announced()
    story.feed(events.DrainAsked("by ann"))
    found = samples(tally)
    assert value(found, "service_withdrawals_total", service="resolver", planned="true") == 1
    assert value(found, "service_withdrawals_total", service="resolver", planned="false") == 0
    assert value(found, "drained") == 1
    assert value(found, "state", state="drained") == 1
    assert value(found, "state", state="announced") == 0


def test_refusals_of_the_kernel_are_counted_and_shown_by_interface():
    tally = Tally()
    story = Story(tally)
    story.refused.add("anycast0")
    story.announced()
    found = samples(tally)
    assert value(found, "interface_failed", interface="anycast0") == 1
    assert value(found, "interface_failed", interface="anycast-hold") == 0
    refusals = value(found, "kernel_refusals_total")
    assert refusals == value(found, "notices_total", event="interface-failed") >= 2


def test_notices_of_others_are_counted_by_name():
    tally = Tally()
    story = Story(tally).announced()
    tally.hear(story.state, (effects.Noticed("reroute-failed", "x\ny"),))
    assert value(samples(tally), "notices_total", event="reroute-failed") == 1


# --- what is shown ---


def test_before_anything_was_heard_there_is_little_to_say():
    found = samples(Tally())
    assert "anycast_wrap_build_info" in names(found)
    assert not names(found) & {"anycast_wrap_state", "anycast_wrap_service_rank"}


def test_before_the_start_a_state_can_be_shown():
    tally = Tally()
    story = Story(tally)
    tally.hear(story.state, ())
    assert value(samples(tally), "service_reason", service="resolver", reason="daemon-down") == 1


def test_ranks_and_holds_by_service_and_address():
    tally = Tally()
    story = Story(tally).announced()
    found = samples(tally)
    assert value(found, "service_rank", service="resolver") == Rank.PREFERRED
    assert value(found, "service_wanted_rank", service="resolver") == Rank.PREFERRED
    assert value(found, "service_reason", service="resolver", reason="healthy") == 1
    for address in (V4, V6):
        labels = {"service": "resolver", "address": str(address)}
        assert value(found, "address_rank", **labels) == Rank.PREFERRED
        assert value(found, "address_held", **labels) == 1
    story.answers["resolves"] = BAD
    story.run_until(story.now + 10)
    found = samples(tally)
    assert value(found, "service_rank", service="resolver") == Rank.LAST_RESORT
    assert value(found, "service_ceiling", service="resolver") == Rank.PREFERRED
    assert value(found, "service_reason", service="resolver", reason="healthy") is None
    assert value(found, "probe_up", service="resolver", probe="resolves") == 0
    assert value(found, "probe_up", service="resolver", probe="alive") == 1
    assert value(found, "state", state="degraded") == 1


def test_what_ospf_originates_is_shown_where_it_is_known():
    tally = Tally()
    Story(tally).announced()
    truth = Truth(age=2.5, answering={4: True, 6: False}, originated=frozenset({V4}))
    found = samples(tally, truth=lambda: truth)
    labels = {"service": "resolver"}
    assert value(found, "address_originated", address=str(V4), **labels) == 1
    assert value(found, "address_originated", address=str(V6), **labels) is None
    assert value(found, "routing_up", ip_version="4") == 1
    assert value(found, "routing_up", ip_version="6") == 0
    assert value(found, "routing_age_seconds") == 2.5
    lie = replace(truth, originated=frozenset())
    found = samples(tally, truth=lambda: lie)
    assert value(found, "address_originated", address=str(V4), **labels) == 0
    found = samples(tally)
    assert "anycast_wrap_address_originated" not in names(found)
    assert "anycast_wrap_routing_age_seconds" not in names(found)


def test_rerouted_packets_only_where_there_is_reroute():
    tally = Tally()
    Story(tally).announced()
    assert "anycast_wrap_rerouted_packets_total" not in names(samples(tally))
    found = samples(tally, rerouted=lambda: {str(V4): 12})
    assert value(found, "rerouted_packets_total", address=str(V4)) == 12


def test_queries_only_where_somebody_counts():
    tally = Tally()
    Story(tally).announced()
    assert "anycast_wrap_queries_total" not in names(samples(tally))
    found = samples(tally, queries=lambda: {(str(V4), "udp"): 12})
    assert value(found, "queries_total", address=str(V4), transport="udp") == 12


def test_a_service_that_a_reload_removes_is_gone_from_every_series():
    tally = Tally()
    story = Story(tally).announced()
    assert any("resolver" in dict(labels).values() for _, labels in samples(tally))
    other = Service("other", (ip_address("192.0.2.54"),), (Probe("alive"),))
    story.feed(events.Reconfigured(replace(story.policy, services=(other,))))
    story.run_until(story.now + 5)
    found = samples(tally)
    values = {one for _, labels in found for one in dict(labels).values()}
    assert "other" in values
    assert not values & {"resolver", str(V4), str(V6), "resolves"}
    assert value(found, "probe_results_total", service="other", probe="alive", reason="healthy")


def test_a_service_that_stays_keeps_its_counts_over_a_reload():
    tally = Tally()
    story = Story(tally).announced()
    before = samples(tally)
    story.feed(events.Reconfigured(replace(story.policy, linger=5.0)))
    after = samples(tally)
    counters = {key for key in before if key[0].endswith(("_total", "_bucket"))}
    assert {key: after[key] for key in counters if "process" not in key[0]} == {
        key: before[key] for key in counters if "process" not in key[0]
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(HAPPENINGS)), max_size=25))
def test_whatever_happens_a_scrape_works_and_says_one_state(happenings):
    tally = Tally()
    story = Story(tally).start()
    for name in happenings:
        HAPPENINGS[name](story)
        found = samples(tally)
        states = [value(found, "state", state=state) for state in STATES]
        assert sorted(states) == [0, 0, 0, 0, 0, 1]
        assert value(found, "state", state=node_state(story.state)) == 1


# --- the forms ---


def full():
    tally = Tally()
    story = Story(tally).announced()
    story.feed(events.DaemonSpawned(os.getpid()))
    tally.hear(story.state, (effects.Noticed("drift", "anycast0 was set down"),))
    truth = Truth(1.0, {4: True, 6: True}, frozenset({V4, V6}))
    return collector(
        tally,
        truth=lambda: truth,
        queries=lambda: {(str(V4), "udp"): 5},
        rerouted=lambda: {str(V4): 3},
    )


def test_every_metric_of_the_catalogue_is_given_and_no_other():
    given_names = {family.name for family in full().collect()}
    assert given_names == {metric.family for metric in catalogue.ALL}
    for family in full().collect():
        metric = next(one for one in catalogue.ALL if one.family == family.name)
        assert family.type == metric.kind.value
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)


def test_the_names_are_by_the_rules():
    assert len({metric.name for metric in catalogue.ALL}) == len(catalogue.ALL)
    for metric in catalogue.ALL:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", metric.name)
        assert not metric.name.endswith(("_total", "_info", "_count", "_sum", "_bucket"))
        assert not re.search(r"milliseconds|_ms\b|kilobytes|percent", metric.name)
        assert metric.help.endswith(".")


def test_both_forms_parse_and_say_the_same():
    exposition = Exposition(full(), lambda: 0.0)
    text, kind = exposition.text("text/plain")
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    accept = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5"
    opened, kind = exposition.text(accept)
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert opened.endswith(b"# EOF\n")
    plain = {family.name for family in parse_text(text.decode())}
    plain = {name.removesuffix("_info") for name in plain}
    assert plain == {family.name for family in parse_openmetrics(opened.decode())}


@given(st.text())
def test_no_accept_field_breaks_it_or_comes_back(accept):
    text, kind = Exposition(collector(Tally()), lambda: 0.0).text(accept)
    assert text
    assert "\n" not in kind
    assert kind.split(";")[0] in {"text/plain", "application/openmetrics-text"}


def test_a_text_is_kept_for_a_moment():
    now = [10.0]
    asked = []
    exposition = Exposition(
        collector(Tally(), refused=lambda: len(asked) or asked.append(1) or 0), lambda: now[0]
    )
    first, _ = exposition.text("")
    asked.append(1)
    now[0] += KEPT / 2
    assert exposition.text("")[0] is first
    now[0] += KEPT
    assert exposition.text("")[0] != first


def test_there_is_no_global_state():
    """Two nodes in one process, such as in these tests, know nothing of each other."""
    before = [family.name for family in REGISTRY.collect()]
    Exposition(full(), lambda: 0.0).text("")
    Exposition(full(), lambda: 0.0).text("")
    assert [family.name for family in REGISTRY.collect()] == before


# --- processes ---


def test_of_a_process_there_is_everything():
    found = {metric.name: number for metric, number in ProcessReader().read(os.getpid())}
    process = psutil.Process()
    assert found["process_threads"] == process.num_threads()
    assert found["process_open_fds"] == pytest.approx(process.num_fds(), abs=5)
    assert found["process_resident_memory_bytes"] > 1e6
    assert found["process_cpu_seconds"] > 0
    assert found["process_start_time_seconds"] == pytest.approx(process.create_time(), abs=1)


def test_of_a_process_that_is_gone_there_is_nothing():
    reader = ProcessReader()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert reader.read(child.pid)
    child.communicate()
    assert reader.read(child.pid) == []
    assert reader.read(None) == []
    assert reader.read(2**22 + 1) == []


def test_a_zombie_is_no_error():
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        for metric, number in ProcessReader().read(child.pid):
            assert number >= 0, metric
    finally:
        child.wait()
