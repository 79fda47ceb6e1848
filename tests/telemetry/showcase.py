"""A node with something to say for every metric, for those who read what it says."""

import os
import time

from anycast_wrapper.core import effects, events
from anycast_wrapper.telemetry.metrics.collector import NodeCollector
from anycast_wrapper.telemetry.metrics.exposition import Exposition
from anycast_wrapper.telemetry.metrics.lag import LoopLag
from anycast_wrapper.telemetry.metrics.sources import Sources, Truth
from anycast_wrapper.telemetry.metrics.tally import Tally
from anycast_wrapper.web import Answer

from .story import BAD, V4, V6, Story


class Showcase:
    """A story that goes on for as long as somebody looks."""

    def __init__(self):
        self.tally, self.lag = Tally(), LoopLag()
        self.story = Story(self.tally).announced()
        self.story.feed(events.DaemonSpawned(os.getpid()))
        self.rerouted = 0
        truth = Truth(1.0, {4: True, 6: True}, frozenset({V4, V6}))
        sources = Sources(lambda: truth, self._queries, self._rerouted)
        collector = NodeCollector(self.tally, self.lag, sources)
        self.exposition = Exposition(collector, time.monotonic)
        self._began = time.monotonic() - self.story.now
        self._scrapes = 0

    def _queries(self):
        return {(str(V4), "udp"): 100 * self._scrapes, (str(V4), "tcp"): self._scrapes}

    def _rerouted(self):
        self.rerouted += 1
        return {str(V4): self.rerouted}

    async def answer(self, asked):
        """A handler for a listener. Each time, something has happened."""
        self._scrapes += 1
        self.story.answers = {"resolves": BAD} if self._scrapes % 8 > 3 else {}
        self.story.run_until(time.monotonic() - self._began)
        self.tally.hear(self.story.state, (effects.Noticed("drift", "anycast0 was set down"),))
        self.lag.spread.add(0.0004)
        return Answer(*self.exposition.text(asked.accept))
