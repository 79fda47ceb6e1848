"""A gateway and two hosts in a LAN of routers, and what is asked of them again and again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

from frr_lan import DAEMONS, Lan, Node, wait_for

SERVICE = ("192.0.2.53/32", "2001:db8:53::53/128")
CONVERGE = 60.0
"""Seconds for a cold start with every LSA timer at its default."""
PACED = 40.0
"""Seconds for one change, MinLSArrival and retransmissions on a busy machine included."""
UNSHOWN = {
    "detect-multiplier 3",
    "transmit-interval 300",
    "receive-interval 300",
    "ip forwarding",
    "ipv6 forwarding",
    "log-adjacency-changes",
    "ip ospf cost 10",
    "ipv6 ospf6 cost 10",
    "maximum-paths 16",
    "bgp log-neighbor-changes",
}
"""Lines of the shipped files that are FRR's defaults, so that it does not show them."""

Start = Callable[[Node, str], Node]
"""Starts a node's routing daemons with a configuration, and gives the node back."""


def boot(
    node: Node,
    text: str,
    daemons: tuple[str, ...] = DAEMONS,
    notices: frozenset[str] = frozenset(),
) -> Node:
    """Start FRR with a configuration that it has nothing to say against, but for some notices."""
    node.start_frr(daemons)
    assert set(node.load(text)) <= notices
    return node


def second_host(text: str) -> str:
    """The configuration of a host as that of the other: their router ids are different."""
    made, times = re.subn(r"(router[- ]id) 192\.168\.1\.6\b", r"\1 192.168.1.7", text)
    assert times
    return made


def refused(node: Node, text: str) -> set[str]:
    """The lines of a configuration that FRR does not have, although it complained of none."""
    running = _lines(node.vtysh("show running-config"))
    running |= {line.replace(" area 0.0.0.0", " area 0") for line in running}
    aside = ("frr defaults", "service integrated", "log syslog", "hostname")
    return {one for one in _lines(text) - running - UNSHOWN if not one.startswith(aside)}


def _lines(text: str) -> set[str]:
    lines = (line.strip() for line in text.splitlines())
    return {line for line in lines if line and not line.startswith("!")} - {"end", "exit"}


def hops(node: Node, prefix: str) -> set[str]:
    """The devices or next hops by which the kernel would send; empty means no route."""
    return {hop.get("gateway", hop.get("dev", "?")) for hop in node.routes(prefix)}


def wait_hops(node: Node, prefix: str, count: int, bound: float = PACED) -> float:
    """Wait until there are so many; the seconds that it took."""
    begin = time.monotonic()
    wait_for(
        lambda: len(hops(node, prefix)) == count,
        bound,
        lambda: f"{count} next hops for {prefix} in {node.namespace}, has {hops(node, prefix)}",
    )
    return time.monotonic() - begin


def await_way_back(*hosts: Node, bound: float = CONVERGE) -> None:
    """Wait until they have learnt their default routes."""
    for host in hosts:
        for family in ("0.0.0.0/0", "::/0"):
            wait_hops(host, family, 1, bound)


def await_bfd(gateway: Node, bound: float = PACED) -> None:
    """Wait until its BFD sessions with two hosts stand, in both families."""

    def standing() -> int:
        peers = json.loads(gateway.vtysh("show bfd peers json"))
        return sum(peer["status"] == "up" for peer in peers)

    wait_for(lambda: standing() == 4, bound, "four BFD sessions")


class Cluster:
    """A gateway and two hosts, which have their way back."""

    def __init__(
        self,
        lan: Lan,
        host: str,
        gateway: str,
        start: Start = boot,
        start_gateway: Start = boot,
        *,
        cold: float = CONVERGE,
        spread: float = PACED,
    ) -> None:
        """Start them.

        Args:
            lan: where they are.
            host: the configuration of the first host.
            gateway: the gateway's.
            start: starts a host.
            start_gateway: starts the gateway.
            cold: seconds until the hosts have their way back.
            spread: seconds until the gateway has both for a service address.
        """
        self._spread = spread
        self.gateway = start_gateway(lan.node("gw", 1), gateway)
        self.a = start(lan.node("a", 6), host)
        self.b = start(lan.node("b", 7), second_host(host))
        await_way_back(self.a, self.b, bound=cold)

    def announce(self) -> None:
        """Have both hosts announce on anycast0 and nothing else."""
        for node in (self.a, self.b):
            for name in [name for name in node.taps if name != "anycast0"]:
                node.close_tap(name)
            if "anycast0" not in node.taps:
                node.open_tap("anycast0", *SERVICE)
        for prefix in SERVICE:
            wait_hops(self.gateway, prefix, 2, self._spread)
