"""One DNS message out, one back, over a socket of its own; nothing here knows what they say.

Every exchange opens a fresh connected socket. Fresh, so that a late answer to an earlier question
cannot arrive; connected, because only then does the kernel hand an ICMP error for a UDP datagram
to the sender (udp(7)), and because it drops datagrams of anyone but the server.

Written as callbacks, without a task or a timer of its own: an exchange costs little more than its
system calls, and runs on asyncio's loop as well as on `plainloop`. Whoever opens one closes it.

`anycast-wrap check` pays for every import at each start, so this module has none that costs
anything: hence no dataclass, and ``_socket``, which `socket` is a cover for.
"""

from __future__ import annotations

import errno
from _socket import (
    AI_NUMERICHOST,
    AI_NUMERICSERV,
    SO_ERROR,
    SOCK_DGRAM,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    getaddrinfo,
    socket,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Loop(Protocol):
        """What an exchange needs of an event loop; asyncio's has it."""

        def time(self) -> float:
            """Seconds of a monotonic clock."""

        def add_reader(self, fd: int, callback: Callable[[], None], /) -> object:
            """Call back whenever the file can be read."""

        def remove_reader(self, fd: int, /) -> object:
            """No longer."""

        def add_writer(self, fd: int, callback: Callable[[], None], /) -> object:
            """Call back whenever the file can be written."""

        def remove_writer(self, fd: int, /) -> object:
            """No longer."""


MAX_MESSAGE = 65535
"""Bytes: what the length field of DNS over TCP, and that of UDP, can say (RFC 1035, 4.2.2)."""

_MAX_PORT = 65535
_LENGTH = 2


class NoPlaceError(Exception):
    """What was given is no address with a port."""


class BrokenOffError(Exception):
    """The server closed a TCP connection before the end of its answer."""


class Place:
    """A server's address and port as the kernel wants them.

    Attributes:
        family: AF_INET or AF_INET6.
        sockaddr: what `socket.connect` takes.
    """

    __slots__ = ("family", "sockaddr")

    def __init__(self, family: int, sockaddr: Any) -> None:
        self.family = family
        self.sockaddr = sockaddr


_known: dict[tuple[str, int], Place] = {}


def place(server: str, port: int) -> Place:
    """Parse an address, with an IPv6 scope if it has one, without asking any resolver.

    Raises:
        NoPlaceError: it is not an address, or the port is none.
    """
    found = _known.get((server, port))
    if found is None:
        found = _parsed(server, port)
        if "%" not in server:  # the number of a scope's interface may change
            _known[server, port] = found
    return found


def _parsed(server: str, port: int) -> Place:
    if not 0 < port <= _MAX_PORT:  # getaddrinfo(3) would take it modulo 65536
        raise NoPlaceError(f"{port} is not a port")
    try:
        return address(server, port)
    except OSError as error:
        raise NoPlaceError(f"not an address: {error.strerror}") from error


def address(written: str, port: int = 0) -> Place:
    """Parse an address. With the port 0 it is one to ask from, at any port.

    Raises:
        OSError: it is not an address.
    """
    flags = AI_NUMERICHOST | AI_NUMERICSERV
    # As bytes: for a str, Python would load all that IDNA takes, for 10 ms.
    host = written.encode(errors="surrogateescape")
    family, _, _, _, sockaddr = getaddrinfo(host, port, type=SOCK_DGRAM, flags=flags)[0]
    return Place(family, sockaddr)


class Exchange:
    """One question over UDP, until its answer; `TcpExchange` is the same over TCP.

    Attributes:
        transport: 'udp' or 'tcp'.
        ident: the id that is asked under, as it stands in the message.
        began: when it was asked, by the loop's clock.
    """

    __slots__ = ("_done", "_fd", "_loop", "_sock", "began", "ident")

    transport = "udp"
    _kind = SOCK_DGRAM

    def __init__(
        self,
        loop: Loop,
        where: Place,
        source: Place | None,
        message: bytes,
        done: Callable[[Exchange, bytes | Exception], None],
    ) -> None:
        """Ask.

        Args:
            loop: what calls back.
            where: whom to ask.
            source: the address to ask from, or None for the kernel to choose.
            message: the question.
            done: called once, unless this is closed before, with the whole answer, an `OSError` or
                a `BrokenOffError`. By then the socket is closed.

        Raises:
            OSError: it cannot even be asked.
        """
        self._loop = loop
        self._done = done
        self.ident = message[:2]
        self.began = loop.time()
        self._sock: socket | None = None
        self._sock = sock = socket(where.family, self._kind | SOCK_NONBLOCK)
        self._fd = sock.fileno()
        try:
            if source is not None:
                sock.bind(source.sockaddr)
            self._begin(sock, where, message)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it, whether there is an answer or not. Idempotent."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._forget()
            sock.close()

    def _begin(self, sock: socket, where: Place, message: bytes) -> None:
        sock.connect(where.sockaddr)
        sock.send(message)
        self._loop.add_reader(self._fd, self._readable)

    def _forget(self) -> None:
        self._loop.remove_reader(self._fd)

    def _readable(self) -> None:
        """Take what came, if it is whole."""
        if self._sock is None:
            return
        try:
            result: bytes | Exception | None = self._take(self._sock)
        except (BlockingIOError, InterruptedError):
            return  # such as a datagram that was dropped for its checksum
        except (OSError, BrokenOffError) as error:
            result = error
        if result is not None:
            self._end(result)

    def _take(self, sock: socket) -> bytes | None:
        return sock.recv(MAX_MESSAGE)

    def _end(self, result: bytes | Exception) -> None:
        self.close()
        self._done(self, result)


class TcpExchange(Exchange):
    """One question over TCP, on a connection of its own."""

    __slots__ = ("_connected", "_frame", "_got")

    transport = "tcp"
    _kind = SOCK_STREAM

    def __init__(
        self,
        loop: Loop,
        where: Place,
        source: Place | None,
        message: bytes,
        done: Callable[[Exchange, bytes | Exception], None],
    ) -> None:
        self._got = b""
        self._connected = False
        super().__init__(loop, where, source, message, done)

    def _begin(self, sock: socket, where: Place, message: bytes) -> None:
        # One segment: some servers drop a query whose length arrives alone (RFC 7766, 8).
        self._frame = len(message).to_bytes(_LENGTH, "big") + message
        failed = sock.connect_ex(where.sockaddr)
        if failed not in (0, errno.EINPROGRESS):
            raise OSError(failed, "cannot connect")
        self._loop.add_writer(self._fd, self._writable)

    def _forget(self) -> None:
        if self._connected:
            self._loop.remove_reader(self._fd)
        else:
            self._loop.remove_writer(self._fd)

    def _writable(self) -> None:
        """Send the question: the connection is there, or will not be."""
        sock = self._sock
        if sock is None:
            return
        try:
            failed = sock.getsockopt(SOL_SOCKET, SO_ERROR)
            # A new connection's buffer takes more than a question.
            if not failed and sock.send(self._frame) != len(self._frame):
                failed = errno.ENOBUFS
        except OSError as error:
            self._end(error)
            return
        if failed:
            self._end(OSError(failed, "cannot connect"))
            return
        self._loop.remove_writer(self._fd)
        self._connected = True
        self._loop.add_reader(self._fd, self._readable)

    def _take(self, sock: socket) -> bytes | None:
        more = sock.recv(MAX_MESSAGE)
        self._got += more
        got = len(self._got)
        length = int.from_bytes(self._got[:_LENGTH], "big")
        if got >= _LENGTH and got - _LENGTH >= length:
            return self._got[_LENGTH : _LENGTH + length]
        if more:
            return None
        if not got:
            raise BrokenOffError("connection closed without an answer")
        if got < _LENGTH:
            raise BrokenOffError(f"connection closed after {got} of the 2 bytes of its length")
        so_far = f"after {got - _LENGTH} of the {length} bytes of its message"
        raise BrokenOffError(f"connection closed {so_far}")
