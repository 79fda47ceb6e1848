"""CPU per 1,000 checks, and 44 servers asked every six seconds by one machine."""

import json
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from anycast_wrapper.lab.bind import NameServer
from anycast_wrapper.lab.claim import Claim
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.load import PACKAGE_ROOT
from anycast_wrapper.lab.node import Node
from bench.contenders import ADDRESS
from bench.contenders.model import TOOLS
from bench.peers import ENVIRONMENT, missing

from .probing import FLEET_INTERVAL, NAME

FLEET = 44
BATCHES = 3
PEERS = ENVIRONMENT / "bin" / "python"
OURS = (sys.executable, "-m", "bench.cost.probing")


@dataclass(frozen=True)
class Kind:
    """A way to check.

    Attributes:
        key: In the results.
        name: For people.
        count: How many checks a batch has: those that fork are slow.
        peer: Whether it is the function of another tool.
    """

    key: str
    name: str
    count: int
    peer: bool = False


KINDS = (
    Kind("udp", "anycast-wrap's probe, UDP", 3000),
    Kind("tcp", "anycast-wrap's probe, TCP", 2000),
    Kind("udp+tcp", "anycast-wrap's probe, UDP and TCP (its default)", 1500),
    Kind("command", "anycast-wrap's command probe: true", 300),
    Kind("watchdog", "the watchdog: TCP connection, then SOA over UDP", 2000, peer=True),
    Kind("dig", "a forked dig", 150),
    Kind("ahc", "anycast-healthchecker: ip, then dig", 150, peer=True),
    Kind("exabgp", "exabgp healthcheck: sh, then dig", 150, peer=True),
)


@contextmanager
def named_somewhere(addresses: list[str]) -> Iterator[Node]:
    """A namespace in which a named serves all of these addresses."""
    claim = Claim()
    try:
        namespace = claim.namespace("cost")
        namespace.create()
        namespace.ip(*(f"addr add {address}/32 dev lo" for address in addresses))
        node = Node("cost", namespace, claim.directory)
        server = NameServer(namespace, claim.directory / "dns", "cost")
        server.start()
        eventually(
            lambda: all(node.ask(one, timeout=0.2) for one in addresses),
            awaiting="named",
            seen=server.log,
        )
        yield node
    finally:
        claim.release()


def per_thousand(*, quick: bool = False) -> dict[str, Any]:
    """CPU seconds of each kind per 1,000 checks: median of batches.

    Returns:
        ``rows``: for each kind its name, ``cpu`` and its least and most, ``own``, ``children``, all
        in CPU seconds per 1,000, and ``wall`` in ms a check; or ``missing``.
    """
    rows: list[dict[str, Any]] = []
    with named_somewhere([ADDRESS]) as node:
        for kind in KINDS:
            if kind.peer and missing([PEERS]):
                rows.append({"name": kind.name, "missing": [str(PEERS)]})
                continue
            count = max(kind.count // 3, 20) if quick else kind.count
            batches = [_batch(node, kind, count) for _ in range(1 if quick else BATCHES)]
            rows.append({"name": kind.name, **_median(batches, count)})
    return {"rows": rows}


def _batch(node: Node, kind: Kind, count: int) -> dict[str, float]:
    if kind.peer:
        argv = [str(PEERS), str(TOOLS / "cost_of_peers.py"), kind.key, str(count), ADDRESS, NAME]
    else:
        argv = [*OURS, kind.key, str(count), ADDRESS]
    figures = measured(node, argv)
    if figures["good"] != count:
        raise RuntimeError(f"{kind.name}: {count - figures['good']} of {count} checks failed")
    return figures


def _median(batches: list[dict[str, float]], count: int) -> dict[str, float]:
    scale = 1000 / count
    cpu = [(batch["own"] + batch["children"]) * scale for batch in batches]
    return {
        "cpu": round(statistics.median(cpu), 4),
        "cpu_least": round(min(cpu), 4),
        "cpu_most": round(max(cpu), 4),
        "own": round(statistics.median(batch["own"] for batch in batches) * scale, 4),
        "children": round(statistics.median(batch["children"] for batch in batches) * scale, 4),
        "wall": round(statistics.median(batch["wall"] for batch in batches) * scale, 4),
    }


def fleet(*, quick: bool = False) -> dict[str, Any]:
    """The share of a core that 44 servers take, each asked every six seconds.

    Returns:
        ``rows``: name and ``share`` of a core (1 is all of it) for each kind; ``servers`` and
        ``interval``.
    """
    servers = [f"198.18.0.{number}" for number in range(1, FLEET + 1)]
    rounds = 1 if quick else 3
    names = {kind.key: kind.name for kind in KINDS}
    rows = []
    with named_somewhere(servers) as node:
        for key in ("udp", "udp+tcp", "dig"):
            figures = measured(node, [*OURS, f"fleet-{key}", str(rounds), *servers])
            share = (figures["own"] + figures["children"]) / figures["wall"]
            rows.append({"name": names[key], "share": round(share, 6)})
    return {"rows": rows, "servers": FLEET, "interval": FLEET_INTERVAL}


def measured(node: Node, argv: list[str]) -> dict[str, float]:
    """Run something that prints its figures, and read them."""
    words = ["env", f"PYTHONPATH={PACKAGE_ROOT}", *argv]
    figures: dict[str, float] = json.loads(node.run(words, timeout=180).stdout)
    return figures
