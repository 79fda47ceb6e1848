"""Which peers are there: the kernel's neighbour table, and which link leads to a listed peer.

The kernel is told to make sure of every peer each time it is asked for it (NUD_PROBE, one ARP or
neighbour solicitation). That keeps the entry warm, so that the first query that is diverted does
not wait for an ARP, and shows within seconds which peer has gone.

Source: rtnetlink(7), include/uapi/linux/neighbour.h.
"""

import asyncio
import contextlib
import socket
from collections.abc import Collection
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from anycast_wrapper.core.model import Address
from anycast_wrapper.ports import Peer, RerouteError

SECONDS = 2.0
"""How long the kernel may take."""

_NUD_PROBE = 0x10
_NUD_VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80
_NTF_USE = 0x01
_UNICAST = 1  # RTN_UNICAST

_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


class Neighbours:
    """Asks the kernel; a socket lives no longer than a question."""

    async def alive(self, peers: Collection[Peer]) -> frozenset[Peer]:
        """Those that have a link-layer address and have not failed to answer for it.

        Raises:
            RerouteError: the kernel does not tell.
        """
        if not peers:
            return frozenset()
        try:
            async with asyncio.timeout(SECONDS), AsyncIPRoute() as ip:
                for peer in peers:
                    await _make_sure(ip, peer)
                return frozenset([peer for peer in peers if await _state(ip, peer) & _NUD_VALID])
        except (NetlinkError, OSError) as error:
            raise RerouteError(f"cannot look at the neighbours: {error}") from None

    async def link_to(self, address: Address) -> str:
        """The interface of the link that the address is on.

        Raises:
            RerouteError: it is on none of ours.
        """
        try:
            async with asyncio.timeout(SECONDS), AsyncIPRoute() as ip:
                found = await ip.route("get", dst=str(address))
        except (NetlinkError, OSError) as error:
            raise RerouteError(f"no route to the peer {address}: {error}") from None
        route = found[0]
        index = route.get_attr("RTA_OIF")
        if route.get_attr("RTA_GATEWAY") is not None or route.get_attr("RTA_VIA") is not None:
            raise RerouteError(
                f"the peer {address} is behind a router: only neighbours can be used"
            )
        if route["type"] != _UNICAST or index is None:
            raise RerouteError(f"the peer {address} is this host itself, or none")
        return socket.if_indextoname(index)


async def _make_sure(ip: Any, peer: Peer) -> None:
    """Have the kernel find the peer's link-layer address, or find it again."""
    key = await _key(peer)
    if key is None:
        return
    if await _state(ip, peer) & _NUD_VALID:
        # Between the two calls it may have failed, and then cannot be probed.
        with contextlib.suppress(NetlinkError):
            await ip.neigh("change", **key, state=_NUD_PROBE)
    else:
        await ip.neigh("replace", **key, state=0, flags=_NTF_USE)


async def _state(ip: Any, peer: Peer) -> int:
    key = await _key(peer)
    if key is None:
        return 0
    async for message in await ip.neigh("dump", family=key["family"], ifindex=key["ifindex"]):
        same = message.get_attr("NDA_DST") == key["dst"] and message["ifindex"] == key["ifindex"]
        if same:
            return int(message["state"])
    return 0


async def _key(peer: Peer) -> dict[str, Any] | None:
    try:
        index = socket.if_nametoindex(peer.interface)
    except OSError:
        return None
    return {"family": _FAMILY[peer.address.version], "dst": str(peer.address), "ifindex": index}
