"""Who a route's protocol number belongs to, for people.

Source: include/uapi/linux/rtnetlink.h (RTPROT_*), zebra/rt_netlink.h of FRR.
"""

_NAMES = {
    2: "kernel",
    3: "boot",
    4: "static",
    9: "ra",
    11: "zebra",
    12: "bird",
    16: "dhcp",
    18: "keepalived",
    42: "babel",
    99: "openr",
    186: "bgp",
    187: "isis",
    188: "ospf",
    189: "rip",
    192: "eigrp",
    196: "zebra static",
}


def owner(protocol: int) -> str:
    """Such as ``protocol static``, or ``protocol 77``."""
    return f"protocol {_NAMES.get(protocol, protocol)}"
