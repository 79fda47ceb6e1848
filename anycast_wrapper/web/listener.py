"""The listener: plain HTTP/1.1, GET and HEAD, one request a connection.

DNS is more important than to be looked at: an address that cannot be bound (it is not there yet,
somebody has the port) is told of and tried again, and nothing else waits for it.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from aiohttp import HttpVersion10, web

from .answers import Answer, Asked, Place, Routes, sentence
from .gate import AT_A_TURN, Gate
from .hosts import allowed

RETRY = 5.0
"""Seconds between two attempts to bind."""

BACKLOG = 128
"""Connections that the kernel keeps for us until we take them."""

Tell = Callable[[str, str], None]
"""Tells people of an event, by its stable name, in a few words."""


class Listener:
    """Answers what its routes know, wherever it is told to.

    Args:
        places: where to listen.
        routes: what can be asked.
        tell: told when a place cannot be had, once as long as the reason stays the same, and when
            it has been got.
    """

    def __init__(self, places: Sequence[Place], routes: Routes, tell: Tell) -> None:
        self._places = tuple(places)
        self._routes = routes
        self._tell = tell
        self._gate: Gate | None = None
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def refused(self) -> int:
        """Connections that were not served because there were too many."""
        return 0 if self._gate is None else self._gate.refused

    @property
    def open_connections(self) -> int:
        """Connections that are being served."""
        return 0 if self._gate is None else self._gate.serving

    @property
    def bound(self) -> list[Place]:
        """The places that have been got; a port of 0 is told as what it became."""
        sockets = [one for server in self._servers for one in server.sockets]
        names = [one.getsockname() for one in sockets]
        return [(ip_address(name[0]), name[1]) for name in names]

    def open(self) -> None:
        """Begin, in the running loop."""
        self._gate = Gate(self._answer)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep(place, self._gate)) for place in self._places]

    async def close(self) -> None:
        """Let go of every place and of every client, without waiting for any."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            server.close()
        if self._gate is not None:
            self._gate.abort()

    async def _keep(self, place: Place, gate: Gate) -> None:
        """Bind, however long that takes."""
        said = ""
        while True:
            try:
                self._servers.append(await _bind(place, gate))
            except OSError as error:
                why = os.strerror(error.errno) if error.errno else str(error)
                if why != said:
                    said = why
                    self._tell(
                        "metrics-unavailable",
                        f"cannot listen at {written(place)}: {why}; the service goes on, and it "
                        f"is tried again every {RETRY:g} s",
                    )
                await asyncio.sleep(RETRY)
            else:
                self._tell("metrics-listening", written(place))
                return

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        answer = await self._find(request)
        response = web.Response(body=answer.body, status=answer.status, headers=answer.fields)
        response.force_close()
        return response

    async def _find(self, request: web.BaseRequest) -> Answer:
        if request.version < HttpVersion10:
            return sentence(505, "this speaks HTTP/1.1")
        local = request.get_extra_info("sockname") or ("",)
        if not allowed(request.headers.get("Host"), str(local[0])):
            return sentence(421, "ask for this by an address or as localhost")
        if request.method not in ("GET", "HEAD"):
            return sentence(405, "there is nothing to change here", Allow="GET, HEAD")
        handler = self._routes.get(request.path)
        if handler is None:
            return sentence(404, f"there is {', '.join(sorted(self._routes))} and nothing else")
        asked = Asked(request.path, dict(request.query), request.headers.get("Accept", ""))
        try:
            return await handler(asked)
        except Exception as error:  # noqa: BLE001 - one that looks must not end the one that serves
            self._tell("internal-error", f"{request.path}: {error!r}")
            return sentence(500, "this could not be answered; the log has more")


async def _bind(place: Place, gate: Gate) -> asyncio.Server:
    """Listen.

    Raises:
        OSError: this place is not to be had.
    """
    address, port = place
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.version == 6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((str(address), port))
        loop = asyncio.get_running_loop()
        server = await loop.create_server(gate.protocol, sock=listening, backlog=AT_A_TURN)
        # asyncio takes as many at a turn as it has the kernel keep. These are two things: turns
        # are to be short, and nobody is to wait a second because the kernel threw a SYN away.
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return server


def written(place: Place) -> str:
    """A place as one would write it: ``127.0.0.1:9153``, ``[::1]:9153``."""
    address, port = place
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
