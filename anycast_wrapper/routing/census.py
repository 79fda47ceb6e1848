"""Who announces a service address, by the link-state database that this host has."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Any

from anycast_wrapper.core.model import Address

from .lsdb import Lsa, Offer, has_lsas, lsas, offers
from .reach import reachable


@dataclass(frozen=True)
class Announcer:
    """A router that originates a service address.

    Attributes:
        offer: what it originates.
        here: whether it is this host.
        reachable: whether it can be reached; the database keeps a dead router for an hour.
    """

    offer: Offer
    here: bool
    reachable: bool


@dataclass(frozen=True)
class Census:
    """What one daemon's database says.

    Attributes:
        router: the id of this host's own router.
        offers: all host routes that anybody originates.
        reachable: the ids of the routers that can be reached from here.
        blind: why others may announce something and not be among the offers; "" if they cannot.
    """

    router: str
    offers: tuple[Offer, ...]
    reachable: frozenset[str]
    blind: str = ""

    def announcers(self, address: Address) -> tuple[Announcer, ...]:
        """Who announces the address: this host first, then by cost; each router once."""
        best: dict[str, Offer] = {}
        for offer in sorted(self.offers, key=lambda offer: (offer.origin, offer.cost)):
            if offer.address == address:
                best.setdefault(offer.router, offer)
        found = [
            Announcer(offer, router == self.router, router in self.reachable)
            for router, offer in best.items()
        ]
        return tuple(sorted(found, key=_order))

    def others(self, address: Address) -> tuple[str, ...]:
        """The ids of the other routers that announce the address and can be reached.

        A router on the border between areas that passes on what we originate is none: where we
        have more than one area ourselves, what comes from another area counts for nothing.
        """
        areas = {offer.area for offer in self.offers if offer.router == self.router}
        return tuple(
            one.offer.router
            for one in self.announcers(address)
            if one.reachable
            and not one.here
            and (one.offer.origin != "other-area" or len(areas - {""}) < 2)
        )


def census(said: Sequence[dict[str, Any]]) -> Census | str:
    """The census in the documents that make up the whole database.

    A daemon that has no OSPF to do has no database: a sentence that says so.

    Raises:
        Exception: one of `lsdb.FORM_ERRORS`.
    """
    known: list[Lsa] = []
    for document in said:
        known += lsas(document) if has_lsas(document) else ()
    router = next((str(d["routerId"]) for d in said if "routerId" in d), None)
    if router is None or not any(lsa.kind == "router" and lsa.router == router for lsa in known):
        return "this host has no OSPF router of its own, so nobody knows whom it can reach"
    found = tuple(offers(known))
    for offer in found:
        IPv4Address(offer.router)  # or it is no router id
    return Census(router, found, reachable(router, known))


def _order(one: Announcer) -> tuple[bool, bool, int, int, int, int]:
    offer, router = one.offer, ip_address(one.offer.router)
    merit = -(offer.preference or 0), offer.cost
    return not one.here, not one.reachable, *merit, router.version, int(router)
