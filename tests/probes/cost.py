"""What a probe costs: CPU seconds of ours per 1,000, against a real named on loopback.

python -m tests.probes.cost
"""

import asyncio
import re
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from anycast_wrapper.core.events import DaemonReady
from anycast_wrapper.probes import CommandProbe, DnsProbe
from tests.nameserver import servers
from tests.nameserver.world import life

COUNT = 1000


async def cost(probe, count=COUNT):
    assert (await probe()).ok
    cpu, began = time.process_time(), time.monotonic()
    for _ in range(count):
        assert (await probe()).ok
    scale = 1000 / count
    return (time.process_time() - cpu) * scale, (time.monotonic() - began) * scale


async def main(directory):
    port = servers.free_port()
    udp = DnsProbe(("127.0.0.1",), "example.com", port=port, transports=("udp",), timeout=2)
    probes = {
        "udp": udp,
        "tcp": replace(udp, transports=("tcp",)),
        "udp and tcp": replace(udp, transports=("udp", "tcp")),
        "udp with an answer pattern": replace(udp, answer=re.compile("hostmaster")),
    }
    async with life(directory, servers.named(directory, port)) as it:
        it.daemon.spawn()
        await it.event(DaemonReady)
        for name, probe in probes.items():
            cpu, wall = await cost(probe)
            sys.stdout.write(f"{name}: {cpu:.3f} CPU s, {wall:.3f} s per 1,000\n")
    cpu, wall = await cost(CommandProbe(("true",), 5), 200)
    sys.stdout.write(f"command true: {cpu:.3f} CPU s, {wall:.3f} s per 1,000\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(main(Path(name)))
