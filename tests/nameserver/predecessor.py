"""A wrapper that starts a daemon, says so, and waits to be killed: directory, then command."""

import asyncio
import sys
from pathlib import Path

from anycast_wrapper.core.events import DaemonReady
from anycast_wrapper.nameserver import DaemonProcess


async def main(directory, command):
    ready = asyncio.Event()

    def post(event):
        if isinstance(event, DaemonReady):
            ready.set()

    daemon = DaemonProcess(
        command, directory / "daemon.json", post, notify_path=directory / "notify.sock"
    )
    daemon.spawn()
    async with asyncio.timeout(20):
        await ready.wait()
    sys.stdout.write(f"{daemon.pid}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
