"""Rise, fall and recheck: what a row of outcomes makes of a probe.

The law is `TRANSITIONS`. A streak is the number of outcomes of the same kind in a row; it settles a
state once it reaches ``rise`` (good) or ``fall`` (bad). A state that is not settled is asked about
at the short interval, so that doubt is short.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from .model import Outcome, Probe
from .remembered import remembered


class HealthState(Enum):
    """What is known of one probe."""

    UNPROVEN = "unproven"
    """Not yet settled since the daemon started: vouches for nothing."""
    UP = "up"
    FALLING = "falling"
    """Was up, has failed less than ``fall`` times in a row: still vouches."""
    DOWN = "down"
    RISING = "rising"
    """Was down, has succeeded less than ``rise`` times in a row: does not vouch yet."""

    @property
    def vouches(self) -> bool:
        """Whether the service may rely on it."""
        return self in (HealthState.UP, HealthState.FALLING)

    @property
    def settled(self) -> bool:
        """Whether the next question can wait for the long interval."""
        return self in (HealthState.UP, HealthState.DOWN)


_S = HealthState

TRANSITIONS: dict[tuple[HealthState, bool], tuple[HealthState, HealthState]] = {
    # (state, the outcome is good): (while the streak is short, once it is long enough)
    (_S.UNPROVEN, True): (_S.UNPROVEN, _S.UP),
    (_S.UNPROVEN, False): (_S.UNPROVEN, _S.DOWN),
    (_S.UP, True): (_S.UP, _S.UP),
    (_S.UP, False): (_S.FALLING, _S.DOWN),
    (_S.FALLING, True): (_S.UP, _S.UP),
    (_S.FALLING, False): (_S.FALLING, _S.DOWN),
    (_S.DOWN, True): (_S.RISING, _S.UP),
    (_S.DOWN, False): (_S.DOWN, _S.DOWN),
    (_S.RISING, True): (_S.RISING, _S.UP),
    (_S.RISING, False): (_S.DOWN, _S.DOWN),
}


@dataclass(frozen=True)
class Health:
    """One probe's state and its place in time.

    Attributes:
        streak: outcomes of the same kind in a row, the last one included.
        due: when it is to be run next, if it is not running.
        asked: when it was last started.
        ticket: what the running one was started with, or None if none is running.
        last: the last outcome, or None.
        answered: when the last outcome came.
    """

    state: HealthState = HealthState.UNPROVEN
    streak: int = 0
    due: float = 0.0
    asked: float = 0.0
    ticket: int | None = None
    last: Outcome | None = None
    answered: float | None = None


@remembered
def soonest(known: Mapping[tuple[str, str], Health]) -> float:
    """When the first of those that are not running is due; infinity if all are."""
    return min((one.due for one in known.values() if one.ticket is None), default=float("inf"))


def ask(health: Health, ticket: int, now: float) -> Health:
    """The probe is started now."""
    return replace(health, ticket=ticket, asked=now)


def settle(health: Health, probe: Probe, outcome: Outcome, now: float) -> Health:
    """The running probe has answered: the next state, and when to ask again.

    Intervals are from start to start, so that a timeout is followed by its recheck at once; two
    runs of one probe never overlap.
    """
    same = health.last is not None and health.last.ok == outcome.ok
    streak = health.streak + 1 if same else 1
    short, enough = TRANSITIONS[health.state, outcome.ok]
    state = enough if streak >= (probe.rise if outcome.ok else probe.fall) else short
    wait = probe.interval if state.settled else min(probe.recheck, probe.interval)
    return Health(
        state=state,
        streak=streak,
        due=max(now, health.asked + wait),
        asked=health.asked,
        last=outcome,
        answered=now,
    )
