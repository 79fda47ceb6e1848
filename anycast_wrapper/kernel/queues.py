"""How much a UDP server has not read yet: the receive queues of its sockets, by sock_diag(7).

A server that hangs shows it here long before a question times out: at 1,000 queries a second,
80 kB wait after a tenth of a second. It is a hint and no more, as a server that has much to do
shows the same for a moment.

The kernel is asked for the UDP sockets of one local port, and answers with what waits in each
(``idiag_rqueue``, bytes as they count against the buffer). Raw, because this is asked many times a
second: one question costs some 50 us, a tenth of what a library takes to parse the answer.
"""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable, Collection, Iterator

from anycast_wrapper.core.model import Address
from anycast_wrapper.ports import KernelError

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST_DUMP = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
ALL_STATES = 0xFFFFFFFF
INET_DIAG_REQ_BYTECODE = 1
INET_DIAG_BC_S_GE, INET_DIAG_BC_S_LE = 2, 3

_HEAD = struct.Struct("=IHHII")  # nlmsghdr
_REQUEST = struct.Struct("=BBBxI")  # inet_diag_req_v2 up to its inet_diag_sockid
_SOCKID = bytes(48)
_OPERATION = struct.Struct("=BBH")  # inet_diag_bc_op
_ANSWER = struct.Struct("!4xH2x16s")  # inet_diag_msg: source port and address


EVERY = 0.1
"""Seconds between two looks while next to nothing waits: all in all 0.3 % of a core."""

SOON = 0.03
"""Seconds until the next look if something does."""

ENOUGH = 4096
"""Bytes that have to wait for it to be worth a thought: five small queries."""

LOOKS = 2
"""Looks in a row at which it must not have become less."""

_log = logging.getLogger(__name__)


class StandingQueue:
    """A `ports.Hint`: says when a receive queue stands, and when it moves again."""

    def __init__(self, addresses: Collection[Address], port: int = 53) -> None:
        self._queues = ReceiveQueues(addresses, port)
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0
        self._looks = 0

    def watch(self, stands: Callable[[bool], None]) -> None:
        """Look from now on."""
        wait = SOON if self._last >= ENOUGH else EVERY
        self._timer = asyncio.get_running_loop().call_later(wait, self._look, stands)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._queues.close()

    def _look(self, stands: Callable[[bool], None]) -> None:
        try:
            now = self._queues.waiting()
        except KernelError as error:
            _log.warning("queue-unreadable", {"detail": f"{error}; a hang is seen by probes alone"})
            return
        stood = self._looks >= LOOKS
        self._looks = self._looks + 1 if now >= max(self._last, ENOUGH) else 0
        self._last = now
        if (self._looks >= LOOKS) is not stood:
            stands(self._looks >= LOOKS)
        self.watch(stands)


class ReceiveQueues:
    """The receive queues of whoever serves the addresses.

    Args:
        addresses: the service addresses; sockets bound to any address count as well.
        port: the port that is served.
    """

    def __init__(self, addresses: Collection[Address], port: int = 53) -> None:
        self._local = {address.packed for address in addresses} | {bytes(4), bytes(16)}
        self._requests = [
            _request(family, port)
            for family, version in ((socket.AF_INET, 4), (socket.AF_INET6, 6))
            # An IPv6 socket that is bound to any address may serve IPv4 as well.
            if version == 6 or any(address.version == version for address in addresses)
        ]
        self._channel: socket.socket | None = None

    def waiting(self) -> int:
        """Bytes in the fullest queue, 0 if there is none.

        Raises:
            KernelError: the kernel has no sock_diag for UDP, or did not answer.
        """
        try:
            return max((n for request in self._requests for n in self._ask(request)), default=0)
        except OSError as error:
            self.close()
            raise KernelError(f"cannot read the receive queues: {error.strerror}") from error

    def close(self) -> None:
        """Let go of the socket."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _ask(self, request: bytes) -> Iterator[int]:
        if self._channel is None:
            self._channel = socket.socket(
                socket.AF_NETLINK,
                socket.SOCK_RAW | socket.SOCK_CLOEXEC,
                NETLINK_SOCK_DIAG,
            )
            self._channel.settimeout(0.2)
        self._channel.send(request)
        while True:
            data = self._channel.recv(1 << 16)
            at = 0
            while at + _HEAD.size <= len(data):
                length, kind, _, _, _ = _HEAD.unpack_from(data, at)
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", data, at + _HEAD.size)[0]
                    raise OSError(number, os.strerror(number))
                yield from self._queue(data[at + _HEAD.size : at + length])
                at += (length + 3) & ~3

    def _queue(self, message: bytes) -> Iterator[int]:
        family = message[0]
        _, source = _ANSWER.unpack_from(message, 0)
        local = source[:4] if family == socket.AF_INET else source
        if local in self._local:
            # idiag_expires lies between the socket id, 4 + 48 bytes, and the queue.
            yield struct.unpack_from("=I", message, 56)[0]


def _request(family: int, port: int) -> bytes:
    """A dump of the UDP sockets of one local port; the kernel does the filtering."""
    body = _REQUEST.pack(family, socket.IPPROTO_UDP, 0, ALL_STATES) + _SOCKID
    # Two conditions of two words each; the second word of each is the port. "yes" is the offset
    # to go on at, "no" one beyond the end, which rejects.
    code = b"".join(
        _OPERATION.pack(operation, 8, no) + _OPERATION.pack(0, 0, port)
        for operation, no in ((INET_DIAG_BC_S_GE, 20), (INET_DIAG_BC_S_LE, 12))
    )
    attribute = struct.pack("=HH", 4 + len(code), INET_DIAG_REQ_BYTECODE) + code
    length = _HEAD.size + len(body) + len(attribute)
    return _HEAD.pack(length, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0) + body + attribute
