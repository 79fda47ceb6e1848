"""Our own probes and a forked dig, at work in a process of their own.

python -m bench.cost.probing MODE COUNT SERVER...

``udp``, ``tcp``, ``udp+tcp``, ``command``, ``dig``: ``COUNT`` checks of the first server, one after
the other.
``fleet-udp``, ``fleet-udp+tcp``, ``fleet-dig``: every server every six seconds, ``COUNT`` times.
Prints a line of JSON: CPU seconds of this process and of its children, and seconds by the clock.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from anycast_wrapper.probes import CommandProbe, DnsProbe

NAME = "example.test"
FLEET_INTERVAL = 6.0
Check = Callable[[], Awaitable[bool]]


def probe(server: str, transports: str) -> Check:
    """Our probe, as the wrapper has it."""
    asked = DnsProbe((server,), NAME, transports=tuple(transports.split("+")), timeout=2)

    async def check() -> bool:
        return (await asked()).ok

    return check


def dig(server: str) -> Check:
    """A forked dig, as a script or keepalived's MISC_CHECK has it."""
    argv = ["/usr/bin/dig", "+time=1", "+tries=1", f"@{server}", NAME, "SOA"]

    async def check() -> bool:
        done = subprocess.run(argv, check=False, stdout=subprocess.DEVNULL)  # noqa: ASYNC221
        return done.returncode == 0

    return check


async def command() -> bool:
    """Our probe that runs a command, the shortest there is."""
    return (await CommandProbe(("true",), 5)()).ok


def check_of(kind: str, server: str) -> Check:
    """One check of a kind."""
    if kind == "command":
        return command
    return dig(server) if kind == "dig" else probe(server, kind)


async def in_a_row(check: Check, count: int) -> int:
    """One after the other; how many were good."""
    return sum([await check() for _ in range(count)])


async def as_a_fleet(checks: list[Check], rounds: int) -> int:
    """Every one of them every six seconds, spread evenly over these; how many were good."""
    began = time.monotonic()
    good = 0
    for number in range(rounds * len(checks)):
        due = began + number * FLEET_INTERVAL / len(checks)
        await asyncio.sleep(max(due - time.monotonic(), 0.0))
        good += await checks[number % len(checks)]()
    await asyncio.sleep(max(began + rounds * FLEET_INTERVAL - time.monotonic(), 0.0))
    return good


def cpu(who: int) -> float:
    """CPU seconds so far."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


async def main() -> None:
    """Measure."""
    mode, count, servers = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    kind = mode.removeprefix("fleet-")
    checks = [check_of(kind, server) for server in servers]
    if not all([await check() for check in checks]):
        sys.exit(f"{mode}: the check does not pass")
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    before, began = [cpu(one) for one in kinds], time.monotonic()
    if mode == kind:
        good = await in_a_row(checks[0], count)
    else:
        good = await as_a_fleet(checks, count)
    own, children = (cpu(one) - then for one, then in zip(kinds, before, strict=True))
    took = time.monotonic() - began
    print(json.dumps({"own": own, "children": children, "wall": took, "good": good}))


if __name__ == "__main__":
    asyncio.run(main())
