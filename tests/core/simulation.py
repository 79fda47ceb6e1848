"""A world for the core: it has a clock, answers probes, and believes what it is told.

Nothing is real and nothing waits. What the core asks for is done at once, unless the world was
told to refuse it, and is written down.
"""

from dataclasses import dataclass, field

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.ladder import apply, live
from anycast_wrapper.core.machine import next_deadline, step
from anycast_wrapper.core.model import Link, Observation, Outcome, Policy, Reason
from anycast_wrapper.core.state import State, initial
from tests.fakes.passing import Passing

GOOD = Outcome(ok=True, reason=Reason.HEALTHY, latency=0.001)
LATENCY = 0.001
TIMEOUT = 0.5
HURRIED = 0.15


@dataclass
class World(Passing):
    """The core, the time, and what the core believes to be outside.

    Attributes:
        answers: how a probe answers, by its name; every other one answers well.
        refused: interfaces that the kernel refuses to change.
        log: (time, effect) of everything that was asked for.
    """

    next_deadline = staticmethod(next_deadline)
    time_passed = events.TimePassed()

    policy: Policy
    now: float = 0.0
    state: State = field(init=False)
    links: dict[str, Link] = field(default_factory=dict)
    routes: frozenset = frozenset()
    answers: dict[str, Outcome] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    pending: list[tuple[float, events.ProbeDone]] = field(default_factory=list)
    log: list[tuple[float, effects.Effect]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = initial(self.policy)

    @property
    def observation(self) -> Observation:
        return Observation(links=dict(self.links), routes=self.routes)

    def feed(self, event: events.Event) -> tuple[effects.Effect, ...]:
        """One event now, and everything that follows from it at once."""
        self.state, asked = step(self.state, event, self.now)
        failed: dict[str, effects.Move] = {}
        for effect in asked:
            self.log.append((self.now, effect))
            if getattr(effect, "interface", None) in failed:
                continue
            if (refused := self._do(effect)) is not None:
                failed[refused.interface] = refused
        # As the supervisor does: it looks once everything else is done.
        found = self.observation
        for move in failed.values():
            asked += self.feed(events.MoveFailed(move, "Operation not permitted", found))
        return asked

    def _do(self, effect: effects.Effect) -> effects.Move | None:
        """Do it, or give it back if it is refused."""
        match effect:
            case effects.RunProbe(service, probe, ticket):
                outcome = self.answers.get(probe, GOOD)
                slow = outcome.reason is Reason.PROBE_TIMEOUT
                timeout = HURRIED if effect.hurried else TIMEOUT
                at = self.now + (timeout if slow else LATENCY)
                self.pending.append((at, events.ProbeDone(service, probe, ticket, outcome)))
            case (
                effects.CreateLink(name)
                | effects.DeleteLink(name)
                | effects.LinkUp(name)
                | effects.LinkDown(name)
                | effects.AddAddress(name)
                | effects.RemoveAddress(name)
            ):
                if name in self.refused:
                    return effect
                self.links = apply(self.links, effect)
        return None

    def announced(self) -> set[tuple[str, str]]:
        """(interface, address) of everything that the kernel announces."""
        return {
            (interface.name, str(address))
            for interface in self.policy.ranks.values()
            for address in live(self.links, interface, self.state.known)
        }
