"""What can be asked of a state: by the machine itself, by ``status``, by whoever waits."""

from collections.abc import Iterable, Mapping

from .judge import verdicts
from .ladder import announced
from .lifecycle import Phase
from .model import Address, Policy, Rank, Reason, Verdict
from .remembered import remembered
from .state import State

COMING = frozenset({Phase.DOWN, Phase.STARTING})
"""Phases of the name server that end in a moment."""

AS_CONFIGURED = frozenset({Reason.HEALTHY, Reason.CEILING})
"""Reasons for which nothing is wrong."""


def wanted(state: State) -> Mapping[Address, Rank]:
    """The rank that every service address should have."""
    return _wanted(state.policy, verdicts(state))


@remembered
def _wanted(policy: Policy, found: Mapping[str, Verdict]) -> Mapping[Address, Rank]:
    return {
        address: found[service.name].rank
        for service in policy.services
        for address in service.addresses
    }


def have(state: State) -> Mapping[Address, Rank]:
    """The rank at which every address is announced now; absent is withdrawn."""
    return announced(state.links, state.policy, state.known)


def standing_rank(state: State, addresses: Iterable[Address]) -> Rank:
    """The rank that a service has: of its addresses, the weakest."""
    return _weakest(have(state), addresses)


def standing_ranks(state: State) -> Mapping[str, Rank]:
    """The same of every service, by its name; the same object while all of them stay."""
    return _standing_ranks(state.policy, have(state))


@remembered
def _standing_ranks(policy: Policy, ranks: Mapping[Address, Rank]) -> Mapping[str, Rank]:
    return {service.name: _weakest(ranks, service.addresses) for service in policy.services}


def _weakest(ranks: Mapping[Address, Rank], addresses: Iterable[Address]) -> Rank:
    return min((ranks.get(a, Rank.WITHDRAWN) for a in addresses), default=Rank.WITHDRAWN)


def told_reason(verdict: Verdict, rank: Rank) -> tuple[Reason, str]:
    """Why a service has the rank it has: its verdict's reason, or that the verdict must wait."""
    if rank is verdict.rank or verdict.reason not in AS_CONFIGURED:
        return verdict.reason, verdict.detail
    return Reason.PACING, f"{verdict.rank.slug} as soon as the routers take another change"


def linger_end(state: State) -> float:
    """Until when queries that were under way at the last withdrawal may still come in."""
    return state.last_withdrawal + state.policy.linger


def settled(state: State) -> bool:
    """Whether every service stands where its verdict puts it, and the verdict is not in the air.

    That of a drained node never is, but its name server may still be on its way.
    """
    if state.exited or state.life.phase in COMING:
        return False
    return _settled(verdicts(state), standing_ranks(state))


@remembered
def _settled(found: Mapping[str, Verdict], ranks: Mapping[str, Rank]) -> bool:
    return all(
        ranks[name] is verdict.rank and verdict.reason is not Reason.PROBE_PENDING
        for name, verdict in found.items()
    )


def all_announced(state: State) -> bool:
    """Whether every service is announced, at whatever rank."""
    return _all_announced(standing_ranks(state))


@remembered
def _all_announced(ranks: Mapping[str, Rank]) -> bool:
    return Rank.WITHDRAWN not in ranks.values()


def quiet(state: State, now: float) -> bool:
    """Whether nothing is announced and nothing that was can still be asked."""
    return not have(state) and now >= linger_end(state)
