"""The document behind ``status``: its keys are a contract."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.model import Drain, Link, Rank, Reason
from anycast_wrapper.core.state import initial
from anycast_wrapper.telemetry.status import KEPT, Journal, headline, node_state, snapshot

from .story import BAD, Story


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def story(journal):
    return Story(journal)


def document(story, journal):
    found = snapshot(story.state, story.now, 99, journal)
    assert json.loads(json.dumps(found)) == found
    return found


def shape(value):
    """The keys of a document, all the way down."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


def test_the_keys_of_the_contract_are_there(story, journal):
    story.announced()
    found = shape(document(story, journal))
    contract = {
        "pid": None,
        "state": None,
        "drained": None,
        "daemon": dict.fromkeys(("state", "pid", "restarts", "since")),
        "services": [
            {
                "name": None,
                "rank": None,
                "reason": None,
                "since": None,
                "addresses": [dict.fromkeys(("address", "held", "rank"))],
                "probes": [dict.fromkeys(("name", "ok", "latency_ms", "detail", "last"))],
            },
        ],
        "transitions": [dict.fromkeys(("at", "event", "detail"))],
    }
    assert contains(found, contract)


def contains(found, wanted):
    if isinstance(wanted, dict):
        return all(key in found and contains(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return contains(found[0], wanted[0])
    return True


@pytest.mark.parametrize(
    "moment",
    [
        lambda story: story,
        lambda story: story.start(),
        lambda story: story.start().ready(),
        lambda story: story.start(drained=Drain(detail="x")),
        lambda story: story.announced(),
    ],
    ids=["before all", "starting", "ready", "drained", "announced"],
)
def test_there_is_a_document_at_every_moment(story, journal, moment):
    moment(story)
    found = document(story, journal)
    assert set(found) >= {"pid", "state", "services", "transitions"}
    assert len(found["services"][0]["probes"]) == 2
    assert headline(story.state).startswith("resolver ")


def test_what_is_announced_is_said(story, journal):
    story.announced()
    found = document(story, journal)
    assert (found["pid"], found["state"], found["drained"]) == (99, "announced", None)
    assert (found["settled"], found["quiet"]) == (True, False)
    daemon = found["daemon"]
    assert (daemon["state"], daemon["pid"], daemon["restarts"]) == ("ready", 4711, 0)
    (service,) = found["services"]
    assert (service["rank"], service["reason"]) == ("preferred", "healthy")
    assert service["addresses"] == [
        {"address": address, "held": True, "rank": "preferred"}
        for address in ("192.0.2.53", "2001:db8:53::53")
    ]
    (alive, resolves) = service["probes"]
    assert (alive["name"], alive["ok"], alive["latency_ms"]) == ("alive", True, 1.0)
    assert (resolves["ok"], resolves["reason"], resolves["detail"]) == (True, "healthy", "")
    assert found["headline"] == "resolver preferred"


def test_times_are_of_the_wall_clock(story, journal):
    story.announced()
    found = document(story, journal)
    now = datetime.now(tz=UTC)
    times = [found["daemon"]["since"], found["services"][0]["since"]]
    times += [probe["last"] for probe in found["services"][0]["probes"]]
    times += [entry["at"] for entry in found["transitions"]]
    for text in times:
        at = datetime.fromisoformat(text)
        assert timedelta(seconds=-1) < now - at < timedelta(seconds=20)
    assert datetime.fromisoformat(found["daemon"]["since"]) < now - timedelta(seconds=9)


def test_why_it_is_not_announced_is_said(story, journal):
    story.announced()
    story.answers["alive"] = BAD
    story.run_until(story.now + 5)
    found = document(story, journal)
    assert found["state"] == "withdrawn"
    (service,) = found["services"]
    assert (service["rank"], service["reason"]) == ("withdrawn", "probe-servfail")
    assert service["detail"] == "alive: 192.0.2.53 udp: SERVFAIL"
    assert [address["held"] for address in service["addresses"]] == [True, True]
    assert [address["rank"] for address in service["addresses"]] == ["withdrawn"] * 2
    probe = service["probes"][0]
    assert (probe["ok"], probe["reason"], probe["latency_ms"]) == (False, "probe-servfail", None)
    assert headline(story.state) == (
        "resolver withdrawn (probe-servfail: alive: 192.0.2.53 udp: SERVFAIL)"
    )


def test_a_drain_is_said_with_its_words(story, journal):
    story.announced()
    story.feed(events.DrainAsked("by ann: disk"))
    story.run_until(story.now + 10)
    found = document(story, journal)
    assert found["state"] == "drained"
    assert found["drained"] == {"reason": "drained", "detail": "by ann: disk"}
    assert (found["settled"], found["quiet"]) == (True, True)
    assert found["headline"] == "resolver withdrawn (drained: by ann: disk)"


def test_an_unreadable_drain_has_its_own_reason(story, journal):
    story.start(drained=Drain(Reason.STATE_UNREADABLE, "x"))
    assert document(story, journal)["drained"]["reason"] == "state-unreadable"


def test_a_node_is_degraded_at_last_resort_and_partly_announced_in_between(story, journal):
    story.announced()
    story.answers["resolves"] = BAD
    story.run_until(story.now + 15)
    assert node_state(story.state) == "degraded"
    hold, rank1 = story.policy.hold.name, story.policy.ranks[Rank.LAST_RESORT].name
    assert story.links[rank1].up
    # Somebody takes the hold away: it is announced, but not held.
    story.links = {**story.links, hold: Link(up=False)}
    story.state = type(story.state)(**{**vars(story.state), "links": story.links})
    addresses = document(story, journal)["services"][0]["addresses"]
    assert [address["held"] for address in addresses] == [False, False]
    assert [address["rank"] for address in addresses] == ["last-resort"] * 2


def test_at_its_ceiling_a_service_is_announced_as_configured(journal):
    story = Story(journal)
    (service,) = story.policy.services
    low = replace(service, ceiling=Rank.LAST_RESORT)
    story.policy = replace(story.policy, services=(low,))
    story.state = initial(story.policy)
    story.announced()
    found = document(story, journal)
    assert found["state"] == "announced"
    (told,) = found["services"]
    assert (told["rank"], told["wanted"], told["ceiling"]) == ("last-resort",) * 3
    assert (told["reason"], told["detail"]) == ("ceiling", "no stronger rank is configured here")
    story.answers["alive"] = BAD
    story.run_until(story.now + 15)
    assert node_state(story.state) == "withdrawn"


def test_a_node_that_stops_says_so(story, journal):
    story.announced()
    story.feed(events.StopAsked())
    assert node_state(story.state) == "stopping"


def test_a_daemon_that_runs_on_its_last_words_is_quoted(story, journal):
    story.announced()
    story.feed(events.DaemonExited(1, "out of memory"))
    daemon = document(story, journal)["daemon"]
    assert (daemon["state"], daemon["pid"]) == ("backoff", None)
    assert daemon["detail"] == "exited with status 1: out of memory"


def test_transitions_say_from_where_to_where_and_why(story, journal):
    story.announced()
    story.feed(events.DrainAsked("by ann"))
    last = document(story, journal)["transitions"][-1]
    del last["at"]
    assert last == {
        "event": "service-changed",
        "service": "resolver",
        "from": "preferred",
        "to": "withdrawn",
        "reason": "drained",
        "detail": "by ann",
    }


def test_only_the_last_transitions_are_kept(journal, story):
    for number in range(2 * KEPT):
        journal.hear(story.state, (effects.Noticed("event", str(number)),))
    details = [entry["detail"] for entry in journal.transitions]
    assert details == [str(number) for number in range(KEPT, 2 * KEPT)]
