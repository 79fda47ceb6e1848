"""The page at ``/``: this node for people with a browser, and the data that it asks for.

Files are served as they lie here, next to two documents. The page can only look: there is nothing
to post to. Its Content-Security-Policy lets it load nothing from anywhere else and run no code but
``page.js``, so that even a mistake in it could not make a name or a probe's detail, which come from
a network, more than text.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from anycast_wrapper import __version__
from anycast_wrapper.web.answers import Answer, Asked, Handler, Routes

Document = dict[str, Any]

FRESH = 0.9
"""Seconds for which one status document serves everybody who looks."""

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}

STATUS, HISTORY = "/api/status.json", "/api/history.json"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)


class Page:
    """Handlers for a listener.

    Args:
        status: makes the document behind ``status --json``.
        history: makes the document of the last hour (`telemetry.history.History.document`).
        node: what this node is called.
        clock: a monotonic one.
    """

    def __init__(
        self,
        status: Callable[[], Awaitable[Document]],
        history: Callable[[], Document],
        node: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._status = status
        self._history = history
        self._node = node
        self._clock = clock
        self._lock = asyncio.Lock()
        self._body = b""
        self._made = float("-inf")

    def routes(self) -> Routes:
        """What is to be registered."""
        files = {path: _file(*what) for path, what in FILES.items()}
        return {**files, STATUS: self._answer_status, HISTORY: self._answer_history}

    async def _answer_status(self, asked: Asked) -> Answer:
        del asked
        async with self._lock:
            # Whoever had to wait for somebody else's question is served by its answer.
            if self._clock() - self._made >= FRESH:
                at = datetime.now(tz=UTC).isoformat(timespec="milliseconds")
                about = {"node": self._node, "version": __version__, "at": at}
                self._body = _encoded(about | await self._status())
                self._made = self._clock()
            body = self._body
        return Answer(body, "application/json")

    async def _answer_history(self, asked: Asked) -> Answer:
        del asked
        return Answer(_encoded(self._history()), "application/json")


def _file(name: str, kind: str) -> Handler:
    answer = Answer(resources.files(__package__).joinpath(name).read_bytes(), kind, policy=POLICY)

    async def give(asked: Asked) -> Answer:
        del asked
        return answer

    return give


def _encoded(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
