"""What an event says, put into the state. Nothing is decided here but the daemon's life.

`settle` in `machine` decides the rest from the state and the time alone, no matter which event it
was: that is what makes it safe against lost or repeated events.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from . import events
from .effects import Effect, Noticed, RememberDrain
from .health import Health, HealthState, settle
from .judge import vouch
from .ladder import RETRY, Links, Trouble, announced, live
from .lifecycle import Context, Cue, adopt, advance
from .model import Drain, Policy, Probe, Rank, Readiness, Service
from .remembered import remembered
from .state import NEVER, Key, State, unknown_standing

Step = tuple[State, tuple[Effect, ...]]

NOT_FOUND = 127
"""The exit status that a shell gives for a command that could not be run."""


def absorb(state: State, event: events.Event, now: float) -> Step:
    """The state that knows of the event, and what the daemon's life calls for because of it."""
    phase = state.life.phase
    state, effects = ABSORB[type(event)](state, event, now)
    return (renew(state, now) if state.life.phase is not phase else state), effects


def cue(state: State, what: Cue, now: float, code: int | None = None, words: str = "") -> Step:
    """Move the daemon's life."""
    context = Context(state.policy.daemon, now, code, words)
    life, effects = advance(state.life, what, context)
    return replace(state, life=life), effects


def renew(state: State, now: float) -> State:
    """Forget all health: the daemon is no longer the one that it was known of."""
    return _keep(state, {}, now)


def _started(state: State, event: events.Started, now: float) -> Step:
    state = replace(
        state,
        links=event.observation.links,
        routes=event.observation.routes,
        drained=event.drained,
        # What a predecessor left may have changed a moment ago.
        last_change=now if event.disturbed else NEVER,
        standings={service.name: unknown_standing(now) for service in state.policy.services},
    )
    state = renew(state, now)
    notices: tuple[Effect, ...] = tuple(Noticed("leftover", words) for words in _leftovers(state))
    if event.adopted is not None:
        adopted = Noticed("daemon-adopted", f"pid {event.adopted} runs on from before")
        return replace(state, life=adopt(event.adopted, now)), (*notices, adopted)
    state, effects = cue(state, Cue.START, now)
    return state, (*notices, *effects)


def _leftovers(state: State) -> list[str]:
    """In words, what was there before us: it is taken over, or off until it is proven."""
    words = [
        f"{address} is on {interface.name} already: taken off until it is proven"
        for interface in state.policy.ranks.values()
        for address in live(state.links, interface, state.known)
    ]
    hold = state.policy.hold
    if hold is not None and hold.name in state.links:
        held = state.links[hold.name].addresses
        strange = held - set(state.policy.addresses)
        words += [f"{a} is on {hold.name} already: kept" for a in held - strange]
        words += [f"{a} is on {hold.name} and in no service: taken off" for a in strange]
    return sorted(words)


def _time_passed(state: State, event: events.TimePassed, now: float) -> Step:
    del event, now
    return state, ()


def _observed(state: State, event: events.Observed, now: float) -> Step:
    links = event.observation.links
    before = announced(state.links, state.policy, state.known)
    after = announced(links, state.policy, state.known)
    notices = tuple(Noticed("drift", words) for words in _drift(state.links, links))
    state = replace(state, links=links, routes=event.observation.routes)
    if before != after:
        # Somebody else has made the routing daemon originate something: that counts for pacing.
        state = replace(state, last_change=now)
    return state, notices


def _drift(believed: Links, found: Links) -> list[str]:
    """In words, what is other than we left it."""
    words = [f"{name} has vanished" for name in believed if name not in found]
    words += [f"{name} has appeared" for name in found if name not in believed]
    for name in found.keys() & believed.keys():
        was, now = believed[name], found[name]
        if was.up is not now.up:
            words.append(f"{name} was set {'up' if now.up else 'down'} by someone else")
        words += [f"{a} has vanished from {name}" for a in was.addresses - now.addresses]
        words += [f"{a} has appeared on {name}" for a in now.addresses - was.addresses]
    return sorted(words)


def _move_failed(state: State, event: events.MoveFailed, now: float) -> Step:
    name = event.move.interface
    seen = event.observation
    state = replace(state, links=seen.links, routes=seen.routes)
    trouble = Trouble(event.move, event.detail, now + RETRY)
    notice = Noticed("interface-failed", f"{name}: {event.detail}; tried again in {RETRY:g} s")
    return replace(state, troubles={**state.troubles, name: trouble}), (notice,)


def _spawned(state: State, event: events.DaemonSpawned, now: float) -> Step:
    del now
    return replace(state, life=replace(state.life, pid=event.pid)), ()


def _not_spawned(state: State, event: events.DaemonNotSpawned, now: float) -> Step:
    return cue(state, Cue.EXITED, now, code=NOT_FOUND, words=event.detail)


def _ready(state: State, event: events.DaemonReady, now: float) -> Step:
    del event
    return cue(state, Cue.READY, now)


def _leaving(state: State, event: events.DaemonStopping, now: float) -> Step:
    del event
    return cue(state, Cue.LEAVING, now)


def _exited(state: State, event: events.DaemonExited, now: float) -> Step:
    return cue(state, Cue.EXITED, now, code=event.code, words=event.detail)


def _probed(state: State, event: events.ProbeDone, now: float) -> Step:
    key = event.service, event.probe
    health = state.health.get(key)
    if health is None or health.ticket != event.ticket:
        return state, ()
    service, probe = _probes(state.policy)[key]
    health = settle(health, probe, event.outcome, now)
    life = state.life
    if state.policy.daemon.ready is Readiness.PROBE and health.state is HealthState.UP:
        life = replace(life, proven=True)
    known, vouched = {**state.health, key: health}, state.vouched
    if (says := vouch(service, known)) != vouched[service.name]:
        vouched = {**vouched, service.name: says}
    return replace(state, life=life, health=known, vouched=vouched, answered=key), ()


@remembered
def _probes(policy: Policy) -> Mapping[Key, tuple[Service, Probe]]:
    """Every probe with its service."""
    return {(s.name, probe.name): (s, probe) for s in policy.services for probe in s.probes}


def _queue(state: State, event: events.QueueStands, now: float) -> Step:
    """Ask at once what still vouches, and do not wait for an answer that is under way."""
    if event.stands is state.suspect or not event.stands:
        return replace(state, suspect=event.stands), ()
    health = {
        key: replace(one, ticket=None, due=now) if one.state.vouches else one
        for key, one in state.health.items()
    }
    return replace(state, suspect=True, health=health), ()


def _drain(state: State, event: events.DrainAsked, now: float) -> Step:
    del now
    drained = Drain(detail=event.detail)
    return replace(state, drained=drained), (RememberDrain(drained=True, detail=event.detail),)


def _undrain(state: State, event: events.UndrainAsked, now: float) -> Step:
    del event, now
    return replace(state, drained=None), (RememberDrain(drained=False),)


def _stop(state: State, event: events.StopAsked, now: float) -> Step:
    del event
    return (state if state.stopping is not None else replace(state, stopping=now)), ()


def _reconfigured(state: State, event: events.Reconfigured, now: float) -> Step:
    """Take over a configuration. A service that is the same in it keeps what is known of it.

    Its ceiling does not count: that says nothing about what the probes have found.
    """
    policy = event.policy
    before = {replace(service, ceiling=Rank.PREFERRED) for service in state.policy.services}
    same = {
        service.name
        for service in policy.services
        if replace(service, ceiling=Rank.PREFERRED) in before
    }
    keep = {key: health for key, health in state.health.items() if key[0] in same}
    standings = {
        service.name: state.standings.get(service.name, unknown_standing(now))
        for service in policy.services
    }
    state = replace(
        state,
        policy=policy,
        known=state.known | set(policy.addresses),
        standings=standings,
    )
    return _keep(state, keep, now), ()


def _keep(state: State, keep: Mapping[Key, Health], now: float) -> State:
    """Know this of the probes that there are, and of all others nothing."""
    fresh = Health(due=now)
    health = {key: keep.get(key, fresh) for key in _probes(state.policy)}
    vouched = {service.name: vouch(service, health) for service in state.policy.services}
    return replace(state, health=health, vouched=vouched)


ABSORB: dict[type[Any], Callable[[State, Any, float], Step]] = {
    events.Started: _started,
    events.TimePassed: _time_passed,
    events.Observed: _observed,
    events.MoveFailed: _move_failed,
    events.DaemonSpawned: _spawned,
    events.DaemonNotSpawned: _not_spawned,
    events.DaemonReady: _ready,
    events.DaemonStopping: _leaving,
    events.DaemonExited: _exited,
    events.ProbeDone: _probed,
    events.QueueStands: _queue,
    events.DrainAsked: _drain,
    events.UndrainAsked: _undrain,
    events.StopAsked: _stop,
    events.Reconfigured: _reconfigured,
}
"""How each kind of event is absorbed; a test holds that none is missing."""
