"""Whoever looks at a running node: the loop that asks OSPF, the metrics, the listener.

Built out of the configuration, so that a node only has to let them hear, begin and end. Nothing
here can keep a service from being announced or withdrawn: what cannot be looked at is told of, and
that is all. What needs the extra ``metrics`` is imported where it is wanted and nowhere else.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .config.schema import Config
from .ports import Audience
from .routing import Answers, Lookout, Sighting
from .telemetry.metrics.lag import LoopLag
from .telemetry.metrics.sources import Sources, Truth
from .telemetry.metrics.tally import Tally
from .web import Answer, Asked, Place, Routes

if TYPE_CHECKING:
    from .web.listener import Listener

Queries = Callable[[], Awaitable[Mapping[str, Any] | None]]
Tell = Callable[[str, str], None]
"""Tells people of an event, by its stable name, in a few words."""


PAUSE = 10.0
"""Seconds between two questions to OSPF that nobody has asked for, where metrics tell of it."""

UNSEEN_PAUSE = 30.0
"""The same where only the log does. A question takes 30 ms of a processor for each IP version."""


@dataclass(frozen=True)
class Sights:
    """What a node has to show.

    Attributes:
        lookout: what OSPF originates; asked again and again from here.
        compare: hears of every answer.
        tell: told of what people should know.
        rerouted: packets sent to other nodes, by address; None where nothing is.
        queries: what ``status`` says under that name; asked before a scrape.
        routes: what the listener answers besides ``/metrics``.
    """

    lookout: Lookout[Answers]
    compare: Callable[[Sighting[Answers]], None]
    tell: Tell
    rerouted: Callable[[], Mapping[str, int] | None] = lambda: None
    queries: Queries | None = None
    routes: Routes = field(default_factory=dict)


class Observers:
    """What looks at one node.

    Attributes:
        audiences: to be told after every step, and of every notice.
    """

    def __init__(self, config: Config, sights: Sights) -> None:
        """Nothing happens before `open`."""
        self._sights = sights
        self._tally, self._lag = Tally(), LoopLag()
        self._listener = (
            self._make_listener(config.metrics.listen) if config.metrics.listen else None
        )
        self._counted: Mapping[tuple[str, str], int] | None = None
        self._asking: asyncio.Task[None] | None = None
        self.audiences: tuple[Audience, ...] = () if self._listener is None else (self._tally,)

    def open(self) -> None:
        """Begin, in the running loop. Nothing of it is waited for."""
        pause = UNSEEN_PAUSE if self._listener is None else PAUSE
        look = self._sights.lookout.run(self._sights.compare, pause)
        self._asking = asyncio.get_running_loop().create_task(look)
        if self._listener is not None:
            self._lag.open()
            self._listener.open()

    async def close(self) -> None:
        """End, without waiting for anybody who looks."""
        self._lag.close()
        if self._listener is not None:
            await self._listener.close()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _make_listener(self, places: Sequence[Place]) -> "Listener":
        from .telemetry.metrics.collector import NodeCollector  # noqa: PLC0415
        from .telemetry.metrics.exposition import Exposition  # noqa: PLC0415
        from .web.listener import Listener  # noqa: PLC0415

        sources = Sources(
            truth=self._truth,
            queries=lambda: self._counted,
            rerouted=self._sights.rerouted,
            refused=lambda: made.refused,
        )
        exposition = Exposition(NodeCollector(self._tally, self._lag, sources), time.monotonic)

        async def metrics(asked: Asked) -> Answer:
            await self._count()
            text, kind = exposition.text(asked.accept)
            return Answer(text, kind)

        made = Listener(places, {"/metrics": metrics, **self._sights.routes}, self._sights.tell)
        return made

    async def _count(self) -> None:
        """Look at how many queries came in, where somebody counts; at most twice a second."""
        told = None if self._sights.queries is None else await self._sights.queries()
        self._counted = None
        if told is not None and told["working"]:
            self._counted = {
                (entry["address"], transport): entry[transport]
                for entry in told["addresses"]
                for transport in ("udp", "tcp")
            }

    def _truth(self) -> Truth:
        seen = self._sights.lookout.latest()
        if seen is None:
            return Truth()
        known = [answer for answer in seen.heard.values() if not isinstance(answer, str)]
        return Truth(
            age=asyncio.get_running_loop().time() - seen.at,
            answering={v: not isinstance(answer, str) for v, answer in seen.heard.items()},
            originated=frozenset().union(*known),
        )
