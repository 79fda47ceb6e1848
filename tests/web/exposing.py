"""A listener on loopback in a loop of its own, and clients that keep to no rules."""

import asyncio
import contextlib
import socket
import threading
import time
from ipaddress import ip_address

from anycast_wrapper.web.listener import Listener

LOOPBACK = ip_address("127.0.0.1")


class Exposed:
    """A running listener, seen from another thread.

    Attributes:
        told: what it told people.
        stall: the longest that its loop was held up, in seconds, since it was last set to 0.
    """

    def __init__(self, routes, places=((LOOPBACK, 0),)):
        self.told = []
        self.stall = 0.0
        self.loop = asyncio.new_event_loop()
        self.listener = Listener(places, routes, lambda *words: self.told.append(words))
        self._thread = threading.Thread(target=self._run)

    @property
    def port(self):
        return self.listener.bound[0][1]

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def _serve(self):
        self._end = asyncio.Event()
        self.listener.open()
        watching = asyncio.create_task(self._watch())
        await self._end.wait()
        watching.cancel()
        await self.listener.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _watch(self):
        while True:
            due = time.monotonic() + 0.002
            await asyncio.sleep(0.002)
            self.stall = max(self.stall, time.monotonic() - due)

    def __enter__(self):
        self._thread.start()
        eventually(lambda: self.told)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)
        assert not self._thread.is_alive()


def eventually(condition, seconds=20.0):
    """Wait until something holds; what it gave."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)
    return found


def talk(port, request, *, end=False, seconds=15.0):
    """Send bytes as they are; all that comes back until the other end hangs up."""
    with socket.create_connection(("127.0.0.1", port), seconds) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(request)
            if end:
                client.shutdown(socket.SHUT_WR)
        return everything(client)


def everything(client):
    """What a socket gives until its end, or until it is cut off."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(1 << 16):
            received += chunk
    return received


def parsed(reply):
    """The status, the header fields in lower case, and the body."""
    head, _, body = reply.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(first.split()[1]), fields, body


def get(port, path="/metrics", *, method="GET", host="127.0.0.1", **fields):
    """One request as a client should send it."""
    named = {"Host": host, **{name.replace("_", "-"): value for name, value in fields.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value is not None)
    return parsed(talk(port, f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()))
