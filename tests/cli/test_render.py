"""What `status` shows people of what OSPF makes of our word."""

import pytest

from anycast_wrapper.cli.render import render

AT = "2026-11-21T04:00:00.000+00:00"


def document(address, *, rank="preferred", originated=True, **more):
    entry = {"address": address, "held": True, "rank": rank, "originated": originated, **more}
    service = {"name": "resolver", "rank": rank, "since": AT, "reason": "drained", "detail": ""}
    return {
        "pid": 1,
        "state": "announced",
        "drained": None,
        "daemon": {"state": "ready", "pid": 2, "restarts": 0, "since": AT, "detail": ""},
        "services": [{**service, "addresses": [entry], "probes": []}],
        "routing": {"ipv4": "answers", "ipv6": "ospf6d: no answer"},
        "transitions": [],
    }


def lines(*arguments, **more):
    text = render(document(*arguments, **more)).splitlines()
    at = next(n for n, line in enumerate(text) if line.startswith("  192.0.2.53"))
    return text[at:]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"truth": "agrees"}, "preferred, held, originated by OSPF"),
        ({}, "preferred, held, originated by OSPF"),  # a wrapper of an older version
        (
            {"truth": "settling", "originated": False},
            "preferred, held, OSPF is about to originate it",
        ),
        (
            {"truth": "settling", "rank": "withdrawn"},
            "withdrawn, held, OSPF is about to withdraw it",
        ),
        (
            {"truth": "unknown", "originated": None},
            "preferred, held, origination unknown (answers)",
        ),
    ],
)
def test_what_is_no_lie_takes_one_line(told, words):
    assert lines("192.0.2.53", **told) == [f"  {'192.0.2.53':<24} {words}"]


@pytest.mark.parametrize(
    ("told", "words", "advice"),
    [
        (
            {"truth": "not-originated", "originated": False},
            "preferred, held, BUT NOT ORIGINATED BY OSPF",
            "nobody is sent here: look for `ip ospf area`",
        ),
        (
            {"truth": "leaking", "rank": "withdrawn"},
            "withdrawn, held, BUT ORIGINATED BY OSPF",
            "queries come here and nobody vouches for the answers",
        ),
    ],
)
def test_a_lie_is_flagged_with_what_to_do(told, words, advice):
    first, second = lines("192.0.2.53", **told)
    assert first.endswith(words)
    assert second.startswith(f"    !! {advice}")


def test_bgp_is_called_by_its_name():
    def told(**more):
        return render(document("192.0.2.53", **more) | {"routing_protocol": "bgp"})

    assert "preferred, held, originated by BGP" in told(truth="agrees")
    lie = told(truth="not-originated", originated=False)
    assert "BUT NOT ORIGINATED BY BGP" in lie
    assert "look at `redistribute connected`" in lie
    assert "BUT ORIGINATED BY BGP" in told(truth="leaking", rank="withdrawn")


def test_bird_is_called_by_its_name():
    def told(**more):
        who = {"routing_daemon": "bird", "routing_protocol": "bgp"}
        return render(document("192.0.2.53", **more) | who)

    assert "preferred, held, originated by BIRD" in told(truth="agrees")
    assert "BIRD is about to withdraw it" in told(
        truth="settling", rank="withdrawn", originated=True
    )
    lie = told(truth="not-originated", originated=False)
    assert "BUT NOT ORIGINATED BY BIRD" in lie
    assert "look at `protocol direct`" in lie
    assert "pattern that is too wide" in told(truth="leaking", rank="withdrawn")
