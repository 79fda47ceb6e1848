"""One wrapper a configuration, whatever way the last one ended."""

import contextlib
import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from anycast_wrapper.control.lock import AlreadyRunningError, Lock, LockError

HOLD = """
import sys
from pathlib import Path
from anycast_wrapper.control.lock import Lock
Lock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""

LOOK = """
import os, sys
from pathlib import Path
from anycast_wrapper.control.lock import Lock, LockError
os.setgid(65534)
os.setuid(65534)
try:
    print(getattr(Lock(Path(sys.argv[1])), sys.argv[2])())
except LockError as error:
    print(error, error.__cause__.errno)
"""


@pytest.fixture
def socket(tmp_path):
    return tmp_path / "run" / "control.sock"


@contextlib.contextmanager
def another(socket):
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(socket)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def test_the_second_is_told_who_is_first(socket):
    with another(socket) as first:
        with pytest.raises(AlreadyRunningError, match=rf"pid {first.pid} holds .*\.lock") as caught:
            Lock(socket).acquire()
        assert caught.value.pid == first.pid
        assert Lock(socket).holder() == first.pid


def test_nobody_holds_what_is_free(socket):
    lock = Lock(socket)
    assert lock.holder() is None
    lock.acquire()
    assert Lock(socket).holder() == os.getpid()
    lock.release()
    assert lock.holder() is None
    lock.release()


def test_a_lock_can_be_had_again(socket):
    lock = Lock(socket)
    for _ in range(3):
        lock.acquire()
        lock.release()


def test_a_holder_that_is_killed_holds_nothing(socket):
    with another(socket) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait(10)
        assert Lock(socket).holder() is None
        lock = Lock(socket)
        lock.acquire()
        assert Lock(socket).holder() == os.getpid()
        lock.release()


def test_a_child_of_the_holder_does_not_inherit_it(socket):
    lock = Lock(socket)
    lock.acquire()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        lock.release()
        assert Lock(socket).holder() is None
        child.stdin.close()


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"\xff\xfe", b"-5\n"])
def test_a_holder_that_does_not_say_its_pid_holds_it_all_the_same(socket, content):
    with another(socket):
        (socket.parent / "control.sock.lock").write_bytes(content)
        assert Lock(socket).holder() == 0
        with pytest.raises(AlreadyRunningError, match="does not say its pid") as caught:
            Lock(socket).acquire()
        assert caught.value.pid is None


def test_to_look_at_the_lock_keeps_nobody_from_taking_it(socket):
    """``status`` looks, at the very moment at which ``start`` takes it."""
    lock = Lock(socket)
    lock.acquire()
    lock.release()
    look = os.open(lock.path, os.O_RDONLY)
    fcntl.flock(look, fcntl.LOCK_SH)
    threading.Timer(0.015, os.close, (look,)).start()
    lock.acquire()
    lock.release()


def test_the_directory_is_made_so_that_others_can_look(socket):
    before = os.umask(0o077)
    try:
        Lock(socket).acquire()
    finally:
        os.umask(before)
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o755


def test_a_place_where_no_lock_can_be(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LockError, match=r"cannot lock .*: Not a directory"):
        Lock(tmp_path / "file" / "control.sock").acquire()
    assert Lock(tmp_path / "file" / "control.sock").holder() is None


@pytest.mark.root
@pytest.mark.parametrize(
    ("method", "words"), [("holder", "cannot see who holds"), ("acquire", "cannot lock")]
)
def test_who_may_not_look_does_not_say_that_nobody_is_there(method, words):
    with tempfile.TemporaryDirectory() as directory:
        socket = Path(directory) / "control.sock"  # for root alone
        with another(socket):
            done = subprocess.run(
                [sys.executable, "-c", LOOK, str(socket), method],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            )
        assert words in done.stdout
        assert done.stdout.endswith("Permission denied 13\n")
