"""What a client may cost: so many connections at once, each for so long and for one request.

The server shares the loop that announces and withdraws. A client that never sends, never reads, or
sends a byte a second must cost no more than a descriptor for some seconds, and a thousand clients
no more than so many.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

CONNECTIONS = 64
"""Connections that are served at once, and `AT_A_TURN` more at most."""

REFUSALS = 256
"""Connections that are told, at the same time, that there are too many; others are cut off."""

AT_A_TURN = 8
"""Connections that are taken in one turn of the loop, whatever waits."""

SECONDS = 10.0
"""How long a connection may last in all. A scrape takes some milliseconds."""

REFUSAL_SECONDS = 1.0
"""How long one that was refused gets to read that."""

_WORDS = b"too many connections at once; ask again in a second\n"
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s"
) % (len(_WORDS), _WORDS)

MAX_LINE = 2048
"""Bytes of a request line."""

MAX_FIELD = 8192
"""Bytes of a header field: browsers send us every cookie that anybody set for ``localhost``."""

MAX_FIELDS = 64
"""Header fields of a request."""

_SILENT = logging.getLogger("anycast_wrapper.web.silent")
"""aiohttp tells of every malformed request, with a traceback; any stranger could fill a log so."""
_SILENT.disabled = True


class Gate(web.Server):
    """A protocol factory that serves so many clients at once, and each for so long."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        """Take what answers a request. To be called in the loop."""
        super().__init__(
            handler,
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=SECONDS,
            lingering_time=0.0,
            max_line_size=MAX_LINE,
            max_field_size=MAX_FIELD,
            max_headers=MAX_FIELDS,
            read_bufsize=MAX_FIELD,
            auto_decompress=False,
        )
        self.refused = 0
        """Connections that were not served, since the start."""
        self._deadlines: dict[web.RequestHandler, asyncio.TimerHandle] = {}
        self._refusals: set[_Refusal] = set()

    @property
    def serving(self) -> int:
        """Connections that are being served."""
        return len(self._deadlines)

    def protocol(self) -> asyncio.BaseProtocol:
        """What talks to the next client."""
        if self.serving < CONNECTIONS:
            return self()
        self.refused += 1
        return _Refusal(self._refusals)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Called by a handler of ours: its time runs."""
        super().connection_made(handler, transport)
        self._deadlines[handler] = self._loop.call_later(SECONDS, transport.abort)

    def connection_lost(
        self,
        handler: web.RequestHandler,
        exc: BaseException | None = None,
    ) -> None:
        """Called by a handler of ours: it is over."""
        super().connection_lost(handler, exc)
        if (deadline := self._deadlines.pop(handler, None)) is not None:
            deadline.cancel()

    def abort(self) -> None:
        """Let go of every client, whatever it waits for."""
        for handler in list(self._deadlines):
            if handler.transport is not None:
                handler.transport.abort()
        for refusal in list(self._refusals):
            refusal.abort()


class _Refusal(asyncio.Protocol):
    """Says that there are too many, waits for the client to have said its part, and hangs up.

    To hang up at once would lose our words: a reset overtakes them where a request comes later.
    """

    def __init__(self, others: "set[_Refusal]") -> None:
        self._others = others
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP has
        self._transport = transport
        if len(self._others) >= REFUSALS:
            transport.abort()
            return
        self._others.add(self)
        self._deadline = asyncio.get_running_loop().call_later(REFUSAL_SECONDS, transport.abort)
        transport.write(REFUSAL)

    def data_received(self, data: bytes) -> None:
        del data
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._others.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
