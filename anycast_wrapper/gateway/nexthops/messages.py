"""The netlink messages that pyroute2 does not know: next-hop objects, and routes that name one.

Source: include/uapi/linux/nexthop.h and rtnetlink.h of Linux 6.18, net/ipv4/nexthop.c.
"""

import struct
from collections.abc import Sequence

from pyroute2.netlink import NLA_F_NESTED, nla, nlmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg_base

RTM_NEWNEXTHOP = 104
RTM_DELNEXTHOP = 105
RTM_GETNEXTHOP = 106

GROUP_PLAIN = 0
"""NEXTHOP_GRP_TYPE_MPATH: flows are spread anew whenever the group changes."""
GROUP_RESILIENT = 1
"""NEXTHOP_GRP_TYPE_RES: flows stay as long as their next hop does."""

TICKS = 100
"""A clock_t a second (USER_HZ): the unit of a group's timers."""

_ENTRY = struct.Struct("=IBBH")  # struct nexthop_grp: id, weight - 1, reserved


class NexthopMessage(nlmsg):  # type: ignore[misc] # pyroute2 has no types
    """A next-hop object or a group of them: struct nhmsg and the NHA_* attributes."""

    __slots__ = ()
    prefix = "NHA_"
    fields = (
        ("family", "B"),
        ("scope", "B"),
        ("protocol", "B"),
        ("resvd", "B"),
        ("flags", "I"),
    )
    nla_map = (
        ("NHA_UNSPEC", "none"),
        ("NHA_ID", "uint32"),
        ("NHA_GROUP", "cdata"),
        ("NHA_GROUP_TYPE", "uint16"),
        ("NHA_BLACKHOLE", "flag"),
        ("NHA_OIF", "uint32"),
        ("NHA_GATEWAY", "ipaddr"),
        ("NHA_ENCAP_TYPE", "uint16"),
        ("NHA_ENCAP", "hex"),
        ("NHA_GROUPS", "flag"),
        ("NHA_MASTER", "uint32"),
        ("NHA_FDB", "flag"),
        ("NHA_RES_GROUP", "resilience"),
    )

    class resilience(nla):  # type: ignore[misc] # noqa: N801 - how nla_map names a type
        """What a resilient group is told beside its members."""

        __slots__ = ()
        nla_flags = NLA_F_NESTED
        prefix = "NHA_RES_GROUP_"
        nla_map = (
            ("NHA_RES_GROUP_UNSPEC", "none"),
            ("NHA_RES_GROUP_BUCKETS", "uint16"),
            ("NHA_RES_GROUP_IDLE_TIMER", "uint32"),
            ("NHA_RES_GROUP_UNBALANCED_TIMER", "uint32"),
            ("NHA_RES_GROUP_UNBALANCED_TIME", "uint64"),
        )


class RouteMessage(rtmsg_base, nlmsg):  # type: ignore[misc] # pyroute2 has no types
    """A route, with the attributes that pyroute2's own class ends before.

    Not a kind of that class, `rtmsg`: once one of those has been made, pyroute2 takes what it knows
    of its attributes for what it knows of ours.
    """

    __slots__ = ()
    nla_map = (
        *rtmsg_base.nla_map,
        ("RTA_PAD", "hex"),
        ("RTA_UID", "uint32"),
        ("RTA_TTL_PROPAGATE", "uint8"),
        ("RTA_IP_PROTO", "uint8"),
        ("RTA_SPORT", "be16"),
        ("RTA_DPORT", "be16"),
        ("RTA_NH_ID", "uint32"),
    )


def packed(entries: Sequence[tuple[int, int]]) -> bytes:
    """NHA_GROUP's value, from (id, weight)."""
    return b"".join(_ENTRY.pack(number, weight - 1, 0, 0) for number, weight in entries)


def unpacked(value: bytes) -> tuple[tuple[int, int], ...]:
    """The (id, weight) of NHA_GROUP's value; a rest that is no entry is left out.

    Newer kernels keep the weight's upper byte in what is reserved here; we never set it.
    """
    whole = len(value) - len(value) % _ENTRY.size
    return tuple((number, low + 1) for number, low, *_ in _ENTRY.iter_unpack(value[:whole]))
