"""What people are shown of a running node: the last hour, queries per second, peers, the page.

Built out of the configuration, like `observing`, and like there nothing depends on it: what cannot
be known is said where it would stand.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from . import wiring
from .config.schema import Config
from .kernel import QueryCounter, remove_counting
from .ports import Audience, KernelError
from .routing import Census, Lookout
from .routing.rollcall import document as roll
from .telemetry.history import History
from .web import Routes
from .web.page import Page

Document = dict[str, Any]

Tell = Callable[[str, str], None]
"""Tells people of an event, by its stable name, in a few words."""

PEERS_EVERY = 3.0
"""Seconds between two looks at the whole database; none is taken unless somebody looks at us."""


class Showing:
    """What one node shows.

    Attributes:
        audiences: to be told after every step.
    """

    def __init__(self, config: Config, tell: Tell, peers_every: float = PEERS_EVERY) -> None:
        """Nothing happens before `open`.

        Args:
            config: the one that the node starts with.
            tell: told of what people should know.
            peers_every: seconds between two looks at the whole database.
        """
        self._config = config
        self._tell = tell
        self._every = peers_every
        self._history = History()
        self._counter = wiring.counter(config)
        self._peers: Lookout[Mapping[int, Census | str]] = Lookout(self._ask_peers, peers_every)
        self._tasks: set[asyncio.Task[None]] = set()
        self.audiences: tuple[Audience, ...] = (self._history,)

    def open(self) -> None:
        """Begin, in the running loop: to count, if that is wanted. Nothing of it is waited for."""
        self._begin(self._start_counting())

    async def _start_counting(self) -> None:
        """Count, or take out what a wrapper that was killed has left."""
        try:
            if self._counter is not None:
                await self._counter.open()
            elif await remove_counting():
                self._tell("leftover", "rules that count queries are there already: taken out")
        except KernelError as error:
            self._tell("counting-failed", str(error))

    async def close(self) -> None:
        """Take out what was put into the kernel."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._peers.close()
        if self._counter is not None:
            try:
                await self._counter.close()
            except KernelError as error:
                self._tell("counting-left-behind", f"{error}; `anycast-wrap withdraw` removes them")

    def reconfigure(self, config: Config) -> None:
        """Another configuration is in force."""
        self._config = config
        if self._counter is not None:
            self._begin(self._recount(self._counter))

    def _begin(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(errand)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _recount(self, counter: QueryCounter) -> None:
        try:
            await counter.serve(wiring.asked(self._config))
        except KernelError as error:
            self._tell("counting-failed", str(error))

    async def complete(self, document: Document) -> None:
        """Put into a status document what is known here: ``recent`` of every probe, ``queries``."""
        self._history.add_recent(document)
        document["queries"] = await self.queries()

    async def queries(self) -> Document | None:
        """How many queries came in; None if they are not counted."""
        return None if self._counter is None else await self._counter.read()

    def routes(self, status: Callable[[], Awaitable[Document]]) -> Routes:
        """The page, for the listener; nothing where there is none.

        Args:
            status: makes a complete status document.
        """
        if not self._config.metrics.listen:
            return {}

        async def with_peers() -> Document:
            return await status() | {"peers": await self._roll()}

        return Page(with_peers, self._hour, socket.gethostname()).routes()

    def _hour(self) -> Document:
        return self._history.document(asyncio.get_running_loop().time())

    async def _roll(self) -> Document:
        """Who announces what. A routing daemon that is slow is waited for only at the beginning."""
        seen, now = self._peers.latest(), asyncio.get_running_loop().time()
        if seen is None or now - seen.at > 3 * self._every:
            seen = await self._peers.look()
            now = asyncio.get_running_loop().time()
        elif not self._tasks:
            self._begin(self._look_again())
        addresses = tuple(a for service in self._config.services for a in service.addresses)
        found = roll(tuple(dict.fromkeys(addresses)), seen.heard)
        return found | {"age": round(now - seen.at, 1)}

    async def _look_again(self) -> None:
        await self._peers.look()

    async def _ask_peers(self) -> Mapping[int, Census | str]:
        addresses = [a for service in self._config.services for a in service.addresses]
        versions = sorted({address.version for address in addresses})
        return await wiring.routing_daemon(self._config.routing, addresses).census(versions)
