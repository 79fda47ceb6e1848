"""Our values put into messages. Pure; the other way round is `reading`."""

from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.exchange import FAMILIES

from .messages import (
    GROUP_PLAIN,
    GROUP_RESILIENT,
    TICKS,
    NexthopMessage,
    RouteMessage,
    packed,
)
from .model import Group, Hop, Route

ONLINK = 0x4  # RTNH_F_ONLINK
UNICAST, BLACKHOLE = 1, 6  # RTN_*
_FIB_MATCH = 0x2000  # RTM_F_FIB_MATCH: the route itself, not what came of it for a packet
_NOWHERE = 255  # RT_SCOPE_NOWHERE, as iproute2 deletes: whatever scope it has
_COMPATIBLE_TABLE = 252  # RT_TABLE_COMPAT: the number does not fit, see RTA_TABLE


def hop_message(number: int, hop: Hop, protocol: int) -> Any:
    """A next-hop object."""
    message = NexthopMessage()
    message["family"] = FAMILIES[hop.gateway.version]
    message["protocol"] = protocol
    message["flags"] = ONLINK if hop.onlink else 0
    message["attrs"] = [
        ["NHA_ID", number],
        ["NHA_OIF", hop.index],
        ["NHA_GATEWAY", str(hop.gateway)],
    ]
    return message


def group_message(number: int, group: Group, protocol: int) -> Any:
    """A group."""
    kind = GROUP_PLAIN if group.resilience is None else GROUP_RESILIENT
    message = NexthopMessage()
    message["protocol"] = protocol
    message["attrs"] = [
        ["NHA_ID", number],
        ["NHA_GROUP", packed(group.entries)],
        ["NHA_GROUP_TYPE", kind],
    ]
    if group.resilience is not None:
        told = group.resilience
        timers = [
            ["NHA_RES_GROUP_BUCKETS", told.buckets],
            ["NHA_RES_GROUP_IDLE_TIMER", round(told.idle * TICKS)],
            ["NHA_RES_GROUP_UNBALANCED_TIMER", round(told.unbalanced * TICKS)],
        ]
        message["attrs"].append(["NHA_RES_GROUP", {"attrs": timers}])
    return message


def number_message(number: int) -> Any:
    """What names an object or a group, to remove it."""
    message = NexthopMessage()
    message["attrs"] = [["NHA_ID", number]]
    return message


def route_message(route: Route, protocol: int) -> Any:
    """A route, or an anchor."""
    message = _prefix(route.address)
    message["table"] = route.table if route.table < 256 else _COMPATIBLE_TABLE
    message["proto"] = protocol
    message["type"] = BLACKHOLE if route.anchor else UNICAST
    message["attrs"] += [["RTA_TABLE", route.table], ["RTA_PRIORITY", route.metric]]
    if route.group is not None:
        message["attrs"].append(["RTA_NH_ID", route.group])
    elif route.hops:
        entries = [_entry(hop, weight) for hop, weight in route.hops]
        message["attrs"].append(["RTA_MULTIPATH", entries])
    return message


def removal_message(route: Route, protocol: int) -> Any:
    """What takes a route out, and only if it carries our number."""
    message = _prefix(route.address)
    message["table"] = route.table if route.table < 256 else _COMPATIBLE_TABLE
    message["proto"] = protocol
    message["scope"] = _NOWHERE
    message["attrs"] += [["RTA_TABLE", route.table], ["RTA_PRIORITY", route.metric]]
    return message


def lookup_message(address: Address, *, match: bool) -> Any:
    """Ask how a packet to the address would go; with ``match``, by which route."""
    message = _prefix(address)
    message["flags"] = _FIB_MATCH if match else 0
    return message


def _prefix(address: Address) -> Any:
    message = RouteMessage()
    message["family"] = FAMILIES[address.version]
    message["dst_len"] = address.max_prefixlen
    message["attrs"] = [["RTA_DST", str(address)]]
    return message


def _entry(hop: Hop, weight: int) -> dict[str, Any]:
    flags = ONLINK if hop.onlink else 0
    gateway = ["RTA_GATEWAY", str(hop.gateway)]
    return {"flags": flags, "hops": weight - 1, "oif": hop.index, "attrs": [gateway]}
