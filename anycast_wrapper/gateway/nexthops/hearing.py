"""What the kernel says by itself, as far as it concerns what we made.

A plain netlink socket, read by the event loop, instead of pyroute2's: only a few bytes of each
message matter here, a router that learns a full table sends hundreds of thousands of them, and the
socket must survive an overrun (ENOBUFS).

The kernel removes the next-hop objects of an interface that goes down or loses its carrier, and
with the last one the group and its route, and tells nothing but that the link changed: see
``nexthop_flush_dev`` in net/ipv4/nexthop.c.

Source: netlink(7), rtnetlink(7), include/uapi/linux/rtnetlink.h and nexthop.h.
"""

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from anycast_wrapper.gateway.ports import ForwardingError

from .model import FIRST_ID, LAST_ID

_SOL_NETLINK = 270
_ADD_MEMBERSHIP = 1
_SO_RCVBUFFORCE = 33
_RCVBUF = 4 * 1024 * 1024
_BATCH = 256
_BUFFER = 65536

# RTNLGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE, _NEXTHOP (since 5.3)
_GROUPS = (1, 5, 7, 9, 11, 32)
_LINKS = frozenset({16, 17})  # RTM_NEWLINK, RTM_DELLINK
_ADDRESSES = frozenset({20, 21})  # RTM_NEWADDR, RTM_DELADDR
_ROUTES = frozenset({24, 25})  # RTM_NEWROUTE, RTM_DELROUTE
_NEXTHOPS = frozenset({104, 105})  # RTM_NEWNEXTHOP, RTM_DELNEXTHOP

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_NEXTHOP = struct.Struct("=BBBBI")  # struct nhmsg
_ATTRIBUTE = struct.Struct("=HH")
_INDEX = struct.Struct("=B3xi")  # of struct ifinfomsg and of struct ifaddrmsg alike
_NUMBER = struct.Struct("=I")
_DESTINATION, _ID = 1, 1  # RTA_DST, NHA_ID
_VERSIONS = {socket.AF_INET: 4, socket.AF_INET6: 6}


@dataclass(frozen=True)
class Heard:
    """What one message says.

    Attributes:
        prefix: of a route that came, went or changed: IP version, length, and the prefix as a
            number of so many bits.
        index: the interface that came, went or changed.
        ours: it is about an object of ours.
        lost: messages were lost: everything may be otherwise.
    """

    prefix: tuple[int, int, int] | None = None
    index: int | None = None
    ours: bool = False
    lost: bool = False


class Hearing:
    """The subscription. Lives in the running event loop until `close`.

    Args:
        protocol: the number that marks our objects.
        own: the port that we change things from: of our own changes nothing is told.
        heard: called with what a batch of messages says, unless that is nothing.
    """

    def __init__(
        self, protocol: int, own: Callable[[], int], heard: Callable[[list[Heard]], None]
    ) -> None:
        self._protocol = protocol
        self._own = own
        self._heard = heard
        self._sock: socket.socket | None = None

    @property
    def listening(self) -> bool:
        """Whether there is a subscription."""
        return self._sock is not None

    def open(self) -> None:
        """Subscribe, unless that is done.

        Raises:
            ForwardingError: the kernel gives no socket.
        """
        if self._sock is not None:
            return
        try:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        except OSError as error:
            raise ForwardingError(f"cannot watch the kernel's routes: {error.strerror}") from None
        sock.setblocking(False)
        with contextlib.suppress(OSError):  # needs CAP_NET_ADMIN
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RCVBUF)
        sock.bind((0, 0))  # of groups, only a socket with an address of its own hears
        for group in _GROUPS:
            with contextlib.suppress(OSError):
                sock.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
        asyncio.get_running_loop().add_reader(sock, self.catch_up)
        self._sock = sock

    def close(self) -> None:
        """End the subscription."""
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            self._sock = None

    def catch_up(self) -> None:
        """Read what is there; tell once, however many messages it was."""
        said: list[Heard] = []
        own = self._own()
        for _ in range(_BATCH):  # then let the loop do something else; it calls again
            if self._sock is None:
                break
            try:
                data = self._sock.recv(_BUFFER)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                # ENOBUFS: messages were lost, and the socket goes on. Anything else ends it.
                if error.errno != errno.ENOBUFS:
                    self.close()
                said.append(Heard(lost=True))
                continue
            said += read(data, self._protocol, own)
        if said:
            self._heard(said)


def read(data: bytes, protocol: int, own: int) -> Iterator[Heard]:
    """What the messages of one datagram say, other than of our own changes."""
    view = memoryview(data)
    offset = 0
    while offset + _HEADER.size <= len(view):
        length, kind, _, _, port = _HEADER.unpack_from(view, offset)
        if length < _HEADER.size:
            return
        body = view[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3
        if own and port == own:
            continue
        with contextlib.suppress(struct.error):  # shorter than its kind: says nothing
            said = _message(kind, body, protocol)
            if said is not None:
                yield said


def _message(kind: int, body: memoryview, protocol: int) -> Heard | None:
    if kind in _ROUTES:
        return _route(body)
    if kind in _NEXTHOPS:
        maker = _NEXTHOP.unpack_from(body)[2]
        (number,) = _NUMBER.unpack(_attribute(body[_NEXTHOP.size :], _ID) or bytes(4))
        ours = maker == protocol or FIRST_ID <= number <= LAST_ID
        return Heard(ours=True) if ours else None
    if kind in _LINKS | _ADDRESSES:
        family, index = _INDEX.unpack_from(body)
        # A bridge's ports speak of themselves in AF_BRIDGE.
        return Heard(index=index) if kind in _ADDRESSES or family == socket.AF_UNSPEC else None
    return None


def _route(body: memoryview) -> Heard | None:
    family, length = _ROUTE.unpack_from(body)[:2]
    version = _VERSIONS.get(family)
    if version is None:
        return None
    width = 32 if version == 4 else 128
    value = _attribute(body[_ROUTE.size :], _DESTINATION)
    if value is None or length > width:
        return Heard(prefix=(version, 0, 0))
    return Heard(prefix=(version, length, int.from_bytes(value, "big") >> (width - length)))


def _attribute(view: memoryview, wanted: int) -> bytes | None:
    offset = 0
    while offset + _ATTRIBUTE.size <= len(view):
        length, kind = _ATTRIBUTE.unpack_from(view, offset)
        if length < _ATTRIBUTE.size:
            return None
        if kind & 0x3FFF == wanted:
            return bytes(view[offset + _ATTRIBUTE.size : offset + length])
        offset += (length + 3) & ~3
    return None
