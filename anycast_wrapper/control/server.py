"""The wrapper's end of the control socket."""

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from anycast_wrapper.errors import AnycastWrapError

from .protocol import MAX_LINE, Document, ProtocolError, decode, encode, failure

MODE = 0o660
PATIENCE = 5.0
"""Seconds that a client may take to say what it wants."""

FAREWELL = 0.1
"""Seconds that the last replies may take when we end."""

TURNS = 4
"""Of the loop, until whoever has connected is a client of ours: asyncio accepts in steps, and a
connection that is between two of them when we end would be closed by nobody."""

CLIENTS = 32
"""Connections at a time; one more is turned away."""

NOT_PERMITTED = 4
USAGE = 2

_log = logging.getLogger(__name__)


class ControlError(AnycastWrapError):
    """The control socket cannot be opened."""


@dataclass(frozen=True)
class Handler:
    """What a command does.

    Attributes:
        act: takes the request, gives the reply.
        changes: whether it changes something; then only root and our own user may.
    """

    act: Callable[[Document], Awaitable[Document]]
    changes: bool = True


class ControlServer:
    """Listens on a unix socket and hands every request to its handler."""

    def __init__(self, path: Path, group: str | None, handlers: Mapping[str, Handler]) -> None:
        """Nothing listens before `open`.

        Args:
            path: of the socket; its directory has to exist.
            group: the group that may connect besides root, or None for our own.
            handlers: by command.
        """
        self._path = path
        self._group = group
        self._handlers = handlers
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen. A socket that is there is a leftover: the lock says that nobody listens on it.

        Anything else that is there is somebody's, and stays.

        Raises:
            ControlError: it cannot be made, or the group does not exist.
        """
        try:
            if self._path.is_socket():
                self._path.unlink()
            # The mode has to be right from the first moment, not a moment later.
            mask = os.umask(0o777 & ~MODE)
            try:
                self._server = await asyncio.start_unix_server(
                    self._serve,
                    self._path,
                    limit=MAX_LINE,
                )
            finally:
                os.umask(mask)
            if self._group is not None:
                shutil.chown(self._path, group=self._group)
        except (OSError, LookupError) as error:
            raise ControlError(f"cannot open the control socket {self._path}: {error}") from error

    async def close(self) -> None:
        """Stop listening and remove the socket; replies under way are let out."""
        if self._server is not None:
            self._path.unlink(missing_ok=True)
            for _ in range(TURNS):
                await asyncio.sleep(0)
            self._server.close()
        if self._clients:
            await asyncio.wait(self._clients, timeout=FAREWELL)
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)
        try:
            reply = (
                failure("too many clients at a time; try again")
                if len(self._clients) > CLIENTS
                else await self._answer(reader, writer)
            )
            writer.write(encode(reply))
            async with asyncio.timeout(PATIENCE):
                await writer.drain()
        except (OSError, TimeoutError):
            pass  # A client that does not want its answer does not get it.
        except asyncio.CancelledError:
            pass  # Our own end; asyncio's streams would report it as a fault.
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Document:
        try:
            async with asyncio.timeout(PATIENCE):
                request = decode(await reader.readline())
        except TimeoutError:
            return failure(f"no whole request within {PATIENCE:g} s", USAGE)
        except ValueError:  # what readline says of a line beyond the limit
            return failure(f"a request of more than {MAX_LINE} bytes", USAGE)
        except ProtocolError as error:
            return failure(f"not a request: {error}", USAGE)
        return await self._act(request, writer.get_extra_info("socket"))

    async def _act(self, request: Document, connection: socket.socket) -> Document:
        command = request.get("command")
        handler = self._handlers.get(command) if isinstance(command, str) else None
        if handler is None:
            return failure(f"unknown command {command!r}", USAGE)
        if handler.changes and not _may_change(connection):
            return failure(f"{command} is for root", NOT_PERMITTED)
        try:
            return await handler.act(request)
        except AnycastWrapError as error:
            return failure(str(error))
        except Exception:  # noqa: BLE001 - one bad request must not end the server
            _log.exception("control-failed", {"command": command})
            return failure("internal error; the log has more")


def _may_change(connection: socket.socket) -> bool:
    uid = _peer_uid(connection)
    return uid is not None and uid in (0, os.geteuid())


def _peer_uid(connection: socket.socket) -> int | None:
    """Who is at the other end, by the kernel's word: unix(7), SO_PEERCRED; unix(4) on FreeBSD."""
    try:
        if sys.platform == "linux":
            size = struct.calcsize("3i")
            raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            return int(struct.unpack("3i", raw)[1])
        # struct xucred: an unsigned version, then the effective user id. LOCAL_PEERCRED is 1.
        raw = connection.getsockopt(0, 1, 256)
        return int(struct.unpack_from("=II", raw)[1])
    except (OSError, struct.error):
        return None
