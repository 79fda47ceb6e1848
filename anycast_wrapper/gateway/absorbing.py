"""What an event says, put into the state. What is to be done about it is decided in `tracking`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from anycast_wrapper.core.health import Health, settle
from anycast_wrapper.core.model import Address, Reason

from . import events
from .effects import AddressChanged, Effect, Noticed, RememberDrains, ServerChanged
from .ledger import ledger
from .membership import appraise
from .plan import Plan, Policy, plan
from .state import Drain, How, Known, Lead, Name, Standing, State

Step = tuple[State, tuple[Effect, ...]]

SPACING = 0.001
"""Seconds between the first questions to two servers: a few are asked at once, and a thousand over
the whole interval, for ever after."""

GATHER = 0.1
"""Seconds between two looks at who else is up: who comes waits for others that come; who goes does
not wait for anybody."""

BACKOFF, BACKOFF_MAX = 1.0, 30.0
"""Seconds until what was refused is tried again: the first time, and at most."""


def absorb(state: State, event: events.Event, now: float) -> Step:
    """The state that knows of the event, and what people are to be told of it."""
    return ABSORB[type(event)](state, event, now)


def urgently(state: State, groups: Iterable[int], now: float) -> State:
    """These groups are to be looked at now."""
    return replace(state, judge_at={**state.judge_at, **dict.fromkeys(groups, now)})


def _in_time(state: State, group: int, now: float) -> State:
    """This group is to be looked at soon, with whoever else comes up until then."""
    soon = max(now, state.judged.get(group, now) + GATHER)
    at = min(soon, state.judge_at.get(group, soon))
    return replace(state, judge_at={**state.judge_at, group: at})


def _started(state: State, event: events.Started, now: float) -> Step:
    policy, adopted = state.policy, event.adopted
    state = replace(
        state,
        drained={name: Drain(detail, now) for name, detail in event.drained.items()},
        adopted={address: frozenset(servers) for address, servers in adopted.items()},
        leads={address: Lead(since=now) for address in adopted},
    )
    notices = [
        Noticed("route-adopted", f"{address} leads to {_listed(servers)} from before")
        for address, servers in adopted.items()
    ]
    return _take_over(state, policy, {}, {}, now), tuple(notices)


def _reconfigured(state: State, event: events.Reconfigured, now: float) -> Step:
    """Take over a configuration: what is the same in it keeps what is known of it.

    Of what is not, the members of now are trusted until they are proven: a probe that is written
    otherwise does not withdraw a service.
    """
    old = plan(state.policy)
    sites = {site.key: state.standings[n] for n, site in enumerate(old.sites)}
    healths = {
        (*old.sites[watch.site].key, watch.probe): state.ledger[n]
        for n, watch in enumerate(old.watches)
    }
    adopted = {
        address: frozenset(one.address for one in lead.members if one.weight)
        for address, lead in state.leads.items()
    }
    leads = {address: replace(lead, left_out=()) for address, lead in state.leads.items()}
    state = replace(state, policy=event.policy, adopted=adopted, leads=leads)
    return _take_over(state, event.policy, sites, healths, now), ()


def _take_over(
    state: State,
    policy: Policy,
    sites: Mapping[Any, Standing],
    healths: Mapping[Any, Health],
    now: float,
) -> State:
    """Know this of the sites and the probes that there are, and of all others nothing."""
    known = plan(policy)
    count = len(known.watches)
    lines = []
    for number, watch in enumerate(known.watches):
        spread = min(SPACING, watch.probe.interval / count)
        before = healths.get((*known.sites[watch.site].key, watch.probe))
        if before is None:
            lines.append(Health(due=now + number * spread))
        elif before.ticket is not None:
            # What it is answered would come under a number that is somebody else's by now.
            lines.append(replace(before, ticket=None, due=now + number * spread))
        else:
            lines.append(before)
    book = ledger(lines)
    standings = []
    for site in known.sites:
        found, reason, _ = appraise([book[n] for n in site.watches])
        stood = sites.get(site.key)
        same = stood is not None and stood.known is found
        standings.append(stood if stood and same else Standing(found, reason, now))
    return replace(
        state,
        ledger=book,
        standings=tuple(standings),
        judge_at=dict.fromkeys(range(len(known.groups)), now),
        judged={},
        began=now,
        answered=None,
    )


def _time_passed(state: State, event: events.TimePassed, now: float) -> Step:
    del event, now
    return state, ()


def _probed(state: State, event: events.ProbeDone, now: float) -> Step:
    known = plan(state.policy)
    if event.watch >= len(known.watches):
        return state, ()
    health = state.ledger[event.watch]
    if health.ticket != event.ticket:
        return state, ()
    watch = known.watches[event.watch]
    health = settle(health, watch.probe, event.outcome, now)
    book = state.ledger.written({event.watch: health})
    state = replace(state, ledger=book, answered=event.watch)
    watches = known.sites[watch.site].watches
    found = appraise([book[n] for n in watches] if len(watches) > 1 else [health])
    before = state.standings[watch.site]
    if (found[0], found[1]) == (before.known, before.reason):
        return state, ()
    return _stands(state, known, watch.site, found, now)


def _stands(
    state: State,
    known: Plan,
    number: int,
    found: tuple[Known, Reason, str],
    now: float,
) -> Step:
    """A site is found otherwise than it was."""
    site, before = known.sites[number], state.standings[number]
    now_known, reason, detail = found
    since = before.since if now_known is before.known else now
    standings = list(state.standings)
    standings[number] = Standing(now_known, reason, since)
    state = replace(state, standings=tuple(standings))
    if now_known is not before.known:
        if now_known is Known.DOWN:
            state = urgently(state, [site.group], now)
        else:
            state = _in_time(state, site.group, now)
    elif reason is Reason.PROBE_PENDING:
        return state, ()  # On its way up: told once it has arrived, or of the next bad answer.
    changed = ServerChanged(
        site.pool, site.server.name, site.address, before.known, now_known, reason, detail
    )
    return state, (changed,)


def _applied(state: State, event: events.Applied, now: float) -> Step:
    known, address = plan(state.policy), event.address
    lead = state.leads[address]
    names = {member.server for member in event.members}
    kept = tuple(one for one in lead.left_out if one.server not in names)
    notices: list[Effect] = [
        Noticed("server-left-out", f"{one.server} for {address}: {one.detail}")
        for one in event.left_out
        if one not in lead.left_out
    ]
    if lead.failure:
        notices.append(Noticed("apply-recovered", f"{address} can be led again"))
    fresh = replace(
        lead,
        applied=event.members,
        left_out=(*kept, *event.left_out),
        failure="",
        tries=0,
        until=float("inf"),
    )
    fresh = replace(fresh, told=(lead.how, fresh.serving))
    if lead.told != fresh.told:
        fresh = replace(fresh, since=now)
        notices.append(led(known, address, lead, fresh))
    leads = {**state.leads, address: fresh}
    if fresh.how is How.ABANDONED:
        del leads[address]
    state = replace(state, leads=leads)
    if {one.server for one in fresh.left_out} != {one.server for one in lead.left_out}:
        state = urgently(state, [known.group_of[address]], now)
    return state, tuple(notices)


def led(known: Plan, address: Address, before: Lead, lead: Lead) -> AddressChanged:
    """What people are told once an address leads elsewhere, or for another reason."""
    number = known.group_of.get(address)
    group = None if number is None else known.groups[number]
    return AddressChanged(
        "" if group is None else group.pool.name,
        address,
        before.told[0],
        lead.how,
        lead.serving,
        0 if group is None else len(group.sites),
    )


def _apply_failed(state: State, event: events.ApplyFailed, now: float) -> Step:
    lead = state.leads[event.address]
    wait = min(BACKOFF_MAX, BACKOFF * 2 ** min(lead.tries, 10))
    notices: tuple[Effect, ...] = ()
    if event.detail != lead.failure:
        notices = (Noticed("apply-refused", f"{event.detail}; tried again in {wait:g} s"),)
    lead = replace(
        lead,
        failure=event.detail,
        tries=lead.tries + 1,
        refusals=lead.refusals + 1,
        until=now + wait,
    )
    return replace(state, leads={**state.leads, event.address: lead}), notices


def _world_changed(state: State, event: events.WorldChanged, now: float) -> Step:
    del event, now
    return replace(state, again=True), ()


def _drained(state: State, event: events.Drained, now: float) -> Step:
    fresh = {
        name: Drain(event.detail, state.drained[name].since if name in state.drained else now)
        for name in event.servers
    }
    told = [Noticed("server-drained", f"{_written(n)} {event.detail}".strip()) for n in fresh]
    return _remember(replace(state, drained={**state.drained, **fresh}), event.servers, told, now)


def _undrained(state: State, event: events.Undrained, now: float) -> Step:
    gone = [name for name in event.servers if name in state.drained]
    left = {name: drain for name, drain in state.drained.items() if name not in gone}
    told = [Noticed("server-undrained", _written(name)) for name in gone]
    return _remember(replace(state, drained=left), gone, told, now)


def _remember(state: State, names: Iterable[Name], told: list[Noticed], now: float) -> Step:
    pools = {pool for pool, _ in names}
    groups = (n for n, one in enumerate(plan(state.policy).groups) if one.pool.name in pools)
    remember = RememberDrains({name: drain.detail for name, drain in state.drained.items()})
    return urgently(state, groups, now), (remember, *told)


def _stop(state: State, event: events.StopAsked, now: float) -> Step:
    del event
    if state.stopping is not None:
        return state, ()
    return replace(state, stopping=now), ()


def _listed(servers: Iterable[Address]) -> str:
    return ", ".join(map(str, servers)) or "nobody"


def _written(name: Name) -> str:
    return "/".join(name)


ABSORB: dict[type[Any], Callable[[State, Any, float], Step]] = {
    events.Started: _started,
    events.TimePassed: _time_passed,
    events.ProbeDone: _probed,
    events.Applied: _applied,
    events.ApplyFailed: _apply_failed,
    events.WorldChanged: _world_changed,
    events.Drained: _drained,
    events.Undrained: _undrained,
    events.Reconfigured: _reconfigured,
    events.StopAsked: _stop,
}
"""How each kind of event is absorbed; a test holds that none is missing."""
