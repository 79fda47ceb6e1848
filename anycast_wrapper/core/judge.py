"""Verdicts: the rank that a service should have, and the one reason that decides it."""

from .health import HealthState
from .lifecycle import Phase
from .model import Rank, Reason, Service, Verdict
from .state import State

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
    verdict = _node(state) or _probes(state, service)
    interface = state.policy.ranks.get(verdict.rank)
    if interface is not None and interface.name in state.troubles:
        return _failed(interface.name, state)
    return verdict


def _failed(name: str, state: State) -> Verdict:
    detail = f"{name}: {state.troubles[name].detail}"
    return Verdict(Rank.WITHDRAWN, Reason.INTERFACE_FAILED, detail)


def _node(state: State) -> Verdict | None:
    """What keeps every service of this node withdrawn, or None."""
    if state.stopping is not None:
        return Verdict(Rank.WITHDRAWN, Reason.STOPPING)
    reason = PHASE_REASON[state.life.phase]
    if state.drained is not None:
        return Verdict(Rank.WITHDRAWN, state.drained.reason, state.drained.detail)
    if reason is not None:
        return Verdict(Rank.WITHDRAWN, reason, state.life.words)
    hold = state.policy.hold
    if hold is not None and hold.name in state.troubles:
        return _failed(hold.name, state)
    missing = state.policy.required_routes - state.routes
    if missing:
        routes = ", ".join(sorted(map(str, missing)))
        return Verdict(Rank.WITHDRAWN, Reason.ROUTE_MISSING, f"no route to {routes}")
    return None


def _probes(state: State, service: Service) -> Verdict:
    """The weakest rank that any probe leaves to the service; the first such probe is the reason."""
    verdict = Verdict(Rank.PREFERRED, Reason.HEALTHY)
    for probe in service.probes:
        health = state.health[service.name, probe.name]
        if health.state.vouches:
            continue
        # A probe that has not made up its mind yet could still say anything.
        unproven = health.state is HealthState.UNPROVEN
        rank = Rank.WITHDRAWN if unproven else probe.on_failure
        if rank < verdict.rank:
            verdict = _blame(rank, probe.name, state, service.name)
    return verdict


def _blame(rank: Rank, probe: str, state: State, service: str) -> Verdict:
    last = state.health[service, probe].last
    if last is None or last.ok:
        return Verdict(rank, Reason.PROBE_PENDING, f"{probe}: not proven yet")
    return Verdict(rank, last.reason, f"{probe}: {last.detail}" if last.detail else probe)
