"""What has to be counted while it happens: results of probes, durations, notices."""

from collections import Counter
from collections.abc import Sequence

from anycast_wrapper.core.model import Reason
from anycast_wrapper.gateway import effects
from anycast_wrapper.gateway.plan import Policy, plan
from anycast_wrapper.gateway.state import State
from anycast_wrapper.telemetry.metrics.tally import DURATIONS, Spread

Labels = tuple[str, str, str, str]
"""Pool, server, its address, probe."""


class TrackTally:
    """An `Audience` that counts.

    Attributes:
        state: as it was last heard of, or None before that.
        notices: by the event's name.
        results: of probes, by the reason.
        last: of probes, the seconds that the last result took.
        durations: by pool and probe.
    """

    def __init__(self) -> None:
        self.state: State | None = None
        self.notices: Counter[str] = Counter()
        self.results: Counter[tuple[Labels, Reason]] = Counter()
        self.last: dict[Labels, float] = {}
        self.durations: dict[tuple[str, str], Spread] = {}
        self._policy: Policy | None = None
        self._labels: list[Labels] = []

    def hear(self, state: State, told: Sequence[effects.Effect], answered: Sequence[int]) -> None:
        """Count what is new."""
        self.state = state
        if state.policy is not self._policy:
            self._take_over(state.policy)
        for effect in told:
            if isinstance(effect, effects.Noticed):
                self.notices[effect.event] += 1
        for number in answered:
            labels, health = self._labels[number], state.ledger[number]
            if health.last is None or health.answered is None:
                continue
            took = max(0.0, health.answered - health.asked)
            self.results[labels, health.last.reason] += 1
            self.last[labels] = took
            self.durations[labels[0], labels[3]].add(took)

    def _take_over(self, policy: Policy) -> None:
        """Forget what a reload has taken out of the configuration, and begin with what is new."""
        self._policy = policy
        known = plan(policy)
        self._labels = [
            (site.pool, site.server.name, str(site.address), watch.probe.name)
            for watch in known.watches
            for site in (known.sites[watch.site],)
        ]
        there = set(self._labels)
        # From 0 on: of a series that begins with 1, Prometheus cannot tell that it has grown.
        fresh = Counter({(labels, Reason.HEALTHY): 0 for labels in self._labels})
        fresh.update({key: count for key, count in self.results.items() if key[0] in there})
        self.results = fresh
        self.last = {labels: took for labels, took in self.last.items() if labels in there}
        pairs = {(pool, probe) for pool, _, _, probe in self._labels}
        self.durations = {
            pair: self.durations.get(pair, Spread(DURATIONS)) for pair in sorted(pairs)
        }
