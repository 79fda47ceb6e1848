"""Receive queues on loopback, with sockets of our own that nobody reads, or somebody does."""

import asyncio
import socket
import sys
from ipaddress import ip_address

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sock_diag(7) is Linux's")

if sys.platform == "linux":
    from anycast_wrapper.kernel.queues import ENOUGH, ReceiveQueues, StandingQueue

HERE = [ip_address("127.0.0.1"), ip_address("::1")]


@pytest.fixture(params=["127.0.0.1", "::1", "0.0.0.0", "::"])
def server(request):
    """A UDP socket that nobody reads."""
    six = ":" in request.param
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((request.param, 0))
        one.setblocking(False)
        yield one


def port_of(server):
    return server.getsockname()[1]


def send(server, count):
    host = "::1" if server.family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(server.family, socket.SOCK_DGRAM) as client:
        for _ in range(count):
            client.sendto(b"a question of some length", (host, port_of(server)))


def read(server):
    while True:
        try:
            server.recv(100)
        except BlockingIOError:
            return


def test_what_waits_is_seen_and_what_was_read_is_not(server):
    queues = ReceiveQueues(HERE, port_of(server))
    assert queues.waiting() == 0
    send(server, 10)
    assert queues.waiting() > ENOUGH
    read(server)
    assert queues.waiting() == 0
    queues.close()


def test_another_port_and_another_address_do_not_count(server):
    send(server, 10)
    other = ReceiveQueues(HERE, port_of(server) ^ 1)
    assert other.waiting() == 0
    other.close()
    if server.getsockname()[0] in ("127.0.0.1", "::1"):
        elsewhere = ReceiveQueues([ip_address("192.0.2.53")], port_of(server))
        assert elsewhere.waiting() == 0
        elsewhere.close()


def test_a_queue_that_is_not_read_stands_until_it_is(server):
    async def main():
        heard: asyncio.Queue[bool] = asyncio.Queue()
        watch = StandingQueue(HERE, port_of(server))
        watch.watch(heard.put_nowait)
        async with asyncio.timeout(5):
            send(server, 10)
            assert await heard.get() is True
            read(server)
            assert await heard.get() is False
        watch.close()

    asyncio.run(main())


def test_a_few_queries_are_worth_no_thought(server):
    async def main():
        heard: asyncio.Queue[bool] = asyncio.Queue()
        watch = StandingQueue(HERE, port_of(server))
        watch.watch(heard.put_nowait)
        send(server, 2)
        with pytest.raises(TimeoutError):  # several looks: what is awaited is that nothing happens
            await asyncio.wait_for(heard.get(), 0.4)
        watch.close()

    asyncio.run(main())
