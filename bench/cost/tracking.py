"""What ``track`` costs: a thousand servers, each asked once a second.

    python -m bench.cost.tracking [SERVERS [SECONDS]]

The servers are addresses of the loopback, answered by another process (`answering`). Nothing is
written into the kernel: what is measured is the tracker's process, with everything in it that runs
beside the adapter: probes, core, loop, log, journal, metrics.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address
from typing import Any

from anycast_wrapper.core.model import Address, Outcome, Probe, Reason
from anycast_wrapper.gateway import events
from anycast_wrapper.gateway.listening import Audience
from anycast_wrapper.gateway.model import Member, Pool, Server
from anycast_wrapper.gateway.plan import Policy
from anycast_wrapper.gateway.ports import LeftOut
from anycast_wrapper.gateway.state import State
from anycast_wrapper.gateway.tracker import Tracker, World
from anycast_wrapper.probes import DnsProbe
from anycast_wrapper.probing import Bounded
from anycast_wrapper.track.logbook import TrackLog
from anycast_wrapper.track.status import Journal
from anycast_wrapper.track.tally import TrackTally

SERVICE = IPv4Address("192.0.2.53")
SETTLING = 3.0
"""Seconds that nobody counts: every server is proven, and the route is complete."""


class Nowhere:
    """A `Forwarding` into nothing, which counts."""

    def __init__(self) -> None:
        self.applies = 0

    async def adopt(self) -> Mapping[Address, tuple[Address, ...]]:
        """Nothing."""
        return {}

    async def apply(self, address: Address, members: Sequence[Member]) -> tuple[LeftOut, ...]:
        """Nothing, and count."""
        del address, members
        self.applies += 1
        return ()

    async def watch(self, changed: Callable[[], None]) -> None:
        """Nothing ever does."""

    def means(self, address: Address) -> str | None:
        """By nothing."""
        del address
        return None

    async def close(self) -> None:
        """Nothing."""


class Bare:
    """A `DrainMemory` and a `Heartbeat` of no use."""

    def recall(self) -> Mapping[tuple[str, str], str]:
        """Nobody is drained."""
        return {}

    def remember(self, drained: Mapping[tuple[str, str], str]) -> None:
        """Nobody is."""

    def beat(self) -> None:
        """Nobody listens."""


def pool(count: int) -> Pool:
    """So many servers from 127.1.0.1 on."""
    first = int(IPv4Address("127.1.0.1"))
    servers = tuple(Server(f"ns{n}", (IPv4Address(first + n),)) for n in range(count))
    return Pool("bench", (SERVICE,), servers, (Probe("alive", fall=1),))


async def answered_at_once() -> Outcome:
    """A probe that costs nothing: what is left is the loop and the core."""
    return Outcome(ok=True, reason=Reason.HEALTHY, latency=0.0)


def probers(port: int, count: int, transports: tuple[str, ...]) -> list[Bounded]:
    """As `track.wiring` makes them at the defaults."""
    if not transports:
        return [Bounded(answered_at_once, 0.5)] * count
    return [
        Bounded(
            DnsProbe(
                servers=(str(server.addresses[0]),),
                qname="version.bind",
                qtype="TXT",
                qclass="CH",
                port=port,
                transports=transports,
                tries=2,
                rcodes=frozenset({"NOERROR", "REFUSED"}),
            ),
            0.5,
        )
        for server in pool(count).servers
    ]


async def measured(
    port: int, count: int, seconds: float, transports: tuple[str, ...]
) -> dict[str, Any]:
    """The share of a core that it takes, and that everybody was asked and answered."""
    tally, nowhere = TrackTally(), Nowhere()
    audiences: tuple[Audience, ...] = (TrackLog(), Journal(), tally)
    tracker = Tracker(Policy((pool(count),)), probers(port, count, transports))
    world = World(nowhere, Bare(), Bare(), audiences)
    started = time.monotonic()
    running = asyncio.get_running_loop().create_task(tracker.run(world))

    def whole(state: State, now: float) -> bool:
        del now
        return SERVICE in state.leads and len(state.leads[SERVICE].serving) == count

    if not await tracker.until(whole, 30):
        raise RuntimeError(f"after 30 s not all of {count} servers are healthy")
    whole_after = time.monotonic() - started
    await asyncio.sleep(SETTLING)
    before = sum(tally.results.values())
    applies, cpu, began = nowhere.applies, time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    share = (time.process_time() - cpu) / (time.monotonic() - began)
    good = sum(n for (_, reason), n in tally.results.items() if reason is Reason.HEALTHY)
    figures = {
        "transports": "+".join(transports) or "none",
        "servers": count,
        "whole_after": round(whole_after, 2),
        "share": round(share, 4),
        "probes_per_second": round((sum(tally.results.values()) - before) / seconds, 1),
        "bad": sum(tally.results.values()) - good,
        "changes": nowhere.applies - applies,
    }
    tracker.post(events.StopAsked())
    await running
    return figures


def main() -> None:
    """Print the figures, one object a line."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    argv = [sys.executable, "-m", "bench.cost.answering"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("no pipes")
        port = int(server.stdout.readline())
        for transports in ((), ("udp",), ("udp", "tcp")):
            figures = asyncio.run(measured(port, count, seconds, transports))
            sys.stdout.write(json.dumps(figures) + "\n")
            sys.stdout.flush()
        server.stdin.close()


if __name__ == "__main__":
    main()
