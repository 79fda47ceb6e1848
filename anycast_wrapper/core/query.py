"""What can be asked of a state: by the machine itself, by ``status``, by whoever waits."""

from collections.abc import Iterable

from .judge import judge
from .ladder import announced
from .model import Address, Rank, Reason, Verdict
from .state import State

UNDECIDED = frozenset({Reason.PROBE_PENDING, Reason.DAEMON_STARTING})
"""Reasons that answer themselves in a moment."""


def wanted(state: State) -> dict[Address, Rank]:
    """The rank that every service address should have."""
    return {
        address: rank
        for service in state.policy.services
        for rank in [judge(state, service).rank]
        for address in service.addresses
    }


def standing_rank(state: State, addresses: Iterable[Address]) -> Rank:
    """The rank that a service has: of its addresses, the weakest."""
    have = announced(state.links, state.policy, state.known)
    return min((have.get(a, Rank.WITHDRAWN) for a in addresses), default=Rank.WITHDRAWN)


def told_reason(verdict: Verdict, rank: Rank) -> tuple[Reason, str]:
    """Why a service has the rank it has: its verdict's reason, or that the verdict must wait."""
    if rank is verdict.rank or verdict.reason is not Reason.HEALTHY:
        return verdict.reason, verdict.detail
    return Reason.PACING, f"{verdict.rank.slug} as soon as the routers take another change"


def linger_end(state: State) -> float:
    """Until when queries that were under way at the last withdrawal may still come in."""
    return state.last_withdrawal + state.policy.linger


def settled(state: State) -> bool:
    """Whether every service stands where its verdict puts it, and the verdict is not in the air."""
    return not state.exited and all(
        standing_rank(state, service.addresses) is verdict.rank and verdict.reason not in UNDECIDED
        for service in state.policy.services
        for verdict in [judge(state, service)]
    )


def all_announced(state: State) -> bool:
    """Whether every service is announced, at whatever rank."""
    return all(
        standing_rank(state, service.addresses) > Rank.WITHDRAWN
        for service in state.policy.services
    )


def quiet(state: State, now: float) -> bool:
    """Whether nothing is announced and nothing that was can still be asked."""
    none = not announced(state.links, state.policy, state.known)
    return none and now >= linger_end(state)
