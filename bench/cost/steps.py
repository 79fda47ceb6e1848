"""What a probe's answer costs the core and those who hear of it, by the number of services.

No I/O, no clock but that of the CPU: the core is stepped as the supervisor would, every service has
a probe that is asked once a second and answers well, and everything is announced.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.machine import next_deadline, step
from anycast_wrapper.core.model import Link, Observation, Outcome, Policy, Probe, Reason, Service
from anycast_wrapper.core.query import all_announced, settled
from anycast_wrapper.core.state import State, initial
from anycast_wrapper.ports import Audience
from anycast_wrapper.routing.truth import Meant
from anycast_wrapper.telemetry.history import History
from anycast_wrapper.telemetry.logs import EventLog
from anycast_wrapper.telemetry.metrics.tally import Tally
from anycast_wrapper.telemetry.status import Journal
from anycast_wrapper.telemetry.systemd import Notifier, SystemdAudience

STEPS = (1, 10, 100, 1000)
ANSWERS = 300
"""Answers of which a median is taken, at least: a second has as many as there are services."""

LONGEST = 10.0
"""CPU seconds after which those are enough that there are."""

GOOD = Outcome(ok=True, reason=Reason.HEALTHY, latency=0.001)
LATENCY = 0.001


@dataclass(frozen=True)
class Turn:
    """CPU seconds of one event: in the core, and of those who hear of it."""

    core: float
    audiences: float


class Node:
    """The core and its audiences, in a time of their own."""

    def __init__(self, count: int) -> None:
        """So many services, of which nothing has been heard yet."""
        services = tuple(
            Service(f"s{n}", (ip_address(0xC6120001 + n),), (Probe("alive", rise=1),))
            for n in range(count)
        )
        self.state: State = initial(Policy(services))
        self.now = 0.0
        self.audiences: Sequence[Audience] = (
            Journal(),
            Meant(),
            SystemdAudience(Notifier({})),
            Tally(),
            History(),
        )

    def feed(self, event: events.Event) -> tuple[Turn, list[effects.RunProbe]]:
        """One event; what it cost, and the probes that are to be asked for it."""
        began = time.process_time()
        self.state, asked = step(self.state, event, self.now)
        next_deadline(self.state, self.now)
        decided = time.process_time()
        for audience in self.audiences:
            audience.hear(self.state, asked)
        told = time.process_time()
        runs = [effect for effect in asked if isinstance(effect, effects.RunProbe)]
        return Turn(decided - began, told - decided), runs

    def answers(self, runs: Sequence[effects.RunProbe]) -> Iterator[tuple[Turn, list[Any]]]:
        """Every one of these probes answers, one after the other."""
        for run in runs:
            self.now += LATENCY / len(runs)
            yield self.feed(events.ProbeDone(run.service, run.probe, run.ticket, GOOD))

    def announce(self) -> None:
        """Everything is proven and, without the time that takes, announced.

        Raises:
            RuntimeError: it is not.
        """
        _, runs = self.feed(events.Started(Observation(), adopted=1))
        for _ in self.answers(runs):
            pass
        up = Link(up=True, addresses=frozenset(self.state.policy.addresses))
        links = {**self.state.links, "anycast0": up, "anycast-hold": up}
        self.feed(events.Observed(Observation(links)))
        # From now on: of what comes before there is a line for every address.
        self.audiences = (EventLog(), *self.audiences)
        if not (settled(self.state) and all_announced(self.state)):
            raise RuntimeError("not everything is announced")

    def seconds(self) -> Iterator[tuple[bool, Turn]]:
        """What every event costs, for ever; whether it is the one that asks all probes."""
        while True:
            deadline = next_deadline(self.state, self.now)
            if deadline is None:
                raise RuntimeError("nothing is due")
            self.now = deadline
            turn, runs = self.feed(events.TimePassed())
            if runs:
                yield True, turn
                for answer, _ in self.answers(runs):
                    yield False, answer


def steps(*, quick: bool = False) -> dict[str, Any]:
    """The cost of an answer among one, ten, a hundred and a thousand services.

    Returns:
        ``rows``: ``count``; ``core`` and ``audiences``, the median CPU microseconds of an answer;
        ``asking``, those of the event that asks all probes; ``share`` of a core that all of this
        takes if every probe is asked once a second.
    """
    return {"rows": [row(count) for count in (STEPS[:-1] if quick else STEPS)]}


def row(count: int) -> dict[str, Any]:
    """One number of services."""
    node = Node(count)
    node.announce()
    turns: dict[bool, list[Turn]] = {True: [], False: []}
    began = time.process_time()
    for asking, turn in node.seconds():
        turns[asking].append(turn)
        enough = len(turns[False]) >= max(ANSWERS, count) or time.process_time() - began > LONGEST
        if enough and turns[False]:
            break
    core = statistics.median(turn.core for turn in turns[False])
    audiences = statistics.median(turn.audiences for turn in turns[False])
    asking_all = statistics.median(turn.core + turn.audiences for turn in turns[True])
    return {
        "count": count,
        "core": round(core * 1e6, 1),
        "audiences": round(audiences * 1e6, 1),
        "asking": round(asking_all * 1e6, 1),
        "share": round(count * (core + audiences) + asking_all, 6),
    }
