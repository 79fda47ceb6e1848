"""What is ours in the kernel: read, made, replaced, removed. One exchange each."""

import errno
import struct
from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.exchange import (
    ACK,
    CREATE,
    EXCLUSIVE,
    FAMILIES,
    REPLACE,
    RefusedError,
    fine,
)

from .exchange import NexthopExchange
from .messages import (
    RTM_DELNEXTHOP,
    RTM_GETNEXTHOP,
    RTM_NEWNEXTHOP,
    NexthopMessage,
    RouteMessage,
)
from .model import FIRST_ID, LAST_ID, Found, Group, Hop, Route
from .owners import owner
from .reading import found
from .writing import (
    group_message,
    hop_message,
    lookup_message,
    number_message,
    removal_message,
    route_message,
)

_NEWROUTE, _DELROUTE, _GETROUTE = 24, 25, 26
_GONE = (errno.ENOENT, errno.ESRCH, errno.ENODEV)
_READ = "read the routing table"
# Where a message that was dumped has what it is known by, before anything is decoded.
_MAKER, _ID = 18, 28  # nh_protocol, and NHA_ID, which comes first
_LENGTH, _OWNER = 17, 21  # rtm_dst_len, rtm_protocol
_NUMBER = struct.Struct("=I")
_NO_OBJECTS = (errno.EOPNOTSUPP, errno.EINVAL)


class Objects:
    """Our things in the kernel.

    Args:
        exchange: the socket.
        protocol: the number that marks what is ours.
    """

    def __init__(self, exchange: NexthopExchange, protocol: int) -> None:
        self._exchange = exchange
        self._protocol = protocol

    async def read(self) -> Found:
        """Everything of ours, in every table.

        Raises:
            ForwardingError: the kernel cannot be asked.
        """
        try:
            nexthops = await self._exchange.dump(
                "list the next-hop objects",
                NexthopMessage,
                RTM_GETNEXTHOP,
                self._exchange.leaving_out(self._strange),
            )
        except RefusedError as error:
            if error.code not in _NO_OBJECTS:
                raise
            nexthops = []  # before Linux 5.3
        routes: list[Any] = []
        for family in FAMILIES.values():
            routes += await self._routes(family)
        return found(nexthops, routes, self._protocol)

    async def add_hop(self, number: int, hop: Hop) -> None:
        """Make a next-hop object.

        Raises:
            ForwardingError: the kernel refused, such as for an interface without carrier.
        """
        message = hop_message(number, hop, self._protocol)
        attempt = f"make a next hop {hop.gateway}"
        await self._exchange.ask(attempt, message, RTM_NEWNEXTHOP, ACK | CREATE | EXCLUSIVE)

    async def put_group(self, number: int, group: Group, *, replace: bool) -> None:
        """Make a group, or give the one that there is other members or timers.

        Raises:
            ForwardingError: the kernel refused.
        """
        message = group_message(number, group, self._protocol)
        flags = ACK | (REPLACE if replace else CREATE | EXCLUSIVE)
        await self._exchange.ask("make a next-hop group", message, RTM_NEWNEXTHOP, flags)

    async def put_route(self, route: Route, *, replace: bool) -> None:
        """Make a route, or lead the one that there is elsewhere.

        Raises:
            ForwardingError: the kernel refused; `RefusedError` with EEXIST if there is one.
        """
        message = route_message(route, self._protocol)
        flags = ACK | (REPLACE if replace else CREATE | EXCLUSIVE)
        await self._exchange.ask(f"route {route.address}", message, _NEWROUTE, flags)

    async def remove(self, number: int) -> None:
        """Remove an object or a group; that it is gone already is no error.

        Raises:
            ForwardingError: the kernel refused.
        """
        with fine(*_GONE):
            message = number_message(number)
            await self._exchange.ask("remove a next hop", message, RTM_DELNEXTHOP, ACK)

    async def remove_route(self, route: Route) -> None:
        """Remove a route of ours; that it is gone already is no error.

        Raises:
            ForwardingError: the kernel refused.
        """
        with fine(*_GONE):
            message = removal_message(route, self._protocol)
            attempt = f"remove the route to {route.address}"
            await self._exchange.ask(attempt, message, _DELROUTE, ACK)

    async def owner(self, route: Route) -> str | None:
        """Who else has a route in this one's place, or None. Reads the whole table.

        Raises:
            ForwardingError: the kernel cannot be asked.
        """
        width = route.address.max_prefixlen
        parser = self._exchange.leaving_out(lambda data, at: data[at + _LENGTH] != width)

        def question() -> Any:
            message = RouteMessage()
            message["family"] = FAMILIES[route.address.version]
            message["attrs"] = [["RTA_TABLE", route.table]]
            return message

        place = (str(route.address), route.table, route.metric)
        for message in await self._exchange.dump(_READ, question, _GETROUTE, parser):
            table = message.get_attr("RTA_TABLE") or message["table"]
            metric = message.get_attr("RTA_PRIORITY") or 0
            there = (message.get_attr("RTA_DST"), table, metric)
            if there == place and message["proto"] != self._protocol:
                return owner(message["proto"])
        return None

    async def lookup(self, address: Address, *, match: bool) -> Any:
        """How a packet to the address would go: see `writing.lookup_message`.

        Raises:
            RefusedError: it would not.
            ForwardingError: the kernel cannot be asked.
        """
        message = lookup_message(address, match=match)
        answer = await self._exchange.ask(f"find a route to {address}", message, _GETROUTE, 0)
        return answer[0]

    async def _routes(self, family: int) -> list[Any]:
        """Our routes in every table."""
        parser = self._exchange.leaving_out(lambda data, at: data[at + _OWNER] != self._protocol)

        def question() -> Any:
            message = RouteMessage()
            message["family"] = family
            message["proto"] = self._protocol
            return message

        return await self._exchange.dump(_READ, question, _GETROUTE, parser)

    def _strange(self, data: bytes, at: int) -> bool:
        """Whether an object is not ours and has no id of ours."""
        (number,) = _NUMBER.unpack_from(data, at + _ID)
        return data[at + _MAKER] != self._protocol and not FIRST_ID <= number <= LAST_ID
