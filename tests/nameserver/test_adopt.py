"""A daemon that a killed wrapper left running is found again, and only that one."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from anycast_wrapper.core.events import DaemonExited, DaemonReady, DaemonStopping
from anycast_wrapper.nameserver import record as record_module
from anycast_wrapper.nameserver.record import Identity, Record, identify
from tests.logged import detail

from . import servers
from .world import alive, killed_in_the_end, life, standin, until

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def orphan(directory, command):
    """The pid of a daemon whose wrapper was killed."""
    wrapper = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("predecessor.py")), str(directory), *command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with wrapper, killed_in_the_end(int(wrapper.stdout.readline())) as pid:
        wrapper.kill()
        wrapper.wait()
        yield pid


@pytest.mark.usefixtures("either_way")
def test_it_is_found_heard_and_ended(tmp_path):
    command = standin("polite", "ready")

    async def scenario(pid):
        async with life(tmp_path, command) as it:
            assert it.daemon.adopt() == pid == it.daemon.pid
            assert it.daemon.adopt() == pid
            assert it.events == []
            it.daemon.terminate()
            assert await it.event(DaemonExited) == DaemonExited(None, "")
            # It has the same path in its environment, and we have bound it anew.
            assert it.kinds() == ["DaemonStopping", "DaemonExited"]
            assert not it.record.exists()
            it.daemon.spawn()
            await it.event(DaemonReady)

    with orphan(tmp_path, command) as pid:
        asyncio.run(scenario(pid))


@pytest.mark.usefixtures("either_way")
def test_it_is_killed_with_its_helpers(tmp_path):
    helper = tmp_path / "helper"
    command = standin("stubborn", f"helper:{helper}", "ready")

    async def scenario(pid):
        async with life(tmp_path, command) as it:
            assert it.daemon.adopt() == pid
            it.daemon.kill()
            await it.event(DaemonExited)
            await until(lambda: not alive(int(helper.read_text())))

    with orphan(tmp_path, command) as pid:
        asyncio.run(scenario(pid))


def test_named_is_adopted_too(tmp_path):
    command = servers.named(tmp_path, servers.free_port())
    version = subprocess.run([command[0], "-v"], capture_output=True, text=True, check=True).stdout
    # Since then it connects to our predecessor's socket, once and for all.
    heard = tuple(map(int, re.findall(r"\d+", version)[:2])) < (9, 20)

    async def scenario(pid):
        async with life(tmp_path, command) as it:
            assert it.daemon.adopt() == pid
            it.daemon.hangup()
            if heard:
                await it.event(DaemonReady)
            it.daemon.terminate()
            await it.event(DaemonExited)
            assert (DaemonStopping() in it.events) == heard

    with orphan(tmp_path, command) as pid:
        asyncio.run(scenario(pid))


def test_its_next_line_does_not_kill_it_once_nobody_reads(tmp_path):
    # Unlike Python, a shell leaves SIGPIPE as it finds it.
    alone = tmp_path / "alone"
    script = (
        f"{sys.executable} {standin()[-1]} ready exit:0; "
        f"while echo still here >&2; do sleep 0.01; done 2>&1; touch {alone}; sleep 600"
    )

    async def scenario(pid):
        await until(alone.exists)
        assert alive(pid)
        os.killpg(pid, signal.SIGKILL)

    with orphan(tmp_path, ("sh", "-c", script)) as pid:
        asyncio.run(scenario(pid))


def adopt(directory, real=None, **changes):
    """What becomes of a record of the process ``real`` with these changes."""
    file = directory / "daemon.json"
    if real is not None:
        Record(file).write(identify(real), ["command"])
        data = json.loads(file.read_text())
        file.write_text(json.dumps({**data, **changes}))

    async def scenario():
        async with life(directory, ("command",)) as it:
            found = it.daemon.adopt()
            it.daemon.close()
            return found

    return asyncio.run(scenario())


@pytest.fixture
def bystander():
    process = subprocess.Popen(["sleep", "600"], process_group=0)
    yield process.pid
    assert process.poll() is None, "a bystander was hurt"
    process.kill()
    process.wait()


def test_a_record_that_is_right_counts(tmp_path, bystander):
    assert adopt(tmp_path, bystander) == bystander


@pytest.mark.parametrize(
    "changes",
    [
        {"started": 12.5},
        {"boot": "another"},
        {"pid": 2**22 + 5},
        {"pid": 0},
        {"pid": -1},
        {"pid": 1},
        {"pid": os.getpid()},
        {"pid": 2**70},
        {"pid": float("inf")},
        {"pid": None},
        {"started": float("nan")},
        {"pid": "x"},
        {"started": None},
        {"command": 5},
    ],
)
def test_one_that_is_not_does_not(tmp_path, bystander, changes):
    assert adopt(tmp_path, bystander, **changes) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"pid": 7}', "\0\xff", "null", '"' * 9, "[" * 10**5]
)
def test_garbage_is_said_and_does_not_count(tmp_path, text, caplog):
    (tmp_path / "daemon.json").write_text(text)
    assert adopt(tmp_path) is None
    assert detail(caplog, "daemon-record-ignored").startswith("unreadable")


def test_no_record_is_nothing_to_speak_of(tmp_path, caplog):
    assert adopt(tmp_path) is None
    assert caplog.text == ""


def test_a_zombie_is_not_adopted(tmp_path):
    process = subprocess.Popen(["sleep", "600"])
    Record(tmp_path / "daemon.json").write(identify(process.pid), ["command"])
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert adopt(tmp_path) is None
    process.wait()


def test_another_command_is_adopted_and_said(tmp_path, bystander, caplog):
    assert adopt(tmp_path, bystander, command=["an", "other"]) == bystander
    assert detail(caplog, "daemon-differs") == "it was started as ['an', 'other']"


def test_a_step_of_the_wall_clock_makes_nobody_another(monkeypatch, bystander, tmp_path):
    before = identify(bystander)
    # The kernel keeps the time since the machine's start and changes the time of that start.
    text = Path("/proc/stat").read_text()
    (found,) = re.findall(r"^btime (\d+)$", text, re.MULTILINE)
    (tmp_path / "stat").write_text(text.replace(f"btime {found}", f"btime {int(found) + 3600}"))
    (tmp_path / str(bystander)).symlink_to(f"/proc/{bystander}")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert psutil.boot_time() == int(found) + 3600
    after = identify(bystander)
    assert before.matches(after)
    assert not before.matches(Identity(bystander, before.started + 0.01, before.boot))
    assert not before.matches(None)


def test_the_start_is_what_the_kernel_says(bystander):
    fields = Path(f"/proc/{bystander}/stat").read_text().rpartition(")")[2].split()
    assert identify(bystander).started == pytest.approx(
        int(fields[19]) / os.sysconf("SC_CLK_TCK"), abs=0.001
    )


def test_a_system_without_boot_ids(monkeypatch, tmp_path, bystander):
    monkeypatch.setattr(record_module, "_BOOT_ID", tmp_path / "none")
    assert adopt(tmp_path, bystander) == bystander


def test_a_record_is_replaced_as_a_whole(tmp_path, monkeypatch):
    record = Record(tmp_path / "daemon.json")
    record.write(Identity(7, 1.0, "b"), ["x"])
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        record.write(Identity(8, 1.0, "b"), ["x"])
    assert record.read(["x"]) == Identity(7, 1.0, "b")
    assert [file.name for file in tmp_path.iterdir()] == ["daemon.json"]
