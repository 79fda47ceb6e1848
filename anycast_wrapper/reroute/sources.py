"""Where peers come from, and which of them are there."""

import asyncio
from collections.abc import Callable, Collection, Sequence

from anycast_wrapper.core.model import Address
from anycast_wrapper.ports import Peer, Peers, PeerSource, RerouteError

from .neighbours import Neighbours

Complain = Callable[[str], None]


class ListedPeers:
    """A `ports.PeerSource`: whom the configuration names, for every address of its IP version."""

    def __init__(self, addresses: Sequence[Address], complain: Complain) -> None:
        """Take what the configuration says.

        Args:
            addresses: of the peers.
            complain: told why a peer cannot be used, each time that this is found out.
        """
        self._listed = tuple(addresses)
        self._complain = complain
        self._neighbours = Neighbours()

    async def find(self, addresses: Collection[Address]) -> Peers:
        """See `ports.PeerSource`."""
        peers: list[Peer] = []
        for address in self._listed:
            try:
                peers.append(Peer(address, await self._neighbours.link_to(address)))
            except RerouteError as error:
                self._complain(str(error))
        return {
            address: tuple(peer for peer in peers if peer.address.version == address.version)
            for address in addresses
        }


class LivingPeers:
    """A `ports.PeerSource`: those of another source that answer on their link."""

    def __init__(self, source: PeerSource, complain: Complain) -> None:
        self._source = source
        self._complain = complain
        self._neighbours = Neighbours()

    async def find(self, addresses: Collection[Address]) -> Peers:
        """See `ports.PeerSource`."""
        found = await self._source.find(addresses)
        everyone = {peer for peers in found.values() for peer in peers}
        try:
            alive = await self._neighbours.alive(everyone)
            if alive != everyone:
                # One that the kernel has never heard of answers within a millisecond.
                await asyncio.sleep(SECOND_LOOK)
                alive = await self._neighbours.alive(everyone)
        except RerouteError as error:
            self._complain(str(error))
            return dict.fromkeys(addresses, ())
        return {a: tuple(peer for peer in found[a] if peer in alive) for a in addresses}


SECOND_LOOK = 0.05
"""Seconds that a neighbour is given to answer an ARP."""
