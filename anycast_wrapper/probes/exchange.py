"""One DNS message out, one back, over a socket of its own; nothing here knows what they say.

Every exchange opens a fresh connected socket. Fresh, so that a late answer to an earlier question
cannot arrive; connected, because only then does the kernel hand an ICMP error for a UDP datagram
to the sender (udp(7)), and because it drops datagrams of anyone but the server.

The caller bounds the time. Whatever ends an exchange, cancellation included, closes its socket.
"""

import asyncio
import errno
import functools
import os
import socket
import struct
from dataclasses import dataclass

from anycast_wrapper.core.model import Reason

MAX_MESSAGE = 65535
"""Bytes: what the length field of DNS over TCP, and that of UDP, can say (RFC 1035, 4.2.2)."""

_MAX_PORT = 65535
_LENGTH = struct.Struct("!H")

_UNREACHABLE = frozenset(
    {
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        # ip-route(8) `prohibit`, and a firewall that drops what we send.
        errno.EACCES,
        errno.EPERM,
    },
)


@dataclass(frozen=True)
class Place:
    """A server's address and port as `socket.connect` wants them."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]


class ExchangeError(Exception):
    """There was no whole message to look at.

    Attributes:
        reason: why, for programs.
        detail: why, for people.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@functools.lru_cache(maxsize=256)
def place(server: str, port: int) -> Place:
    """Parse an address, with an IPv6 scope if it has one, without asking any resolver.

    Raises:
        ExchangeError: it is not an address, or the port is none.
    """
    if not 0 < port <= _MAX_PORT:  # getaddrinfo(3) would take it modulo 65536
        raise ExchangeError(Reason.PROBE_ERROR, f"{port} is not a port")
    try:
        found = socket.getaddrinfo(
            server,
            port,
            type=socket.SOCK_DGRAM,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
    except OSError as error:
        raise ExchangeError(Reason.PROBE_ERROR, f"not an address: {error.strerror}") from error
    family, _, _, _, sockaddr = found[0]
    return Place(family, sockaddr)


async def ask(transport: str, where: Place, wire: bytes) -> bytes:
    """Send a message over 'udp' or 'tcp' and return what comes back, unread.

    Raises:
        ExchangeError: nothing whole came back, or nothing could be sent.
    """
    over = _over_tcp if transport == "tcp" else _over_udp
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    try:
        with socket.socket(where.family, kind) as sock:
            sock.setblocking(False)
            return await over(sock, where, wire)
    except OSError as error:
        raise _explain(error) from error


async def _over_udp(sock: socket.socket, where: Place, wire: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    sock.connect(where.sockaddr)
    await loop.sock_sendall(sock, wire)
    return await loop.sock_recv(sock, MAX_MESSAGE)


async def _over_tcp(sock: socket.socket, where: Place, wire: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, where.sockaddr)
    # One segment: some servers drop a query whose length arrives alone (RFC 7766, 8).
    await loop.sock_sendall(sock, _LENGTH.pack(len(wire)) + wire)
    (length,) = _LENGTH.unpack(await _exactly(sock, _LENGTH.size, "its length"))
    return await _exactly(sock, length, "its message")


async def _exactly(sock: socket.socket, wanted: int, what: str) -> bytes:
    loop = asyncio.get_running_loop()
    got = b""
    while len(got) < wanted:
        more = await loop.sock_recv(sock, wanted - len(got))
        if not more:
            so_far = f"after {len(got)} of the {wanted} bytes of {what}"
            nothing = not got and wanted == _LENGTH.size
            detail = f"connection closed {'without an answer' if nothing else so_far}"
            raise ExchangeError(Reason.PROBE_MALFORMED, detail)
        got += more
    return got


def _explain(error: OSError) -> ExchangeError:
    """Give what the kernel said a reason."""
    words = os.strerror(error.errno).lower() if error.errno else str(error)
    match error.errno:
        case errno.ECONNREFUSED:
            return ExchangeError(Reason.PROBE_CONNECTION_REFUSED, "nobody listens there")
        case errno.ECONNRESET | errno.EPIPE | errno.ECONNABORTED:
            return ExchangeError(Reason.PROBE_MALFORMED, "connection reset without an answer")
        case errno.ETIMEDOUT:
            return ExchangeError(Reason.PROBE_TIMEOUT, words)
        case number if number in _UNREACHABLE:
            return ExchangeError(Reason.PROBE_UNREACHABLE, words)
        case _:
            return ExchangeError(Reason.PROBE_ERROR, words)
