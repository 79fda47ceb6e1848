"""Where a service address is delivered: here, by a local route, which is also our mark.

IPVS only sees what is delivered to this host, so the kernel must take the address for its own. The
route ``local ADDRESS dev lo table local proto N`` does that, also where no interface has the
address, and no routing daemon sees it. And it says whose a virtual service is, as IPVS has no owner
field: ours exactly if this route is there. It comes first and goes last.

Source: rtnetlink(7), net/ipv4/arp.c of Linux 6.18.
"""

import errno
import socket
from ipaddress import ip_address
from typing import Any

from pyroute2.netlink.rtnl.rtmsg import rtmsg

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.exchange import (
    ACK,
    CREATE,
    DUMP,
    EXCLUSIVE,
    FAMILIES,
    Exchange,
    RefusedError,
    fine,
)

from .exchange import GONE

_NEWROUTE, _DELROUTE, _GETROUTE = 24, 25, 26
_UNICAST, _LOCAL = 1, 2  # RTN_*
_TABLE_LOCAL = 255
_SCOPE_HOST = 254
_METRIC = 50
"""Not the kernel's own 0, so that an address on an interface and the mark can both be there."""


class Marks:
    """The local routes, and the way to servers, in the network namespace of this thread.

    Args:
        exchange: with rtnetlink.
        protocol: of the local routes.
    """

    def __init__(self, exchange: Exchange, protocol: int) -> None:
        self._exchange = exchange
        self._protocol = protocol

    async def marked(self) -> set[Address]:
        """The addresses that have our mark.

        Raises:
            ForwardingError: the kernel cannot be asked.
        """
        found: set[Address] = set()
        for number in FAMILIES.values():
            for route in await self._local_routes(number):
                ours = route["proto"] == self._protocol and route["type"] == _LOCAL
                destination = route.get_attr("RTA_DST")
                if ours and destination is not None:
                    address = ip_address(destination)
                    if route["dst_len"] == address.max_prefixlen:
                        found.add(address)
        return found

    async def _local_routes(self, number: int) -> list[Any]:
        question = self._route(number)
        try:
            return await self._exchange.ask("list local routes", question, _GETROUTE, DUMP)
        except RefusedError as error:
            # The table is made with its first route, where loopback never was up.
            if error.code == errno.ENOENT:
                return []
            raise

    async def mark(self, address: Address) -> None:
        """Let the kernel deliver the address here; that it does already is no error.

        Raises:
            ForwardingError: the kernel refused.
        """
        with fine(errno.EEXIST):
            await self._exchange.ask(
                f"deliver {address} here",
                self._mark(address),
                _NEWROUTE,
                ACK | CREATE | EXCLUSIVE,
            )

    async def unmark(self, address: Address) -> None:
        """Undo `mark`; that there is none is no error.

        Raises:
            ForwardingError: the kernel refused.
        """
        attempt = f"no longer deliver {address} here"
        with fine(*GONE):
            await self._exchange.ask(attempt, self._mark(address), _DELROUTE, ACK)

    async def obstacle(self, server: Address, *, behind_routers: bool) -> str | None:
        """Why packets cannot be handed to a server, or None.

        Args:
            server: its address.
            behind_routers: whether there may be a router between; a packet that still has the
                service address would come back from there.

        Raises:
            ForwardingError: the kernel cannot be asked.
        """
        question = rtmsg()
        question["family"] = FAMILIES[server.version]
        question["dst_len"] = server.max_prefixlen
        question["attrs"] = [("RTA_DST", str(server))]
        try:
            (route,) = await self._exchange.ask(f"find {server}", question, _GETROUTE, 0)
        except RefusedError:
            return f"there is no route to {server}"
        if route["type"] not in (_UNICAST, _LOCAL):
            return f"the route to {server} leads to no host"
        router = route.get_attr("RTA_GATEWAY") or route.get_attr("RTA_VIA")
        if router is not None and not behind_routers:
            return f"{server} is behind a router, where only a tunnel leads"
        return None

    def _route(self, number: int) -> Any:
        message = rtmsg()
        message["family"] = number
        message["table"] = _TABLE_LOCAL
        message["proto"] = self._protocol
        return message

    def _mark(self, address: Address) -> Any:
        message = self._route(FAMILIES[address.version])
        message["type"] = _LOCAL
        message["scope"] = _SCOPE_HOST if address.version == 4 else 0
        message["dst_len"] = address.max_prefixlen
        message["attrs"] = [
            ("RTA_DST", str(address)),
            ("RTA_OIF", socket.if_nametoindex("lo")),
            ("RTA_PRIORITY", _METRIC),
        ]
        return message
