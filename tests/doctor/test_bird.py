"""A host on which BIRD announces: what is FRR's alone does not arise, and what BIRD says counts."""

import asyncio
from dataclasses import replace

import pytest

from anycast_wrapper.doctor.check import Outcome, examine
from anycast_wrapper.doctor.checks import ALL
from anycast_wrapper.doctor.facts import Absent, Unknown
from anycast_wrapper.doctor.gather import gather

from .world import GOOD, PLAN, V4, service_on

ABSENT = Absent("FRR does not announce here (routing.daemon)")
BIRD = replace(
    GOOD,
    plan=replace(PLAN, routing_daemon="bird"),
    daemons=ABSENT,
    frr=ABSENT,
    neighbours=dict.fromkeys((4, 6), ABSENT),
    router_ids=dict.fromkeys((4, 6), ABSENT),
)
CONFIG = """
[routing]
daemon = "{}"
bird-socket = "{}/nobody"
[[service]]
name = "resolver"
addresses = ["192.0.2.53"]
"""


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_found_and_nothing_is_unknown_where_frr_is_not(name):
    found = examine(ALL[name], BIRD)
    assert found.outcome in {Outcome.GOOD, Outcome.IRRELEVANT}, found


def test_what_bird_does_not_originate_is_told():
    facts = replace(BIRD, originated={4: frozenset(), 6: BIRD.originated[6]})
    (found,) = examine(ALL["announced-truly"], facts).findings
    assert found.found.endswith("not originated by BIRD")
    assert (found.change, found.file) == (
        'protocol direct { interface "anycast0"; ... }',
        "/etc/bird/bird.conf",
    )


def test_what_bird_originates_and_is_only_held_is_told():
    down = replace(BIRD, interfaces=(*GOOD.interfaces[:-1], service_on("anycast0", up=False)))
    (found, *_) = examine(ALL["hold-leaks"], down).findings
    assert str(V4) in found.found
    assert "originated by BIRD" in found.found
    assert found.change.startswith("birdc ")


def gathered(tmp_path, daemon):
    path = tmp_path / "anycast-wrap.toml"
    path.write_text(CONFIG.format(daemon, tmp_path))
    return asyncio.run(gather(path))


def test_bird_is_asked_and_frr_is_not(tmp_path):
    facts = gathered(tmp_path, "bird")
    assert facts.frr == facts.daemons == facts.neighbours[4] == facts.router_ids[6] == ABSENT
    assert facts.originated[4] == Unknown(f"BIRD: {tmp_path}/nobody: No such file or directory")


def test_a_daemon_that_cannot_be_asked_is_no_question(tmp_path):
    facts = gathered(tmp_path, "none")
    assert facts.frr == ABSENT
    assert facts.originated[4] == Absent("the routing daemon is not asked (routing.daemon is none)")
