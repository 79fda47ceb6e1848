"""The link-state database as ospfd and ospf6d show it in JSON, read into values.

The forms are those of FRR 8.4 (recorded) and of FRR 10 (by its source, ``ospfd/ospf_vty.c`` and
``ospf6d/ospf6_lsa.c``). ospfd shows LSAs of an area as a list by area, except FRR 8 for one
advertising router, where it has them by area and link-state id. ospf6d has one form.

An LSA that is being flushed (RFC 2328, MaxAge) is none.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from anycast_wrapper.core.model import Address

MAX_AGE = 3600
"""Seconds: an LSA of this age is being flushed (RFC 2328, MaxAge)."""

UNREACHABLE_COST = 0xFFFFFF
"""The metric of a summary or an external route that leads nowhere (RFC 2328, LSInfinity)."""

MAX_FAILURES = 8
"""Documents that cannot be read until the rest is not looked at."""

FORM_ERRORS = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""What reading a document of another form than is known here raises."""

_NAMES = {
    "router": ("Router Link States", "routerLinkStates"),
    "network": ("Net Link States", "networkLinkStates"),
    "summary": ("Summary Link States", "summaryLinkStates"),
    "asbr-summary": ("ASBR-Summary Link States", "asbrSummaryLinkStates"),
    "external": ("AS External Link States", "asExternalLinkStates"),
    "nssa": ("NSSA-external Link States", "nssaExternalLinkStates"),
}
_SCOPES6 = ("areaScopedLinkStateDb", "asScopedLinkStateDb")
_NAMES6 = {
    "Router": "router",
    "Network": "network",
    "Intra-Prefix": "prefixes",
    "Inter-Prefix": "summary",
    "Inter-Router": "asbr-summary",
    "AS-External": "external",
    "NSSA": "nssa",
}
_PREFIX_KINDS = {"summary": "other-area", "external": "external", "nssa": "external"}


@dataclass(frozen=True)
class Lsa:
    """One LSA.

    Attributes:
        kind: router, network, prefixes, summary, asbr-summary, external or nssa.
        area: as the daemon writes it; "" for an LSA of the whole routing domain.
        router: the id of the router that originated it.
        id: the link-state id.
        age: seconds.
        body: all of it, as the daemon shows it.
    """

    kind: str
    area: str
    router: str
    id: str
    age: int
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Offer:
    """A host route that a router originates.

    Attributes:
        router: its id.
        cost: what the router itself adds; the way to the router is not in it.
        age: seconds since the LSA was originated, which may have been for something else; None
            where the routing daemon does not tell.
        area: "" for one that comes from outside of OSPF.
        origin: ``area``, ``other-area`` (the router is on the border of another area, where
            somebody originates it), ``external`` (redistributed) or ``bgp`` (it is a path of BGP,
            and the cost its MED).
        preference: BGP's local preference, the greatest of which wins; None where there is none.
    """

    router: str
    address: Address
    cost: int
    age: int | None
    area: str
    origin: str
    preference: int | None = None


def documents(text: str) -> Iterator[dict[str, Any]]:
    """The JSON documents in what vtysh prints, whatever it says between them.

    Each begins a line. What only looks like one costs as much as one, so not much of that is borne:
    the loop that reads this has probes to run.
    """
    decoder = json.JSONDecoder()
    at, failures = 0, 0
    while (at := _opening(text, at)) >= 0 and failures < MAX_FAILURES:
        try:
            document, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            failures += 1
            at += 1
        else:
            yield document


def _opening(text: str, start: int) -> int:
    """Where the next line that begins with a brace does; -1 if none does."""
    if start == 0 and text.startswith("{"):
        return 0
    return found + 1 if (found := text.find("\n{", max(start - 1, 0))) >= 0 else -1


def router_lsas(document: Any) -> Iterator[Any]:
    """The router-LSAs that ospfd shows and that are not being flushed, as it shows them.

    Raises:
        Exception: one of `FORM_ERRORS`.
    """
    yield from (lsa.body for lsa in lsas(document) if lsa.kind == "router")


def has_lsas(document: Mapping[str, Any]) -> bool:
    """Whether the document shows a part of a database, be it an empty one."""
    known = {*_SCOPES6, *(name for names in _NAMES.values() for name in names)}
    return not known.isdisjoint(document)


def lsas(document: Mapping[str, Any]) -> Iterator[Lsa]:
    """What the document shows of a database.

    Raises:
        Exception: one of `FORM_ERRORS`.
    """
    if not has_lsas(document) and not document.keys() <= {"routerId"}:
        raise KeyError("link states")  # A daemon without OSPF says {}.
    yield from _lsas4(document)
    yield from _lsas6(document)


def _lsas4(document: Mapping[str, Any]) -> Iterator[Lsa]:
    """What ospfd shows.

    FRR 8 has an area's LSAs as a list or by link-state id, see above; LSAs of the whole routing
    domain have no area.
    """
    for kind, names in _NAMES.items():
        for name in names:
            if name not in document:
                continue
            found = document[name]
            areas = {"": found} if kind == "external" else found.get("areas", found)
            for area, lsas in areas.items():
                for body in lsas if isinstance(lsas, list) else lsas.values():
                    if (age := int(body.get("lsaAge", 0))) < MAX_AGE:
                        router = str(body["advertisingRouter"])
                        yield Lsa(kind, area, router, str(body.get("linkStateId")), age, body)


def _lsas6(document: Mapping[str, Any]) -> Iterator[Lsa]:
    """What ospf6d shows."""
    for scope in _SCOPES6:
        for part in document.get(scope, []):
            for body in part.get("lsa", []):
                kind, age = _NAMES6.get(body["type"]), int(body.get("age", 0))
                if kind is not None and age < MAX_AGE:
                    router, number = body["advertisingRouter"], body["linkStateId"]
                    yield Lsa(kind, part.get("areaId", ""), str(router), str(number), age, body)


def offers(lsas: Iterable[Lsa]) -> Iterator[Offer]:
    """The host routes that are in these LSAs.

    Raises:
        Exception: one of `FORM_ERRORS`.
    """
    for lsa in lsas:
        for address, cost, origin in _host_routes(lsa):
            if cost < UNREACHABLE_COST:
                yield Offer(lsa.router, address, cost, lsa.age, lsa.area, origin)


def _host_routes(lsa: Lsa) -> Iterator[tuple[Address, int, str]]:
    """The address, the cost and the origin of each."""
    body = lsa.body
    if lsa.kind == "router":
        links = body.get("routerLinks", {})  # ospfd's; ospf6d has prefixes in LSAs of their own
        for link in links.values():
            if link.get("networkMask") == "255.255.255.255":
                yield ip_address(_text(link["networkAddress"])), int(link["tos0Metric"]), "area"
    elif lsa.kind == "prefixes":
        for prefix in body.get("prefix", []):
            if address := _host(prefix["prefix"]):
                yield address, int(prefix.get("metric", 0)), "area"
    elif origin := _PREFIX_KINDS.get(lsa.kind):
        if "prefix" in body:
            address, cost = _host(body["prefix"]), body["metric"]
        else:
            address = ip_address(lsa.id) if body.get("networkMask") == 32 else None
            cost = body.get("metric", body.get("tos0Metric"))
        if address:
            yield address, int(cost), origin


def _host(prefix: str) -> Address | None:
    """The address of a host route; ospf6d writes the default route without a length."""
    network = ip_network(_text(prefix))
    full = "/" in prefix and network.prefixlen == network.max_prefixlen
    return network.network_address if full else None


def _text(value: Any) -> str:
    """An address in writing: numbers are addresses to `ipaddress`, and booleans numbers.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no address")
    return value
