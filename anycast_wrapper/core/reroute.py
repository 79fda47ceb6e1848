"""What the routing protocol is too slow for: diverting, and making it say a withdrawal again.

Both are additions. Nothing that is announced or withdrawn depends on them, and a policy that does
not ask for them never sees their effects.
"""

from collections.abc import Mapping
from dataclasses import replace

from .absorb import Step
from .effects import Divert, Nudge
from .judge import verdicts
from .model import Address, Policy, Rank, Reason, Verdict
from .remembered import remembered
from .state import State

STILL_ANSWERED = frozenset(
    {
        # The hold answers, and somebody may want to look at a node that gets no queries.
        Reason.DRAINED,
        Reason.STATE_UNREADABLE,
        Reason.STOPPING,
        # The daemon is well: it is only that the kernel does not let us announce it.
        Reason.INTERFACE_FAILED,
    },
)
"""Reasons to be withdrawn for which a query that still comes in is answered here."""


def unanswered(state: State) -> tuple[Address, ...]:
    """The service addresses at which a query that still comes in would not be answered here."""
    return _unanswered(state.policy, verdicts(state))


@remembered
def _unanswered(policy: Policy, found: Mapping[str, Verdict]) -> tuple[Address, ...]:
    if not policy.reroute:
        return ()
    return tuple(
        address
        for service in policy.services
        for verdict in [found[service.name]]
        if verdict.rank is Rank.WITHDRAWN and verdict.reason not in STILL_ANSWERED
        for address in service.addresses
    )


def divert(state: State) -> Step:
    """Have exactly those queries answered elsewhere, if that is another set than before."""
    addresses = unanswered(state)
    if _together(addresses) == state.diverted:
        return state, ()
    return replace(state, diverted=_together(addresses)), (Divert(addresses),)


@remembered
def _together(addresses: tuple[Address, ...]) -> frozenset[Address]:
    return frozenset(addresses)


def withdrawn(state: State, now: float) -> State:
    """The state after a withdrawal at ``now``, whose announcement may have been unheard.

    A withdrawal never waits. One that follows a change within the gap is dropped by the routers
    (`model.MIN_LS_ARRIVAL_GAP`), and said again by the routing daemon only seconds later, unless
    it is made to say it as soon as the routers listen again.
    """
    heard_from = state.last_change + state.policy.gap
    nudge_at = state.nudge_at
    if state.policy.nudge and nudge_at is None and now < heard_from:
        nudge_at = heard_from
    return replace(state, last_change=now, last_withdrawal=now, nudge_at=nudge_at)


def nudge(state: State, now: float) -> Step:
    """Make the routing daemon say again what it has said too early, once that is heard."""
    if state.nudge_at is None or now < state.nudge_at:
        return state, ()
    # It says something: the next change keeps its distance from that.
    return replace(state, nudge_at=None, last_change=now), (Nudge(),)
