"""What BIRD says of its protocols, of OSPF's database and of what it exports, read into values.

The forms are those of BIRD 2.0.12 (recorded, and by its source: ``proto/ospf/ospf.c``,
``nest/proto.c``, ``nest/rt-table.c``); BIRD 3.3 writes them alike by its source. ``show ospf state
all`` is made from the link-state database without what is being flushed, so it serves as that. It
does not tell how old anything is.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_network

from anycast_wrapper.core.model import Address

from .birdctl import BadReplyError
from .census import Census
from .lsdb import UNREACHABLE_COST, Offer

_ORIGINS = {
    "stubnet": "area",
    "xnetwork": "other-area",
    "external": "external",
    "nssa-ext": "external",
}
_AREA = re.compile(r"area (\S+)|other ASBRs")
_ROUTER = re.compile(r"\trouter (\S+)")
_NETWORK = re.compile(r"\tnetwork (\S+)")
_DISTANCE = re.compile(r"\t\tdistance (\d+)")
_PREFIX = re.compile(r"\t\t(stubnet|xnetwork|external|nssa-ext) (\S+) metric2? (\d+)( .*)?")
_BEYOND = re.compile(r"\t\txrouter (\S+) metric (\d+)")
_ROUTE = re.compile(r"([0-9A-Fa-f.:]+/\d+) +\S.*")


@dataclass(frozen=True)
class Protocol:
    """A protocol that BIRD runs.

    Attributes:
        name: what the configuration calls it.
        kind: OSPF, BGP, Direct and so on.
        up: whether it does its work.
    """

    name: str
    kind: str
    up: bool


@dataclass
class _Router:
    """A router in the database, as far as it was read."""

    id: str
    area: str
    distance: int | None = None
    offers: list[Offer] = field(default_factory=list)


def protocols(lines: Sequence[str]) -> tuple[Protocol, ...]:
    """What ``show protocols`` lists.

    Raises:
        BadReplyError: it lists something else.
    """
    if not lines or lines[0].split()[:4] != ["Name", "Proto", "Table", "State"]:
        raise BadReplyError("show protocols")
    found = []
    for words in filter(None, (line.split() for line in lines[1:])):
        if len(words) < 5:
            raise BadReplyError("show protocols")
        found.append(Protocol(words[0], words[1], words[3] == "up"))
    return tuple(found)


def census(lines: Iterable[str]) -> Census | str:
    """Who originates what, by ``show ospf state all``; a sentence where OSPF is at no work.

    Raises:
        ValueError: it says something else.
    """
    reading = _Reading()
    for line in lines:
        reading.take(line)
    routers = reading.routers
    me = {router.id for router in routers if router.distance == 0}
    if not routers:
        return "OSPF has no database yet"
    if len(me) != 1:
        raise BadReplyError("show ospf state")
    there = {router.id for router in routers if router.distance is not None}
    there |= {asbr for border, asbr in reading.beyond if border in there}
    # What comes from outside is shown with its router in each area that this router is in.
    offers = dict.fromkeys(offer for router in routers for offer in router.offers)
    return Census(me.pop(), tuple(offers), frozenset(there))


class _Reading:
    """Reads the database line by line.

    Attributes:
        routers: those that were read, each as often as it is shown.
        beyond: pairs of a router on a border and one in another area that it can reach.
    """

    def __init__(self) -> None:
        self.routers: list[_Router] = []
        self.beyond: list[tuple[str, str]] = []
        self._area = ""
        self._here: _Router | None = None

    def take(self, line: str) -> None:
        """The next line."""
        if found := _AREA.fullmatch(line):
            self._area, self._here = found[1] or "", None
        elif found := _ROUTER.fullmatch(line):
            self._here = _Router(str(IPv4Address(found[1])), self._area)
            self.routers.append(self._here)
        elif _NETWORK.fullmatch(line):
            self._here = None
        elif self._here is not None:
            self._describe(self._here, line)

    def _describe(self, router: _Router, line: str) -> None:
        if found := _DISTANCE.fullmatch(line):
            router.distance = int(found[1])
        elif found := _BEYOND.fullmatch(line):
            self.beyond.append((router.id, found[1]))
        elif (found := _PREFIX.fullmatch(line)) and (offer := _offer(router, found)):
            router.offers.append(offer)


def _offer(router: _Router, found: re.Match[str]) -> Offer | None:
    """The host route on the line, if it is one."""
    kind, prefix, metric, _ = found.groups()
    address, origin, cost = _host(prefix), _ORIGINS[kind], int(metric)
    if address is None or cost >= UNREACHABLE_COST:
        return None
    area = "" if origin == "external" else router.area
    return Offer(router.id, address, cost, None, area, origin)


def exported(lines: Iterable[str]) -> frozenset[Address]:
    """The host routes that ``show route export`` lists."""
    found = (_ROUTE.fullmatch(line) for line in lines)
    return frozenset(a for one in found if one and (a := _host(one[1])))


def _host(prefix: str) -> Address | None:
    network = ip_network(prefix)
    return network.network_address if network.prefixlen == network.max_prefixlen else None


def of_kind(kind: str, known: Iterable[Protocol]) -> Iterator[Protocol]:
    """The protocols of a kind that are up."""
    yield from (one for one in known if one.kind == kind and one.up)
