"""FRR's bgpd, asked through vtysh: what it tells its neighbours of us, and they of others.

An address is originated if bgpd has a path of its own for it (``redistribute connected``,
``network``) and has told at least one neighbour: an announcement that nobody hears is none.

Of other nodes bgpd knows what its neighbours tell it, and that may be nothing: a router in the
same AS passes on only what route reflection makes it pass on, a router in another one only its best
path, which may be ours. Only where a neighbour sends all its paths (``addpath-tx-all-paths``, RFC
7911) does silence mean that there is no other. Facts about FRR 8.4 that this rests on are held by
lab tests.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from anycast_wrapper.core.model import Address

from .census import Census
from .daemon import Answer, Manner
from .frr import told
from .lsdb import FORM_ERRORS, Offer

DAEMON = "bgpd"

SECONDS = 2.0
"""How long vtysh may take; it takes some 50 ms, and 0.2 ms more for each address."""

NEIGHBOURS = "show bgp neighbors json"

MANNER = Manner(
    "BGP",
    {4: DAEMON, 6: DAEMON},
    dict.fromkeys(
        (4, 6),
        "is `redistribute connected` there with a route-map that matches the interface, and does "
        "a session stand? `anycast-wrap doctor` looks",
    ),
    "look for `network`, and for a route-map of `redistribute connected` that matches more than "
    "the rank interfaces",
)
"""How bgpd is spoken of."""

_FAMILIES = {4: "ipv4", 6: "ipv6"}

Document = dict[str, Any]


class BgpTable:
    """A `daemon.RoutingDaemon` that asks bgpd.

    Args:
        argv: the vtysh program with what it needs to find the daemon.
        addresses: whom to ask about; a whole table could be the Internet's.
    """

    def __init__(self, argv: Sequence[str], addresses: Sequence[Address]) -> None:
        # Only this one daemon: one that hangs must not keep it from answering.
        self._argv = (*argv, "-d", DAEMON)
        self._addresses = tuple(addresses)

    async def originated(self, versions: Sequence[int]) -> dict[int, Answer]:
        """See `daemon.RoutingDaemon`."""
        said = await self._ask(versions, ())
        if isinstance(said, str):
            return dict.fromkeys(versions, said)
        try:
            found = frozenset(a for a, entry in _entries(said) if _ours(entry) and _heard(entry))
        except FORM_ERRORS:
            return dict.fromkeys(versions, _STRANGE)
        return {
            version: frozenset(a for a in found if a.version == version) for version in versions
        }

    async def census(self, versions: Sequence[int]) -> dict[int, Census | str]:
        """See `daemon.RoutingDaemon`."""
        said = await self._ask(versions, (NEIGHBOURS,))
        if isinstance(said, str):
            return dict.fromkeys(versions, said)
        try:
            *entries, neighbours = said
            return {version: census(version, entries, neighbours) for version in versions}
        except FORM_ERRORS:
            return dict.fromkeys(versions, _STRANGE)

    async def _ask(self, versions: Sequence[int], more: Sequence[str]) -> list[Document] | str:
        """A document for each question, in their order."""
        questions = [_question(one) for one in self._addresses if one.version in versions]
        said = await told(self._argv, DAEMON, [*questions, *more], SECONDS)
        if isinstance(said, str):
            return said
        if warning := next((one["warning"] for one in said if "warning" in one), ""):
            return f"{DAEMON}: {str(warning)[:120]}"
        return said if len(said) == len(questions) + len(more) else _STRANGE


_STRANGE = f"{DAEMON} answers in a form that is not known here"


def census(version: int, entries: Sequence[Document], neighbours: Document) -> Census | str:
    """Who announces, by bgpd's paths.

    Args:
        version: of IP.
        entries: what bgpd shows of each prefix.
        neighbours: of all its neighbours.

    Raises:
        Exception: one of `lsdb.FORM_ERRORS`.
    """
    standing = [
        one
        for one in neighbours.values()
        if isinstance(one, dict) and one.get("bgpState") == "Established"
    ]
    speaking = [one for one in standing if _family(version) in one["addressFamilyInfo"]]
    if not speaking:
        return f"{DAEMON} has no IPv{version} session that stands"
    router = str(speaking[0]["localRouterId"])
    offers = tuple(
        offer
        for address, entry in _entries(entries)
        if address.version == version
        for offer in _offers(address, entry, router)
    )
    blind = "" if any(_tells_all(version, one) for one in speaking) else _BLIND
    return Census(router, offers, frozenset(offer.router for offer in offers), blind)


_BLIND = (
    f"{DAEMON} hears of other nodes only what its neighbours choose, and none of them sends all "
    "paths in our own AS (`addpath-tx-all-paths` on the gateway)"
)


def _question(address: Address) -> str:
    return f"show bgp {_FAMILIES[address.version]} unicast {address}/{address.max_prefixlen} json"


def _family(version: int) -> str:
    return f"{_FAMILIES[version]}Unicast"


def _entries(said: Sequence[Document]) -> Iterator[tuple[Address, Document]]:
    """What bgpd has, by address; a prefix that it does not have is an empty document."""
    for entry in said:
        if "prefix" in entry:
            yield ip_address(entry["prefix"].partition("/")[0]), entry


def _heard(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("advertisedTo"))


def _ours(entry: Mapping[str, Any]) -> bool:
    return any(path.get("sourced") for path in entry["paths"])


def _offers(address: Address, entry: Mapping[str, Any], router: str) -> Iterator[Offer]:
    """The paths that can be used, each with the node that it leads to."""
    for path in entry["paths"]:
        if not path.get("valid"):
            continue
        # A reflector tells who it has the path from (RFC 4456). Without one, the next hop is all
        # that names a node.
        hop = path["nexthops"][0]["ip"]
        origin = router if path.get("sourced") else str(path.get("originatorId", hop))
        ip_address(origin)  # or it is no router
        age = max(0, int(time.time() - path["lastUpdate"]["epoch"]))
        preference = path.get("locPrf")
        yield Offer(
            router=origin,
            address=address,
            cost=int(path.get("metric", 0)),
            age=age,
            area="",
            origin="bgp",
            preference=None if preference is None else int(preference),
        )


def _tells_all(version: int, neighbour: Mapping[str, Any]) -> bool:
    """Whether the neighbour sends all its paths, and we take them.

    One in another AS may: but we refuse a path that our own AS is in, as that of the other nodes
    mostly is.
    """
    if not neighbour.get("nbrInternalLink"):
        return False
    both = neighbour["neighborCapabilities"].get("addPath", {}).get(_family(version), {})
    sends = both.get("txReceived") or both.get("txAdvertisedAndReceived")
    takes = both.get("rxAdvertised") or both.get("rxAdvertisedAndReceived")
    return bool(sends and takes)
