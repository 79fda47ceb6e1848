"""Asks: many source ports, at a bounded rate, each to its end. All of the I/O is here."""

import asyncio
import contextlib
import itertools
import math
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from .answers import Answer, Topic, Transport, Trouble, Visit
from .channel import Channel, Place, connected, explain, source_ports
from .wire import NotAnAnswerError, query

MAX_RATE = 1000.0
"""Questions a second, whatever anybody asks for: more would look like an attack."""

MAX_AT_ONCE = 256
"""Sockets at a time: enough to keep up `MAX_RATE` while nobody answers for a quarter of a second,
and within everybody's limit of open files."""

CHAOS_RATE = 2.0
"""Questions in class CH, of each kind, that an address is sent over UDP in a second.

named answers three of a kind a second to all clients of a network, and drops the others: so
says the rate-limit of its built-in view `_bind`. Over TCP there is no such limit.
"""

LATE = 0.005
"""Seconds by which one may wake up late."""

NAMES = (Topic.ID, Topic.HOSTNAME)


@dataclass(frozen=True)
class Order:
    """What is to be asked.

    Attributes:
        places: whom.
        transports: how.
        zone: whose SOA; "" for none.
        count: source ports for each place and transport; None for no end.
        rate: questions a second, at most.
        timeout: seconds that an answer, or a connection, may take.
        lean: ask no more than it takes to know who answered, so that the rate goes into time.
    """

    places: tuple[Place, ...]
    transports: tuple[Transport, ...] = tuple(Transport)
    zone: str = ""
    count: int | None = 64
    rate: float = 100.0
    timeout: float = 1.0
    lean: bool = False

    @property
    def topics(self) -> tuple[Topic, ...]:
        """What may be asked from each source port, in this order."""
        more = () if self.lean else (Topic.VERSION,)
        return (Topic.SOA if self.zone else Topic.ROOT, *NAMES, *more)

    @property
    def at_once(self) -> int:
        """Source ports in use at a time: what keeps up the rate while nobody answers."""
        wanted = math.ceil(self.rate * self.timeout) + 8
        return min(wanted, MAX_AT_ONCE)

    def visits(self) -> Iterator[tuple[Place, Transport]]:
        """Whom to ask how, in turn, so that all see the same times."""
        rounds: Iterable[int] = itertools.count() if self.count is None else range(self.count)
        for _ in rounds:
            yield from itertools.product(self.places, self.transports)


class Pace:
    """Spaces out questions evenly, and sends no burst after a pause.

    Args:
        rate: questions a second.
    """

    def __init__(self, rate: float) -> None:
        self._gap = 1.0 / min(rate, MAX_RATE)
        self._next = 0.0
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for one's turn to send a first question."""
        clock = asyncio.get_running_loop().time
        async with self._queue:
            # Others may `follow` meanwhile, which puts it off.
            while (wait := self._next - clock()) > 0:  # noqa: ASYNC110 - it is time that is awaited
                await asyncio.sleep(wait)
            # Waking up late is made up for, a turn that nobody took is not.
            self._next = max(self._next, clock() - LATE) + self._gap

    def follow(self) -> None:
        """Send a further question from the same source port at once, at the cost of later turns.

        What is asked from one port belongs together: a route may change in between.
        """
        self._next += self._gap


async def ask_all(order: Order, report: Callable[[Visit], None]) -> None:
    """Ask everything that is ordered.

    A UDP answer that is truncated is asked for again over TCP, as any client would (RFC 7766, 5).
    A cancellation ends it at once; what was under way is then not reported.

    Args:
        order: what to ask.
        report: is given every visit once it is over.
    """
    asker = _Asker(order)
    plan = order.visits()

    async def work() -> None:
        for where, transport in plan:
            visit = await asker.visit(where, transport)
            report(visit)
            if transport is Transport.UDP and any(one.truncated for one in visit.answers):
                report(await asker.visit(where, Transport.TCP))

    async with asyncio.TaskGroup() as group:
        for _ in range(order.at_once):
            group.create_task(work())


class _Asker:
    """Visits, one source port each."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._ports = source_ports()
        self._pace = Pace(order.rate)
        self._chaos_paces = {one.address: Pace(CHAOS_RATE) for one in order.places}
        self._nameless: set[str] = set()
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()

    async def visit(self, where: Place, transport: Transport) -> Visit:
        """Ask everything from one source port."""
        patient = await self._wait_for_names(where, transport)
        await self._pace.turn()
        at = self._clock() - self._began
        answers: list[Answer] = []
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._order.timeout):
                    way = connected(transport, where, self._ports)
                    channel = await stack.enter_async_context(way)
            except OSError as error:  # TimeoutError is one of them
                answers.append(self._lost(self._order.topics[0], error))
            else:
                answers.append(await self._ask(channel, self._order.topics[0]))
                if answers[0].trouble is None and transport is Transport.TCP:
                    await self._ask_all(channel, answers)
                elif answers[0].trouble is None and not answers[0].nsid:
                    self._nameless.add(where.address)
                    if patient or await self._wait_for_names(where, transport):
                        await self._ask_names(channel, answers)
        return Visit(where.address, transport, at, tuple(answers))

    async def _wait_for_names(self, where: Place, transport: Transport) -> bool:
        """Wait until names may be asked for over UDP, where they have to be; whether they may.

        If it is known by then, before a visit begins: its questions belong together in time.
        """
        if transport is Transport.TCP or self._order.lean or where.address not in self._nameless:
            return False
        await self._chaos_paces[where.address].turn()
        return True

    async def _ask_all(self, channel: Channel, answers: list[Answer]) -> None:
        """Over TCP: everything, but no more names than it takes where time is what counts."""
        for topic in self._order.topics[1:]:
            if self._order.lean and any(one.identity for one in answers):
                return
            self._pace.follow()
            answer = await self._ask(channel, topic)
            if answer.trouble is Trouble.CLOSED:
                return  # a server may close whenever it has answered (RFC 7766, 6.2.1)
            answers.append(answer)
            if answer.trouble is not None:
                return

    async def _ask_names(self, channel: Channel, answers: list[Answer]) -> None:
        """Over UDP: names in class CH until there is one, since NSID said nothing."""
        for topic in NAMES:
            self._pace.follow()
            answers.append(await self._ask(channel, topic))
            if answers[-1].identity:
                return

    async def _ask(self, channel: Channel, topic: Topic) -> Answer:
        question = query(topic, self._order.zone, secrets.randbits(16))
        began = self._clock()
        try:
            async with asyncio.timeout(self._order.timeout):
                answer = await channel.ask(question)
        except NotAnAnswerError as error:
            return Answer(topic, error.trouble, error.detail)
        except TimeoutError as error:
            if channel.stray:
                return Answer(topic, channel.stray.trouble, channel.stray.detail)
            return self._lost(topic, error)
        except OSError as error:
            return self._lost(topic, error)
        return replace(answer, latency=self._clock() - began)

    def _lost(self, topic: Topic, error: OSError) -> Answer:
        if isinstance(error, TimeoutError):
            words = f"no answer within {self._order.timeout:g} s"
            return Answer(topic, Trouble.TIMEOUT, words)
        return Answer(topic, *explain(error))
