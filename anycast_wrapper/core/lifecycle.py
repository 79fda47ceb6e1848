"""The daemon's life, as a table.

`TABLE` says for every phase and every cue which action is taken; an action is a short function
that gives the next life and the effects. `AFTER_EXIT` says what becomes of a daemon that has ended
without being asked to. Both are total, and a test holds them to it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from .effects import Effect, KillDaemon, Noticed, SpawnDaemon, TerminateDaemon
from .model import DaemonPolicy, Readiness, Restart

KILL_AGAIN = 5.0
"""Seconds after which a daemon that survives SIGKILL (it sleeps in the kernel) gets it again."""


class Phase(Enum):
    """Where the daemon is in its life."""

    DOWN = "down"
    STARTING = "starting"
    """Spawned; has not said yet that it is ready."""
    READY = "ready"
    STOPPING = "stopping"
    """Asked to end, or said itself that it ends."""
    KILLING = "killing"
    BACKOFF = "backoff"
    """Ended badly; waits to be started again."""
    ENDED = "ended"
    """Will not be started again: the wrapper ends with it."""


class Cue(Enum):
    """What moves it."""

    START = "start"
    STOP = "stop"
    READY = "ready"
    LEAVING = "leaving"
    EXITED = "exited"
    DEADLINE = "deadline"


@dataclass(frozen=True)
class Life:
    """The daemon's life so far.

    Attributes:
        pid: of the process, while there is one.
        since: when the phase began.
        deadline: when `Cue.DEADLINE` is due, if it is.
        restarts: how often it was started again.
        failures: bad endings in a row, for the back-off.
        proven: it was ready once since the wrapper started. Before that, an ending is the failure
            of the wrapper's own start, and nothing is retried.
        asked: it is wanted down.
        leaving: it has said itself that it ends.
        broken: it is ended by us because it was not ready in time.
        code: how the wrapper is to exit, once the phase is ENDED.
        words: what it said last, or what became of it.
    """

    phase: Phase = Phase.DOWN
    pid: int | None = None
    since: float = 0.0
    deadline: float | None = None
    restarts: int = 0
    failures: int = 0
    proven: bool = False
    asked: bool = False
    leaving: bool = False
    broken: bool = False
    code: int = 0
    words: str = ""


@dataclass(frozen=True)
class Context:
    """What an action needs besides the life itself.

    Attributes:
        code: of an exit: the status, negative for a signal, None if unknown.
        words: of an exit: what the daemon said last.
    """

    policy: DaemonPolicy
    now: float
    code: int | None = None
    words: str = ""


Effects = tuple[Effect, ...]
Action = Callable[[Life, Context], tuple[Life, Effects]]

AFTER_EXIT: dict[tuple[Restart, bool], Phase] = {
    # (policy, the exit was clean)
    (Restart.ALWAYS, True): Phase.BACKOFF,
    (Restart.ALWAYS, False): Phase.BACKOFF,
    (Restart.ON_FAILURE, True): Phase.ENDED,
    (Restart.ON_FAILURE, False): Phase.BACKOFF,
    (Restart.NEVER, True): Phase.ENDED,
    (Restart.NEVER, False): Phase.ENDED,
}


def _enter(life: Life, phase: Phase, now: float, wait: float | None = None) -> Life:
    deadline = None if wait is None else now + wait
    return replace(life, phase=phase, since=now, deadline=deadline)


def ignore(life: Life, context: Context) -> tuple[Life, Effects]:
    """Nothing to do."""
    del context
    return life, ()


def spawn(life: Life, context: Context) -> tuple[Life, Effects]:
    """Start it; without a readiness of its own it counts as ready and the probes decide."""
    fresh = replace(life, pid=None, asked=False, leaving=False, broken=False, words="")
    if context.policy.ready is Readiness.PROBE:
        return _enter(fresh, Phase.READY, context.now), (SpawnDaemon(),)
    wait = context.policy.ready_timeout
    return _enter(fresh, Phase.STARTING, context.now, wait), (SpawnDaemon(),)


def respawn(life: Life, context: Context) -> tuple[Life, Effects]:
    """The back-off is over: start it again."""
    life, effects = spawn(life, context)
    life = replace(life, restarts=life.restarts + 1)
    return life, (*effects, Noticed("daemon-restart", f"start {life.restarts + 1}"))


def ready(life: Life, context: Context) -> tuple[Life, Effects]:
    """It says that it serves."""
    return replace(_enter(life, Phase.READY, context.now), proven=True), ()


def leave(life: Life, context: Context) -> tuple[Life, Effects]:
    """It says that it ends: its own doing, so give it the time that we would give it."""
    return replace(
        _enter(life, Phase.STOPPING, context.now, context.policy.stop_timeout),
        leaving=True,
    ), ()


def note_leaving(life: Life, context: Context) -> tuple[Life, Effects]:
    """It says that it ends, after we have asked it to."""
    del context
    return replace(life, leaving=True), ()


def terminate(life: Life, context: Context) -> tuple[Life, Effects]:
    """Ask it to end."""
    life = replace(life, asked=True)
    wait = context.policy.stop_timeout
    return _enter(life, Phase.STOPPING, context.now, wait), (TerminateDaemon(),)


def give_up(life: Life, context: Context) -> tuple[Life, Effects]:
    """It was not ready in time: end it, and count that as a failure."""
    wait = context.policy.stop_timeout
    words = f"not ready within {context.policy.ready_timeout:g} s"
    life = replace(life, broken=True, words=words)
    life = _enter(life, Phase.STOPPING, context.now, wait)
    return life, (TerminateDaemon(), Noticed("daemon-not-ready", words))


def want_down(life: Life, context: Context) -> tuple[Life, Effects]:
    """It is ending already; remember that it is to stay down."""
    del context
    return replace(life, asked=True), ()


def kill(life: Life, context: Context) -> tuple[Life, Effects]:
    """It did not end in time."""
    life = _enter(life, Phase.KILLING, context.now, KILL_AGAIN)
    return life, (KillDaemon(), Noticed("daemon-kill", f"pid {life.pid} did not end in time"))


def stay_down(life: Life, context: Context) -> tuple[Life, Effects]:
    """There is no process; none is wanted."""
    return replace(_enter(life, Phase.DOWN, context.now), asked=True, pid=None), ()


def ended(life: Life, context: Context) -> tuple[Life, Effects]:
    """Its process is gone: decide by who wanted that, how it went, and the policy."""
    if life.asked:
        return stay_down(life, context)
    policy, now = context.policy, context.now
    clean = not life.broken and (context.code == 0 or (context.code is None and life.leaving))
    # What it said last; a daemon that we gave up on has our words already.
    words = life.words if life.broken else describe_exit(context.code, context.words)
    life = replace(life, pid=None, words=words)
    # One that ran for as long as it may take to become ready has at least started.
    ran = life.phase is Phase.READY and now - life.since >= policy.ready_timeout
    if not life.proven and not ran:
        return replace(_enter(life, Phase.ENDED, now), code=1), ()
    if AFTER_EXIT[policy.restart, clean] is Phase.ENDED:
        return replace(_enter(life, Phase.ENDED, now), code=0 if clean else 1), ()
    lasted = life.phase is Phase.READY and now - life.since >= policy.restart_delay_max
    failures = 0 if lasted or clean else life.failures
    # The exponent is capped: 2.0 ** failures overflows in a crash loop that lasts for months.
    wait = min(policy.restart_delay * 2 ** min(failures, 32), policy.restart_delay_max)
    life = replace(_enter(life, Phase.BACKOFF, now, wait), failures=failures + 1)
    return life, (Noticed("daemon-exited", f"{words}; started again in {wait:g} s"),)


def describe_exit(code: int | None, words: str) -> str:
    """An exit status in words, with what the daemon said last."""
    if code is None:
        how = "ended (it was adopted, so its exit status is unknown)"
    elif code < 0:
        how = f"killed by signal {-code}"
    else:
        how = f"exited with status {code}"
    return f"{how}: {words}" if words else how


_P, _C = Phase, Cue

TABLE: dict[tuple[Phase, Cue], Action] = {
    (_P.DOWN, _C.START): spawn,
    (_P.DOWN, _C.STOP): stay_down,
    (_P.DOWN, _C.READY): ignore,
    (_P.DOWN, _C.LEAVING): ignore,
    (_P.DOWN, _C.EXITED): ignore,
    (_P.DOWN, _C.DEADLINE): ignore,
    (_P.STARTING, _C.START): ignore,
    (_P.STARTING, _C.STOP): terminate,
    (_P.STARTING, _C.READY): ready,
    (_P.STARTING, _C.LEAVING): leave,
    (_P.STARTING, _C.EXITED): ended,
    (_P.STARTING, _C.DEADLINE): give_up,
    (_P.READY, _C.START): ignore,
    (_P.READY, _C.STOP): terminate,
    (_P.READY, _C.READY): ignore,
    (_P.READY, _C.LEAVING): leave,
    (_P.READY, _C.EXITED): ended,
    (_P.READY, _C.DEADLINE): ignore,
    (_P.STOPPING, _C.START): ignore,
    (_P.STOPPING, _C.STOP): want_down,
    (_P.STOPPING, _C.READY): ignore,
    (_P.STOPPING, _C.LEAVING): note_leaving,
    (_P.STOPPING, _C.EXITED): ended,
    (_P.STOPPING, _C.DEADLINE): kill,
    (_P.KILLING, _C.START): ignore,
    (_P.KILLING, _C.STOP): want_down,
    (_P.KILLING, _C.READY): ignore,
    (_P.KILLING, _C.LEAVING): ignore,
    (_P.KILLING, _C.EXITED): ended,
    (_P.KILLING, _C.DEADLINE): kill,
    (_P.BACKOFF, _C.START): ignore,
    (_P.BACKOFF, _C.STOP): stay_down,
    (_P.BACKOFF, _C.READY): ignore,
    (_P.BACKOFF, _C.LEAVING): ignore,
    (_P.BACKOFF, _C.EXITED): ignore,
    (_P.BACKOFF, _C.DEADLINE): respawn,
    (_P.ENDED, _C.START): ignore,
    (_P.ENDED, _C.STOP): ignore,
    (_P.ENDED, _C.READY): ignore,
    (_P.ENDED, _C.LEAVING): ignore,
    (_P.ENDED, _C.EXITED): ignore,
    (_P.ENDED, _C.DEADLINE): ignore,
}


def advance(life: Life, cue: Cue, context: Context) -> tuple[Life, Effects]:
    """The next life, and what is to be done for it."""
    return TABLE[life.phase, cue](life, context)


def adopt(pid: int, now: float) -> Life:
    """The life of a daemon that a predecessor started: it runs, and the probes will tell."""
    return Life(phase=Phase.READY, pid=pid, since=now, proven=True)
