"""How a datagram of rtnetlink is read without a library, and the numbers that this takes.

For what hears of every route of a router with a full table, or looks through all of them: a library
decodes every attribute of every message, at a hundred times the cost.

Source: netlink(7), rtnetlink(7), include/uapi/linux/netlink.h and rtnetlink.h.
"""

import struct
from collections.abc import Iterator

SOL_NETLINK = 270
ADD_MEMBERSHIP, DROP_MEMBERSHIP = 1, 2
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER = 4 * 1024 * 1024
"""Bytes that the kernel keeps for a subscriber: enough to outlive a pause of ours."""

BATCH = 256
"""Datagrams that are read before the loop does something else."""

DATAGRAM = 65536
"""Bytes that one has at most."""

LINK_GROUP, NEXTHOP_GROUP = 1, 32  # RTNLGRP_LINK, RTNLGRP_NEXTHOP (since Linux 5.3)
ADDRESS_GROUPS = (5, 9)  # RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR
ROUTE_GROUPS = (7, 11)  # RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE

LINKS = frozenset({16, 17})  # RTM_NEWLINK, RTM_DELLINK
ADDRESSES = frozenset({20, 21})  # RTM_NEWADDR, RTM_DELADDR
ROUTES = frozenset({24, 25})  # RTM_NEWROUTE, RTM_DELROUTE
NEXTHOPS = frozenset({104, 105})  # RTM_NEWNEXTHOP, RTM_DELNEXTHOP

HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, port."""

ROUTE = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags."""

_ATTRIBUTE = struct.Struct("=HH")
_KIND = 0x3FFF  # NLA_TYPE_MASK


def messages(data: bytes) -> Iterator[tuple[int, int, int, memoryview]]:
    """The messages of one datagram: type, flags, port, and what follows the header."""
    view = memoryview(data)
    offset = 0
    while offset + HEADER.size <= len(view):
        length, kind, flags, _, port = HEADER.unpack_from(view, offset)
        if length < HEADER.size:
            return
        yield kind, flags, port, view[offset + HEADER.size : offset + length]
        offset += (length + 3) & ~3


def attribute(view: memoryview, wanted: int) -> memoryview | None:
    """The value of one of the attributes that follow a message's fixed part, if it is there."""
    offset = 0
    while offset + _ATTRIBUTE.size <= len(view):
        length, kind = _ATTRIBUTE.unpack_from(view, offset)
        if length < _ATTRIBUTE.size:
            return None
        if kind & _KIND == wanted:
            return view[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return None
