"""The netlink messages of IPVS, which are between those of pyroute2 and what we need.

pyroute2's own decode addresses by a family that comes later in the message, and all statistics with
it, at three times the cost; and they have no way to say an IPv6 service's prefix.

Source: include/uapi/linux/ip_vs.h, net/netfilter/ipvs/ip_vs_ctl.c of Linux 6.18.
"""

import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from pyroute2.netlink import genlmsg, nla

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.exchange import FAMILIES

from .model import SETTABLE, Manner, Method, Share, Virtual

FAMILY = "IPVS"
VERSION = 1

NEW_SERVICE, SET_SERVICE, DEL_SERVICE, GET_SERVICE = 1, 2, 3, 4
NEW_DEST, SET_DEST, DEL_DEST, GET_DEST = 5, 6, 7, 8

_ADDRESS_ROOM = 16  # union nf_inet_addr, for both families
_WHOLE = 0xFFFFFFFF  # of an IPv4 address; the kernel wants a length for IPv6


class IpvsMessage(genlmsg):  # type: ignore[misc] # pyroute2 has no types
    """A virtual service, a real server, or both: struct genlmsghdr and the IPVS_* attributes."""

    __slots__ = ()
    prefix = "IPVS_CMD_ATTR_"
    nla_map = (
        ("IPVS_CMD_ATTR_UNSPEC", "none"),
        ("IPVS_CMD_ATTR_SERVICE", "service"),
        ("IPVS_CMD_ATTR_DEST", "dest"),
    )

    class service(nla):  # type: ignore[misc] # noqa: N801 - how nla_map names a type
        """A virtual service."""

        __slots__ = ()
        prefix = "IPVS_SVC_ATTR_"
        nla_map = (
            ("IPVS_SVC_ATTR_UNSPEC", "none"),
            ("IPVS_SVC_ATTR_AF", "uint16"),
            ("IPVS_SVC_ATTR_PROTOCOL", "uint16"),
            ("IPVS_SVC_ATTR_ADDR", "cdata"),
            ("IPVS_SVC_ATTR_PORT", "be16"),
            ("IPVS_SVC_ATTR_FWMARK", "uint32"),
            ("IPVS_SVC_ATTR_SCHED_NAME", "asciiz"),
            ("IPVS_SVC_ATTR_FLAGS", "flags"),
            ("IPVS_SVC_ATTR_TIMEOUT", "uint32"),
            ("IPVS_SVC_ATTR_NETMASK", "uint32"),
        )

        class flags(nla):  # type: ignore[misc] # noqa: N801
            """struct ip_vs_flags."""

            __slots__ = ()
            fields = (("flags", "I"), ("mask", "I"))

    class dest(nla):  # type: ignore[misc] # noqa: N801
        """A real server."""

        __slots__ = ()
        prefix = "IPVS_DEST_ATTR_"
        nla_map = (
            ("IPVS_DEST_ATTR_UNSPEC", "none"),
            ("IPVS_DEST_ATTR_ADDR", "cdata"),
            ("IPVS_DEST_ATTR_PORT", "be16"),
            ("IPVS_DEST_ATTR_FWD_METHOD", "uint32"),
            ("IPVS_DEST_ATTR_WEIGHT", "uint32"),
            ("IPVS_DEST_ATTR_U_THRESH", "uint32"),
            ("IPVS_DEST_ATTR_L_THRESH", "uint32"),
            ("IPVS_DEST_ATTR_ACTIVE_CONNS", "none"),
            ("IPVS_DEST_ATTR_INACT_CONNS", "none"),
            ("IPVS_DEST_ATTR_PERSIST_CONNS", "none"),
            ("IPVS_DEST_ATTR_STATS", "none"),
            ("IPVS_DEST_ATTR_ADDR_FAMILY", "uint16"),
        )


def message(
    command: int,
    virtual: Virtual | None = None,
    manner: Manner | None = None,
    real: Address | None = None,
    share: Share | None = None,
) -> Any:
    """What to send.

    Args:
        command: `NEW_SERVICE` and so on.
        virtual: which virtual service; None for all, in a question.
        manner: what it is to be like, in `NEW_SERVICE` and `SET_SERVICE`.
        real: which real server of it; it has the port of the virtual service.
        share: what that is to get, in `NEW_DEST` and `SET_DEST`.
    """
    attributes: list[tuple[str, Any]] = []
    if virtual is not None:
        attributes.append(("IPVS_CMD_ATTR_SERVICE", {"attrs": _service(virtual, manner)}))
        if real is not None:
            attributes.append(("IPVS_CMD_ATTR_DEST", {"attrs": _dest(virtual, real, share)}))
    made = IpvsMessage()
    made["cmd"] = command
    made["version"] = VERSION
    made["attrs"] = attributes
    return made


def _service(virtual: Virtual, manner: Manner | None) -> list[tuple[str, Any]]:
    address = virtual.address
    found: list[tuple[str, Any]] = [
        ("IPVS_SVC_ATTR_AF", FAMILIES[address.version]),
        ("IPVS_SVC_ATTR_PROTOCOL", virtual.transport),
        ("IPVS_SVC_ATTR_ADDR", _packed(address)),
        ("IPVS_SVC_ATTR_PORT", virtual.port),
    ]
    if manner is not None:
        mask = _WHOLE if address.version == 4 else address.max_prefixlen
        found += [
            ("IPVS_SVC_ATTR_SCHED_NAME", manner.scheduler),
            ("IPVS_SVC_ATTR_FLAGS", {"flags": manner.flags, "mask": SETTABLE}),
            ("IPVS_SVC_ATTR_TIMEOUT", 0),
            ("IPVS_SVC_ATTR_NETMASK", mask),
        ]
    return found


def _dest(virtual: Virtual, real: Address, share: Share | None) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [
        ("IPVS_DEST_ATTR_ADDR", _packed(real)),
        ("IPVS_DEST_ATTR_PORT", virtual.port),
        ("IPVS_DEST_ATTR_ADDR_FAMILY", FAMILIES[real.version]),
    ]
    if share is not None:
        found += [
            ("IPVS_DEST_ATTR_FWD_METHOD", int(share.method)),
            ("IPVS_DEST_ATTR_WEIGHT", share.weight),
            ("IPVS_DEST_ATTR_U_THRESH", 0),
            ("IPVS_DEST_ATTR_L_THRESH", 0),
        ]
    return found


def virtual_in(received: Any) -> tuple[Virtual, Manner] | None:
    """The virtual service of a message; None for one by a packet's mark, or one unreadable."""
    values = _values(received, "IPVS_CMD_ATTR_SERVICE", "IPVS_SVC_ATTR_")
    address = _address(values.get("ADDR"), values.get("AF"))
    if address is None or not {"PROTOCOL", "PORT", "SCHED_NAME"} <= values.keys():
        return None
    flags = values["FLAGS"]["flags"] & SETTABLE if "FLAGS" in values else 0
    virtual = Virtual(address, int(values["PROTOCOL"]), int(values["PORT"]))
    return virtual, Manner(str(values["SCHED_NAME"]), flags)


def real_in(received: Any, virtual: Virtual) -> tuple[Address, Share] | None:
    """The real server of a message; None for one that could not be ours, or one unreadable."""
    values = _values(received, "IPVS_CMD_ATTR_DEST", "IPVS_DEST_ATTR_")
    # Older than 3.18: all have the family of their service.
    family = values.get("ADDR_FAMILY", FAMILIES[virtual.address.version])
    address = _address(values.get("ADDR"), family)
    if address is None or values.get("PORT") != virtual.port:
        return None
    try:
        return address, Share(int(values["WEIGHT"]), Method(values["FWD_METHOD"]))
    except (KeyError, ValueError):
        return None


def _values(received: Any, name: str, prefix: str) -> Mapping[str, Any]:
    found = received.get_attr(name)
    if found is None:
        return {}
    return {key.removeprefix(prefix): value for key, value in found["attrs"]}


def _packed(address: Address) -> bytes:
    return address.packed.ljust(_ADDRESS_ROOM, b"\0")


def _address(value: bytes | None, family: int | None) -> Address | None:
    if value is None or len(value) < _ADDRESS_ROOM:
        return None
    if family == socket.AF_INET:
        return IPv4Address(bytes(value[:4]))
    if family == socket.AF_INET6:
        return IPv6Address(bytes(value[:16]))
    return None
