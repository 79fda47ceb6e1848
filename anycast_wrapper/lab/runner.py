"""Runs scenarios: stage, load, fault, figures, verdict."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Protocol, Self

from anycast_wrapper.lab.cluster import Cluster
from anycast_wrapper.lab.judge import judge
from anycast_wrapper.lab.outcome import Outcome, timeline_of
from anycast_wrapper.lab.play import Mark, Play
from anycast_wrapper.lab.scenarios.model import Scenario
from anycast_wrapper.lab.scenarios.needs import lacks
from anycast_wrapper.lab.staging import Staging
from anycast_wrapper.lab.transitions import LogReader

TROUBLE = (
    AssertionError,
    RuntimeError,
    OSError,
    LookupError,
    ValueError,
    subprocess.SubprocessError,
)
"""What may go wrong in a scenario. It is told as a sentence, with the timeline."""

PATIENCE = 10.0
"""Seconds for which what is too late already is waited for, so that the figure can be told."""

INSTANT = 0.001
"""Seconds: right after a change, whatever rounding does."""


class Listener(Protocol):
    """Is told how it goes."""

    def begins(self, scenario: Scenario, number: int, of: int) -> None:
        """A scenario begins."""

    def says(self, words: str) -> None:
        """What is being done now."""

    def ends(self, outcome: Outcome) -> None:
        """A scenario is over."""


class Runner:
    """Runs scenarios one after the other, on one stage as long as it fits.

    Args:
        listener: Is told.
        hosts: How many hosts; every scenario's own number when absent.
        rate: Queries per second.
    """

    def __init__(
        self, listener: Listener, *, hosts: int | None = None, rate: float = 2000.0
    ) -> None:
        self._listener = listener
        self._rate = rate
        self._staging = Staging(listener.says, hosts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._staging.strike()

    def run_all(self, scenarios: Sequence[Scenario]) -> Iterator[Outcome]:
        """Run them, those with the same stage after each other."""
        for number, scenario in enumerate(by_stage(scenarios), start=1):
            self._listener.begins(scenario, number, len(scenarios))
            outcome = self.run(scenario)
            self._listener.ends(outcome)
            yield outcome

    def run(self, scenario: Scenario) -> Outcome:
        """Run one; whatever goes wrong is in the outcome."""
        outcome = Outcome(scenario, rate=self._rate)
        if missing := lacks(scenario.needs):
            outcome.skipped = f"needs {', '.join(missing)}"
            return outcome
        began = time.monotonic()
        try:
            cluster = self._staging.ready(scenario)
            outcome.hosts, outcome.protocol = len(cluster.wrappers), cluster.protocol_time
            self._perform(cluster, outcome)
        except TROUBLE as error:
            outcome.failures.append(sentence(error))
        finally:
            outcome.took = time.monotonic() - began
        if outcome.failures:
            # Whatever state it has left the lab in, the next one is not to suffer from it.
            self._listener.says("removing this lab")
            self._staging.strike()
        return outcome

    def _perform(self, cluster: Cluster, outcome: Outcome) -> None:
        readers = [LogReader(wrapper) for wrapper in cluster.wrappers]
        with cluster.lab.gateway.route_log() as routes:
            self._listener.says("asking")
            with cluster.load(self._rate) as load:
                play = Play(cluster, routes)
                try:
                    self._act(play, outcome)
                except TROUBLE as error:
                    outcome.failures.append(sentence(error))
                    play.mark(f"FAILED: {sentence(error)}")
            results = load.results
            outcome.sent, outcome.lost = results.sent, results.lost_over_udp
            outcome.torn, outcome.why_lost = results.torn, results.why_lost
            outcome.gap = results.longest_gap
            outcome.stall = results.stall
            names = [wrapper.host.name for wrapper in cluster.wrappers]
            outcome.timeline = timeline_of(results, names)
            self._conclude(play, outcome, readers)

    def _act(self, play: Play, outcome: Outcome) -> None:
        scenario, expected = outcome.scenario, outcome.scenario.expected
        with scenario.fault(play):
            if expected.withdraws:
                self._listener.says("waiting for the routes to go")
                bound = expected.gone or play.cluster.bound
                outcome.converged = play.await_gone(bound + PATIENCE)
        if expected.back is not None:
            self._listener.says("waiting for it to come back")
            since = play.mended
            if since is None:
                since = play.began + (outcome.converged or 0.0) + INSTANT
            outcome.back = play.await_back(since, expected.back + PATIENCE)
            outcome.moments["back"] = since + outcome.back
        self._listener.says("watching for what comes after")
        play.hold(scenario.afterwards)

    @staticmethod
    def _conclude(play: Play, outcome: Outcome, readers: Sequence[LogReader]) -> None:
        leaving = [
            entry
            for reader in readers
            if reader.host in play.victims
            for entry in reader.read(play.clock)
            # The log's times are whole milliseconds.
            if entry.leaves and entry.time >= play.began - 0.001
        ]
        if leaving:
            outcome.detected = max(leaving[0].time - play.began, 0.0)
        outcome.moments["fault"] = play.began
        if outcome.converged is not None:
            outcome.moments["routes gone"] = play.began + outcome.converged
        if play.mended is not None:
            outcome.moments["mended"] = play.mended
        outcome.failures.extend(judge(outcome, play, leaving))
        outcome.marks = sorted([*play.marks, *_seen(play, readers)], key=lambda mark: mark.time)


def _seen(play: Play, readers: Sequence[LogReader]) -> Iterator[Mark]:
    """What the wrappers and the gateway have to say to the timeline."""
    for reader in readers:
        for entry in reader.telling(play.clock):
            yield Mark(entry.time, str(entry), reader.host)
    for address in play.cluster.addresses:
        for event in play.routes.history(address)[1:]:
            nodes = ", ".join(sorted(event.nodes)) or "nowhere"
            yield Mark(event.time, f"{address} leads to {nodes}", "gateway")


def by_stage(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """Those with equal stages after each other, in the order of the first of each."""
    stages: list[object] = []
    for scenario in scenarios:
        key = (scenario.stage, scenario.hosts)
        if key not in stages:
            stages.append(key)
    return sorted(scenarios, key=lambda one: stages.index((one.stage, one.hosts)))


def sentence(error: BaseException) -> str:
    """What went wrong, for people, on one line."""
    return " ".join((str(error) or repr(error)).split())[-900:]
