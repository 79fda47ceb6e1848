"""What the tests of this directory share: a life of a daemon as events, with bounds."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import psutil

from anycast_wrapper.core.events import DaemonExited
from anycast_wrapper.nameserver import DaemonProcess

STANDIN = Path(__file__).with_name("standin.py")


def standin(*traits):
    """The command of the stand-in daemon with these traits."""
    return (sys.executable, "-S", "-E", str(STANDIN), *traits)


async def until(true, seconds=10.0):
    """Wait until it holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not (result := true()):
        assert time.monotonic() < deadline, "it does not come true"
        await asyncio.sleep(0.002)
    return result


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Life:
    """A `DaemonProcess` together with what it posted."""

    def __init__(self, directory, command, **options):
        self.directory = Path(directory)
        self.events = []
        self.times = []
        options.setdefault("notify_path", self.directory / "notify.sock")
        self.record = self.directory / "daemon.json"
        self.daemon = DaemonProcess(command, self.record, self._post, **options)

    def _post(self, event):
        self.events.append(event)
        self.times.append(time.monotonic())

    async def event(self, kind, seconds=10.0):
        """The first event of the kind, once it has come."""
        return await until(
            lambda: next((e for e in self.events if isinstance(e, kind)), None), seconds
        )

    def kinds(self):
        return [type(e).__name__ for e in self.events]


@contextlib.asynccontextmanager
async def life(directory, command, **options):
    """A life that ends with the test: whatever still runs is killed."""
    it = Life(directory, command, **options)
    try:
        yield it
    finally:
        if it.daemon.pid is not None:
            it.daemon.kill()
            await it.event(DaemonExited)
        it.daemon.close()


@contextlib.contextmanager
def killed_in_the_end(pid):
    """For a process that is not watched by anyone here."""
    try:
        yield pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
