"""One exchange with the kernel over netlink, bounded in time, every failure a `ForwardingError`.

Source: netlink(7), rtnetlink(7).
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

from pyroute2 import AsyncIPRSocket
from pyroute2.netlink.exceptions import NetlinkDecodeError, NetlinkError
from pyroute2.netlink.nlsocket import NetlinkRequest

from .ports import ForwardingError

DEADLINE = 2.0
"""Seconds for one exchange; what takes longer counts as refused."""

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400

FAMILIES = {4: int(socket.AF_INET), 6: int(socket.AF_INET6)}
"""The kernel's numbers for IP versions."""

Parser = Callable[[bytes, int, int], Any]
"""Makes a message of a datagram, where it begins in it, and its length."""


class RefusedError(ForwardingError):
    """The kernel said no.

    Attributes:
        code: the errno.
    """

    def __init__(self, attempt: str, code: int, detail: str = "") -> None:
        meaning = os.strerror(code)
        words = f"{meaning} ({detail})" if detail and detail != meaning else meaning
        super().__init__(f"cannot {attempt}: {words}")
        self.code = code


class Exchange:
    """One long-lived socket, opened at first use and again after a failure. Here for rtnetlink.

    Args:
        deadline: seconds for one exchange.
    """

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._socket: Any = None

    async def ask(
        self,
        attempt: str,
        message: Any,
        kind: int | None,
        flags: int,
        parser: Parser | None = None,
    ) -> list[Any]:
        """Put a message, and return what comes back.

        Args:
            attempt: what is tried, for people: ``add the route to 192.0.2.53``.
            message: of pyroute2, or after its manner.
            kind: its type; None for the one family that this socket speaks.
            flags: beside NLM_F_REQUEST. A question that is answered by one message must not ask for
                an acknowledgement as well: pyroute2 would keep that for good.
            parser: of the answer, if not pyroute2's own.

        Raises:
            RefusedError: the kernel said no.
            ForwardingError: there is no socket, or no answer that can be read in time.
        """
        try:
            async with asyncio.timeout(self._deadline):
                if self._socket is None:
                    self._socket = self._open()
                if kind is None:
                    kind = await self._family()
                return await self._put(message, kind, flags, parser)
        except TimeoutError:
            self.close()
            raise ForwardingError(
                f"cannot {attempt}: no answer from the kernel within {self._deadline:g} s"
            ) from None
        except NetlinkError as error:
            raise RefusedError(attempt, error.code, str(error.args[-1])) from None
        except OSError as error:  # the socket itself: the next question gets another one
            self.close()
            raise RefusedError(attempt, error.errno or 0) from None
        except NetlinkDecodeError as error:
            self.close()
            raise ForwardingError(f"cannot {attempt}: unreadable answer ({error})") from None

    async def _put(
        self, message: Any, kind: int, flags: int, parser: Parser | None = None
    ) -> list[Any]:
        request = NetlinkRequest(
            self._socket, message, msg_type=kind, msg_flags=REQUEST | flags, parser=parser
        )
        await request.send()
        return [one async for one in request.response()]

    def _open(self) -> Any:
        # Strict: a dump is of what was asked for, not of every route of the host.
        return AsyncIPRSocket(ext_ack=True, strict_check=True)

    async def _family(self) -> int:
        """The type of messages where it is not fixed."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            sock, self._socket = self._socket, None
            sock.close()


@contextlib.contextmanager
def fine(*codes: int) -> Iterator[None]:
    """Take these refusals for what they mean: that it is done already."""
    try:
        yield
    except RefusedError as error:
        if error.code not in codes:
            raise
