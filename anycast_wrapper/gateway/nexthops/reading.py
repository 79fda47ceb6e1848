"""Messages of the kernel put into our values. Pure; the other way round is `writing`."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from anycast_wrapper.core.model import Address

from .messages import GROUP_RESILIENT, TICKS, unpacked
from .model import Entries, Found, Group, Hop, Resilience, Route, ordered
from .writing import BLACKHOLE, ONLINK, UNICAST


def found(nexthops: Iterable[Any], routes: Iterable[Any], protocol: int) -> Found:
    """What is ours among next-hop objects and routes."""
    ours = Found()
    for message in nexthops:
        number = message.get_attr("NHA_ID")
        ours.taken.add(number)
        if message["protocol"] != protocol:
            continue
        if message.get_attr("NHA_GROUP") is not None:
            ours.groups[number] = _group(message)
        elif (hop := _hop(message)) is not None:
            ours.hops[number] = hop
    for message in routes:
        route = read_route(message)
        if route is not None and message["proto"] == protocol:
            ours.routes.add(route)
    return ours


def read_route(message: Any) -> Route | None:
    """A host route by unicast, or one that leads nowhere; None for any other."""
    destination = message.get_attr("RTA_DST")
    if destination is None or message["type"] not in (UNICAST, BLACKHOLE):
        return None
    address = ip_address(destination)
    if message["dst_len"] != address.max_prefixlen:
        return None
    table = message.get_attr("RTA_TABLE") or message["table"]
    metric = message.get_attr("RTA_PRIORITY") or 0
    group = message.get_attr("RTA_NH_ID")
    hops = () if group is not None or message["type"] == BLACKHOLE else _hops(message)
    return Route(address, table, metric, group, hops)


def gateway(message: Any) -> Address | None:
    """The next hop that a route, or one entry of a multipath route, names."""
    text = message.get_attr("RTA_GATEWAY")
    if text is None:
        via = message.get_attr("RTA_VIA")  # an IPv6 router on the way to an IPv4 server
        text = None if via is None else via["addr"]
    return None if text is None else ip_address(text)


def _hops(message: Any) -> Entries:
    entries = message.get_attr("RTA_MULTIPATH")
    if entries is None:
        leads = gateway(message)
        index = message.get_attr("RTA_OIF")
        if leads is None or index is None:
            return ()
        return ((Hop(leads, index, onlink=bool(message["flags"] & ONLINK)), 1),)
    hops = []
    for entry in entries:
        leads = gateway(entry)
        if leads is not None:
            hop = Hop(leads, entry["oif"], onlink=bool(entry["flags"] & ONLINK))
            hops.append((hop, entry["hops"] + 1))
    return ordered(hops)


def _hop(message: Any) -> Hop | None:
    address, index = message.get_attr("NHA_GATEWAY"), message.get_attr("NHA_OIF")
    if address is None or index is None:
        return None
    return Hop(ip_address(address), index, onlink=bool(message["flags"] & ONLINK))


def _group(message: Any) -> Group:
    entries = tuple(sorted(unpacked(message.get_attr("NHA_GROUP"))))
    told = message.get_attr("NHA_RES_GROUP")
    if message.get_attr("NHA_GROUP_TYPE") != GROUP_RESILIENT or told is None:
        return Group(entries)
    buckets, idle, unbalanced = (
        told.get_attr(f"NHA_RES_GROUP_{name}") or 0
        for name in ("BUCKETS", "IDLE_TIMER", "UNBALANCED_TIMER")
    )
    return Group(entries, Resilience(buckets, idle / TICKS, unbalanced / TICKS))
