"""Every line that ExaBGP can be told."""

from ipaddress import ip_address

import pytest

from anycast_wrapper.core.model import Rank
from anycast_wrapper.exabgp.words import Attributes, Routes, Watchdogs

FOUR, SIX = ip_address("192.0.2.53"), ip_address("2001:db8::53")
LARGE = "large-community [ 64500:1:2 ]"
UP, LAST, DOWN = Rank.PREFERRED, Rank.LAST_RESORT, Rank.WITHDRAWN


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        (Attributes(), ""),
        (Attributes(med=0), " med 0"),
        (Attributes(local_preference=200), " local-preference 200"),
        (Attributes(as_path=(65053, 65053)), " as-path [ 65053 65053 ]"),
        (Attributes(communities=("no-export", "64500:1")), " community [ no-export 64500:1 ]"),
        (
            Attributes(7, 0, ("64500:1:2", "64500:1"), (1,)),
            f" med 7 local-preference 0 as-path [ 1 ] community [ 64500:1 ] {LARGE}",
        ),
    ],
)
def test_attributes(attributes, words):
    assert attributes.words() == words


def test_a_route_of_each_rank():
    routes = Routes({UP: Attributes(med=0), LAST: Attributes(med=100)})
    assert routes.topics({"a": {FOUR: UP, SIX: LAST}, "b": {}}) == {
        "192.0.2.53/32": UP,
        "2001:db8::53/128": LAST,
    }
    prefix = "192.0.2.53/32"
    assert routes.lines(prefix, UP) == (f"announce route {prefix} next-hop self med 0",)
    assert routes.lines(prefix, LAST) == (f"announce route {prefix} next-hop self med 100",)
    assert routes.lines(prefix, DOWN) == (f"withdraw route {prefix} next-hop self",)


def test_a_next_hop_is_that_of_the_family():
    routes = Routes({}, {6: ip_address("fd00::1")})
    assert routes.lines("192.0.2.53/32", UP) == ("announce route 192.0.2.53/32 next-hop self",)
    assert routes.lines("2001:db8::53/128", DOWN) == (
        "withdraw route 2001:db8::53/128 next-hop fd00::1",
    )


def test_without_anything_last_resort_is_worse():
    lines = {Routes().lines("192.0.2.53/32", rank) for rank in (UP, LAST)}
    assert lines == {
        ("announce route 192.0.2.53/32 next-hop self",),
        ("announce route 192.0.2.53/32 next-hop self med 100",),
    }


def test_a_watchdog_takes_the_weakest_rank_and_withdraws_before_it_announces():
    style = Watchdogs()
    services = {"a": {FOUR: UP, SIX: DOWN}, "b": {FOUR: UP, SIX: LAST}, "c": {SIX: UP}}
    assert style.topics(services) == {"a": DOWN, "b": LAST, "c": UP}
    assert style.lines("a", DOWN) == ("withdraw watchdog a", "withdraw watchdog a-last-resort")
    assert style.lines("a", LAST) == ("withdraw watchdog a", "announce watchdog a-last-resort")
    assert style.lines("a", UP) == ("withdraw watchdog a-last-resort", "announce watchdog a")
