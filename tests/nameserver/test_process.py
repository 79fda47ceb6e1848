"""The stand-in daemon: whatever a daemon may do, it comes out as events."""

import asyncio
import logging
import os
import signal
import time
from pathlib import Path

import pytest

from anycast_wrapper.core.events import (
    DaemonExited,
    DaemonNotSpawned,
    DaemonReady,
    DaemonSpawned,
    DaemonStopping,
)
from anycast_wrapper.ports import DaemonError
from tests.logged import events

from .world import alive, life, standin, until


def run(scenario, *args):
    return asyncio.run(scenario(*args))


@pytest.mark.usefixtures("either_way")
def test_a_whole_life(tmp_path):
    async def scenario():
        async with life(tmp_path, standin("polite", "ready")) as it:
            it.daemon.spawn()
            spawned = await it.event(DaemonSpawned)
            assert spawned.pid == it.daemon.pid
            await it.event(DaemonReady)
            assert it.record.exists()
            it.daemon.terminate()
            exited = await it.event(DaemonExited)
            assert exited == DaemonExited(0, "")
            assert it.kinds() == [
                "DaemonSpawned",
                "DaemonReady",
                "DaemonStopping",
                "DaemonExited",
            ]
            assert not it.record.exists()
            assert it.daemon.pid is None

    run(scenario)


@pytest.mark.usefixtures("either_way")
def test_the_last_notification_comes_before_the_exit(tmp_path):
    async def scenario():
        for _ in range(5):
            async with life(tmp_path, standin("polite", "ready")) as it:
                it.daemon.spawn()
                await it.event(DaemonReady)
                pid = it.daemon.pid
                it.daemon.terminate()
                # Both are there before the loop looks at either.
                zombie(pid)
                await it.event(DaemonExited)
                assert it.kinds()[-2:] == ["DaemonStopping", "DaemonExited"]

    run(scenario)


def zombie(pid):
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_several_lives_one_after_another(tmp_path):
    async def scenario():
        async with life(tmp_path, standin("polite", "ready")) as it:
            for _ in range(3):
                it.events.clear()
                it.daemon.spawn()
                await it.event(DaemonReady)
                it.daemon.terminate()
                await it.event(DaemonExited)
                assert len(it.events) == 4

    run(scenario)


@pytest.mark.usefixtures("either_way")
def test_sigkill_is_seen(tmp_path):
    async def scenario():
        async with life(tmp_path, standin("ready")) as it:
            it.daemon.spawn()
            await it.event(DaemonReady)
            os.kill(it.daemon.pid, signal.SIGKILL)
            assert (await it.event(DaemonExited)).code == -signal.SIGKILL

    run(scenario)


@pytest.mark.usefixtures("either_way")
def test_the_stubborn_is_killed(tmp_path):
    async def scenario():
        async with life(tmp_path, standin("stubborn", "ready")) as it:
            it.daemon.spawn()
            await it.event(DaemonReady)
            it.daemon.terminate()
            it.daemon.hangup(signal.SIGWINCH)
            assert alive(it.daemon.pid)
            it.daemon.kill()
            assert (await it.event(DaemonExited)).code == -signal.SIGKILL

    run(scenario)


def test_one_that_is_stopped_hears_sigterm(tmp_path):
    async def scenario():
        async with life(tmp_path, standin("polite", "ready")) as it:
            it.daemon.spawn()
            await it.event(DaemonReady)
            os.kill(it.daemon.pid, signal.SIGSTOP)
            it.daemon.terminate()
            assert (await it.event(DaemonExited)).code == 0

    run(scenario)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("how", ["kill", "exits"])
def test_its_helpers_end_with_it(tmp_path, how):
    async def scenario():
        helper = tmp_path / "helper"
        habits = ["ready", f"helper:{helper}", f"wait:{tmp_path}/end", "exit:0"]
        async with life(tmp_path, standin(*habits)) as it:
            it.daemon.spawn()
            await until(lambda: helper.exists() and helper.read_text())
            pid = int(helper.read_text())
            assert alive(pid)
            if how == "kill":
                it.daemon.kill()
            else:
                (tmp_path / "end").touch()
            await it.event(DaemonExited)
            await until(lambda: not alive(pid))

    run(scenario)


def test_signals_to_a_daemon_that_is_gone_are_no_error(tmp_path):
    async def scenario():
        async with life(tmp_path, standin("ready")) as it:
            it.daemon.terminate()
            it.daemon.kill()
            it.daemon.spawn()
            await it.event(DaemonReady)
            os.kill(it.daemon.pid, signal.SIGKILL)
            zombie(it.daemon.pid)
            it.daemon.terminate()
            it.daemon.kill()
            await it.event(DaemonExited)
            it.daemon.terminate()
            it.daemon.kill()

    run(scenario)


def test_two_at_once_are_refused(tmp_path):
    async def scenario():
        async with life(tmp_path, standin("ready")) as it:
            it.daemon.spawn()
            with pytest.raises(DaemonError, match="runs already, as pid"):
                it.daemon.spawn()

    run(scenario)


@pytest.mark.parametrize(("code", "words"), [(0, "no more"), (7, "no more")])
def test_one_that_exits_by_itself_before_it_is_ready(tmp_path, code, words):
    async def scenario():
        async with life(tmp_path, standin(f"say:{words}", f"exit:{code}")) as it:
            it.daemon.spawn()
            assert await it.event(DaemonExited) == DaemonExited(code, words)

    run(scenario)


def refuse(words="the file is bad"):
    return ("sh", "-c", f"echo {words}; exit 1")


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (refuse(), "the file is bad"),
        (("true",), "it said nothing here (syslog may know); true finds nothing wrong"),
        (("/nonexistent",), "/nonexistent cannot be run: no such file or directory"),
    ],
)
def test_the_checker_speaks_for_one_that_says_nothing(tmp_path, check, words):
    async def scenario():
        async with life(tmp_path, standin("exit:1"), check_command=check) as it:
            it.daemon.spawn()
            assert await it.event(DaemonExited) == DaemonExited(1, words)

    run(scenario)


@pytest.mark.parametrize("habits", [("ready", "exit:1"), ("say:I know why", "exit:1")])
def test_the_checker_delays_no_exit_that_matters(tmp_path, habits):
    async def scenario():
        ran = tmp_path / "ran"
        check = ("touch", str(ran))
        async with life(tmp_path, standin(*habits), check_command=check) as it:
            it.daemon.spawn()
            await it.event(DaemonExited)
            assert it.daemon._checking is None
            assert not ran.exists()

    run(scenario)


def test_a_daemon_that_never_notifies_is_never_checked(tmp_path):
    async def scenario():
        options = {"notify_path": None, "check_command": refuse()}
        async with life(tmp_path, standin("exit:1"), **options) as it:
            it.daemon.spawn()
            assert await it.event(DaemonExited) == DaemonExited(1, "")

    run(scenario)


def test_closing_during_the_check_leaves_nothing(tmp_path):
    async def scenario():
        check = ("sleep", "60")
        async with life(tmp_path, standin("exit:1"), check_command=check) as it:
            it.daemon.spawn()
            task = await until(lambda: it.daemon._checking)
            it.daemon.close()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(scenario)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/nonexistent/named", "-f"), "/nonexistent/named: no such file or directory"),
        (("no-such-named",), "no-such-named: no such file or directory in PATH"),
        (("/etc",), "/etc: permission denied: it is a directory"),
        (("{tmp}/data",), "{tmp}/data: permission denied"),
        (("{tmp}/odd",), "the program is there; what its first line names is not"),
        (("{tmp}/text",), "{tmp}/text: exec format error"),
        (("a\0b",), "embedded null byte"),
    ],
)
def test_what_cannot_be_started_says_why(tmp_path, command, words):
    (tmp_path / "data").write_text("")
    (tmp_path / "odd").write_text("#!/nonexistent\n")
    (tmp_path / "odd").chmod(0o755)
    (tmp_path / "text").write_text("no program\n")
    (tmp_path / "text").chmod(0o755)

    async def scenario():
        argv = tuple(word.format(tmp=tmp_path) for word in command)
        async with life(tmp_path, argv) as it:
            it.daemon.spawn()
            (event,) = it.events
            assert isinstance(event, DaemonNotSpawned)
            assert words.format(tmp=tmp_path) in event.detail
            assert not it.record.exists()
            assert it.daemon.pid is None

    run(scenario)


def test_a_notification_socket_that_cannot_be_made_says_so(tmp_path):
    async def scenario():
        async with life(tmp_path, standin(), notify_path=tmp_path / "no" / "n.sock") as it:
            it.daemon.spawn()
            (event,) = it.events
            assert "its notification socket" in event.detail
            assert "No such file or directory" in event.detail

    run(scenario)


def test_a_record_that_cannot_be_written_stops_nobody(tmp_path, caplog):
    async def scenario():
        async with life(tmp_path, standin("ready")) as it:
            it.record.mkdir()
            (it.record / "in the way").touch()
            it.daemon.spawn()
            await it.event(DaemonReady)

    run(scenario)
    assert "daemon-record-failed" in dict(events(caplog))


def test_output_reaches_the_log(tmp_path, caplog):
    caplog.set_level(logging.INFO, "anycast_wrapper.daemon")

    async def scenario():
        async with life(tmp_path, standin("say:hello there", "ready")) as it:
            it.daemon.spawn()
            await until(lambda: "hello there" in caplog.text)

    run(scenario)


def test_a_flood_is_thinned_out_and_blocks_nobody(tmp_path, caplog):
    caplog.set_level(logging.INFO, "anycast_wrapper.daemon")

    async def scenario():
        async with life(tmp_path, standin("flood", "say:after the flood", "exit:3")) as it:
            began = time.monotonic()
            it.daemon.spawn()
            exited = await it.event(DaemonExited)
            assert exited.detail.endswith("noise; after the flood")
            return time.monotonic() - began

    took = run(scenario)
    passed = [r for r in caplog.records if r.getMessage() == "noise"]
    assert 0 < len(passed) <= 200 * (took + 2)
    assert "daemon-output-dropped" in dict(events(caplog))


def test_what_systemd_gave_us_stays_ours(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "anycast_wrapper.daemon")
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "KEPT"):
        monkeypatch.setenv(name, "ours")

    async def scenario(notify_path):
        caplog.clear()
        async with life(tmp_path, standin("env", "exit:0"), notify_path=notify_path) as it:
            it.daemon.spawn()
            await it.event(DaemonExited)
        names = " ".join(r.getMessage() for r in caplog.records).split()
        return [n for n in names if n.startswith(("NOTIFY", "WATCHDOG", "LISTEN", "KEPT"))]

    assert run(scenario, None) == ["KEPT"]
    assert run(scenario, tmp_path / "n.sock") == ["KEPT", "NOTIFY_SOCKET"]


def test_no_signal_is_blocked_in_the_daemon(tmp_path):
    async def scenario():
        async with life(tmp_path, standin("mask", "exit:1")) as it:
            it.daemon.spawn()
            return (await it.event(DaemonExited)).detail

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        assert run(scenario) == "set()"
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == {signal.SIGUSR2}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_it_inherits_no_file_and_leads_a_group(tmp_path):
    ours = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(ours, True)
    script = f"test -e /proc/$$/fd/{ours} && echo inherited; ps -o pgid= -p $$; exit 1"

    async def scenario():
        async with life(tmp_path, ("sh", "-c", script)) as it:
            it.daemon.spawn()
            pid = it.daemon.pid
            assert (await it.event(DaemonExited)).detail == str(pid)

    try:
        run(scenario)
    finally:
        os.close(ours)


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_file_is_left_open(tmp_path):
    async def scenario():
        count = open_files()
        async with life(tmp_path, standin("polite", "ready")) as it:
            it.daemon.spawn()
            await it.event(DaemonReady)
            it.daemon.terminate()
            await it.event(DaemonExited)
        async with life(tmp_path, ("/nonexistent",)) as it:
            it.daemon.spawn()
        assert not (tmp_path / "notify.sock").exists()
        return open_files() - count

    assert run(scenario) == 0


def reap(pid):
    os.waitpid(pid, 0)


def test_letting_go_leaves_it_running(tmp_path):
    async def scenario():
        async with life(tmp_path, standin("ready")) as it:
            it.daemon.spawn()
            await it.event(DaemonReady)
            pid = it.daemon.pid
            it.daemon.close()
            assert it.record.exists()
            assert alive(pid)
            assert not any(isinstance(e, (DaemonExited, DaemonStopping)) for e in it.events)
            os.kill(pid, signal.SIGKILL)
            reap(pid)

    run(scenario)
