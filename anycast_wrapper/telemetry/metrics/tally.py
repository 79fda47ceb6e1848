"""What has to be counted while it happens.

The core tells of a change when it decides it (`effects`), but of a probe's result it only keeps
the last. That is enough to count each exactly once: a step absorbs one event, so at most one
result, of the probe in ``state.answered``, and the audiences hear after every step. A result is
another one if it came at another time or is another object. One can hide: that of a step which also
ends the daemon, at the very end of the wrapper's life, as the daemon's end makes the core forget
all health. Nothing was made of it, and so the definition of the metric leaves it out, with those
that the core throws away as it no longer waits for them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from anycast_wrapper.core import effects
from anycast_wrapper.core.health import Health
from anycast_wrapper.core.model import Outcome, Policy, Rank, Reason
from anycast_wrapper.core.state import Key, State

DURATIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of a probe's duration, in seconds: from a good answer to the longest timeout that
makes sense. They do not depend on the configuration, so that all nodes can be added up."""

PLANNED = frozenset({Reason.DRAINED, Reason.STOPPING})
"""Reasons for a withdrawal that somebody wanted."""

Counted = TypeVar("Counted", bound=Hashable)

Transition = tuple[str, str, str, str]
"""Service, rank before, rank after, reason."""


@dataclass
class Spread:
    """A histogram.

    Attributes:
        bounds: upper bounds of its buckets, ascending; one more has no bound.
        counts: how many fell into each bucket, the unbounded one last.
        total: the sum of all.
    """

    bounds: Sequence[float]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one value; what equals a bound falls below it (``le``)."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Every bound, as text, with the number of values up to it."""
        pairs: list[tuple[str, float]] = []
        so_far = 0
        for bound, count in zip((*map(repr, self.bounds), "+Inf"), self.counts, strict=True):
            so_far += count
            pairs.append((bound, so_far))
        return pairs


class Tally:
    """An `Audience` that counts.

    Attributes:
        state: as it was last heard of, or None before that.
        transitions: of services.
        withdrawals: of services that were announced, and whether that was planned.
        notices: by the event's name.
        results: of probes, by the reason.
        durations: of probes.
    """

    def __init__(self) -> None:
        self.state: State | None = None
        self.transitions: Counter[Transition] = Counter()
        self.withdrawals: Counter[tuple[str, bool]] = Counter()
        self.notices: Counter[str] = Counter()
        self.results: Counter[tuple[Key, Reason]] = Counter()
        self.durations: dict[Key, Spread] = {}
        self._last: dict[Key, tuple[Outcome | None, float | None]] = {}
        self._policy: Policy | None = None

    def hear(self, state: State, told: Sequence[effects.Effect]) -> None:
        """Count what is new."""
        self.state = state
        if state.policy is not self._policy:
            self._policy = state.policy
            self._take_over(state.policy)
        for effect in told:
            match effect:
                case effects.Changed(service, before, rank, reason, _):
                    self.transitions[service, before.slug, rank.slug, str(reason)] += 1
                    if rank is Rank.WITHDRAWN < before:
                        self.withdrawals[service, reason in PLANNED] += 1
                case effects.Noticed(event, _):
                    self.notices[event] += 1
        if state.answered is not None and (health := state.health.get(state.answered)) is not None:
            self._hear_probe(state.answered, health)

    def _hear_probe(self, key: Key, health: Health) -> None:
        before, at = self._last.get(key, (None, None))
        if health.last is before and health.answered == at:
            return
        self._last[key] = health.last, health.answered
        if health.last is not None and health.answered is not None:
            self.results[key, health.last.reason] += 1
            self.durations[key].add(max(0.0, health.answered - health.asked))

    def _take_over(self, policy: Policy) -> None:
        """Forget what a reload has taken out of the configuration, and begin with what is new.

        What has not happened yet is counted from 0 on: of a series that begins with 1, Prometheus
        cannot tell that it has grown.
        """
        services = [service.name for service in policy.services]
        probes = [(one.name, probe.name) for one in policy.services for probe in one.probes]
        self.transitions = _only(self.transitions, services, lambda transition: transition[0])
        self.withdrawals = _only(self.withdrawals, services, lambda pair: pair[0])
        self.results = _only(self.results, probes, lambda pair: pair[0])
        self.durations = {key: self.durations.get(key, Spread(DURATIONS)) for key in probes}
        self._last = {key: last for key, last in self._last.items() if key in self.durations}
        self.withdrawals.update(
            {(name, planned): 0 for name in services for planned in (False, True)}
        )
        self.results.update({(key, Reason.HEALTHY): 0 for key in probes})


def _only(
    counts: Counter[Counted],
    owners: Collection[object],
    owner: Callable[[Counted], object],
) -> Counter[Counted]:
    """The counts of those that are still there."""
    return Counter({what: count for what, count in counts.items() if owner(what) in owners})
