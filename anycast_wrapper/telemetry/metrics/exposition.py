"""The text that a scrape gets, in the form that it asks for, not made more often than useful."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

KEPT = 0.5
"""Seconds for which a text is given out again: whoever asks more often learns nothing more, and a
thousand that ask at once cost what one does."""

OPENMETRICS = "application/openmetrics-text"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


class Exposition:
    """A collector's metrics as text.

    Args:
        collector: asked for everything when a text is made.
        clock: monotonic seconds.
    """

    def __init__(self, collector: Collector, clock: Callable[[], float]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(collector)
        self._clock = clock
        self._texts: dict[bool, tuple[float, bytes]] = {}

    def text(self, accept: str) -> tuple[bytes, str]:
        """The text and its content type.

        Args:
            accept: the Accept field of the request. Who takes OpenMetrics 1.0 gets it; everybody
                else gets Prometheus' text format 0.0.4. Nothing of it comes back in the answer.
        """
        opened = OPENMETRICS in accept.lower()
        now = self._clock()
        made, text = self._texts.get(opened, (float("-inf"), b""))
        if now - made >= KEPT:
            text = (openmetrics.generate_latest if opened else generate_latest)(self._registry)
            self._texts[opened] = now, text
        kind = openmetrics.CONTENT_TYPE_LATEST if opened else PLAIN
        return text, kind
