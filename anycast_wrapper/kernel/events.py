"""What the kernel says by itself: changes of links, addresses and routes.

A plain netlink socket, read by the event loop, instead of pyroute2's: only headers matter here, a
host that learns a full table sends hundreds of thousands of these, and the socket must survive an
overrun (ENOBUFS), after which pyroute2's is dead.

Source: netlink(7), rtnetlink(7), include/uapi/linux/rtnetlink.h.
"""

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable, Collection

from anycast_wrapper.core.model import Network
from anycast_wrapper.rtnetlink import (
    ADD_MEMBERSHIP,
    ADDRESS_GROUPS,
    ADDRESSES,
    BATCH,
    DATAGRAM,
    DROP_MEMBERSHIP,
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
    messages,
)

from .errors import refusal

_GROUPS = (LINK_GROUP, *ADDRESS_GROUPS)
_ROUTE_GROUPS = (*ROUTE_GROUPS, NEXTHOP_GROUP)
_INDEX_AT = 4  # of ifi_index and of ifa_index alike


class Events:
    """The subscription. Lives in the running event loop until `close`.

    Args:
        names: our interfaces.
        routes: the required routes, as they are at the time of asking.
        heard: called after a batch of messages that concern us; its argument says whether the
            required routes may be others.
    """

    def __init__(
        self,
        names: Collection[str],
        routes: Callable[[], Collection[Network]],
        heard: Callable[[bool], None],
    ) -> None:
        self._names = names
        self._routes = routes
        self._heard = heard
        self._sock: socket.socket | None = None
        self._indexes: frozenset[int] = frozenset()
        self._route_groups = False

    def open(self) -> None:
        """Subscribe, unless that is done.

        Raises:
            KernelError: the kernel gives no socket.
        """
        if self._sock is not None:
            return
        try:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        except OSError as error:
            raise refusal("watch the kernel's interfaces", error.errno or 0) from error
        try:
            sock.setblocking(False)
            _enlarge(sock)
            sock.bind((0, 0))
            for group in _GROUPS:
                sock.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
            asyncio.get_running_loop().add_reader(sock, self._readable)
        except OSError as error:
            sock.close()
            raise refusal("watch the kernel's interfaces", error.errno or 0) from error
        self._sock = sock
        self._route_groups = False
        self._indexes = self._ours()
        self.follow_routes()

    @property
    def listening(self) -> bool:
        """Whether there is a subscription."""
        return self._sock is not None

    def follow_routes(self) -> None:
        """Hear of routes if any is required, else be spared them."""
        wanted = bool(self._routes())
        if self._sock is None or wanted == self._route_groups:
            return
        option = ADD_MEMBERSHIP if wanted else DROP_MEMBERSHIP
        for group in _ROUTE_GROUPS:
            # The last group is unknown before 5.3, which has no next hop objects either.
            with contextlib.suppress(OSError):
                self._sock.setsockopt(SOL_NETLINK, option, group)
        self._route_groups = wanted

    def close(self) -> None:
        """End the subscription."""
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            self._sock = None

    def _readable(self) -> None:
        """Read what is there; tell once, however many messages it was."""
        concerns = stale = False
        sock = self._sock
        for _ in range(BATCH):  # then let the loop do something else; it calls again
            if sock is None:
                break
            try:
                data = sock.recv(DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                # ENOBUFS: messages were lost, and the socket goes on. Anything else ends it; the
                # next observation opens another or says why that cannot be.
                if error.errno != errno.ENOBUFS:
                    self.close()
                    sock = None
                concerns = stale = True
                continue
            about_us, about_routes = self._judge(data)
            concerns |= about_us or about_routes
            stale |= about_routes
        if concerns:
            self._heard(stale)

    def _judge(self, data: bytes) -> tuple[bool, bool]:
        """Whether a datagram concerns what we show at all, and the required routes."""
        required = self._routes()
        concerns = stale = False
        for kind, _, _, message in messages(data):
            if kind in ROUTES:
                if len(message) >= ROUTE.size:
                    stale |= any(message[1] == network.prefixlen for network in required)
            elif kind in NEXTHOPS:
                stale |= bool(required)
            elif kind in LINKS or kind in ADDRESSES:
                # IPv4 routes that go with a link or an address go without a message of their own.
                stale |= bool(required)
                concerns |= self._is_ours(kind, message)
        return concerns, stale

    def _is_ours(self, kind: int, message: memoryview) -> bool:
        if len(message) < _INDEX_AT + 4:
            return True
        index = struct.unpack_from("=i", message, _INDEX_AT)[0]
        before = self._indexes
        if kind in LINKS or index not in before:
            self._indexes = self._ours()
        return index in before or index in self._indexes

    def _ours(self) -> frozenset[int]:
        """The indexes of those of our interfaces that exist."""
        indexes = set()
        for name in self._names:
            with contextlib.suppress(OSError):
                indexes.add(socket.if_nametoindex(name))
        return frozenset(indexes)


def _enlarge(sock: socket.socket) -> None:
    """A receive buffer that outlives a pause of ours, past rmem_max where we may."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
