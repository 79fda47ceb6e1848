"""The gateway's loop: events in, steps of the core, what they ask for, and one timer.

One task does all of it, so nothing here needs a lock. What has come in while the kernel was busy is
taken in together, and of what is then asked for a service address only the last is done: a hundred
servers that fail at once are one change of a route, or a few, and not a hundred.

If this breaks, what leads where stays in the kernel as it is, for the next one to adopt: no route
at all would be worse than the route of a moment ago.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from anycast_wrapper.core.model import Address, Reason
from anycast_wrapper.ports import Heartbeat, StateError
from anycast_wrapper.probing import GRACE, Bounded, outcome_of
from anycast_wrapper.waiting import Condition, Waiters

from . import effects, events
from .listening import Audience, DrainMemory
from .plan import Policy
from .ports import Forwarding, ForwardingError
from .state import State, initial
from .tracking import next_deadline, step

BEAT = 0.5
"""Seconds between two beats of the heart; the loop turns more often than that is worth telling."""

QUANTUM = 0.004
"""Seconds that pass at least between two turns: what happens in them is taken in together."""


STALL = GRACE + 0.05
"""Seconds beyond a probe's limit that only a loop which stood still can explain. A thousand servers
must not be out because a gateway had no time for us."""

ATTEMPTS = 3
"""At a probe that ends in a stall; the last one counts."""


@dataclass(frozen=True)
class World:
    """Everything outside that the tracker works with.

    Attributes:
        audiences: told after every turn, in order.
    """

    forwarding: Forwarding
    memory: DrainMemory
    heartbeat: Heartbeat
    audiences: Sequence[Audience] = ()


@dataclass(frozen=True)
class _Replacement:
    """Another configuration, and what runs its probes."""

    policy: Policy
    probers: Sequence[Bounded]


class Tracker:
    """Runs the core against the world until the core says `effects.Exit`."""

    def __init__(self, policy: Policy, probers: Sequence[Bounded]) -> None:
        """Nothing happens before `run`.

        Args:
            policy: the configuration that the core decides by.
            probers: the way to run every probe, in the order of `plan.Plan.watches`.
        """
        self.state: State = initial(policy)
        self._probers = probers
        self._inbox: deque[events.Event | _Replacement] = deque()
        self._awaited: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiters = Waiters(lambda: self.state)
        self._stepped = self._turned = self._beaten = float("-inf")
        self._changed = False
        self._exit: effects.Exit | None = None

    def post(self, event: events.Event) -> None:
        """Hand in an event. From the loop's thread only."""
        self._inbox.append(event)
        self._wake()

    def reconfigure(self, policy: Policy, probers: Sequence[Bounded]) -> None:
        """Let another configuration take force between two steps."""
        self._inbox.append(_Replacement(policy, probers))
        self._wake()

    async def run(self, world: World) -> effects.Exit:
        """Take over what there is, and lead every service address until the core says so.

        Raises:
            ForwardingError: the kernel cannot be asked what is there.
        """
        self._world = world
        try:
            await self._begin()
            while self._exit is None:
                await self._turn()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._waiters.end()
            await world.forwarding.close()
        return self._exit

    async def until(self, condition: Condition[State], seconds: float) -> bool:
        """Wait until a condition holds after a turn; False if it does not in time, or ends."""
        return await self._waiters.until(condition, seconds)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _begin(self) -> None:
        world = self._world
        notices: list[effects.Effect] = []
        drained = {}
        try:
            drained = dict(world.memory.recall())
        except StateError as error:
            words = f"{error}; every server counts as not drained"
            notices.append(effects.Noticed("drains-unreadable", words))
        adopted = dict(await world.forwarding.adopt())
        await world.forwarding.watch(self._notice_change)
        await self._handle([events.Started(adopted, drained)], notices)

    def _notice_change(self) -> None:
        """The world says that it changed: once is enough, however often it says so."""
        if not self._changed:
            self._changed = True
            self.post(events.WorldChanged())

    # --- the loop ---

    async def _turn(self) -> None:
        await self._sleep()
        now = self._turned = self._now()
        if now - self._beaten >= BEAT:
            self._beaten = now
            self._world.heartbeat.beat()
        batch = list(self._inbox) or [events.TimePassed()]
        self._inbox.clear()
        self._changed = False
        await self._handle(batch)

    async def _sleep(self) -> None:
        """Until something has come in or is due, but no less than a quantum after the last turn."""
        loop = asyncio.get_running_loop()
        rest = self._turned + QUANTUM - loop.time()
        if rest > 0:
            await asyncio.sleep(rest)
        else:
            await asyncio.sleep(0)
        # Seen from the last step: what has fallen due since is to be done at once.
        deadline = next_deadline(self.state, self._stepped)
        due = loop.time() + BEAT if deadline is None else min(deadline, loop.time() + BEAT)
        if self._inbox or due <= loop.time():
            return
        self._awaited = loop.create_future()
        timer = loop.call_at(due, self._wake)
        try:
            await self._awaited
        finally:
            timer.cancel()
            self._awaited = None

    def _wake(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    async def _handle(
        self,
        batch: Sequence[events.Event | _Replacement],
        told: Sequence[effects.Effect] = (),
    ) -> None:
        """Take in what has happened, do what is called for, and tell of it."""
        turn = _Turn(list(told))
        for item in batch:
            if isinstance(item, _Replacement):
                self._probers = item.probers
                turn.answered.clear()  # their numbers mean others from now on
                self._take(events.Reconfigured(item.policy), turn)
            else:
                self._take(item, turn)
        while turn.applies:
            apply = turn.applies.pop(next(iter(turn.applies)))
            self._take(await self._apply(apply), turn)
        for audience in self._world.audiences:
            audience.hear(self.state, turn.told, turn.answered)
        self._waiters.look()

    def _take(self, event: events.Event, turn: "_Turn") -> None:
        """One step. Applies are left for later, everything else is done at once."""
        self._stepped = self._now()
        before = self.state.ledger
        self.state, asked = step(self.state, event, self._stepped)
        if isinstance(event, events.ProbeDone) and self.state.ledger is not before:
            turn.answered.append(event.watch)
        for effect in asked:
            match effect:
                case effects.RunProbe():
                    self._start_probe(effect)
                case effects.Apply(address):
                    turn.applies[address] = effect
                case effects.RememberDrains(drained):
                    turn.told += self._remember(drained)
                case effects.Exit():
                    self._exit = effect
                    turn.told.append(effect)
                case _:
                    turn.told.append(effect)

    async def _apply(self, wanted: effects.Apply) -> events.Event:
        try:
            left_out = await self._world.forwarding.apply(wanted.address, wanted.members)
        except ForwardingError as error:
            return events.ApplyFailed(wanted.address, str(error))
        return events.Applied(wanted.address, wanted.members, tuple(left_out))

    def _remember(self, drained: effects.Drains) -> list[effects.Noticed]:
        """Keep the drains; what cannot be stored is in force all the same."""
        try:
            self._world.memory.remember(drained)
        except StateError as error:
            return [effects.Noticed("drain-not-stored", f"{error}; a restart forgets it")]
        return []

    def _start_probe(self, run: effects.RunProbe) -> None:
        # Looked up now: by the time the task runs, another configuration may be in force.
        task = asyncio.create_task(self._probe(run, self._probers[run.watch]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _probe(self, run: effects.RunProbe, bounded: Bounded) -> None:
        """Run a probe. One that this process came late for is no verdict on the server."""
        for _ in range(ATTEMPTS):
            began = self._now()
            outcome = await outcome_of(bounded, hurried=False)
            late = self._now() - began - bounded.limit
            if outcome.reason is not Reason.PROBE_TIMEOUT or late < STALL:
                break
        self.post(events.ProbeDone(run.watch, run.ticket, outcome))


@dataclass
class _Turn:
    """What a turn of the loop has led to so far.

    Attributes:
        told: what people are to be told.
        answered: the probes whose outcomes were taken in.
        applies: what is still to be done, the last for each address.
    """

    told: list[effects.Effect]

    def __post_init__(self) -> None:
        self.answered: list[int] = []
        self.applies: dict[Address, effects.Apply] = {}
