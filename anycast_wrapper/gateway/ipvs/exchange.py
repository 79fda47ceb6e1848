"""One exchange with the kernel, bounded in time, every failure a `ForwardingError`.

Two sockets: generic netlink for IPVS, rtnetlink for the rest. Nothing here waits for what nobody
asked for: IPVS has no notifications.

Source: netlink(7), include/uapi/linux/genetlink.h.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

from pyroute2 import AsyncIPRSocket
from pyroute2.netlink import CTRL_CMD_GETFAMILY, GENL_ID_CTRL, NETLINK_GENERIC, ctrlmsg
from pyroute2.netlink.exceptions import NetlinkDecodeError, NetlinkError
from pyroute2.netlink.nlsocket import AsyncNetlinkSocket, NetlinkRequest

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.ports import ForwardingError

from .messages import FAMILY, IpvsMessage

DEADLINE = 2.0
"""Seconds for one exchange; what takes longer counts as refused."""

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
EXCLUSIVE, CREATE = 0x200, 0x400

FAMILIES = (socket.AF_INET, socket.AF_INET6)
GONE = (errno.ESRCH, errno.ENODEV, errno.ENXIO, errno.EADDRNOTAVAIL)
"""What is said of a route, an interface or an address that is not there."""


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
    """One long-lived socket, opened at first use and again after a failure."""

    def __init__(self) -> None:
        self._socket: Any = None

    async def ask(self, attempt: str, message: Any, kind: int | None, flags: int) -> list[Any]:
        """Put a message, and return what comes back.

        Args:
            attempt: what is tried, for people.
            message: of pyroute2.
            kind: its type; None for the one family that this socket speaks.
            flags: beside NLM_F_REQUEST. A question that is answered by one message must not ask for
                an acknowledgement as well: pyroute2 would keep that for good.

        Raises:
            RefusedError: the kernel said no.
            ForwardingError: there is no socket, or no answer that can be read within `DEADLINE`.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                if self._socket is None:
                    self._socket = self._open()
                if kind is None:
                    kind = await self._family()
                return await self._put(message, kind, flags)
        except TimeoutError:
            self.close()
            raise ForwardingError(
                f"cannot {attempt}: no answer from the kernel within {DEADLINE:g} s"
            ) from None
        except NetlinkError as error:
            raise RefusedError(attempt, error.code, str(error.args[-1])) from None
        except OSError as error:  # the socket itself: the next question gets another one
            self.close()
            raise RefusedError(attempt, error.errno or 0) from None
        except NetlinkDecodeError as error:
            self.close()
            raise ForwardingError(f"cannot {attempt}: unreadable answer ({error})") from None

    async def _put(self, message: Any, kind: int, flags: int) -> list[Any]:
        request = NetlinkRequest(self._socket, message, msg_type=kind, msg_flags=REQUEST | flags)
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


class IpvsExchange(Exchange):
    """The same with the generic netlink family of IPVS, whose number is the kernel's to choose."""

    def __init__(self) -> None:
        super().__init__()
        self._number: int | None = None

    def _open(self) -> Any:
        self._number = None
        opened = AsyncNetlinkSocket(family=NETLINK_GENERIC, ext_ack=True)
        opened.marshal.msg_map[GENL_ID_CTRL] = ctrlmsg
        return opened

    async def _family(self) -> int:
        """See `Exchange`. The kernel loads its module for the question.

        Raises:
            ForwardingError: there is no IPVS.
        """
        if self._number is not None:
            return self._number
        question = ctrlmsg()
        question["cmd"] = CTRL_CMD_GETFAMILY
        question["version"] = 1
        question["attrs"] = [("CTRL_ATTR_FAMILY_NAME", FAMILY)]
        try:
            (answer,) = await self._put(question, GENL_ID_CTRL, 0)
        except NetlinkError as error:
            if error.code != errno.ENOENT:
                raise
            raise ForwardingError(
                "this kernel has no IPVS, or its module is not loaded (modprobe ip_vs)"
            ) from None
        number = int(answer.get_attr("CTRL_ATTR_FAMILY_ID"))
        self._socket.marshal.msg_map[number] = IpvsMessage
        self._number = number
        return number


def family(address: Address) -> int:
    """The kernel's number for an address's IP version."""
    return int(socket.AF_INET if address.version == 4 else socket.AF_INET6)


@contextlib.contextmanager
def fine(*codes: int) -> Iterator[None]:
    """Take these refusals for what they mean: that it is done already."""
    try:
        yield
    except RefusedError as error:
        if error.code not in codes:
            raise
