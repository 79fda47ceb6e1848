"""Who else originates a service address, and where on our links they are, from FRR's databases.

A peer is a neighbour of ospfd or ospf6d that we hear and that hears us (2-Way at least), and whose
LSAs have the same host route. The database alone would not do: what a dead router has originated
stays there for an hour. A neighbour is directly connected by nature, and gone with its dead
interval (or BFD).

One process asks everything, because starting vtysh costs 30 ms of a processor and every further
question next to nothing. Answers are told apart by their form: a daemon that does not run leaves
its own out. Facts about FRR 8.4 that this rests on are held by a lab test.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.ports import Peer

from .frr import output
from .lsdb import FORM_ERRORS, documents, has_lsas, lsas, offers

SECONDS = 2.0
"""How long vtysh may take."""

PATIENCE = 60.0
"""How long what vtysh said last counts while it says nothing."""

NEIGHBOURS = {4: "show ip ospf neighbor json", 6: "show ipv6 ospf6 neighbor detail json"}
ORIGINATED = {
    4: "show ip ospf database router adv-router {} json",
    6: "show ipv6 ospf6 database intra-prefix adv-router {} detail json",
}

_HEARD = ("2-Way", "Twoway", "ExStart", "Exchange", "ExChange", "Loading", "Full")

Router = tuple[int, str]
"""An IP version and a router id."""


class OspfPeers:
    """A `ports.PeerSource` that asks ospfd and ospf6d.

    Args:
        argv: the vtysh program with what it needs to find the daemons.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = tuple(argv)
        self._known: frozenset[Router] = frozenset()
        self._last: dict[Address, tuple[Peer, ...]] = {}
        self._answered = float("-inf")

    async def find(self, addresses: Collection[Address]) -> dict[Address, tuple[Peer, ...]]:
        """See `ports.PeerSource`."""
        versions = sorted({address.version for address in addresses})
        text = await self._ask(versions)
        if frozenset(_Answers(text).neighbours) - self._known:
            self._known = frozenset(_Answers(text).neighbours)
            text = await self._ask(versions)
        if not text:
            # vtysh is slow when a host is in need: that is no reason to forget who could help.
            recent = time.monotonic() - self._answered < PATIENCE
            return {a: self._last.get(a, ()) if recent else () for a in addresses}
        answers = _Answers(text)
        self._known = frozenset(answers.neighbours)
        self._answered = time.monotonic()
        self._last = {address: answers.peers(address) for address in addresses}
        return self._last

    async def _ask(self, versions: Sequence[int]) -> str:
        questions = [NEIGHBOURS[version] for version in versions]
        questions += [
            ORIGINATED[version].format(router)
            for version, router in sorted(self._known)
            if version in versions
        ]
        argv = [*self._argv, *(word for question in questions for word in ("-c", question))]
        try:
            async with asyncio.timeout(SECONDS):
                return await output(argv)
        except OSError:  # TimeoutError is one
            return ""


class _Answers:
    """What the daemons said, sorted.

    Attributes:
        neighbours: where each of them is.
        costs: what each of them originates, and at which cost.
    """

    def __init__(self, text: str) -> None:
        self.neighbours: dict[Router, Peer] = {}
        self.costs: dict[Router, dict[Address, int]] = {}
        for document in documents(text):
            for read in (self._neighbours4, self._neighbours6, self._routers):
                try:
                    read(document)
                except FORM_ERRORS:
                    continue  # In another form than is known here: nobody can tell.

    def peers(self, address: Address) -> tuple[Peer, ...]:
        """Those that offer the address, of them the ones that offer it best."""
        cost = {
            self.neighbours[router]: offers[address]
            for router, offers in self.costs.items()
            if router in self.neighbours and router[0] == address.version and address in offers
        }
        best = min(cost.values(), default=0)
        found = (peer for peer, one in cost.items() if one == best)
        return tuple(sorted(found, key=lambda peer: (int(peer.address), peer.interface)))

    def _neighbours4(self, document: Mapping[str, Any]) -> None:
        for router, entries in document.get("neighbors", {}).items():
            for entry in entries:
                if str(entry.get("nbrState") or entry.get("state")).startswith(_HEARD):
                    address = ip_address(entry.get("ifaceAddress") or entry["address"])
                    interface = entry["ifaceName"].rpartition(":")[0]
                    self.neighbours.setdefault((4, router), Peer(address, interface))

    def _neighbours6(self, document: Mapping[str, Any]) -> None:
        for key, entry in document.items():
            address = entry.get("linkLocalAddress") if isinstance(entry, dict) else None
            if address and entry["neighborState"].startswith(_HEARD):
                peer = Peer(ip_address(address), entry["interface"])
                self.neighbours.setdefault((6, key.partition("%")[0]), peer)

    def _routers(self, document: Mapping[str, Any]) -> None:
        for offer in offers(lsas(document)) if has_lsas(document) else ():
            if offer.origin == "area":
                known = self.costs.setdefault((offer.address.version, offer.router), {})
                known[offer.address] = offer.cost
