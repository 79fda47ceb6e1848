"""Who may say that the daemon is ready, and what else may come."""

import asyncio
import logging
import os
import socket
from pathlib import Path

import pytest

from anycast_wrapper.core.events import DaemonExited, DaemonReady, DaemonStopping
from anycast_wrapper.nameserver.notify import ABSTRACT, NotifySocket
from tests.logged import detail, events

from .world import life, standin, until


def heard(path, datagrams, pid=os.getpid, files=(), more=""):
    """What is posted after we ourselves have sent these, to the name of the path and ``more``."""
    events = []

    async def scenario():
        it = NotifySocket(path, events.append, pid)
        address = "\0" + str(path)[1:] if str(path).startswith("@") else str(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(address + more)
            for datagram in datagrams:
                socket.send_fds(sock, [datagram], files)
        it.drain()
        it.close()

    asyncio.run(scenario())
    return events


@pytest.mark.parametrize(
    ("datagrams", "events"),
    [
        ([b"READY=1\nSTATUS=running\nMAINPID=2962\n"], [DaemonReady()]),
        ([b"STOPPING=1"], [DaemonStopping()]),
        ([b"READY=1\nSTOPPING=1"], [DaemonReady(), DaemonStopping()]),
        ([b"RELOADING=1", b"READY=1", b"READY=1"], [DaemonReady(), DaemonReady()]),
        ([b"", b"\n\n", b"READY", b"READY=0", b"=", b"\xff\xfe\x00", b"ready=1"], []),
        ([b"READY=1" + b" " * 5000], []),
        ([b"ERRNO=2\nSTATUS=x\nBUSERROR=y\nX=z"], []),
    ],
)
def test_what_is_understood(tmp_path, datagrams, events):
    assert heard(tmp_path / "n", datagrams) == events


@pytest.mark.parametrize("pid", [None, 1, 2**22 + 1])
def test_nobody_else_is_believed(tmp_path, pid, caplog):
    assert heard(tmp_path / "n", [b"READY=1"], pid=lambda: pid) == []
    refused = {"pid": os.getpid(), "detail": "not the daemon"}
    assert ("notify-refused", refused) in events(caplog)


def test_an_abstract_name_does_as_well():
    assert heard(f"@anycast-wrap-test-{os.getpid()}", [b"READY=1"]) == [DaemonReady()]


@pytest.mark.parametrize("more", ["", "\0"])
def test_an_abstract_name_of_full_length_is_reached_by_those_who_count_its_end_in(more):
    """As named 9.20 does."""
    path = f"@anycast-wrap-test-{os.getpid()}".ljust(ABSTRACT, "-")
    assert heard(path, [b"READY=1"], more=more) == [DaemonReady()]


def test_files_that_come_along_are_not_kept(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    reader, writer = os.pipe()
    assert heard(tmp_path / "n", [b"READY=1"] * 3, files=[reader, writer])
    os.close(reader)
    os.close(writer)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_stale_socket_is_replaced_and_anything_else_is_not(tmp_path):
    path = tmp_path / "n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
        stale.bind(str(path))
    assert heard(path, [b"READY=1"]) == [DaemonReady()]
    assert not path.exists()
    path.write_text("precious")
    with pytest.raises(OSError, match="in use"):
        heard(path, [])
    assert path.read_text() == "precious"


def test_everyone_may_write_to_it(tmp_path):
    async def scenario():
        it = NotifySocket(tmp_path / "n", [].append, os.getpid)
        mode = (tmp_path / "n").stat().st_mode
        it.close()
        return mode & 0o777

    assert asyncio.run(scenario()) == 0o666


def test_a_system_that_does_not_say_who_sent_is_not_used(tmp_path, monkeypatch):
    monkeypatch.delattr(socket, "SO_PASSCRED")
    with pytest.raises(OSError, match="does not say who sent"):
        heard(tmp_path / "n", [])


def test_garbage_of_the_daemon_itself(tmp_path, caplog):
    caplog.set_level(logging.INFO)

    async def scenario():
        async with life(tmp_path, standin("garbage", "ready", "exit:0")) as it:
            it.daemon.spawn()
            await it.event(DaemonExited)
            assert it.kinds() == ["DaemonSpawned", "DaemonReady", "DaemonExited"]

    asyncio.run(scenario())
    assert detail(caplog, "notify-refused") == "too long"
    assert not any("\x1b" in str(fields) for _, fields in events(caplog))


def test_a_helper_of_the_daemon_may_speak_for_it(tmp_path):
    async def scenario():
        async with life(tmp_path, standin("by-helper")) as it:
            it.daemon.spawn()
            await it.event(DaemonReady)

    asyncio.run(scenario())


def test_late_is_not_never(tmp_path):
    async def scenario():
        async with life(tmp_path, standin(f"wait:{tmp_path}/now", "ready")) as it:
            it.daemon.spawn()
            (tmp_path / "now").touch()
            await it.event(DaemonReady)
            await until(lambda: it.daemon._ready)

    asyncio.run(scenario())
