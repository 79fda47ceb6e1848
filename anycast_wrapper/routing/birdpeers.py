"""Who else originates a service address, and where on our links they are, from BIRD's OSPF.

The same as `peers` finds out from FRR: a peer is a neighbour that we hear and that hears us (2-Way
at least), and that originates the same host route, inside the area or redistributed.
"""

import re
import time
from collections.abc import Collection, Iterable
from ipaddress import ip_address
from pathlib import Path

from anycast_wrapper.core.model import Address
from anycast_wrapper.ports import Peer

from .bird import Bird
from .census import Census

PATIENCE = 60.0
"""How long what BIRD said last counts while it says nothing."""

_NEIGHBOUR = re.compile(
    r"(?P<router>[\d.]+) *\t *\d+\t(?:2-Way|ExStart|Exchange|Loading|Full)/\w+ *\t"
    r" *[\d.]+\t(?P<interface>\S+) +(?P<address>[0-9A-Fa-f.:]+)"
)

Neighbours = dict[str, Peer]
"""Where each neighbour is, by its router id."""


class BirdPeers:
    """A `ports.PeerSource` that asks BIRD.

    Args:
        socket: where it takes commands.
    """

    def __init__(self, socket: Path) -> None:
        self._bird = Bird(socket)
        self._last: dict[Address, tuple[Peer, ...]] = {}
        self._answered = float("-inf")

    async def find(self, addresses: Collection[Address]) -> dict[Address, tuple[Peer, ...]]:
        """See `ports.PeerSource`."""
        known = await self._bird.surroundings()
        if isinstance(known, str):
            recent = time.monotonic() - self._answered < PATIENCE
            return {a: self._last.get(a, ()) if recent else () for a in addresses}
        self._answered = time.monotonic()
        places = [(state, neighbours(lines)) for state, lines in known]
        self._last = {
            address: tuple(
                sorted(
                    (peer for state, there in places for peer in peers(address, state, there)),
                    key=lambda peer: (int(peer.address), peer.interface),
                )
            )
            for address in addresses
        }
        return self._last


def neighbours(lines: Iterable[str]) -> Neighbours:
    """Those that ``show ospf neighbors`` lists and that hear us."""
    found = filter(None, (_NEIGHBOUR.fullmatch(line.rstrip()) for line in lines))
    return {one["router"]: Peer(ip_address(one["address"]), one["interface"]) for one in found}


def peers(address: Address, state: Census, there: Neighbours) -> Iterable[Peer]:
    """The neighbours that offer the address, of them the ones that offer it best."""
    ranks = {
        offer.router: (offer.origin != "area", offer.cost)
        for offer in state.offers
        if offer.address == address and offer.router in there and offer.router != state.router
    }
    best = min(ranks.values(), default=None)
    return (there[router] for router, rank in ranks.items() if rank == best)
