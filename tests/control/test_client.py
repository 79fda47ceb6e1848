"""The command's end: everything that can be at the other end has its own error."""

import contextlib
import socket
import threading
import time

import pytest

from anycast_wrapper.control.client import (
    NoAnswerError,
    NotRunningError,
    request,
)
from anycast_wrapper.control.protocol import MAX_REPLY


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sock"


@contextlib.contextmanager
def serving(path, talk):
    """A server in a thread that talks to one client as told."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(1 << 16)
                talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            thread.join(10)


def answering(path, *pieces):
    return serving(path, lambda connection: [connection.sendall(piece) for piece in pieces])


def test_an_answer_may_come_in_pieces(path):
    with answering(path, b'{"ok":', b"true}", b"\n"):
        assert request(path, "status") == {"ok": True}


def test_nobody_is_there(path):
    with pytest.raises(NotRunningError, match=r"is not running \(nobody at .*control\.sock\)"):
        request(path, "status")
    with pytest.raises(NotRunningError):
        request(path / "below" / "it", "status")


def test_a_socket_that_was_left_behind_is_nobody(path):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    with pytest.raises(NotRunningError):
        request(path, "status")


def test_a_file_in_place_of_the_socket_is_nobody(path):
    path.touch()
    with pytest.raises(NotRunningError):
        request(path, "status")


def test_a_path_beyond_what_a_socket_can_have(tmp_path):
    with pytest.raises(NoAnswerError, match="too long"):
        request(tmp_path / ("x" * 200), "status")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "an empty message"),
        (b'{"ok": true}', "half a message"),
        (b"hello\n", "not JSON"),
        (b"[]\n", "not an object"),
        (b"\x00" * (MAX_REPLY + 2), "half a message"),
    ],
    ids=["none", "half", "garbage", "list", "flood"],
)
def test_an_answer_that_is_not_in_our_words(path, answer, words):
    with answering(path, answer), pytest.raises(NoAnswerError, match=f"did not answer: {words}"):
        request(path, "status")


def test_no_answer_in_time(path):
    done = threading.Event()
    with serving(path, lambda _: done.wait(10)):
        with pytest.raises(NoAnswerError, match=r"gave no answer in 0\.1 s"):
            request(path, "status", seconds=0.1)
        done.set()


def test_an_answer_that_trickles_is_none_in_time(path):
    done = threading.Event()

    def trickle(connection):
        while not done.wait(0.02):
            connection.sendall(b" ")

    with serving(path, trickle):
        began = time.monotonic()
        with pytest.raises(NoAnswerError, match=r"gave no answer in 0\.2 s"):
            request(path, "status", seconds=0.2)
        assert time.monotonic() - began < 2
        done.set()
