"""The last hour, for people who look at it: every service's rank and every probe's results.

Bounded however long the wrapper runs and however often a probe is asked: results are put together
by ten seconds. All times inside are those of the core, which are monotonic; what goes out are ages,
so that a wall clock that is set does not move a single point.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from math import floor
from statistics import median
from typing import Any

from anycast_wrapper.core import effects
from anycast_wrapper.core.health import Health
from anycast_wrapper.core.model import Outcome
from anycast_wrapper.core.query import told_reason
from anycast_wrapper.core.state import Key, Standing, State

HOUR = 3600.0
"""Seconds that are kept."""

STEP = 10.0
"""Seconds of results that become one point."""

RECENT = 60
"""Results of a probe that are kept one by one."""

SAMPLES = 200
"""Latencies that the median of one point is taken of; by default there are 100 at most."""

CHANGES = 1000
"""Changes of one service that are kept, should there be that many in an hour."""

Point = tuple[float, float | None, float | None, float | None, int, int]
"""When it begins; least, median and greatest latency in ms, or None; good and failed results."""


class ProbeHistory:
    """The results of one probe."""

    def __init__(self) -> None:
        self.recent: deque[float | None] = deque(maxlen=RECENT)
        """Milliseconds, the oldest first; None is a failure."""
        self._points: deque[Point] = deque(maxlen=int(HOUR / STEP))
        self._began: float | None = None
        self._latencies: list[float] = []
        self._good = self._failed = 0

    def add(self, at: float, outcome: Outcome) -> None:
        """Take in one result.

        Args:
            at: when it came; never earlier than the last one.
            outcome: what it was.
        """
        began = floor(at / STEP) * STEP
        if began != self._began:
            self._points.extend(self._open())
            self._began, self._latencies = began, []
            self._good = self._failed = 0
        # A good answer has a latency; where a prober does not say it, it cost nothing to speak of.
        latency = None if not outcome.ok else round((outcome.latency or 0.0) * 1000, 3)
        self.recent.append(latency)
        if latency is None:
            self._failed += 1
            return
        self._good += 1
        if len(self._latencies) < SAMPLES:
            self._latencies.append(latency)

    def points(self, now: float) -> list[list[float | int | None]]:
        """Age in seconds of where it begins, then what a `Point` has; the oldest first."""
        kept = (*self._points, *self._open())
        return [[round(now - p[0], 1), *p[1:]] for p in kept if now - p[0] <= HOUR]

    def _open(self) -> Iterator[Point]:
        """The point that is not finished, if there is one."""
        if self._began is not None:
            known = self._latencies
            figures = (min(known), round(median(known), 3), max(known)) if known else (None,) * 3
            yield (self._began, *figures, self._good, self._failed)


class History:
    """An `Audience` that remembers the last hour."""

    def __init__(self) -> None:
        self._ranks: dict[str, deque[Standing]] = {}
        self._probes: dict[Key, ProbeHistory] = {}
        self._heard: dict[Key, float] = {}
        self._standings: Mapping[str, Standing] = {}

    def hear(self, state: State, told: Sequence[effects.Effect]) -> None:
        """Take in what is new: of the services, and of the probe that answered last.

        A step takes in one outcome at most, and every step is heard of.
        """
        del told
        if state.standings is not self._standings:
            self._standings = state.standings
            self._hear_standings(state.standings)
        if state.answered is not None and (health := state.health.get(state.answered)) is not None:
            self._hear_probe(state.answered, health)
        self._forget_others(state)

    def _hear_standings(self, standings: Mapping[str, Standing]) -> None:
        for name, standing in standings.items():
            ranks = self._ranks.setdefault(name, deque(maxlen=CHANGES))
            if not ranks or ranks[-1] is not standing:
                ranks.append(standing)
                while len(ranks) > 1 and standing.since - ranks[1].since > HOUR:
                    ranks.popleft()  # The one that the hour began with is still needed.

    def _hear_probe(self, key: Key, health: Health) -> None:
        if health.last is None or health.answered is None:
            return
        if health.answered != self._heard.get(key):
            self._heard[key] = health.answered
            self._probes.setdefault(key, ProbeHistory()).add(health.answered, health.last)

    def _forget_others(self, state: State) -> None:
        """What a reload has taken out of the configuration takes no memory."""
        if len(self._ranks) > len(state.standings):
            self._ranks = {n: r for n, r in self._ranks.items() if n in state.standings}
        if len(self._probes) > len(state.health):
            self._probes = {k: p for k, p in self._probes.items() if k in state.health}
            self._heard = {k: at for k, at in self._heard.items() if k in state.health}

    def add_recent(self, document: dict[str, Any]) -> None:
        """Put ``recent`` into every probe of a status document: see `ProbeHistory.recent`."""
        for service in document["services"]:
            for probe in service["probes"]:
                known = self._probes.get((service["name"], probe["name"]))
                probe["recent"] = [] if known is None else list(known.recent)

    def document(self, now: float) -> dict[str, Any]:
        """The last hour; its shape is described in ``docs/page.rst``.

        Args:
            now: by the clock of the core.
        """
        return {
            "seconds": HOUR,
            "step": STEP,
            "services": [
                {"name": name, "ranks": [_entry(one, now) for one in self._kept(ranks, now)]}
                for name, ranks in self._ranks.items()
            ],
            "probes": [
                {"service": service, "name": name, "points": probe.points(now)}
                for (service, name), probe in self._probes.items()
            ],
        }

    @staticmethod
    def _kept(ranks: Sequence[Standing], now: float) -> list[Standing]:
        """Those of the last hour, and the one that it began with."""
        later = [*(one.since for one in ranks), now][1:]
        return [one for one, end in zip(ranks, later, strict=False) if now - end <= HOUR]


def _entry(standing: Standing, now: float) -> dict[str, Any]:
    reason, detail = told_reason(standing.verdict, standing.rank)
    return {
        "ago": round(now - standing.since, 1),
        "rank": standing.rank.slug,
        "reason": str(reason),
        "detail": detail,
    }
