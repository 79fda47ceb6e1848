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
from anycast_wrapper.rtnetlink import (
    ADD_MEMBERSHIP,
    ADDRESS_GROUPS,
    ADDRESSES,
    BATCH,
    DATAGRAM,
    LINK_GROUP,
    LINKS,
    NEXTHOP_GROUP,
    NEXTHOPS,
    RECEIVE_BUFFER,
    ROUTE,
    ROUTE_GROUPS,
    ROUTES,
    SO_RCVBUFFORCE,
    SOL_NETLINK,
    attribute,
    messages,
)

from .model import FIRST_ID, LAST_ID

_GROUPS = (LINK_GROUP, *ADDRESS_GROUPS, *ROUTE_GROUPS, NEXTHOP_GROUP)
_NEXTHOP = struct.Struct("=BBBBI")  # struct nhmsg
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
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        sock.bind((0, 0))  # of groups, only a socket with an address of its own hears
        for group in _GROUPS:
            with contextlib.suppress(OSError):
                sock.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
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
        for _ in range(BATCH):  # then let the loop do something else; it calls again
            if self._sock is None:
                break
            try:
                data = self._sock.recv(DATAGRAM)
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
    for kind, _, port, body in messages(data):
        if own and port == own:
            continue
        with contextlib.suppress(struct.error):  # shorter than its kind: says nothing
            said = _message(kind, body, protocol)
            if said is not None:
                yield said


def _message(kind: int, body: memoryview, protocol: int) -> Heard | None:
    if kind in ROUTES:
        return _route(body)
    if kind in NEXTHOPS:
        maker = _NEXTHOP.unpack_from(body)[2]
        (number,) = _NUMBER.unpack(attribute(body[_NEXTHOP.size :], _ID) or bytes(4))
        ours = maker == protocol or FIRST_ID <= number <= LAST_ID
        return Heard(ours=True) if ours else None
    if kind in LINKS | ADDRESSES:
        family, index = _INDEX.unpack_from(body)
        # A bridge's ports speak of themselves in AF_BRIDGE.
        return Heard(index=index) if kind in ADDRESSES or family == socket.AF_UNSPEC else None
    return None


def _route(body: memoryview) -> Heard | None:
    family, length = ROUTE.unpack_from(body)[:2]
    version = _VERSIONS.get(family)
    if version is None:
        return None
    width = 32 if version == 4 else 128
    value = attribute(body[ROUTE.size :], _DESTINATION)
    if value is None or length > width:
        return Heard(prefix=(version, 0, 0))
    return Heard(prefix=(version, length, int.from_bytes(value, "big") >> (width - length)))
