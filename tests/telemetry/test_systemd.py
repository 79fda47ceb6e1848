"""What systemd hears, on a socket like its own."""

import contextlib
import os
import socket
import time

import pytest

from anycast_wrapper.core import events
from anycast_wrapper.core.model import Drain
from anycast_wrapper.telemetry.systemd import Notifier, SystemdAudience
from anycast_wrapper.telemetry.watchdog import Watchdog

from .story import BAD, Story


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def heard(self):
        """The datagrams since the last time, each as its lines."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return found

    def close(self):
        self._socket.close()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "notify")


@pytest.fixture
def systemd(path):
    systemd = Systemd(path)
    yield systemd
    systemd.close()


@pytest.fixture
def story(systemd, path):
    return Story(SystemdAudience(Notifier({"NOTIFY_SOCKET": path})))


def words(systemd, key):
    return [
        line.removeprefix(f"{key}=")
        for datagram in systemd.heard()
        for line in datagram
        if line.startswith(f"{key}=")
    ]


def test_ready_is_said_once_and_only_when_everything_is_announced(story, systemd):
    story.start().ready()
    assert words(systemd, "READY") == []
    story.run_until(1.0)
    while not all(link.up for link in map(story.links.get, ("anycast0",))):
        assert words(systemd, "READY") == []
        story.run_until(story.now + 0.1)
    story.run_until(story.now + 10)
    assert words(systemd, "READY") == ["1"]
    story.answers["alive"] = BAD
    story.run_until(story.now + 10)
    story.answers.clear()
    story.run_until(story.now + 10)
    assert words(systemd, "READY") == []


def test_what_comes_before_the_start_settles_nothing(story, systemd, path):
    # The kernel's first words about routes may be there before anything is started.
    SystemdAudience(Notifier({"NOTIFY_SOCKET": path})).hear(story.state, ())
    assert words(systemd, "READY") == []


def test_a_drained_node_has_started_as_well_as_any_other(story, systemd):
    story.start(drained=Drain(detail="by ann"))
    assert words(systemd, "READY") == []
    story.ready()
    assert words(systemd, "READY") == ["1"]


def test_a_node_that_cannot_announce_is_ready_once_that_is_settled(story, systemd):
    story.answers["alive"] = BAD
    story.start().ready().run_until(10)
    assert words(systemd, "READY") == ["1"]


def test_a_start_that_is_stopped_is_never_ready(story, systemd):
    story.start().ready()
    story.feed(events.StopAsked())
    story.run_until(story.now + 10)
    heard = systemd.heard()
    assert not any("READY=1" in datagram for datagram in heard)
    assert sum("STOPPING=1" in datagram for datagram in heard) == 1


def test_stopping_is_said_once(story, systemd):
    story.announced()
    systemd.heard()
    story.feed(events.StopAsked())
    story.feed(events.StopAsked())
    story.run_until(story.now + 5)
    story.feed(events.DaemonExited(0))
    assert words(systemd, "STOPPING") == ["1"]


def test_a_daemon_that_ends_is_the_end_of_us_as_well(story, systemd):
    story.start()
    story.feed(events.DaemonExited(1, "bad configuration"))
    assert words(systemd, "STOPPING") == ["1"]


def test_status_is_said_when_it_changes_and_is_one_line(story, systemd):
    story.announced()
    assert words(systemd, "STATUS")[-1] == "resolver preferred"
    story.run_until(story.now + 10)
    assert systemd.heard() == []
    story.feed(events.DaemonExited(1, "first\nREADY=1\nMAINPID=1\n\x1b"))
    (datagram,) = systemd.heard()
    (line,) = datagram
    assert line.startswith("STATUS=resolver withdrawn (daemon-exited: exited with status 1: first ")


def test_half_a_character_does_not_stop_us(story, systemd):
    story.announced()
    story.feed(events.DrainAsked("by \udcff"))
    assert words(systemd, "STATUS")[-1] == "resolver withdrawn (drained: by ?)"


def test_a_reload_is_said_with_the_time_that_systemd_wants(systemd, path):
    notifier = Notifier({"NOTIFY_SOCKET": path})
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    ((reloading, at),) = systemd.heard()
    assert reloading == "RELOADING=1"
    key, microseconds = at.split("=")
    assert key == "MONOTONIC_USEC"
    assert before <= int(microseconds) <= time.monotonic_ns() // 1000
    notifier.reloaded()
    assert systemd.heard() == [["READY=1"]]


def test_an_abstract_socket_is_reached():
    name = f"anycast-wrap-test-{os.getpid()}"
    systemd = Systemd(f"\0{name}")
    try:
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).send(READY=1)
        assert systemd.heard() == [["READY=1"]]
    finally:
        systemd.close()


@pytest.mark.parametrize("address", ["", "/nonexistent/notify", "@nobody-listens", "x" * 300])
def test_without_systemd_nothing_happens(address):
    environ = {"NOTIFY_SOCKET": address} if address else {}
    story = Story(SystemdAudience(Notifier(environ)))
    story.announced()
    Notifier(environ).reloading()


def test_a_systemd_that_does_not_read_holds_nobody_up(systemd, path):
    notifier = Notifier({"NOTIFY_SOCKET": path})
    filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with filler:
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                filler.sendto(b"x" * 1000, path)
    began = time.monotonic()
    notifier.send(STATUS="lost")
    assert time.monotonic() - began < 1


# --- the watchdog of systemd ---


@pytest.mark.parametrize(
    ("more", "watched"),
    [
        ({}, False),
        ({"WATCHDOG_USEC": "30000000"}, True),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, True),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1)}, False),
        ({"WATCHDOG_USEC": ""}, False),
        ({"WATCHDOG_USEC": "soon"}, False),
    ],
)
def test_systemd_hears_our_heart_only_if_it_wants_to(systemd, path, more, watched):
    notifier = Notifier({"NOTIFY_SOCKET": path, **more})
    assert notifier.watched is watched
    watchdog = Watchdog(60.0, notifier)
    try:
        watchdog.beat()
        assert systemd.heard() == ([["WATCHDOG=1"]] if watched else [])
    finally:
        watchdog.stop()


def test_without_a_socket_nobody_wants_our_heart():
    assert not Notifier({"WATCHDOG_USEC": "30000000"}).watched
