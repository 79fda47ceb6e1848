"""What is asked of the kernel over rtnetlink, in our own types and with bounded time.

pyroute2 speaks the protocol. Its values stop here: what leaves this module is a `Device`, a
`Placed` or a `KernelError`.

Source: rtnetlink(7), include/uapi/linux/if_link.h and if_addr.h.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address
from typing import Any, TypeVar

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkDecodeError, NetlinkError

from anycast_wrapper.core.model import Address
from anycast_wrapper.ports import KernelError

from .cards import IFNAMSIZ
from .devices import Device, Placed, device, placed
from .errors import refusal

DEADLINE = 2.0
"""Seconds for one exchange with the kernel; what takes longer counts as refused."""

_IFF_UP = 0x1
_IF_OPER_DORMANT = "DORMANT"
_IFA_F_NODAD = 0x02
# Instead of pyroute2's "get", which asks for an acknowledgement besides the answer and leaves it
# in its queue for good: 1.3 kB for each question.
_GET_LINK = (18, 0x1)  # RTM_GETLINK, NLM_F_REQUEST
_SKIP_STATS = 0x8  # RTEXT_FILTER_SKIP_STATS
_DUMP_INTERRUPTED = 0x10
_ATTEMPTS = 3

T = TypeVar("T")


class Requests:
    """One long-lived rtnetlink socket, opened at first use and again after a failure."""

    def __init__(self) -> None:
        self._socket: Any = None

    async def device(self, name: str) -> Device | None:
        """The interface of that name, or None.

        Raises:
            KernelError: the kernel refused.
        """
        _check(name)
        attempt = f"look at {name}"
        try:
            answer = await self._ask(
                attempt, lambda s: s.link(_GET_LINK, ifname=name, ext_mask=_SKIP_STATS)
            )
        except _RefusedError as error:
            if error.code in (errno.ENODEV, errno.ENXIO):
                return None
            raise
        return device(answer[0]) if answer else None

    async def placed(self) -> list[Placed]:
        """Every global host address (/32, /128) of the host, loopback's own and fe80 left out.

        Raises:
            KernelError: the kernel refused.
        """
        for _ in range(_ATTEMPTS):
            answer = await self._ask("list addresses", _all_addresses)
            # A dump during which something changed may have skipped an entry.
            if not any(message["header"]["flags"] & _DUMP_INTERRUPTED for message in answer):
                break
        return [found for message in answer if (found := placed(message)) is not None]

    async def set_up(self, name: str) -> None:
        """Set the interface administratively up.

        Raises:
            KernelError: it does not exist, or the kernel refused.
        """
        attempt = f"set {name} up"
        index = index_of(name, attempt)
        await self._ask(
            attempt, lambda s: s.link("set", index=index, flags=_IFF_UP, change=_IFF_UP)
        )

    async def set_down(self, name: str) -> None:
        """Set the interface administratively down; that it does not exist is no error.

        Raises:
            KernelError: the kernel refused.
        """
        attempt = f"set {name} down"
        try:
            index = index_of(name, attempt)
            await self._ask(attempt, lambda s: s.link("set", index=index, flags=0, change=_IFF_UP))
        except _RefusedError as error:
            if error.code not in (errno.ENODEV, errno.ENXIO):
                raise

    async def carrier_off(self, name: str) -> None:
        """Take the carrier off an interface whose driver permits it (dummy).

        Raises:
            KernelError: it does not exist, or its driver does not permit it.
        """
        attempt = f"take the carrier off {name}"
        index = index_of(name, attempt)
        # As an attribute of its own: pyroute2 drops the keyword carrier from a change.
        attributes = [("IFLA_CARRIER", 0)]
        await self._ask(attempt, lambda s: s.link("set", index=index, attrs=attributes))

    async def dormant(self, name: str) -> None:
        """Have an interface that has just been made count as not running, and at once.

        Without carrier it does so anyway, but only once the kernel has looked, which it does once a
        second at most; until then its operational state is unknown, which counts as running.

        Source: Documentation/networking/operstates.rst.

        Raises:
            KernelError: it does not exist, or the kernel refused.
        """
        attempt = f"make {name} dormant"
        index = index_of(name, attempt)
        attributes = [("IFLA_OPERSTATE", _IF_OPER_DORMANT)]
        await self._ask(attempt, lambda s: s.link("set", index=index, attrs=attributes))

    async def make_dummy(self, name: str) -> None:
        """Make a dummy interface, down.

        Raises:
            KernelError: the kernel has none, or refused.
        """
        _check(name)
        try:
            await self._ask(
                f"create dummy {name}", lambda s: s.link("add", ifname=name, kind="dummy")
            )
        except _RefusedError as error:
            if error.code == errno.EOPNOTSUPP:
                raise KernelError(
                    f"cannot create dummy {name}: this kernel has no dummy interfaces"
                ) from error
            raise

    async def unmake(self, name: str) -> None:
        """Remove a virtual interface; that it is gone already is no error.

        Raises:
            KernelError: the kernel refused.
        """
        _check(name)
        try:
            await self._ask(f"remove {name}", lambda s: s.link("del", ifname=name))
        except _RefusedError as error:
            if error.code not in (errno.ENODEV, errno.ENXIO):
                raise

    async def add(self, name: str, address: Address, metric: int | None) -> None:
        """Put the address on the interface, as /32 or /128, without duplicate address detection.

        One that is there already is left as it is, lifetime and all: a refresh would make ospfd
        drop and announce it again.

        Raises:
            KernelError: the interface does not exist, or the kernel refused.
        """
        # Not marked deprecated, so that no routing daemon can stumble over it: RFC 6724 rule 5
        # keeps it from being a source anyway, where the outgoing interface has an address.
        spec: dict[str, Any] = {} if metric is None else {"rt_priority": metric}
        if isinstance(address, IPv6Address):
            spec["flags"] = _IFA_F_NODAD
        try:
            await self._address("add", name, address, **spec)
        except _RefusedError as error:
            if error.code != errno.EEXIST:
                raise

    async def remove(self, name: str, address: Address) -> None:
        """Take the address off; that it, or the interface, is not there is no error.

        Raises:
            KernelError: the kernel refused.
        """
        try:
            await self._address("del", name, address)
        except _RefusedError as error:
            if error.code not in (errno.EADDRNOTAVAIL, errno.ENODEV, errno.ENXIO):
                raise

    async def close(self) -> None:
        """Close the socket."""
        self._drop()
        await asyncio.sleep(0)  # the transport lets go of the file in the loop's next turn

    async def _address(self, command: str, name: str, address: Address, **spec: Any) -> None:
        words = {"add": "put {} on {}", "del": "take {} off {}"}
        attempt = words[command].format(address, name)
        index = index_of(name, attempt)
        length = address.max_prefixlen
        text = str(address)
        await self._ask(
            attempt,
            lambda s: s.addr(command, index=index, address=text, prefixlen=length, **spec),
        )

    async def _ask(self, attempt: str, question: Callable[[Any], Awaitable[T]]) -> T:
        """Put the question within `DEADLINE`, every failure turned into a `KernelError`."""
        try:
            if self._socket is None:
                self._socket = AsyncIPRoute()
            async with asyncio.timeout(DEADLINE):
                return await question(self._socket)
        except TimeoutError as error:
            self._drop()
            raise KernelError(
                f"cannot {attempt}: no answer from the kernel within {DEADLINE:g} s"
            ) from error
        except NetlinkError as error:
            raise _RefusedError(attempt, error.code, str(error.args[-1])) from error
        except OSError as error:  # the socket itself: the next question gets another one
            self._drop()
            raise refusal(attempt, error.errno or 0) from error
        except NetlinkDecodeError as error:
            raise KernelError(f"cannot {attempt}: unreadable answer ({error})") from error

    def _drop(self) -> None:
        if self._socket is not None:
            sock, self._socket = self._socket, None
            sock.close()


class _RefusedError(KernelError):
    """A `KernelError` whose errno matters to the caller."""

    def __init__(self, attempt: str, code: int, detail: str) -> None:
        super().__init__(str(refusal(attempt, code, detail)))
        self.code = code


def index_of(name: str, attempt: str) -> int:
    """The interface's number, in the network namespace of this thread.

    Raises:
        KernelError: there is no such interface.
    """
    _check(name)
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise _RefusedError(attempt, errno.ENODEV, "") from error


def _check(name: str) -> None:
    if not 0 < len(os.fsencode(name)) < IFNAMSIZ:
        raise KernelError(f"{name!r} is no interface name: at most {IFNAMSIZ - 1} bytes")


async def _all_addresses(sock: Any) -> list[Any]:
    return [message async for message in await sock.addr("dump")]
