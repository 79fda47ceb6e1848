"""The rules as nft's JSON (libnftables-json(5)): values in, values out, nothing is done here.

What a packet that comes in for a service address goes through, in the words of nft::

    arriving   not from loopback, TTL above 1, to a service address and port: goto service
    service    TCP beyond its first SYN: goto later
               the address is in @diverted: goto fresh        (the daemon hangs, or answers wrongly)
               there is a socket: goto ours                   (the daemon is there: its packet)
               goto fresh
    later      its connection is in @flows: goto divert      (else it is ours, as it always was)
    ours       forget the connection in @flows, accept
    fresh      TCP: remember the connection in @flows, and goto divert
               UDP: goto divert
    divert     by address to its group; an address without a peer has none: accept
    group_N    count the address; by hash of source address and port to one of its peers
    to_PEER    count, TTL 2, dup to the peer, drop

``dup`` sends the packet on unchanged, but for the TTL, which it takes one from: on the wire it is
1. Such a packet is not diverted again by whoever gets it, and could not be forwarded by anybody.

`socket transparent` stands for "there is a socket": of the keys of that expression it is the one
that also finds a TCP connection that is being set up or has been closed (nft_socket.c).

The chain comes after NAT of destinations, so that a port that the operator redirects is not
mistaken for one without a socket.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.ports import Peer

TABLE = "anycast_wrap"
"""The name of our tables, one for IPv4 and one for IPv6. Nothing else is ever touched."""

FAMILIES = {4: "ip", 6: "ip6"}
PRIORITY = -90
"""After destination NAT (-100)."""

TTL = 2
"""What a diverted packet is given; ``dup`` takes one from it in prerouting (nf_dup_ipv4.c)."""

FLOWS = 65536
FLOW_SECONDS = 30
"""Of TCP connections that are diverted: how many are remembered, and how long after their SYN."""

Command = dict[str, Any]
Expression = dict[str, Any]

_CHAINS = ("divert", "fresh", "later", "ours", "service")


@dataclass(frozen=True)
class Plan:
    """What the rules of one family say.

    Attributes:
        services: addresses and ports.
        peers: of each address; an address without any is not diverted.
    """

    services: tuple[tuple[Address, int], ...]
    peers: Mapping[Address, tuple[Peer, ...]] = field(default_factory=dict)

    @property
    def groups(self) -> list[tuple[Peer, ...]]:
        """The different sets of peers, in a stable order."""
        ordered = dict.fromkeys(self.peers[address] for address in self.addresses)
        return list(ordered)

    @property
    def everyone(self) -> list[Peer]:
        """Every peer once."""
        return list(dict.fromkeys(peer for group in self.groups for peer in group))

    @property
    def addresses(self) -> list[Address]:
        """The addresses that have a peer."""
        served = dict.fromkeys(address for address, _ in self.services)
        return [address for address in served if self.peers.get(address)]

    @property
    def chains(self) -> frozenset[str]:
        """The chains that are there because of the peers."""
        names = {f"group_{number}" for number in range(len(self.groups))}
        return frozenset(names | {counter(peer) for peer in self.everyone})


def counter(peer: Peer) -> str:
    """The name of a peer's counter and chain; nft's own language has no other letters."""
    return "to_" + re.sub(r"[^A-Za-z0-9]", "_", f"{peer.address}_{peer.interface}")


def fresh_table(version: int) -> list[Command]:
    """Make our table anew, without rules, whatever is there. `ruleset` must follow at once.

    nft 1.0.6 makes a set that rules write to ("dynamic") of one that they write to in the same
    transaction, and cannot be told in JSON.
    """
    build = _Builder(version)
    build.commands = no_table(version)
    build.add("add", "table", name=TABLE, table=None)
    build.sets()
    return build.commands


def no_table(version: int) -> list[Command]:
    """Have none, whatever is there: one that is not there cannot be deleted, so add it first."""
    table = {"family": FAMILIES[version], "name": TABLE}
    return [{"add": {"table": table}}, {"delete": {"table": table}}]


def ruleset(version: int, plan: Plan, stale: Collection[str] = ()) -> list[Command]:
    """Make a table that is there say what the plan says. What it has counted and remembered stays.

    Args:
        version: 4 or 6.
        plan: what it is to say.
        stale: chains of an earlier plan that this one does not have.
    """
    build = _Builder(version)
    build.elements(plan)
    build.chains(plan)
    build.add("flush", "table", name=TABLE, table=None)
    for name in sorted(stale):
        build.add("delete", "chain", name=name)
    build.rules(plan)
    return build.commands


def diverted(version: int, addresses: Iterable[Address]) -> list[Command]:
    """Let the set of addresses that are diverted although there is a socket be this one."""
    build = _Builder(version)
    build.add("flush", "set", name="diverted")
    if elements := sorted(str(a) for a in addresses if a.version == version):
        build.add("add", "element", name="diverted", elem=elements)
    return build.commands


def questions(version: int) -> list[Command]:
    """Ask for what has been counted."""
    family = FAMILIES[version]
    return [
        {"list": {"counters": {"family": family, "table": TABLE}}},
        {"list": {"set": {"family": family, "table": TABLE, "name": "counts"}}},
    ]


class _Builder:
    """Commands for the table of one family."""

    def __init__(self, version: int) -> None:
        self.commands: list[Command] = []
        self._family = FAMILIES[version]
        self._type = f"ipv{version}_addr"
        self._source = _payload(self._family, "saddr")
        self._target = _payload(self._family, "daddr")
        self._hops = _payload(self._family, "ttl" if version == 4 else "hoplimit")

    def add(self, verb: str, what: str, **fields: Any) -> None:
        given = {"family": self._family, "table": TABLE} | fields
        given = {key: value for key, value in given.items() if value is not None}
        self.commands.append({verb: {what: given}})

    def sets(self) -> None:
        keys = [self._type, "inet_service"]
        self.add("add", "set", name="services", type=keys)
        self.add("add", "set", name="counts", type=self._type, stmt=[{"counter": None}])
        self.add("add", "set", name="diverted", type=self._type)
        memory = {"flags": ["timeout"], "timeout": FLOW_SECONDS, "size": FLOWS}
        self.add("add", "set", name="flows", type=[*keys, *keys], **memory)

    def elements(self, plan: Plan) -> None:
        self.add("flush", "set", name="services")
        services = [{"concat": [str(address), port]} for address, port in plan.services]
        if services:
            self.add("add", "element", name="services", elem=services)
        if addresses := sorted({str(address) for address, _ in plan.services}):
            self.add("add", "element", name="counts", elem=addresses)

    def chains(self, plan: Plan) -> None:
        for peer in plan.everyone:
            self.add("add", "counter", name=counter(peer))
        for name in (*_CHAINS, *sorted(plan.chains)):
            self.add("add", "chain", name=name)
        hook = {"type": "filter", "hook": "prerouting", "prio": PRIORITY, "policy": "accept"}
        self.add("add", "chain", name="arriving", **hook)

    def rules(self, plan: Plan) -> None:
        for peer in plan.everyone:
            self._rule(
                counter(peer),
                {"counter": counter(peer)},
                {"mangle": {"key": self._hops, "value": TTL}},
                {"dup": {"addr": str(peer.address), "dev": peer.interface}},
                {"drop": None},
            )
        for number, group in enumerate(plan.groups):
            self._rule(
                f"group_{number}",
                _match(self._target, "@counts"),
                _choose(_hash(self._source, len(group)), enumerate(map(counter, group))),
            )
        if plan.addresses:
            where = {group: f"group_{number}" for number, group in enumerate(plan.groups)}
            choices = ((str(a), where[plan.peers[a]]) for a in plan.addresses)
            self._rule("divert", _choose(self._target, choices))
        self._decisions()

    def _decisions(self) -> None:
        udp, tcp = _match(_meta("l4proto"), "udp"), _match(_meta("l4proto"), "tcp")
        flow = {
            "concat": [
                *(self._source, _payload("tcp", "sport")),
                *(self._target, _payload("tcp", "dport")),
            ]
        }
        self._rule("fresh", tcp, _remember("add", flow), _goto("divert"))
        self._rule("fresh", udp, _goto("divert"))
        self._rule("later", _match(flow, "@flows"), _goto("divert"))
        self._rule("ours", tcp, _remember("delete", flow))
        flags = {"&": [_payload("tcp", "flags"), ["syn", "ack"]]}
        self._rule("service", tcp, _match(flags, "syn", "!="), _goto("later"))
        self._rule("service", _match(self._target, "@diverted"), _goto("fresh"))
        there = _match({"socket": {"key": "transparent"}}, {"set": [0, 1]})
        self._rule("service", there, _goto("ours"))
        self._rule("service", _goto("fresh"))
        self._rule(
            "arriving",
            _match(_meta("iifname"), "lo", "!="),
            _match(_meta("l4proto"), {"set": ["tcp", "udp"]}),
            _match(self._hops, TTL - 1, ">"),
            _match({"concat": [self._target, _payload("th", "dport")]}, "@services"),
            _goto("service"),
        )

    def _rule(self, chain: str, *expressions: Expression) -> None:
        self.add("add", "rule", chain=chain, expr=list(expressions))


def _payload(protocol: str, name: str) -> Expression:
    return {"payload": {"protocol": protocol, "field": name}}


def _meta(key: str) -> Expression:
    return {"meta": {"key": key}}


def _match(left: Expression, right: Any, op: str = "==") -> Expression:
    return {"match": {"op": op, "left": left, "right": right}}


def _goto(chain: str) -> Expression:
    return {"goto": {"target": chain}}


def _remember(op: str, flow: Expression) -> Expression:
    return {"set": {"op": op, "elem": flow, "set": "@flows"}}


def _hash(source: Expression, count: int) -> Expression:
    key = {"concat": [source, _payload("th", "sport")]}
    return {"jhash": {"mod": count, "expr": key}}


def _choose(key: Expression, choices: Iterable[tuple[Any, str]]) -> Expression:
    return {"vmap": {"key": key, "data": {"set": [[one, _goto(name)] for one, name in choices]}}}
