"""One exchange by itself: what comes in pieces, what breaks off, what cannot be asked."""

import errno
import itertools
import socket
import struct
import threading

import pytest

from anycast_wrapper.core.model import Reason
from anycast_wrapper.questions.asking import Asking, Whom
from anycast_wrapper.questions.exchange import (
    Exchange,
    NoPlaceError,
    TcpExchange,
    address,
    place,
)
from anycast_wrapper.questions.faults import explain
from anycast_wrapper.questions.plainloop import PlainLoop


def exchanged(kind, port, message=b"\x00\x01question", source=None):
    """What a single exchange comes to, on a loop of its own."""
    loop, results = PlainLoop(), []
    kind(loop, place("127.0.0.1", port), source, message, lambda _, result: results.append(result))
    loop.run()
    (result,) = results
    return result


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def serving(server, *pieces):
    """Answers the next connection in pieces, each after the client has taken the one before."""

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.recv(1000)
            for piece in pieces:
                connection.sendall(piece)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize("cuts", [(1,), (2,), (1, 2, 3), (5,), ()])
def test_an_answer_over_tcp_may_come_in_any_pieces(listening, cuts):
    framed = struct.pack("!H", 300) + bytes(300)
    ends = (0, *cuts, len(framed))
    pieces = [framed[a:b] for a, b in itertools.pairwise(ends)]
    thread = serving(listening, *pieces)
    assert exchanged(TcpExchange, listening.getsockname()[1]) == bytes(300)
    thread.join()


def test_what_comes_after_an_answer_is_not_looked_at(listening):
    thread = serving(listening, struct.pack("!H", 3) + b"abcdef")
    assert exchanged(TcpExchange, listening.getsockname()[1]) == b"abc"
    thread.join()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "without an answer"),
        (b"\x00", "after 1 of the 2 bytes of its length"),
        (b"\x00\x09abc", "after 3 of the 9 bytes of its message"),
    ],
)
def test_a_connection_that_ends_early(listening, sent, words):
    thread = serving(listening, sent)
    reason, detail = explain(exchanged(TcpExchange, listening.getsockname()[1]), 1)
    assert reason == Reason.PROBE_MALFORMED
    assert words in detail
    thread.join()


def test_it_asks_from_the_address_that_it_is_given():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve():
            _, sender = server.recvfrom(1000)
            server.sendto(sender[0].encode(), sender)

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        assert exchanged(Exchange, port, source=address("127.0.0.7")) == b"127.0.0.7"
        thread.join()


@pytest.mark.parametrize("kind", [Exchange, TcpExchange])
def test_an_address_that_is_not_ours_cannot_be_asked_from(kind):
    with pytest.raises(OSError, match="assign") as caught:
        exchanged(kind, 9, source=address("192.0.2.1"))
    assert caught.value.errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize("written", ["named.example", "", "1.2.3.4.5", "\udcff", "::1/64"])
def test_what_is_no_address_is_not_looked_up(written):
    with pytest.raises(NoPlaceError):
        place(written, 53)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), Reason.PROBE_TIMEOUT),
        (OSError(errno.ETIMEDOUT, "x"), Reason.PROBE_TIMEOUT),
        (OSError(errno.ECONNREFUSED, "x"), Reason.PROBE_CONNECTION_REFUSED),
        (OSError(errno.EHOSTUNREACH, "x"), Reason.PROBE_UNREACHABLE),
        (OSError(errno.EMFILE, "x"), Reason.PROBE_ERROR),
        (ValueError("x"), Reason.PROBE_ERROR),
    ],
)
def test_every_fault_has_its_reason(error, reason):
    slug, words = explain(error, 0.5)
    assert Reason(slug) is reason
    assert words


def test_a_judge_that_breaks_is_an_outcome(listening):
    thread = serving(listening, b"\x00\x01a")
    loop = PlainLoop()
    one = Whom("127.0.0.1", "tcp", place("127.0.0.1", listening.getsockname()[1]))
    asking = Asking(loop, [one], b"question", lambda *_: 1 // 0, str)
    asking.begin(5, 1, lambda: None)
    loop.run()
    assert "zero" in one.finding
    thread.join()


def test_the_plain_loop_calls_in_the_order_of_time_and_not_what_was_cancelled():
    loop, called = PlainLoop(), []
    now = loop.time()
    loop.call_at(now + 0.02, lambda: called.append("late"))
    loop.call_at(now + 0.01, lambda: called.append("early"))
    loop.call_at(now + 0.015, lambda: called.append("never")).cancel()
    loop.run()
    assert called == ["early", "late"]


def test_after_a_truncated_answer_every_further_try_goes_over_tcp():
    """The first connection is left to answer when the next try is due, and UDP is done with."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(tcp.getsockname())
        over_udp = []

        def serve():
            question, sender = udp.recvfrom(1000)
            udp.sendto(b"truncated", sender)
            over_udp.append(question)
            first, _ = tcp.accept()
            second, _ = tcp.accept()  # the next try; it is never answered
            with first, second:
                first.recv(1000)
                first.sendall(b"\x00\x05whole")
                first.recv(1000)

        thread = threading.Thread(target=serve)
        thread.start()
        loop = PlainLoop()
        one = Whom("127.0.0.1", "udp", place(*tcp.getsockname()))
        judge = lambda wire, _: None if wire == b"truncated" else wire  # noqa: E731
        Asking(loop, [one], b"question", judge, repr).begin(2, 10, lambda: None)
        loop.run()
        thread.join()
        assert one.finding == b"whole"
        udp.setblocking(False)
        with pytest.raises(BlockingIOError):
            udp.recv(1000)
