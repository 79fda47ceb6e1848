"""How a server is reached: asked of the routing table, and remembered until that changes."""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.exchange import RefusedError
from anycast_wrapper.gateway.model import Member

from .model import Hop
from .objects import Objects
from .reading import gateway

Lead = Hop | str
"""The next hop, or why there is none, for people."""

Prefix = tuple[int, int, int]
"""IP version, length in bits, and the prefix as a number of so many bits."""

_LOCAL, _BROADCAST, _ANYCAST, _MULTICAST = 2, 3, 4, 5  # RTN_*
_SIOCGIFFLAGS, _IFF_UP = 0x8913, 0x1
_NO_WAY = {7: "unreachable", 8: "prohibited", 6: "a black hole"}
_REFUSALS = {
    errno.EINVAL: "is a black hole",
    errno.EACCES: "is prohibited",
    errno.EHOSTUNREACH: "is unreachable",
}


class Leads:
    """The next hops of servers.

    Args:
        objects: who asks the kernel.
        protocol: our routes' number.
    """

    def __init__(self, objects: Objects, protocol: int) -> None:
        self._objects = objects
        self._protocol = protocol
        self._known: dict[tuple[Address, str | None], Lead] = {}

    @property
    def indexes(self) -> frozenset[int]:
        """The interfaces that servers are reached through."""
        return frozenset(lead.index for lead in self._known.values() if isinstance(lead, Hop))

    @property
    def lacking(self) -> bool:
        """Whether a server is not reached at all."""
        return any(isinstance(lead, str) for lead in self._known.values())

    async def find(self, member: Member) -> Lead:
        """The next hop for a member's address.

        Raises:
            ForwardingError: the kernel cannot be asked.
        """
        key = member.address, member.interface
        if key not in self._known:
            self._known[key] = await self._look(member)
        return self._known[key]

    def forget(self, prefixes: AbstractSet[Prefix] | None = None) -> bool:
        """A route changed, or anything may have; whether that concerns a server.

        Args:
            prefixes: of the routes; None for all there are.
        """
        if prefixes is None:
            gone = list(self._known)
        else:
            lengths = {(version, length) for version, length, _ in prefixes}
            gone = [key for key in self._known if _covering(key[0], lengths) & prefixes]
        for key in gone:
            del self._known[key]
        return bool(gone)

    async def _look(self, member: Member) -> Lead:
        if member.interface is not None:
            try:
                index = socket.if_nametoindex(member.interface)
            except OSError:
                return f"there is no interface {member.interface}"
            if not _is_up(member.interface):
                return f"the interface {member.interface} is down"
            # Through the server's address even so: on Ethernet, it is what ARP must ask for.
            return Hop(member.address, index, onlink=True)
        try:
            return await self._route(member.address)
        except RefusedError as error:
            if error.code in _REFUSALS:
                return f"the route to {member.address} {_REFUSALS[error.code]}"
            return f"there is no route to {member.address}"

    async def _route(self, address: Address) -> Lead:
        route = await self._objects.lookup(address, match=True)
        if (why := self._unfit(address, route)) is not None:
            return why
        # The route may be one of several ways; this is the one that a packet takes.
        way = await self._objects.lookup(address, match=False)
        index = way.get_attr("RTA_OIF")
        if index is None:
            return f"the route to {address} leads through no interface"
        return Hop(gateway(way) or address, index)

    def _unfit(self, address: Address, route: Any) -> str | None:
        """Why a route leads to no server, or None."""
        kind = route["type"]
        if route["proto"] == self._protocol:
            return f"the route to {address} is one of ours: it would come back to us"
        if kind in (_LOCAL, _ANYCAST):
            return f"{address} is this host itself"
        if kind in (_BROADCAST, _MULTICAST):
            return f"{address} is no host's"
        if kind in _NO_WAY:
            return f"the route to {address} is {_NO_WAY[kind]}"
        if route["dst_len"] == 0:
            # The router behind it would have to send the service address on, and would do so by
            # its own route, which is to us.
            return f"only the default route leads to {address}: it would come back to us"
        return None


def _is_up(interface: str) -> bool:
    """Whether an interface is set up: a multipath route with one that is not is refused as a whole.

    Source: netdevice(7), struct ifreq.
    """
    request = struct.pack("=16s24x", os.fsencode(interface))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            answer = fcntl.ioctl(sock, _SIOCGIFFLAGS, request)
        except OSError:
            return False
    return bool(struct.unpack_from("=16xH", answer)[0] & _IFF_UP)


def _covering(address: Address, lengths: Collection[tuple[int, int]]) -> set[Prefix]:
    """The prefixes of these lengths that the address is in."""
    width = address.max_prefixlen
    return {
        (version, length, int(address) >> (width - length))
        for version, length in lengths
        if version == address.version
    }
