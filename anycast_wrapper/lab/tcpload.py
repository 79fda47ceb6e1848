"""The load's TCP queries: a new connection each, none waiting for another."""

import errno
import select
import socket
import struct
import time
from typing import Protocol


class Recorder(Protocol):
    """Where the fate of a query is written down."""

    def open(self, now: float, address: int, *, tcp: bool = False) -> int:
        """A query is being sent; returns its number."""

    def answered(self, number: int, now: float, message: bytes) -> None:
        """Its answer came."""

    def failed(self, number: int, code: int) -> None:
        """The network refused it."""


class _Query:
    def __init__(self, number: int, channel: socket.socket) -> None:
        self.number = number
        self.channel = channel
        self.sent = False
        self.read = b""

    @property
    def message(self) -> bytes:
        """The answer once it is complete, else nothing."""
        if len(self.read) < 2:
            return b""
        length = int.from_bytes(self.read[:2])
        return self.read[2:] if len(self.read) >= 2 + length else b""


class TcpLoad:
    """TCP queries to addresses in turn."""

    def __init__(
        self, addresses: tuple[str, ...], body: bytes, recorder: Recorder, poller: select.epoll
    ) -> None:
        self._addresses = addresses
        self._query = struct.pack("!H", len(body) + 2) + b"\x00\x01" + body
        self._recorder = recorder
        self._poller = poller
        self._queries: dict[int, _Query] = {}
        self._next = 0

    def send(self, now: float) -> None:
        """Open the next connection."""
        index = self._next % len(self._addresses)
        self._next += 1
        address = self._addresses[index]
        number = self._recorder.open(now, index, tcp=True)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        channel = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        code = channel.connect_ex((address, 53))
        if code != errno.EINPROGRESS:
            self._recorder.failed(number, code)
            channel.close()
            return
        self._queries[channel.fileno()] = _Query(number, channel)
        self._poller.register(channel, select.EPOLLOUT)

    def advance(self, handle: int) -> None:
        """Go on with the connection that is ready."""
        query = self._queries[handle]
        try:
            if not query.sent:
                query.channel.sendall(self._query)
                query.sent = True
                self._poller.modify(handle, select.EPOLLIN)
                return
            data = query.channel.recv(4096)
        except OSError as error:
            self._recorder.failed(query.number, error.errno or 0)
            self._close(handle)
            return
        query.read += data
        if query.message:
            self._recorder.answered(query.number, time.monotonic(), query.message)
        elif data:
            return
        else:
            self._recorder.failed(query.number, errno.ECONNRESET)
        self._close(handle)

    def _close(self, handle: int) -> None:
        self._poller.unregister(handle)
        self._queries.pop(handle).channel.close()
