"""``step(state, event, now) -> (state, effects)``: the life, the health and the ladder joined.

The law, which the tests hold for every sequence of events:

* nothing is announced while the daemon is not ready, while a probe that withdraws is not up, while
  the node is drained or stops, or while a required route is missing;
* a withdrawal is among the effects of the very step that learns the reason;
* between two changes that are not withdrawals there are at least ``policy.gap`` seconds;
* the daemon is told to end only after everything is withdrawn and has lingered;
* `effects.Exit` comes last, once, with nothing announced.

A step absorbs the event into the state (`absorb`), and then settles: whatever the state and the
time call for is done, no matter which event it was.
"""

from collections.abc import Mapping
from dataclasses import replace

from .absorb import Step, absorb, cue, renew
from .effects import Changed, DeleteLink, Effect, Exit, Move, Noticed, RememberDrain, RunProbe
from .events import Event
from .health import ask, soonest
from .judge import verdicts
from .ladder import Scene, apply, calm, holding, housekeeping, withdrawals
from .lifecycle import Cue, Phase
from .model import Rank, Switch, Verdict
from .query import have, linger_end, standing_ranks, told_reason, wanted
from .remembered import remembered
from .reroute import divert, nudge, withdrawn
from .state import Standing, State

PATIENCE = 5.0
"""Seconds after which a stop goes on although the kernel refuses to withdraw: the end of the
process takes its TAP with it, and a stop that never ends helps nobody."""

SCENE = remembered(Scene)
"""The same scene while nothing in it changes, for which the moves are known already."""


def step(state: State, event: Event, now: float) -> Step:
    """Absorb one event and say what is to be done, in order."""
    if state.exited:
        return state, ()
    state, effects = absorb(state, event, now)
    return _settle(state, effects, now)


def next_deadline(state: State, now: float) -> float | None:
    """When to step again with `events.TimePassed` if nothing happens before; later than now."""
    if state.exited:
        return None
    times = [trouble.until for trouble in state.troubles.values()]
    times += [state.last_change + state.policy.gap, linger_end(state)]
    times += [time for time in (state.life.deadline, state.nudge_at) if time is not None]
    if state.life.phase is Phase.ENDED:
        times.append(state.life.since + PATIENCE)
    if state.stopping is not None:
        times.append(_stop_limit(state.stopping, state))
    if _probing(state):
        times += _due(state, now)
    return min((time for time in times if time > now), default=None)


def _due(state: State, now: float) -> list[float]:
    """When probes are due: the first, if that is yet to come."""
    if (first := soonest(state.health)) > now:
        return [first]
    return [health.due for health in state.health.values() if health.ticket is None]


def _settle(state: State, given: tuple[Effect, ...], now: float) -> Step:
    """Whatever the state and the time call for, in the order in which it is to be done."""
    state = _try_again(state, now)
    urgent: tuple[Effect, ...]
    state, urgent = _withdraw(state, now)
    state, due = _live(state, now)
    state, diverted = divert(state)
    state, again = nudge(state, now)
    told = tuple(e for e in (*given, *due) if isinstance(e, Noticed | RememberDrain))
    daemon = tuple(e for e in (*given, *due) if not isinstance(e, Noticed | RememberDrain))
    if _is_over(state, now):
        return _finish(state, (*urgent, *again), told, now)

    released = now >= linger_end(state)
    state, hold = _perform(
        state, holding(state.links, state.policy, state.troubles, release=released)
    )
    state, tidy = _perform(state, housekeeping(state.links, state.policy, state.troubles))
    state, paced = _climb(state, now)
    state, probes = _ask(state, now)
    state, changes = _report(state, now)
    urgent = (*urgent, *diverted, *again)
    return state, (*urgent, *hold, *daemon, *tidy, *paced, *probes, *told, *changes)


def _try_again(state: State, now: float) -> State:
    """Forget the troubles whose time has come."""
    troubles = {name: trouble for name, trouble in state.troubles.items() if now < trouble.until}
    return state if len(troubles) == len(state.troubles) else replace(state, troubles=troubles)


def _scene(state: State) -> Scene:
    return SCENE(state.links, state.policy, wanted(state), state.known, state.troubles)


def _perform(state: State, moves: tuple[Move, ...]) -> tuple[State, tuple[Move, ...]]:
    links = state.links
    for move in moves:
        links = apply(links, move)
    return replace(state, links=links), moves


def _withdraw(state: State, now: float) -> tuple[State, tuple[Move, ...]]:
    moves = withdrawals(_scene(state))
    if not moves:
        return state, ()
    return _perform(withdrawn(state, now), moves)


def _climb(state: State, now: float) -> tuple[State, tuple[Move, ...]]:
    """What is not urgent and may be done now: one change, or all of them where nothing is paced."""
    done: tuple[Move, ...] = ()
    while now >= state.last_change + state.policy.gap and (moves := calm(_scene(state))):
        state, moves = _perform(replace(state, last_change=now), moves)
        done += moves
    return state, done


def _live(state: State, now: float) -> Step:
    """What the daemon's life calls for because of the time, or because we stop."""
    effects: tuple[Effect, ...] = ()
    phase = state.life.phase
    if state.life.deadline is not None and now >= state.life.deadline:
        state, effects = cue(state, Cue.DEADLINE, now)
    if _may_end_daemon(state, now):
        state, more = cue(state, Cue.STOP, now)
        effects += more
    return (renew(state, now) if state.life.phase is not phase else state), effects


def _stop_limit(stopping: float, state: State) -> float:
    return stopping + state.policy.linger + PATIENCE


def _may_end_daemon(state: State, now: float) -> bool:
    if state.stopping is None or state.life.asked:
        return False
    if now >= _stop_limit(state.stopping, state):
        return True
    return not have(state) and now >= linger_end(state)


def _is_over(state: State, now: float) -> bool:
    """Whether the daemon is gone for good and nothing is left but to let go."""
    if state.nudge_at is not None:
        return False  # What we withdrew last has not been heard yet.
    if state.life.phase is Phase.DOWN:
        return state.stopping is not None and state.life.asked
    if state.life.phase is not Phase.ENDED:
        return False
    # Where the kernel refuses to withdraw, it is asked again for a while before we leave.
    return not have(state) or now >= state.life.since + PATIENCE


def _finish(state: State, urgent: tuple[Effect, ...], told: tuple[Effect, ...], now: float) -> Step:
    ours = [*state.policy.ranks.values(), *([state.policy.hold] if state.policy.hold else [])]
    names = [one.name for one in ours if one.switch is Switch.LINK and one.name in state.links]
    state, moves = _perform(state, tuple(DeleteLink(name) for name in names))
    state, changes = _report(state, now)
    life = state.life
    code = life.code if life.phase is Phase.ENDED and state.stopping is None else 0
    end = Exit(code, life.words)
    return replace(state, exited=True), (*urgent, *moves, *told, *changes, end)


def _probing(state: State) -> bool:
    return state.life.phase is Phase.READY and state.stopping is None


def _ask(state: State, now: float) -> tuple[State, tuple[Effect, ...]]:
    """Start every probe that is due."""
    if not _probing(state) or now < soonest(state.health):
        return state, ()
    health, tickets = dict(state.health), state.tickets
    effects: list[Effect] = []
    for key, one in state.health.items():
        if one.ticket is None and now >= one.due:
            tickets += 1
            health[key] = ask(one, tickets, now)
            effects.append(RunProbe(*key, tickets, hurried=state.suspect))
    return replace(state, health=health, tickets=tickets), tuple(effects)


def _report(state: State, now: float) -> tuple[State, tuple[Effect, ...]]:
    """Tell people of every service that stands otherwise than it was last told."""
    news = _news(verdicts(state), standing_ranks(state), state.standings)
    if not news:
        return state, ()
    changes: list[Effect] = []
    for name, (verdict, rank) in news.items():
        reason, detail = told_reason(verdict, rank)
        changes.append(Changed(name, state.standings[name].rank, rank, reason, detail))
    told = {name: Standing(verdict, rank, now) for name, (verdict, rank) in news.items()}
    return replace(state, standings={**state.standings, **told}), tuple(changes)


@remembered
def _news(
    found: Mapping[str, Verdict],
    ranks: Mapping[str, Rank],
    standings: Mapping[str, Standing],
) -> Mapping[str, tuple[Verdict, Rank]]:
    """Of every service that stands otherwise than it was last told, its verdict and its rank."""
    news: dict[str, tuple[Verdict, Rank]] = {}
    for name, verdict in found.items():
        before, rank = standings[name], ranks[name]
        # A verdict that waits for its moves is told once they are made.
        if rank is not before.rank or (
            rank is verdict.rank and verdict.reason is not before.verdict.reason
        ):
            news[name] = verdict, rank
    return news
