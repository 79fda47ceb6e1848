"""The exchange with the kernel about routes and next-hop objects.

Source: rtnetlink(7).
"""

import struct
from collections.abc import Callable
from typing import Any

from anycast_wrapper.gateway.exchange import DUMP, Exchange, Parser

from .messages import RTM_DELNEXTHOP, RTM_NEWNEXTHOP, NexthopMessage, RouteMessage

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


class NexthopExchange(Exchange):
    """An `Exchange` of `NexthopMessage` and `RouteMessage`."""

    @property
    def port(self) -> int:
        """What the kernel's notices of our own changes have for a sender; 0 before the first."""
        return 0 if self._socket is None else int(self._socket.getsockname()[0])

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

    def _open(self) -> Any:
        opened = super()._open()
        opened.register_policy(_MESSAGES)
        return opened
