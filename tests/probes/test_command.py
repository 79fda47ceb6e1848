import asyncio
import time
from pathlib import Path

import psutil
import pytest

from anycast_wrapper.core.model import Reason
from anycast_wrapper.probes import CommandProbe
from anycast_wrapper.probes import command as module


def run(*command, timeout=5.0):
    return asyncio.run(CommandProbe(command, timeout)())


def shell(script, timeout=5.0):
    return run("sh", "-c", script, timeout=timeout)


def gone(path):
    """Whether the process whose pid is in the file is gone, within a bound."""
    pid = int(path.read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
    return False


@pytest.mark.usefixtures("either_way")
def test_zero_is_good():
    outcome = shell("echo all   is; echo well")
    assert outcome.ok
    assert outcome.detail == "sh: exit status 0: all is well"
    assert outcome.latency > 0


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no >&2; exit 3", "sh: exit status 3: no"),
        ("kill -9 $$", "sh: killed by SIGKILL"),
        ("kill -40 $$", "sh: killed by signal 40"),
    ],
)
def test_anything_else_is_not(script, words):
    outcome = shell(script)
    assert outcome.reason is Reason.PROBE_COMMAND_FAILED
    assert outcome.detail == words


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/nonexistent/check",), "/nonexistent/check: cannot be run: no such file or directory"),
        (("/etc",), "/etc: cannot be run: permission denied"),
    ],
)
def test_what_cannot_be_run_says_so(command, words):
    outcome = run(*command)
    assert outcome.reason is Reason.PROBE_COMMAND_FAILED
    assert outcome.detail == words


@pytest.mark.parametrize("command", [(), ("a\0b",)])
def test_nonsense_does_not_raise(command):
    assert run(*command).reason is Reason.PROBE_ERROR


@pytest.mark.usefixtures("either_way")
def test_the_timeout_ends_the_whole_group(tmp_path):
    began = time.monotonic()
    outcome = shell(f"echo hm; sleep 60 & echo $! > {tmp_path}/pid; wait", timeout=0.3)
    assert time.monotonic() - began < 3
    assert outcome.reason is Reason.PROBE_TIMEOUT
    assert outcome.detail == "sh: killed after 300 ms: hm"
    assert gone(tmp_path / "pid")


@pytest.mark.usefixtures("either_way")
def test_a_grandchild_that_holds_the_output_delays_nothing_and_is_ended(tmp_path):
    began = time.monotonic()
    outcome = shell(f"sleep 60 & echo $! > {tmp_path}/pid; echo done", timeout=30)
    assert time.monotonic() - began < 5
    assert outcome.detail == "sh: exit status 0: done"
    assert gone(tmp_path / "pid")


def test_cancellation_ends_it_too(tmp_path):
    async def scenario():
        probe = CommandProbe(("sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 60"), 60)
        running = asyncio.create_task(probe())
        async with asyncio.timeout(5):
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
    assert gone(tmp_path / "pid")


def test_a_flood_is_drained_and_bounded():
    outcome = shell("yes | head -c 5000000", timeout=20)
    assert outcome.ok
    assert len(outcome.detail) < module.SHOWN + 50


def test_what_systemd_gave_us_is_not_passed_on(monkeypatch):
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "KEPT"):
        monkeypatch.setenv(name, "x")
    outcome = shell("env | grep -E '^(NOTIFY|WATCHDOG|LISTEN|KEPT)'")
    assert outcome.detail == "sh: exit status 0: KEPT=x"


def test_it_reads_nothing_and_leads_a_session():
    assert shell("read line; test $? -ne 0").ok
    assert shell('test "$(ps -o sid= -p $$ | tr -d " ")" = $$').ok


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_file_is_left_open():
    async def scenario():
        before = open_files()
        for script in ("true", "exit 1", "sleep 9"):
            await CommandProbe(("sh", "-c", script), 0.2)()
        await CommandProbe(("/nonexistent",), 0.2)()
        return open_files() - before

    assert asyncio.run(scenario()) == 0
