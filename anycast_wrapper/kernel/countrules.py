"""The rules that count queries, as nft's JSON (libnftables-json(5)): values in, values out.

The table is our own and has one chain in the input hook, which passes everything on as it is::

    counting    from loopback, such as our own probes: accept
                UDP, and its address and port are in @udp4 (@udp6): count the packet, accept
                TCP, the first packet of a connection, and they are in @tcp4 (@tcp6): the same

A packet over UDP is a query; a connection may carry many. The chain comes after those that filter,
so that what a firewall drops is not counted.
"""

import json
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.nft import Command
from anycast_wrapper.ports import KernelError

TABLE = "anycast_wrap_count"
"""The name of our table, of the family ``inet``. Nothing else is ever touched."""

PRIORITY = 300
"""Behind every filter (0) and what is usually put after them (security 50, source NAT 100)."""

_FAMILIES = {4: "ip", 6: "ip6"}
_SETS = {
    (transport, version): f"{transport}{version}"
    for transport in ("udp", "tcp")
    for version in _FAMILIES
}

Counts = Mapping[tuple[Address, str], int]
"""By service address and transport: packets over UDP, connections over TCP."""


def table(services: Collection[tuple[Address, int]]) -> list[Command]:
    """Commands that make the table, which must not be there."""
    commands: list[Command] = [{"add": {"table": our_table()}}]
    chain = {"type": "filter", "hook": "input", "prio": PRIORITY, "policy": "accept"}
    commands.append(_add("chain", name="counting", **chain))
    own = [_match({"meta": {"key": "iif"}}, "lo"), {"accept": None}]
    commands.append(_add("rule", chain="counting", expr=own))
    for (transport, version), name in _SETS.items():
        mine = sorted({(str(a), port) for a, port in services if a.version == version})
        if not mine:
            continue
        keys = [f"ipv{version}_addr", "inet_service"]
        commands.append(_add("set", name=name, type=keys, stmt=[{"counter": None}]))
        elements = [{"concat": list(one)} for one in mine]
        commands.append(_add("element", name=name, elem=elements))
        commands.append(_add("rule", chain="counting", expr=_rule(transport, version, name)))
    return commands


def _rule(transport: str, version: int, name: str) -> list[Command]:
    flags = {"&": [_payload("tcp", "flags"), ["syn", "ack"]]}
    target = {"concat": [_payload(_FAMILIES[version], "daddr"), _payload(transport, "dport")]}
    return [
        *([_match(flags, "syn")] if transport == "tcp" else []),
        _match(target, f"@{name}"),
        {"accept": None},
    ]


def no_table() -> list[Command]:
    """Have none, whatever is there: one that is not there cannot be deleted, so add it first."""
    return [{"add": {"table": our_table()}}, {"delete": {"table": our_table()}}]


def counts(answer: str) -> Counts:
    """What nft says of our table.

    Raises:
        KernelError: it is in a form that is not known here.
    """
    found: dict[tuple[Address, str], int] = {}
    try:
        for entry in json.loads(answer)["nftables"]:
            one = entry.get("set", {})
            transport = one.get("name", "")[:3]
            for element in one.get("elem", []):
                host, _ = element["elem"]["val"]["concat"]
                key = (ip_address(host), transport)
                found[key] = found.get(key, 0) + int(element["elem"]["counter"]["packets"])
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise KernelError("queries are not counted: nft answers in an unknown form") from None
    return found


def our_table() -> dict[str, str]:
    """The table, as nft is told which one is meant."""
    return {"family": "inet", "name": TABLE}


def _add(what: str, **fields: Any) -> Command:
    return {"add": {what: {"family": "inet", "table": TABLE} | fields}}


def _payload(protocol: str, name: str) -> Command:
    return {"payload": {"protocol": protocol, "field": name}}


def _match(left: Any, right: Any) -> Command:
    return {"match": {"op": "==", "left": left, "right": right}}
