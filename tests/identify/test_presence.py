"""Who came and who went: told from chance."""

import random

import pytest

from anycast_wrapper.identify.presence import Change, Presence

AT = "192.0.2.53"


def follow(*phases, rate=25.0, seed=1):
    """Answers at random from the nodes of each phase: (seconds, nodes)."""
    dice, presence, at = random.Random(seed), Presence(), 0.0
    for seconds, nodes in phases:
        for _ in range(int(seconds * rate)):
            at += 1 / rate
            presence.add(at, AT, dice.choice(nodes))
    return sorted(presence.events, key=lambda event: event.at)


@pytest.mark.parametrize("nodes", [1, 2, 3, 8, 32])
def test_chance_is_not_taken_for_absence(nodes):
    for seed in range(5):
        events = follow((600, [f"host{n}" for n in range(nodes)]), seed=seed)
        assert {event.change for event in events} == {Change.CAME}
        assert len(events) == nodes


@pytest.mark.parametrize("nodes", [2, 4, 8])
def test_one_that_goes_and_returns_is_told_with_its_times(nodes):
    names = [f"host{n}" for n in range(nodes)]
    events = follow((30, names), (30, names[1:]), (30, names))
    of_one = [event for event in events if event.node == "host0"]
    assert [event.change for event in of_one] == [Change.CAME, Change.WENT, Change.RETURNED]
    assert 27 < of_one[1].at <= 30
    assert 60 < of_one[2].at < 63
    assert not [event for event in events if event.node != "host0" and event.change != Change.CAME]


def test_a_name_that_is_made_up_each_time_does_not_fill_the_memory():
    presence = Presence()
    for n in range(5000):
        presence.add(n / 50, AT, f"made-up-{n}")
    assert len(presence.events) <= Presence.LIMIT
    assert len(presence._at[AT].nodes) <= Presence.NODES


def test_addresses_are_apart():
    presence = Presence()
    for n in range(200):
        presence.add(n / 50, AT if n < 100 else "2001:db8::53", "host1")
    assert [event.change for event in presence.events] == [Change.CAME, Change.CAME]


def test_an_outage_is_told_with_its_beginning_and_end():
    presence = Presence()
    for n in range(50):
        presence.add(n / 25, AT, "host1")
    assert presence.is_steady(AT)
    # Losses are known when their time is over: later than answers to what was asked later.
    for n in range(60, 100):
        presence.add_lost(n / 25, AT)
    for n in range(100, 150):
        presence.add(n / 25, AT, "host1")
    changes = [(event.at, event.node, event.change) for event in presence.events]
    assert changes == [
        (0.0, "host1", Change.CAME),
        (2.4, "", Change.NOBODY),
        (4.0, "host1", Change.RETURNED),
    ]
    assert not presence.is_steady(AT)


def test_losses_among_answers_are_no_outage():
    presence = Presence()
    for n in range(500):
        if n % 3:
            presence.add_lost(n / 25, AT)
        else:
            presence.add(n / 25, AT, "host1")
    assert {event.change for event in presence.events} == {Change.CAME}


def test_what_was_asked_earlier_says_nothing_of_the_time_since():
    presence = Presence()
    for n in range(10):
        presence.add(10 + n / 25, AT, "host1")
    for n in range(200):
        presence.add(n / 25, AT, "host2")
        presence.add_lost(n / 25, AT)
    assert {event.change for event in presence.events} == {Change.CAME}
