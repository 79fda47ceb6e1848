"""The kernel's table of virtual services: read, and changed step by step.

Source: net/netfilter/ipvs/ip_vs_ctl.c of Linux 6.18.
"""

import errno
from collections.abc import Collection
from typing import Any

from anycast_wrapper.gateway.exchange import ACK, CREATE, DUMP, EXCLUSIVE, RefusedError
from anycast_wrapper.gateway.ports import ForwardingError

from .exchange import IpvsExchange
from .messages import (
    DEL_DEST,
    DEL_SERVICE,
    GET_DEST,
    GET_SERVICE,
    NEW_DEST,
    NEW_SERVICE,
    SET_DEST,
    SET_SERVICE,
    message,
    real_in,
    virtual_in,
)
from .model import Carried, Manner, Virtual
from .planning import Change

_GONE = (errno.ESRCH, errno.ENOENT)
_FLAGS = {
    NEW_SERVICE: ACK | CREATE | EXCLUSIVE,
    NEW_DEST: ACK | CREATE | EXCLUSIVE,
    SET_SERVICE: ACK,
    SET_DEST: ACK,
    DEL_SERVICE: ACK,
    DEL_DEST: ACK,
}


class Services:
    """Virtual services and their real servers, in the network namespace of this thread."""

    def __init__(self) -> None:
        self._exchange = IpvsExchange()

    async def listed(self) -> dict[Virtual, Manner]:
        """Every virtual service that has an address; those by a packet's mark are left out.

        Raises:
            ForwardingError: the kernel has no IPVS, or cannot be asked.
        """
        answer = await self._ask("list virtual services", message(GET_SERVICE), DUMP)
        return dict(one for received in answer if (one := virtual_in(received)) is not None)

    async def read(self, wanted: Collection[Virtual]) -> dict[Virtual, Carried]:
        """Those of these that are there, as a whole.

        Raises:
            ForwardingError: the kernel has no IPVS, or cannot be asked.
        """
        found: dict[Virtual, Carried] = {}
        for virtual, manner in (await self.listed()).items():
            if virtual not in wanted:
                continue
            try:
                answer = await self._ask(
                    f"list the servers of {virtual}", message(GET_DEST, virtual), DUMP
                )
            except RefusedError as error:
                if error.code in _GONE:  # since the line before
                    continue
                raise
            reals = (real_in(received, virtual) for received in answer)
            found[virtual] = Carried(manner, dict(one for one in reals if one is not None))
        return found

    async def perform(self, change: Change) -> None:
        """Do one step; that what is to be removed is gone already is no error.

        Raises:
            ForwardingError: the kernel refused.
        """
        made = message(change.command, change.virtual, change.manner, change.real, change.share)
        try:
            await self._ask(str(change), made, _FLAGS[change.command])
        except RefusedError as error:
            if error.code in _GONE and change.command in (DEL_SERVICE, DEL_DEST):
                return
            if error.code == errno.ENOENT and change.manner is not None:
                raise ForwardingError(
                    f"cannot {change}: this kernel has no scheduler {change.manner.scheduler!r}"
                ) from None
            raise

    def close(self) -> None:
        """Close the socket."""
        self._exchange.close()

    async def _ask(self, attempt: str, question: Any, flags: int) -> list[Any]:
        return await self._exchange.ask(attempt, question, None, flags)
