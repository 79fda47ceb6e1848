"""Which routers a router can reach, from the LSAs that it has.

A router that died is in the database of the others for up to an hour. It cannot be reached, and
that is to be seen: a link counts only if both ends describe it (RFC 2328, 16.1, step 2b), and the
designated router of a network ceases to describe the one that it no longer hears, once its dead
interval (40 s by default) or BFD says so. ``show ip ospf reachable-routers`` would tell the same,
but has no JSON, and ospf6d has nothing like it.

Costs do not matter here, so there is no shortest path to be found: only a way.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from .lsdb import Lsa

Place = tuple[str, ...]
"""A router, ``("router", id)``, or a network with a designated router."""


def reachable(me: str, lsas: Iterable[Lsa]) -> frozenset[str]:
    """The ids of all routers that can be reached from router ``me``, itself among them.

    Routers of other areas are known only if they redistribute (ASBR): then by the word of a router
    on the border that can be reached.

    Raises:
        Exception: one of `lsdb.FORM_ERRORS`.
    """
    known = list(lsas)
    by_area: dict[str, dict[Place, set[Place]]] = defaultdict(lambda: defaultdict(set))
    for lsa in known:
        if place := _place(lsa):
            by_area[lsa.area][place] |= set(_links(lsa))
    found = {me}
    for links in by_area.values():
        found |= {place[1] for place in _walk(("router", me), links) if place[0] == "router"}
    return frozenset(found | {_beyond(lsa) for lsa in known if _vouched(lsa, found)})


def _place(lsa: Lsa) -> Place | None:
    """What the LSA describes, if it is a place."""
    if lsa.kind == "router":
        return "router", lsa.router
    if lsa.kind == "network":
        # OSPFv2: its id is the address of the designated router. OSPFv3: of its interface, and
        # says nothing without the router.
        return ("network", lsa.router, lsa.id) if _is_v6(lsa) else ("network", lsa.id)
    return None


def _links(lsa: Lsa) -> Iterator[Place]:
    """The places that the LSA says it is linked to."""
    body = lsa.body
    if lsa.kind == "network":
        # The key that ospfd writes, both of FRR 8 and 10, lacks a letter.
        attached = body["attachedRouter"] if _is_v6(lsa) else body["attchedRouters"]
        yield from (("router", str(router)) for router in attached)
    elif _is_v6(lsa):
        for link in body["lsaDescription"]:
            if link["type"] == "Transit-Network":
                yield "network", link["neighborRouterId"], link["neighborInterfaceId"]
            else:
                yield "router", link["neighborRouterId"]
    else:
        for link in body["routerLinks"].values():
            if "designatedRouterAddress" in link:
                yield "network", link["designatedRouterAddress"]
            elif "neighborRouterId" in link:
                yield "router", link["neighborRouterId"]


def _is_v6(lsa: Lsa) -> bool:
    return "lsaAge" not in lsa.body


def _walk(start: Place, links: dict[Place, set[Place]]) -> set[Place]:
    found, edge = {start}, [start]
    while edge:
        here = edge.pop()
        new = {there for there in links.get(here, ()) if here in links.get(there, ())} - found
        found |= new
        edge += new
    return found


def _vouched(lsa: Lsa, found: set[str]) -> bool:
    return lsa.kind == "asbr-summary" and lsa.router in found


def _beyond(lsa: Lsa) -> str:
    """The router that a router on the border of an area says it can reach."""
    return str(lsa.body["destinationRouterId"]) if _is_v6(lsa) else lsa.id
