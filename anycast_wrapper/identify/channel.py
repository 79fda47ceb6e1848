"""One socket, connected to one server from one source port: questions out, answers back.

Connected, because only then does the kernel hand ICMP errors for a UDP datagram to the sender
(udp(7)), and because it drops datagrams of anyone but the server. The caller bounds the time.
"""

import asyncio
import contextlib
import errno
import os
import random
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Protocol

from .answers import Answer, Transport, Trouble
from .wire import NotAnAnswerError, Query, read

MAX_MESSAGE = 65535
"""Bytes: what the length field of DNS over TCP, and that of UDP, can say (RFC 1035, 4.2.2)."""

PORTS = range(49152, 65536)
"""Source ports: those that nobody registers (RFC 6335, 6)."""

TRIES = 50
"""Source ports to try before it is said that none is free."""

_LENGTH = struct.Struct("!H")

_TROUBLES = {
    errno.ECONNREFUSED: (Trouble.REFUSED, "nobody listens there"),
    errno.ECONNRESET: (Trouble.RESET, "connection reset"),
    errno.EPIPE: (Trouble.RESET, "connection reset"),
    errno.ECONNABORTED: (Trouble.RESET, "connection reset"),
}
_UNREACHABLE = frozenset(
    {
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EPROTO,  # ICMPv6 parameter problem
        # ip-route(8) `prohibit`, ICMP "administratively prohibited" over IPv6, a firewall of ours.
        errno.EACCES,
        errno.EPERM,
    },
)


@dataclass(frozen=True)
class Place:
    """A server as `socket.connect` wants it.

    Attributes:
        address: as it was written.
    """

    address: str
    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]


class NotAnAddressError(ValueError):
    """It is a name, or nothing at all."""


class Channel(Protocol):
    """A way to ask one server from one source port.

    Attributes:
        stray: what came that was not the answer, for who waited in vain.
    """

    stray: NotAnAnswerError | None

    async def ask(self, question: Query) -> Answer:
        """Ask, and wait for the answer.

        Raises:
            NotAnAnswerError: something else came.
            OSError: the kernel knows why there can be none.
        """


def place(address: str, port: int) -> Place:
    """Parse an address, with an IPv6 scope if it has one, without asking any resolver.

    Raises:
        NotAnAddressError: it is not an address.
    """
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=flags)
    except (OSError, UnicodeError) as error:
        raise NotAnAddressError(f"{address!r} is not an address") from error
    family, _, _, _, sockaddr = found[0]
    return Place(address, family, sockaddr)


def source_ports() -> Iterator[int]:
    """All source ports in a random order, again and again; none twice in a round.

    The kernel's own choice is not random enough: for TCP, Linux takes every other port of a row,
    and a router's hash may see a pattern in that.
    """
    while True:
        yield from random.SystemRandom().sample(PORTS, len(PORTS))


@contextlib.asynccontextmanager
async def connected(
    transport: Transport, where: Place, ports: Iterator[int]
) -> AsyncIterator[Channel]:
    """A channel from the next source port that is free.

    Raises:
        OSError: there is none, or no connection.
    """
    loop = asyncio.get_running_loop()
    kind = socket.SOCK_STREAM if transport is Transport.TCP else socket.SOCK_DGRAM
    with socket.socket(where.family, kind) as sock:
        sock.setblocking(False)
        _bind(sock, ports)
        await loop.sock_connect(sock, where.sockaddr)
        yield _Tcp(sock) if transport is Transport.TCP else _Udp(sock)


def _bind(sock: socket.socket, ports: Iterator[int]) -> None:
    anywhere = "::" if sock.family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 - to ask from
    for number in range(TRIES):
        try:
            sock.bind((anywhere, next(ports)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or number == TRIES - 1:
                raise
        else:
            return


class _Udp:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.stray: NotAnAnswerError | None = None

    async def ask(self, question: Query) -> Answer:
        """Wait on while what comes is not for this question: anybody could have sent that."""
        loop = asyncio.get_running_loop()
        self.stray = None
        await loop.sock_sendall(self._sock, question.wire)
        while True:
            came = await loop.sock_recv(self._sock, MAX_MESSAGE)
            try:
                return read(came, question)
            except NotAnAnswerError as error:
                if error.final:
                    raise
                self.stray = error


class _Tcp:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.stray: NotAnAnswerError | None = None

    async def ask(self, question: Query) -> Answer:
        """One segment: some servers drop a query whose length arrives alone (RFC 7766, 8)."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._sock, _LENGTH.pack(len(question.wire)) + question.wire)
        (length,) = _LENGTH.unpack(await self._exactly(_LENGTH.size, "its length"))
        return read(await self._exactly(length, "its message"), question)

    async def _exactly(self, wanted: int, what: str) -> bytes:
        loop = asyncio.get_running_loop()
        got = b""
        while len(got) < wanted:
            more = await loop.sock_recv(self._sock, wanted - len(got))
            if not more and not got and what == "its length":
                words = "connection closed without an answer"
                raise NotAnAnswerError(Trouble.CLOSED, words, final=True)
            if not more:
                words = f"connection closed in the middle of {what}"
                raise NotAnAnswerError(Trouble.MALFORMED, words, final=True)
            got += more
        return got


def explain(error: OSError) -> tuple[Trouble, str]:
    """What the kernel said, as a trouble and in words."""
    words = os.strerror(error.errno).lower() if error.errno else str(error)
    if error.errno in _TROUBLES:
        return _TROUBLES[error.errno]
    if error.errno in _UNREACHABLE:
        return Trouble.UNREACHABLE, words
    return Trouble.NOT_SENT, f"not sent: {words}"
