"""The only loop: an event comes in, the core takes a step, its effects are performed in order.

One task does all of it, one event after another, so nothing here needs a lock and every snapshot of
the kernel lies between two steps. Probes and the daemon live beside it and post events. The
heartbeat is given by this very task: if it stands still, whoever listens to the heartbeat ends the
process, and the kernel takes the announcement down with it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from .core import effects, events
from .core.lifecycle import Phase
from .core.machine import next_deadline, step
from .core.model import Observation, Policy
from .core.state import State, initial
from .errors import AnycastWrapError
from .performing import World, help_routing, move, remember, tell_daemon
from .ports import KernelError
from .probing import Bounded, Probers, outcome_of
from .waiting import Condition, Waiters

BEAT = 1.0
"""Seconds after which the loop turns even if nothing happens."""

LAST_HELP = 2.0
"""Seconds that the end waits for what helps the routing protocol."""

Errand = Callable[[], Awaitable[None]]
"""Something that has to happen between two steps."""


class Supervisor:
    """Runs the core against the world until the core says `effects.Exit`."""

    def __init__(self, policy: Policy, probers: Probers) -> None:
        """Nothing happens before `run`.

        Args:
            policy: the configuration that the core decides by.
            probers: for every probe of every service in the policy, the way to run it.
        """
        self.state: State = initial(policy)
        self._stepped = 0.0
        self._probers = probers
        self._queue: asyncio.Queue[events.Event | Errand] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._helping: set[asyncio.Task[None]] = set()
        self._waiters = Waiters(lambda: self.state)
        self._looking = False
        self._made: list[str] = []
        self._exit: effects.Exit | None = None

    def post(self, event: events.Event) -> None:
        """Hand in an event. From the loop's thread only."""
        self._queue.put_nowait(event)

    async def run(self, world: World) -> effects.Exit:
        """Take over the node, and let go of it when the core says so.

        Raises:
            AnycastWrapError: the node cannot be taken over, or the kernel's state can no longer be
                read. Nothing is announced any more.
        """
        self._world = world
        try:
            await self._begin()
            while self._exit is None:
                await self._turn()
            if self._helping:
                # The last withdrawal may have to be repeated; nothing else is left to wait for.
                await asyncio.wait(self._helping, timeout=LAST_HELP)
        except BaseException:
            await self._abandon()
            raise
        finally:
            tasks = self._tasks | self._helping
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._waiters.end()
            if world.hint is not None:
                world.hint.close()
            await world.kernel.close()
        return self._exit

    async def until(self, condition: Condition[State], seconds: float) -> bool:
        """Wait until a condition holds after a step; False if it does not in time, or ends."""
        return await self._waiters.until(condition, seconds)

    def reconfigure(self, policy: Policy, probers: Probers) -> None:
        """Let another configuration take force between two steps."""

        async def take_over() -> None:
            await self._world.kernel.require(policy.required_routes)
            self._probers = probers
            await self._handle(events.Reconfigured(policy))
            await self._look()

        self._queue.put_nowait(take_over)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # --- the beginning and the end ---

    async def _begin(self) -> None:
        world, policy = self._world, self.state.policy
        await world.kernel.require(policy.required_routes)
        await self._warn_of_strangers()
        found = await world.kernel.observe()
        # The strongest rank last: when a process is killed, the kernel closes its files in the
        # reverse order, and every TAP before the one that matters would cost it 15 ms.
        ranks = [policy.ranks[rank] for rank in sorted(policy.ranks)]
        interfaces = [*([policy.hold] if policy.hold else []), *ranks]
        leftover = any(interface.name in found.links for interface in policy.ranks.values())
        for interface in interfaces:
            await world.kernel.create(interface.name)
            # A hold that was there may be what a daemon that runs on is reached by: see _abandon.
            if interface is not policy.hold or interface.name not in found.links:
                self._made.append(interface.name)
        await world.kernel.watch(self._changed)
        if world.hint is not None:
            world.hint.watch(lambda stands: self.post(events.QueueStands(stands)))
        adopted = world.daemon.adopt()
        await self._handle(
            events.Started(
                observation=await world.kernel.observe(),
                drained=world.memory.recall(),
                adopted=adopted,
                disturbed=leftover or adopted is not None,
            ),
        )

    async def _warn_of_strangers(self) -> None:
        elsewhere = await self._world.kernel.elsewhere(self.state.policy.addresses)
        words = tuple(
            effects.Noticed(
                "foreign-address",
                f"{address} is also on {name}, which is not ours: left alone; whatever announces "
                f"{name} announces {address} with it, healthy or not",
            )
            for address, name in elsewhere.items()
        )
        self._tell(words)

    async def _abandon(self) -> None:
        """Withdraw without asking the core: something is wrong that it does not know of.

        The hold stays if the daemon runs: both wait for the next start, and what is under way is
        answered.
        """
        hold = self.state.policy.hold
        running = self.state.life.phase is not Phase.DOWN
        for name in reversed(self._made):  # what announces most first
            if running and hold is not None and name == hold.name:
                continue
            with contextlib.suppress(AnycastWrapError, OSError, TimeoutError):
                await self._world.kernel.delete(name)

    # --- the loop ---

    async def _turn(self) -> None:
        # Seen from the last step: what has fallen due since, while its effects took their time,
        # is to be done at once.
        deadline = next_deadline(self.state, self._stepped)
        wait = BEAT if deadline is None else min(BEAT, deadline - self._now())
        item: events.Event | Errand = events.TimePassed()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                item = await self._queue.get()
        self._world.heartbeat.beat()
        if callable(item):
            await item()
        else:
            await self._handle(item)

    async def _handle(self, event: events.Event) -> None:
        """Take a step, and tell of it once it is known what came of it."""
        self._tell(await self._take(event))

    async def _take(self, event: events.Event) -> list[effects.Effect]:
        """Take a step and do what it asks for: that, and what was added on the way."""
        self._stepped = self._now()
        self.state, asked = step(self.state, event, self._stepped)
        told: list[effects.Effect] = list(asked)
        refused: dict[str, tuple[effects.Move, str]] = {}
        for effect in asked:
            told += await self._perform(effect, refused)
        if refused:
            # Until then the state says that everything was done.
            observation = await self._world.kernel.observe()
            for move, detail in refused.values():
                told += await self._take(events.MoveFailed(move, detail, observation))
        return told

    def _tell(self, asked: Sequence[effects.Effect]) -> None:
        for audience in self._world.audiences:
            audience.hear(self.state, asked)
        self._waiters.look()

    # --- the effects ---

    async def _perform(
        self,
        effect: effects.Effect,
        refused: dict[str, tuple[effects.Move, str]],
    ) -> Sequence[effects.Noticed]:
        """Do it; what it was not possible to do is told to people or kept in ``refused``."""
        world = self._world
        match effect:
            case effects.RunProbe():
                self._start_probe(effect)
            case effects.SpawnDaemon() | effects.TerminateDaemon() | effects.KillDaemon():
                return tell_daemon(effect, world.daemon)
            case effects.RememberDrain():
                return remember(effect, world.memory)
            case effects.Divert() | effects.Nudge():
                self._help(effect)
            case effects.Exit():
                self._exit = effect
            case effects.Changed() | effects.Noticed():
                pass  # The audiences hear of it.
            case _:
                if effect.interface not in refused:
                    try:
                        await move(effect, world.kernel)
                    except KernelError as error:
                        refused[effect.interface] = effect, str(error)
        return ()

    # --- what lives beside the loop ---

    def _start_probe(self, run: effects.RunProbe) -> None:
        # Looked up now: by the time the task runs, another configuration may be in force.
        task = asyncio.create_task(self._probe(run, self._probers[run.service, run.probe]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _help(self, effect: effects.Divert | effects.Nudge) -> None:
        """Begin what nothing waits for and nothing depends on."""
        task = asyncio.create_task(self._try_to_help(effect))
        self._helping.add(task)
        task.add_done_callback(self._helping.discard)

    async def _try_to_help(self, effect: effects.Divert | effects.Nudge) -> None:
        notices = await help_routing(effect, self._world)
        if notices:

            async def tell() -> None:
                self._tell(notices)

            self._queue.put_nowait(tell)

    async def _probe(self, run: effects.RunProbe, bounded: Bounded) -> None:
        outcome = await outcome_of(bounded, hurried=run.hurried)
        self.post(events.ProbeDone(run.service, run.probe, run.ticket, outcome))

    def _changed(self) -> None:
        """The kernel says that something changed: look once, however often it says so."""
        if not self._looking:
            self._looking = True
            self._queue.put_nowait(self._look)

    async def _look(self) -> None:
        self._looking = False
        observation: Observation = await self._world.kernel.observe()
        if (observation.links, observation.routes) != (dict(self.state.links), self.state.routes):
            await self._handle(events.Observed(observation))
