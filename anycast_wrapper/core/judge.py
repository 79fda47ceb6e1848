"""Verdicts: the rank that a service should have, and the one reason that decides it."""

from collections.abc import Mapping

from .health import Health, HealthState
from .ladder import Troubles
from .lifecycle import Phase
from .model import Network, Policy, Rank, Reason, Service, Verdict
from .remembered import remembered
from .state import Key, State

PHASE_REASON: dict[Phase, Reason | None] = {
    Phase.DOWN: Reason.DAEMON_DOWN,
    Phase.STARTING: Reason.DAEMON_STARTING,
    Phase.READY: None,
    Phase.STOPPING: Reason.DAEMON_STOPPING,
    Phase.KILLING: Reason.DAEMON_STOPPING,
    Phase.BACKOFF: Reason.DAEMON_EXITED,
    Phase.ENDED: Reason.DAEMON_EXITED,
}
"""Why nothing can be announced in a phase of the daemon's life; None where it can."""


def judge(state: State, service: Service) -> Verdict:
    """The strongest rank that everything together allows.

    What an operator asked for comes first, then what would make every other answer meaningless,
    then the probes, and last whether the kernel lets us.
    """
    return verdicts(state)[service.name]


def verdicts(state: State) -> Mapping[str, Verdict]:
    """The same of every service, by its name; the same object while all of them stay."""
    return _verdicts(state.policy, _node(state), state.vouched, state.troubles)


@remembered
def _verdicts(
    policy: Policy,
    node: Verdict | None,
    vouched: Mapping[str, Verdict],
    troubles: Troubles,
) -> Mapping[str, Verdict]:
    return {
        service.name: _allowed(node or vouched[service.name], policy, troubles)
        for service in policy.services
    }


def _allowed(verdict: Verdict, policy: Policy, troubles: Troubles) -> Verdict:
    """The verdict, unless the kernel refuses what it asks for."""
    interface = policy.ranks.get(verdict.rank)
    if interface is not None and interface.name in troubles:
        return _failed(interface.name, troubles)
    return verdict


@remembered
def _failed(name: str, troubles: Troubles) -> Verdict:
    detail = f"{name}: {troubles[name].detail}"
    return Verdict(Rank.WITHDRAWN, Reason.INTERFACE_FAILED, detail)


def _node(state: State) -> Verdict | None:
    """What keeps every service of this node withdrawn, or None; the same object while it stays."""
    if state.stopping is not None:
        return _withdrawn(Reason.STOPPING, "")
    reason = PHASE_REASON[state.life.phase]
    if state.drained is not None:
        return _withdrawn(state.drained.reason, state.drained.detail)
    if reason is not None:
        return _withdrawn(reason, state.life.words)
    hold = state.policy.hold
    if hold is not None and hold.name in state.troubles:
        return _failed(hold.name, state.troubles)
    return _route(state.policy.required_routes, state.routes)


@remembered
def _route(required: frozenset[Network], found: frozenset[Network]) -> Verdict | None:
    missing = required - found
    if not missing:
        return None
    routes = ", ".join(sorted(map(str, missing)))
    return Verdict(Rank.WITHDRAWN, Reason.ROUTE_MISSING, f"no route to {routes}")


@remembered
def _withdrawn(reason: Reason, detail: str) -> Verdict:
    return Verdict(Rank.WITHDRAWN, reason, detail)


def vouch(service: Service, known: Mapping[Key, Health]) -> Verdict:
    """The weakest rank that any probe leaves to the service; the first such probe is the reason.

    The service's own ceiling is the reason only where no probe leaves it less or the same: a fault
    is news, a ceiling is not.
    """
    verdict = Verdict(Rank.PREFERRED, Reason.HEALTHY)
    for probe in service.probes:
        health = known[service.name, probe.name]
        if health.state.vouches:
            continue
        # A probe that has not made up its mind yet could still say anything.
        unproven = health.state is HealthState.UNPROVEN
        rank = Rank.WITHDRAWN if unproven else probe.on_failure
        if rank < verdict.rank:
            verdict = _blame(rank, probe.name, health)
    if verdict.rank > service.ceiling:
        return Verdict(service.ceiling, Reason.CEILING, "no stronger rank is configured here")
    return verdict


def _blame(rank: Rank, probe: str, health: Health) -> Verdict:
    last = health.last
    if last is None or last.ok:
        return Verdict(rank, Reason.PROBE_PENDING, f"{probe}: not proven yet")
    return Verdict(rank, last.reason, f"{probe}: {last.detail}" if last.detail else probe)
