"""The kernel's routes, read raw over netlink: what they are now, and when each one changed.

Raw, because the time stamp should follow the change by microseconds: parsing with a library takes
longer than the changes are apart.
"""

import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from anycast_wrapper.lab.namespace import Namespace

RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE = 0x40, 0x400
RTA_DST, RTA_GATEWAY, RTA_MULTIPATH, RTA_VIA = 1, 5, 9, 18
RT_TABLE_MAIN, RTN_UNICAST = 254, 1
RECEIVE_BUFFER = 4 << 20
SO_RCVBUFFORCE = 33


@dataclass(frozen=True)
class Route:
    """One route as a message describes it.

    Attributes:
        prefix: The destination, an address for a host route, ``default``, or ``ADDRESS/LENGTH``.
        family: 4 or 6.
        nexthops: The gateways it goes through; none when it was deleted.
    """

    prefix: str
    family: int
    nexthops: frozenset[str]


def routes(namespace: Namespace) -> list[Route]:
    """Every unicast route of the namespace's main table."""
    with namespace.within(_open) as channel:
        return list(dump(channel))


def _open() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC)


def subscribe() -> socket.socket:
    """A socket that hears of every change of a route in the caller's namespace."""
    channel = _open()
    channel.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    channel.bind((0, RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE))
    return channel


def dump(channel: socket.socket) -> Iterator[Route]:
    """Every route, asked for over a socket."""
    body = struct.pack("BBBBBBBBI", socket.AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0, 0)
    head = struct.pack("IHHII", 16 + len(body), RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
    channel.send(head + body)
    while True:
        data = channel.recv(1 << 16)
        yield from parse(data)
        if any(kind in (NLMSG_DONE, NLMSG_ERROR) for kind, _ in _messages(data)):
            return


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("IH", data, at)
        yield kind, data[at + 16 : at + length]
        at += (length + 3) & ~3


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("HH", data, at)
        if length < 4:
            return
        yield kind, data[at + 4 : at + length]
        at += (length + 3) & ~3


def parse(data: bytes) -> Iterator[Route]:
    """The unicast routes of the main table that a datagram speaks of."""
    for kind, body in _messages(data):
        if kind not in (RTM_NEWROUTE, RTM_DELROUTE):
            continue
        family, length, _, _, table, _, _, route_type = struct.unpack_from("8B", body)
        if route_type != RTN_UNICAST or table != RT_TABLE_MAIN:
            continue
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue
        attributes = dict(_attributes(body[12:]))
        prefix = "default"
        if RTA_DST in attributes:
            address = socket.inet_ntop(family, attributes[RTA_DST])
            host = length == (32 if family == socket.AF_INET else 128)
            prefix = address if host else f"{address}/{length}"
        hops = frozenset(_nexthops(family, attributes)) if kind == RTM_NEWROUTE else frozenset()
        yield Route(prefix, 4 if family == socket.AF_INET else 6, hops)


def _nexthops(family: int, attributes: Mapping[int, bytes]) -> Iterator[str]:
    if RTA_GATEWAY in attributes:
        yield socket.inet_ntop(family, attributes[RTA_GATEWAY])
    if RTA_VIA in attributes:
        via = attributes[RTA_VIA]
        yield socket.inet_ntop(struct.unpack_from("H", via)[0], via[2:])
    paths = attributes.get(RTA_MULTIPATH, b"")
    at = 0
    while at + 8 <= len(paths):
        length = struct.unpack_from("H", paths, at)[0]
        yield from _nexthops(family, dict(_attributes(paths[at + 8 : at + length])))
        at += (length + 3) & ~3
