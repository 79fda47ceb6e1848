"""Real name servers, through the process and the probe together."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

from anycast_wrapper.core.events import (
    DaemonExited,
    DaemonReady,
    DaemonStopping,
)
from anycast_wrapper.core.model import Reason
from anycast_wrapper.nameserver import default_check, default_notify, run_check
from anycast_wrapper.probes import DnsProbe

from . import servers
from .world import life, until


@pytest.fixture
def public():
    """A directory that a daemon without privileges reaches, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="anycast-wrap-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


async def healthy(port, seconds=10.0, **options):
    """The first good answer at the port, within a bound."""
    probe = DnsProbe(("127.0.0.1",), "example.com", port=port, **options)
    deadline = time.monotonic() + seconds
    while not (outcome := await probe()).ok:
        assert time.monotonic() < deadline, outcome.detail
    return outcome


@pytest.mark.parametrize(
    "server", [servers.named, servers.nsd, servers.knotd, servers.unbound], ids=lambda s: s.__name__
)
def test_started_answers_and_stops(tmp_path, server):
    port = servers.free_port()

    async def scenario():
        async with life(tmp_path, server(tmp_path, port)) as it:
            it.daemon.spawn()
            await healthy(port, aa=server is not servers.unbound)
            it.daemon.terminate()
            assert (await it.event(DaemonExited)).code == 0
            refused = await DnsProbe(("127.0.0.1",), "example.com", port=port)()
            assert refused.reason is Reason.PROBE_CONNECTION_REFUSED

    asyncio.run(scenario())


@pytest.mark.parametrize("server", [servers.nsd, servers.knotd], ids=lambda s: s.__name__)
def test_killed_servers_leave_no_helper_at_the_port(tmp_path, server):
    port = servers.free_port()

    async def scenario():
        async with life(tmp_path, server(tmp_path, port)) as it:
            it.daemon.spawn()
            await healthy(port)
            os.kill(it.daemon.pid, signal.SIGKILL)
            await it.event(DaemonExited)
            probe = DnsProbe(("127.0.0.1",), "example.com", port=port)
            deadline = time.monotonic() + 5
            while (await probe()).reason is not Reason.PROBE_CONNECTION_REFUSED:
                assert time.monotonic() < deadline

    asyncio.run(scenario())


def test_named_is_ready_before_it_answers_and_reloads(tmp_path):
    port = servers.free_port()

    async def scenario():
        async with life(tmp_path, servers.named(tmp_path, port)) as it:
            it.daemon.spawn()
            await it.event(DaemonReady)
            assert (await healthy(port, aa=True)).latency < 1
            it.events.clear()
            it.daemon.hangup()
            await it.event(DaemonReady)

    asyncio.run(scenario())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_a_violent_end_of_named_is_seen_at_once(tmp_path, how):
    port = servers.free_port()

    async def scenario():
        command = servers.named(tmp_path, port)
        async with life(tmp_path, command, check_command=default_check(command)) as it:
            it.daemon.spawn()
            await it.event(DaemonReady)
            began = time.monotonic()
            os.kill(it.daemon.pid, how)
            assert (await it.event(DaemonExited)).code == -how
            # A core dump, where the system wants one, takes its time.
            assert it.times[-1] - began < (0.1 if how == signal.SIGKILL else 5)

    asyncio.run(scenario())


def test_named_announces_its_end(tmp_path):
    port = servers.free_port()

    async def scenario():
        async with life(tmp_path, servers.named(tmp_path, port)) as it:
            it.daemon.spawn()
            await it.event(DaemonReady)
            os.kill(it.daemon.pid, signal.SIGTERM)
            assert await it.event(DaemonExited) == DaemonExited(0, "")
            assert it.events.index(DaemonStopping()) < len(it.events) - 1

    asyncio.run(scenario())


def test_a_bad_configuration_is_explained_in_named_s_own_words_within_2_s(tmp_path):
    async def scenario():
        command = servers.named(tmp_path, servers.free_port(), bad="bogus;")
        async with life(tmp_path, command, check_command=default_check(command)) as it:
            began = time.monotonic()
            it.daemon.spawn()
            exited = await it.event(DaemonExited)
            assert it.times[-1] - began < 2
            assert exited == DaemonExited(1, f"{tmp_path}/named.conf:1: unknown option 'bogus'")

    asyncio.run(scenario())


def test_named_without_privileges_and_in_another_root_is_heard(public):
    port = servers.free_port()
    root = public / "root"
    root.mkdir()
    servers.give_to_bind(root)
    command = servers.named(root, port)
    file = root / "named.conf"
    file.write_text(file.read_text().replace(str(root), "/"))
    command = (*command[:-1], "/named.conf", "-u", "bind", "-t", str(root))

    async def scenario():
        options = {
            "notify_path": default_notify(public, command),
            "check_command": default_check(command),
        }
        async with life(public, command, **options) as it:
            it.daemon.spawn()
            await until(lambda: len(it.events) > 1)
            assert it.kinds() == ["DaemonSpawned", "DaemonReady"], it.events
            await healthy(port)
            it.daemon.terminate()
            await it.event(DaemonExited)
            assert DaemonStopping() in it.events

    asyncio.run(scenario())


def test_named_without_privileges_is_heard(public):
    port = servers.free_port()
    servers.give_to_bind(public)

    async def scenario():
        async with life(public, (*servers.named(public, port), "-u", "bind")) as it:
            it.daemon.spawn()
            await until(lambda: len(it.events) > 1)
            assert it.kinds() == ["DaemonSpawned", "DaemonReady"], it.events

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (("/usr/sbin/named",), ()),
        (("named", "-f", "-u", "bind"), ()),
        (("/usr/sbin/named", "-4fc", "/etc/x.conf"), ("/etc/x.conf",)),
        (("/usr/sbin/named", "-g", "-t/jail", "-c/etc/x.conf"), ("-t", "/jail", "/etc/x.conf")),
        (("/usr/sbin/nsd", "-d"), None),
        (("/usr/sbin/named", "--odd"), None),
        (("/usr/bin/env", "named"), None),
        ((), None),
    ],
)
def test_the_checker_that_goes_with_a_command(command, arguments):
    checker = servers.installed("named-checkconf")
    expected = None if arguments is None else (checker, *arguments)
    assert default_check(command) == expected


def test_no_checker_installed(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert default_check(("named",)) is None


def test_a_checker_that_belongs_to_another_build_is_not_the_first_choice(tmp_path, monkeypatch):
    for name in ("sbin/named", "bin/named-checkconf", "named-checkconf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch(0o755)
    assert default_check((f"{tmp_path}/sbin/named",)) == (f"{tmp_path}/bin/named-checkconf",)
    # Nor is one that only lies where we stand.
    monkeypatch.chdir(tmp_path)
    assert default_check(("named",)) == (servers.installed("named-checkconf"),)


def test_where_a_daemon_reaches_us():
    run = Path("/run/x")
    assert default_notify(run, ("named", "-f")) == run / "notify.sock"
    assert default_notify(run, ("knotd",)) == run / "notify.sock"
    abstract = str(default_notify(run, ("named", "-t", "/jail")))
    assert (len(abstract), abstract.rstrip("-")) == (107, "@/run/x/notify.sock")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("true",), None),
        (("sh", "-c", "echo warning: but fine"), None),
        (("sh", "-c", "echo one; echo; echo two >&2; exit 1"), "one; two"),
        (("false",), "false ended with 1 and no words"),
        (("/nonexistent",), "/nonexistent cannot be run: no such file or directory"),
        (("sleep", "60"), "sleep did not finish within 0.5 s"),
        (("sh", "-c", "sleep 60 & wait"), "sh did not finish within 0.5 s"),
    ],
)
def test_checking(argv, words):
    assert asyncio.run(run_check(argv, 0.5)) == words


def test_a_checker_that_goes_on_and_on_is_cut():
    words = asyncio.run(run_check(("sh", "-c", "yes | head -c 100000; exit 1"), 5))
    assert len(words) < 700
