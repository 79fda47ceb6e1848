"""Whether what came out of a scenario is what was expected: sentences, or none."""

from collections.abc import Iterator, Sequence

from anycast_wrapper.lab.outcome import Outcome, milliseconds
from anycast_wrapper.lab.play import Play
from anycast_wrapper.lab.scenarios.model import Expected
from anycast_wrapper.lab.transitions import Logged

TORN = 4
"""TCP connections that routers may tear apart where nothing is to be lost: one or two at each of
the few route changes of a scenario, at the load's 20 connections a second."""


def judge(outcome: Outcome, play: Play, leaving: Sequence[Logged]) -> Iterator[str]:
    """What is not as it should be.

    Args:
        outcome: With everything measured in it.
        play: The run.
        leaving: The victims' log lines about leaving the preferred rank since the fault.
    """
    expected = outcome.scenario.expected
    yield from _lost(outcome, expected)
    bound = play.cluster.bound if expected.prompt else expected.gone
    if bound is not None and (outcome.converged is None or outcome.converged > bound):
        yield (
            f"the route was gone after {milliseconds(outcome.converged)}, "
            f"expected within {milliseconds(bound)}"
        )
    if expected.back is not None and (outcome.back is None or outcome.back > expected.back):
        yield (
            f"the host was back after {milliseconds(outcome.back)}, "
            f"expected within {milliseconds(expected.back)}"
        )
    if expected.stays:
        yield from _stayed(play, leaving)
    if expected.reason:
        yield from _reasons(expected, leaving)


def _lost(outcome: Outcome, expected: Expected) -> Iterator[str]:
    if expected.outage is None:
        return
    most = int(expected.outage * outcome.rate / max(outcome.hosts, 1))
    if outcome.lost > most:
        why = ", ".join(f"{count} {name}" for name, count in outcome.why_lost.most_common())
        yield f"{outcome.lost} of {outcome.sent} queries were lost ({why}), expected at most {most}"
    if not most and outcome.torn > TORN:
        yield f"{outcome.torn} TCP connections were torn apart, expected at most {TORN}"


def _stayed(play: Play, leaving: Sequence[Logged]) -> Iterator[str]:
    for entry in leaving:
        yield f"it was to stay, but: {entry}"
    for host in play.victims:
        for address in play.cluster.addresses:
            if play.left(host, address, play.began) is not None:
                yield f"it was to stay, but the route of {address} left {host}"


def _reasons(expected: Expected, leaving: Sequence[Logged]) -> Iterator[str]:
    given = [entry.fields.get("reason", "") for entry in leaving]
    if expected.reason not in given:
        yield f"the reason given was {', '.join(given) or 'none'}, expected {expected.reason}"
    details = [entry.fields.get("detail", "") for entry in leaving]
    if expected.detail and not any(expected.detail in text for text in details):
        yield f"the detail given was {'; '.join(details)}, expected to read {expected.detail!r}"
