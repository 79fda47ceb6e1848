"""A process whose loop hangs is ended by the kernel; one whose loop turns is not."""

import signal
import subprocess
import sys

import pytest

PRELUDE = """
import asyncio, signal, sys, time
from anycast_wrapper.telemetry.systemd import Notifier
from anycast_wrapper.telemetry.watchdog import Watchdog
watchdog = Watchdog(0.3, Notifier({}))
"""

BEATS = """
async def main():
    for _ in range(12):
        watchdog.beat()
        await asyncio.sleep(0.05)
asyncio.run(main())
"""

HANGS = """
async def main():
    watchdog.beat()
    await asyncio.sleep(0)
    print("hanging", flush=True)
    time.sleep(60)
asyncio.run(main())
"""

SPINS = "watchdog.beat()\nwhile True: pass"
STOPS = "watchdog.beat()\nwatchdog.stop()\ntime.sleep(0.5)"
LEAVES = """
import subprocess
watchdog.beat()
child = subprocess.Popen(["sleep", "0.6"])
watchdog.stop()
sys.exit(child.wait())
"""


def code(body):
    argv = [sys.executable, "-c", PRELUDE + body]
    return subprocess.run(argv, timeout=10, check=False, stdout=subprocess.DEVNULL).returncode


@pytest.mark.parametrize("body", [HANGS, SPINS], ids=["sleeps", "spins"])
def test_a_loop_that_hangs_is_ended(body):
    assert code(body) == -signal.SIGALRM


@pytest.mark.parametrize("body", [BEATS, STOPS, LEAVES], ids=["beats", "stopped", "its children"])
def test_nothing_else_is(body):
    assert code(body) == 0
