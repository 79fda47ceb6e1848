"""One exchange with the kernel over rtnetlink, bounded in time, every failure a `ForwardingError`.

Source: rtnetlink(7), netlink(7).
"""

import asyncio
import os
import struct
from collections.abc import Callable
from typing import Any

from pyroute2 import AsyncIPRSocket
from pyroute2.netlink.exceptions import NetlinkDecodeError, NetlinkError
from pyroute2.netlink.nlsocket import NetlinkRequest

from anycast_wrapper.gateway.ports import ForwardingError

from .messages import RTM_DELNEXTHOP, RTM_NEWNEXTHOP, NexthopMessage, RouteMessage

DEADLINE = 2.0
"""Seconds for one exchange; what takes longer counts as refused."""

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400
DUMP_INTERRUPTED = 0x10
_ATTEMPTS = 3

_MESSAGES = {
    RTM_NEWNEXTHOP: NexthopMessage,
    RTM_DELNEXTHOP: NexthopMessage,
    24: RouteMessage,  # RTM_NEWROUTE
    25: RouteMessage,  # RTM_DELROUTE
}
_KIND = struct.Struct("=HH")  # of struct nlmsghdr: type, flags
_SKIPPED: Any = {"header": {"type": RTM_NEWNEXTHOP, "flags": 0x2, "error": None}}

Parser = Callable[[bytes, int, int], Any]


class RefusedError(ForwardingError):
    """The kernel said no.

    Attributes:
        code: the errno.
    """

    def __init__(self, attempt: str, code: int, detail: str) -> None:
        meaning = os.strerror(code)
        words = f"{meaning} ({detail})" if detail and detail != meaning else meaning
        super().__init__(f"cannot {attempt}: {words}")
        self.code = code


class Exchange:
    """One long-lived socket, opened at first use and again after a failure.

    Args:
        deadline: seconds for one exchange.
    """

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._socket: Any = None

    @property
    def port(self) -> int:
        """What the kernel's notices of our own changes have for a sender; 0 before the first."""
        return 0 if self._socket is None else int(self._socket.getsockname()[0])

    async def ask(
        self, attempt: str, message: Any, kind: int, flags: int, parser: Parser | None = None
    ) -> list[Any]:
        """Put a message, and return what comes back.

        Args:
            attempt: what is tried, for people: ``add the route to 192.0.2.53``.
            message: a `NexthopMessage` or `RouteMessage`.
            kind: the message's type.
            flags: beside NLM_F_REQUEST. A question that is answered by one message must not ask for
                an acknowledgement as well: pyroute2 would keep that for good.
            parser: see `leaving_out`.

        Raises:
            RefusedError: the kernel said no.
            ForwardingError: there is no socket, or no answer that can be read in time.
        """
        try:
            if self._socket is None:
                self._socket = AsyncIPRSocket(ext_ack=True, strict_check=True)
                self._socket.register_policy(_MESSAGES)
            async with asyncio.timeout(self._deadline):
                request = NetlinkRequest(
                    self._socket, message, msg_type=kind, msg_flags=REQUEST | flags, parser=parser
                )
                await request.send()
                return [one async for one in request.response()]
        except TimeoutError:
            self.close()
            raise ForwardingError(
                f"cannot {attempt}: no answer from the kernel within {self._deadline:g} s"
            ) from None
        except NetlinkError as error:
            raise RefusedError(attempt, error.code, str(error.args[-1])) from None
        except OSError as error:  # the socket itself: the next question gets another one
            self.close()
            raise RefusedError(attempt, error.errno or 0, "") from None
        except NetlinkDecodeError as error:
            self.close()
            raise ForwardingError(f"cannot {attempt}: unreadable answer ({error})") from None

    async def dump(
        self, attempt: str, message: Callable[[], Any], kind: int, parser: Parser | None = None
    ) -> list[Any]:
        """Ask for everything of a kind, again if it changed meanwhile.

        Raises:
            ForwardingError: see `ask`.
        """
        answer: list[Any] = []
        for _ in range(_ATTEMPTS):
            answer = await self.ask(attempt, message(), kind, DUMP, parser)
            if not any(one["header"]["flags"] & DUMP_INTERRUPTED for one in answer):
                break
        return [one for one in answer if one is not _SKIPPED]

    def leaving_out(self, unwanted: Callable[[bytes, int], bool]) -> Parser:
        """A parser that does not decode what is not wanted.

        A router with a full table has a million routes, and decoding one takes 0.1 ms.

        Args:
            unwanted: told of the datagram and where the message begins in it; never of the
                message that ends a dump.
        """

        def parse(data: bytes, offset: int, length: int) -> Any:
            kind, flags = _KIND.unpack_from(data, offset + 4)
            if kind in _MESSAGES and unwanted(data, offset):
                return _SKIPPED
            return self._socket.marshal.parse_one_message(kind, flags, 0, data, offset, length)

        return parse

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            sock, self._socket = self._socket, None
            sock.close()
