"""The fault matrix: every scenario of `anycast-wrap lab`, with its own expectations.

``./run test`` runs those that are not marked slow (the others take long, or are much like one that
is run); ``./run test -m slow tests/lab`` the rest, ``./run matrix`` all of them.
"""

import pytest

from anycast_wrapper.lab.report.terminal import figures, timeline_text
from anycast_wrapper.lab.runner import Runner, by_stage
from anycast_wrapper.lab.scenarios import ALL
from anycast_wrapper.lab.scenarios.needs import lacks

from .cluster import LOG, figure
from .conftest import required


class Told:
    """A listener whose words are seen where a scenario takes too long."""

    def begins(self, scenario, *_):
        LOG.info("%s: %s", scenario.name, scenario.sentence)

    def says(self, words):
        LOG.info("%s", words)

    def ends(self, outcome):
        LOG.info("%s", figures(outcome))


def named(scenario):
    marks = [pytest.mark.slow] if scenario.slow else []
    return pytest.param(scenario, id=scenario.name, marks=marks)


@pytest.fixture(scope="module")
def runner():
    """One stage for all scenarios that need the same."""
    with Runner(Told()) as runner:
        yield runner


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scenario", [named(one) for one in by_stage(list(ALL.values()))])
def test_scenario(runner, scenario):
    missing = lacks(scenario.needs)
    assert not (missing and required()), f"this machine lacks {', '.join(missing)}"
    outcome = runner.run(scenario)
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    figure(f"{scenario.name}: {figures(outcome)}")
    if not outcome.passed:
        pytest.fail(timeline_text(outcome), pytrace=False)


def test_every_scenario_says_what_it_expects():
    """One that expects nothing could not fail."""
    nothing = type(ALL["churn"].expected)(outage=None)
    assert [one.name for one in ALL.values() if one.expected == nothing] == []
