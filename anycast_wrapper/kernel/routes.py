"""Which of some prefixes the main table has a working route for.

The kernel cannot be asked for one exact prefix, only for a whole table, and a host may carry a
full one. So the dump is read header by header and is given up (its socket closed) once all is
found; a default route comes first in both families. pyroute2, which decodes every attribute of
every route, would take minutes for what takes a second here.

Source: rtnetlink(7), include/uapi/linux/rtnetlink.h.
"""

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network, ip_network

from anycast_wrapper.core.model import Network
from anycast_wrapper.rtnetlink import (
    DATAGRAM,
    HEADER,
    ROUTE,
    SOL_NETLINK,
    attribute,
    messages,
)

from .errors import refusal

_NEXTHOP = struct.Struct("=HBBi")
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_RTM_GETROUTE = 26
_REQUEST_DUMP = 0x301
_DUMP_INTERRUPTED = 0x10
_MAIN = 254
_UNICAST = 1
_DST, _MULTIPATH, _TABLE = 1, 9, 15
_DEAD_OR_LINKDOWN = 0x01 | 0x10
_GET_STRICT_CHK = 12
_ATTEMPTS = 3


async def present(wanted: Collection[Network]) -> frozenset[Network]:
    """Those of the prefixes that the main table has, by a unicast route with a live next hop.

    Raises:
        KernelError: the kernel refused the dump.
    """
    found: set[Network] = set()
    for family, kind in ((socket.AF_INET, IPv4Network), (socket.AF_INET6, IPv6Network)):
        missing = {network for network in wanted if isinstance(network, kind)}
        for _ in range(_ATTEMPTS):
            if not missing:
                break
            seen, consistent = await _dump(family, missing)
            found |= seen
            missing -= seen
            if consistent:
                break
    return frozenset(found)


async def _dump(family: int, wanted: Collection[Network]) -> tuple[set[Network], bool]:
    """What one dump shows of the prefixes, and whether the table kept still meanwhile."""
    loop = asyncio.get_running_loop()
    found: set[Network] = set()
    consistent = True
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
            sock.setblocking(False)
            with contextlib.suppress(OSError):  # older than 4.20: every table comes, we choose
                sock.setsockopt(SOL_NETLINK, _GET_STRICT_CHK, 1)
            sock.send(_question(family))
            while len(found) < len(wanted):
                data = await loop.sock_recv(sock, DATAGRAM)
                for kind, flags, _, message in messages(data):
                    consistent = consistent and not flags & _DUMP_INTERRUPTED
                    if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                        _verify(message)
                        return found, consistent
                    found |= _usable(message, family, wanted)
                # A long dump shall not keep the loop from withdrawing, nor a deadline from us.
                await asyncio.sleep(0)
    except OSError as error:
        raise refusal("read the routing table", error.errno or 0) from error
    return found, consistent


def _question(family: int) -> bytes:
    body = ROUTE.pack(family, 0, 0, 0, _MAIN, 0, 0, 0, 0)
    return HEADER.pack(HEADER.size + len(body), _RTM_GETROUTE, _REQUEST_DUMP, 1, 0) + body


def _verify(end: memoryview) -> None:
    """Raise what the last message of a dump reports, other than a table without any route."""
    code = -struct.unpack_from("=i", end)[0] if len(end) >= 4 else 0
    if code not in (0, errno.ENOENT):
        raise OSError(code, os.strerror(code))


def _usable(message: memoryview, family: int, wanted: Collection[Network]) -> set[Network]:
    """The route's prefix, if it is wanted, of the main table, and packets can leave over it."""
    if len(message) < ROUTE.size or all(message[1] != network.prefixlen for network in wanted):
        return set()
    route_family, dst_len, _, _, table, _, _, route_type, flags = ROUTE.unpack_from(message)
    if route_family != family or route_type != _UNICAST or flags & _DEAD_OR_LINKDOWN:
        return set()
    rest = message[ROUTE.size :]
    if (number := attribute(rest, _TABLE)) is not None:
        table = struct.unpack("=I", number)[0]
    if table != _MAIN:
        return set()
    if (nexthops := attribute(rest, _MULTIPATH)) is not None and not _any_alive(nexthops):
        return set()
    width = 4 if family == socket.AF_INET else 16
    prefix = attribute(rest, _DST)
    packed = bytes(width) if prefix is None else bytes(prefix)
    return {network for network in wanted if network == ip_network((packed, dst_len))}


def _any_alive(nexthops: memoryview) -> bool:
    """Whether one of an RTA_MULTIPATH's next hops has a link."""
    offset = 0
    while offset + _NEXTHOP.size <= len(nexthops):
        length, flags, _, _ = _NEXTHOP.unpack_from(nexthops, offset)
        if not flags & _DEAD_OR_LINKDOWN:
            return True
        if length < _NEXTHOP.size:
            return False
        offset += (length + 3) & ~3
    return False
