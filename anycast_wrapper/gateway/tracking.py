"""``step(state, event, now) -> (state, effects)``: which servers a service address leads to.

The law, which the tests hold for every sequence of events:

* a member with weight is up, or was one already when the configuration came into force and has not
  settled yet, or the address fails open;
* a drained server is never a member with weight, and none without for longer than the linger;
* members have the IP version of the service address and are servers of its pool;
* a server that fails is out by an effect of the very step that learns it;
* a probe never runs twice at a time, and no outcome of another run counts;
* `effects.Exit` comes last, once.

A step absorbs the event into the state (`absorbing`), and then settles: whatever the state and the
time call for is done. What would have to be found again for every server is marked where it
changes (``State.judge_at``), so that a step in which nothing changes costs nearly the same for four
servers and for four thousand.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from anycast_wrapper.core.health import ask
from anycast_wrapper.core.model import Address
from anycast_wrapper.core.remembered import remembered

from .absorbing import Step, absorb, led
from .effects import AddressChanged, Apply, Effect, Exit, RunProbe
from .events import Event
from .membership import judge
from .plan import Plan, plan
from .state import How, Lead, State

RENEWAL = 0.5
"""Seconds between two times at which everything is applied anew: what comes of it may look like a
change of the world itself."""

PATIENCE = 5.0
"""Seconds after which a stop goes on although the kernel refuses to withdraw."""

_NEVER = float("inf")


def step(state: State, event: Event, now: float) -> Step:
    """Absorb one event and say what is to be done, in order."""
    if state.exited:
        return state, ()
    state, told = absorb(state, event, now)
    state, applies = _lead(state, now)
    if state.stopping is not None:
        state, end = _finish(state, now)
        return state, (*applies, *told, *end)
    state, probes = _ask(state, now)
    return state, (*applies, *probes, *told)


def next_deadline(state: State, now: float) -> float | None:
    """When to step again with `events.TimePassed` if nothing happens before; later than now."""
    if state.exited:
        return None
    times = [_first_retry(state.leads)]
    if state.stopping is None:
        times += [state.ledger.soonest, min(state.judge_at.values(), default=_NEVER)]
        if state.again:
            times.append(state.renewed + RENEWAL)
    else:
        times.append(state.stopping + PATIENCE)
    return min((time for time in times if now < time < _NEVER), default=None)


@remembered
def _first_retry(leads: Mapping[Address, Lead]) -> float:
    return min((lead.until for lead in leads.values()), default=_NEVER)


# --- where addresses lead ---


def _lead(state: State, now: float) -> tuple[State, tuple[Effect, ...]]:
    """Everything that is to lead elsewhere, or has to be tried again."""
    known = plan(state.policy)
    due = {number for number, at in state.judge_at.items() if at <= now}
    renew = state.again and now >= state.renewed + RENEWAL and not _leaves_as_it_is(state)
    retry = _first_retry(state.leads) <= now
    if not (due or renew or retry or state.stopping is not None):
        return state, ()
    if renew:
        # Whoever was left out may be reached by now.
        leads = {
            address: replace(lead, left_out=(), tries=0) for address, lead in state.leads.items()
        }
        state = replace(state, again=False, renewed=now, leads=leads)
        due |= set(range(len(known.groups)))
    state, applies, told = _judge(state, known, due, now)
    state, applies = _repeat(state, applies, now, everything=renew)
    return state, (*applies, *told)


def _judge(
    state: State,
    known: Plan,
    due: set[int],
    now: float,
) -> tuple[State, list[Apply], list[AddressChanged]]:
    """Look at groups, and at what is in no group (any more)."""
    if _leaves_as_it_is(state):
        return replace(state, judge_at={}), [], []
    if state.stopping is not None:
        due = set()
    leads = dict(state.leads)
    applies: list[Apply] = []
    told: list[AddressChanged] = []
    judge_at = {number: at for number, at in state.judge_at.items() if number not in due}
    for address in _concerned(state, known, due):
        found = judge(state, known, address, now)
        before = leads.get(address, Lead(since=now))
        lead = replace(before, how=found.how, asked=found.members)
        if found.members != before.asked:
            applies.append(Apply(address, found.members))
        elif lead.applied == lead.asked and lead.how is not lead.told[0]:
            # It leads where it led, for another reason.
            lead = replace(lead, told=(lead.how, lead.serving))
            told.append(led(known, address, before, lead))
        leads[address] = lead
        if found.again < _NEVER and (number := known.group_of.get(address)) is not None:
            judge_at[number] = min(found.again, judge_at.get(number, _NEVER))
        nothing = (How.ABANDONED, (), ())
        if (found.how, lead.applied, before.asked) == nothing:  # else it goes once () is applied
            del leads[address]
    judged = {**state.judged, **dict.fromkeys(due, now)}
    return replace(state, leads=leads, judge_at=judge_at, judged=judged), applies, told


def _concerned(state: State, known: Plan, due: Iterable[int]) -> list[Address]:
    """The service addresses to look at: of these groups, and those of none."""
    if state.stopping is not None:
        return list(state.leads)
    strays = [address for address in state.leads if address not in known.group_of]
    return [*strays, *(one for number in sorted(due) for one in known.groups[number].addresses)]


def _repeat(
    state: State,
    applies: list[Apply],
    now: float,
    *,
    everything: bool,
) -> tuple[State, list[Apply]]:
    """With what was refused and is due again; or with everything."""
    under_way = {one.address for one in applies}
    for address, lead in state.leads.items():
        wanted = everything or lead.until <= now
        if wanted and address not in under_way and lead.asked is not None:
            applies.append(Apply(address, lead.asked))
    again = {one.address for one in applies if state.leads[one.address].until < _NEVER}
    if again:
        # Answered before anything else happens; until then it is not due a second time.
        leads = {
            address: replace(lead, until=_NEVER) if address in again else lead
            for address, lead in state.leads.items()
        }
        state = replace(state, leads=leads)
    return state, applies


# --- probes, and the end ---


def _ask(state: State, now: float) -> tuple[State, tuple[Effect, ...]]:
    """Start every probe that is due."""
    if now < state.ledger.soonest:
        return state, ()
    tickets, changes, effects = state.tickets, {}, []
    for number in state.ledger.due(now):
        tickets += 1
        changes[number] = ask(state.ledger[number], tickets, now)
        effects.append(RunProbe(number, tickets))
    ledger = state.ledger.written(changes)
    return replace(state, ledger=ledger, tickets=tickets), tuple(effects)


def _leaves_as_it_is(state: State) -> bool:
    return state.stopping is not None and state.policy.keep


def _finish(state: State, now: float) -> tuple[State, tuple[Effect, ...]]:
    """Exit, once nothing of ours is left, or all of it is meant to stay."""
    if _leaves_as_it_is(state):
        return replace(state, exited=True), (Exit(0, "everything is left as it is"),)
    left = [str(address) for address, lead in state.leads.items() if lead.applied != ()]
    if left and now < (state.stopping or now) + PATIENCE:
        return state, ()
    words = f"{', '.join(left)} could not be withdrawn" if left else ""
    return replace(state, exited=True), (Exit(1 if left else 0, words),)
