"""One question to the routing daemons for however many want to know.

Every question starts a process for each daemon. A hundred clients that ask for the status, a page
that is open on twenty screens and a scraper must not make that a hundred processes: they share what
was heard last.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

EVERY = 2.0
"""Seconds between two questions at least."""

Heard = TypeVar("Heard")


@dataclass(frozen=True)
class Sighting(Generic[Heard]):
    """What was heard.

    Attributes:
        heard: it.
        at: when it was asked for, by the event loop's clock: what happened later is not in it.
    """

    heard: Heard
    at: float


class Lookout(Generic[Heard]):
    """Asks at most every so often, and remembers.

    Args:
        ask: the question. It must take an end by itself, and not raise.
        every: seconds between two questions at least.
    """

    def __init__(self, ask: Callable[[], Awaitable[Heard]], every: float = EVERY) -> None:
        self._ask = ask
        self._every = every
        self._latest: Sighting[Heard] | None = None
        self._asking: asyncio.Task[Sighting[Heard]] | None = None
        self._asked = float("-inf")

    def latest(self) -> Sighting[Heard] | None:
        """What was heard last, however long ago; None before the first answer. Never waits."""
        return self._latest

    async def look(self) -> Sighting[Heard]:
        """What is heard now, or was a moment ago. Whoever comes meanwhile waits for the same."""
        recent = asyncio.get_running_loop().time() - self._asked < self._every
        if self._asking is None or (self._asking.done() and not recent):
            self._asked = asyncio.get_running_loop().time()
            self._asking = asyncio.create_task(self._hear(self._asked))
        # One who goes away must not take the answer with him.
        return await asyncio.shield(self._asking)

    async def run(self, tell: Callable[[Sighting[Heard]], None] | None, pause: float) -> None:
        """Look again and again, until cancelled.

        Args:
            tell: hears of every answer; it must not block and not raise.
            pause: seconds between two looks.
        """
        while True:
            sighting = await self.look()
            if tell is not None:
                tell(sighting)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Give up what is being asked."""
        if self._asking is not None:
            self._asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._asking

    async def _hear(self, at: float) -> Sighting[Heard]:
        self._latest = Sighting(await self._ask(), at)
        return self._latest
