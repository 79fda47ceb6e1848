"""The exchange with the kernel about IPVS, over generic netlink.

Nothing here waits for what nobody asked for: IPVS has no notifications.

Source: include/uapi/linux/genetlink.h.
"""

import errno
from typing import Any

from pyroute2.netlink import CTRL_CMD_GETFAMILY, GENL_ID_CTRL, NETLINK_GENERIC, ctrlmsg
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nlsocket import AsyncNetlinkSocket

from anycast_wrapper.gateway.exchange import Exchange
from anycast_wrapper.gateway.ports import ForwardingError

from .messages import FAMILY, IpvsMessage

GONE = (errno.ESRCH, errno.ENODEV, errno.ENXIO, errno.EADDRNOTAVAIL)
"""What is said of a route, an interface or an address that is not there."""


class IpvsExchange(Exchange):
    """An `Exchange` with the family of IPVS, whose number is the kernel's to choose."""

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
