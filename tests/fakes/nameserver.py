"""A name server that lies on demand, over UDP and TCP on one loopback port.

    async with LyingNameserver() as server:
        server.udp = Lie.SERVFAIL
        ...ask 127.0.0.1 at server.port...

Over either transport it tells the truth until told otherwise. `requests` counts what was asked.
"""

import asyncio
import contextlib
import enum
import errno
import socket
import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

TRUTH = "300 IN SOA ns.example.com. hostmaster.example.com. 7 3600 600 86400 60"


class Lie(enum.Enum):
    """How it answers, or does not."""

    NONE = "the truth"
    SERVFAIL = "SERVFAIL"
    REFUSED = "REFUSED"
    NXDOMAIN = "NXDOMAIN"
    EMPTY = "NOERROR without an answer"
    NO_AA = "the truth without AA"
    STALL = "silence"
    SLOW = "the truth, after `delay` seconds"
    WRONG_ID = "the truth under another id"
    WRONG_QUESTION = "the answer to another question"
    QUERY = "the query itself"
    NO_QUESTION = "SERVFAIL without a question section"
    GARBAGE = "40 bytes that are no DNS message"
    SHORT = "three bytes"
    TRUNCATED = "TC and no records"
    CLOSE = "TCP: close without an answer"
    RESET = "TCP: RST instead of an answer"
    HALF = "TCP: the first half of the truth, then close"
    HALF_STALL = "TCP: the first half of the truth, then silence"


class LyingNameserver:
    """The server; enter it inside a running event loop.

    Attributes:
        udp, tcp: how it answers over each.
        delay: seconds, for `Lie.SLOW`.
        answer: the record (without its owner) that it tells in truth.
        requests: how many questions came, by transport.
        drops: how many questions over each transport are left unanswered before it says anything.
        host, port: where it listens.
        listen: of "udp" and "tcp"; what is left out refuses.
    """

    def __init__(self, udp=Lie.NONE, tcp=Lie.NONE, host="127.0.0.1", listen=("udp", "tcp")):
        self.udp = udp
        self.tcp = tcp
        self.host = host
        self.port = 0
        self.delay = 0.2
        self.answer = TRUTH
        self.requests = {"udp": 0, "tcp": 0}
        self.drops = 0
        self.listen = listen
        self._tasks = set()
        self._udp = None
        self._tcp = None

    async def __aenter__(self):
        udp, tcp = _one_port(self.host)
        self.port = udp.getsockname()[1]
        loop = asyncio.get_running_loop()
        if "udp" in self.listen:
            self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        else:
            udp.close()
        if "tcp" in self.listen:
            self._tcp = await asyncio.start_server(self._accepted, sock=tcp)
        else:
            tcp.close()
        return self

    async def __aexit__(self, *_):
        if self._udp:
            self._udp.close()
        if self._tcp:
            self._tcp.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tcp:
            await self._tcp.wait_closed()
        # The transports close their sockets in the loop's next turn.
        await asyncio.sleep(0)

    def reply(self, query, lie):
        """What goes back, as bytes; None for nothing."""
        if lie in {Lie.STALL, Lie.CLOSE, Lie.RESET}:
            return None
        if lie is Lie.GARBAGE:
            return b"\xff" * 40
        if lie is Lie.SHORT:
            return b"abc"
        if lie is Lie.QUERY:
            return query
        return self._message(dns.message.from_wire(query), lie).to_wire()

    def _message(self, asked, lie):
        reply = dns.message.make_response(asked)
        if lie in {Lie.SERVFAIL, Lie.REFUSED, Lie.NXDOMAIN}:
            reply.set_rcode(dns.rcode.from_text(lie.value))
            return reply
        if lie is Lie.NO_QUESTION:
            reply.set_rcode(dns.rcode.SERVFAIL)
            reply.question = []
            return reply
        if lie is not Lie.NO_AA:
            reply.flags |= dns.flags.AA
        if lie is Lie.TRUNCATED:
            reply.flags |= dns.flags.TC
        elif lie is not Lie.EMPTY:
            reply.answer = [dns.rrset.from_text(asked.question[0].name, *_split(self.answer))]
        if lie is Lie.WRONG_ID:
            reply.id ^= 1
        if lie is Lie.WRONG_QUESTION:
            reply.question = [dns.rrset.RRset(dns.name.from_text("other.example."), 1, 6)]
        return reply

    async def _accepted(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    await self._answer_tcp(await reader.readexactly(length), writer)
        except asyncio.CancelledError:
            pass  # Our own end; streams would report it as an unhandled exception.
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer_tcp(self, query, writer):
        self.requests["tcp"] += 1
        lie = self.tcp
        if lie is Lie.STALL or self.requests["tcp"] <= self.drops:
            await asyncio.Event().wait()
        if lie is Lie.SLOW:
            await asyncio.sleep(self.delay)
        if lie is Lie.RESET:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        message = self.reply(query, lie)
        if message is None:
            raise ConnectionAbortedError
        framed = struct.pack("!H", len(message)) + message
        if lie in {Lie.HALF, Lie.HALF_STALL}:
            framed = framed[: len(framed) // 2]
        writer.write(framed)
        await writer.drain()
        if lie is Lie.HALF:
            raise ConnectionAbortedError
        if lie is Lie.HALF_STALL:
            await asyncio.Event().wait()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.server.requests["udp"] += 1
        message = self.server.reply(data, self.server.udp)
        if message is None or self.server.requests["udp"] <= self.server.drops:
            return
        if self.server.udp is Lie.SLOW:
            loop = asyncio.get_running_loop()
            loop.call_later(self.server.delay, self._late, message, addr)
        else:
            self.transport.sendto(message, addr)

    def _late(self, message, addr):
        if not self.transport.is_closing():
            self.transport.sendto(message, addr)


def _split(record):
    ttl, rdclass, rdtype, rdata = record.split(" ", 3)
    return int(ttl), rdclass, rdtype, rdata


def _one_port(host):
    """A UDP and a TCP socket bound to the same free port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(50):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        udp.bind((host, 0))
        tcp = socket.socket(family, socket.SOCK_STREAM)
        try:
            tcp.bind((host, udp.getsockname()[1]))
        except OSError as error:
            udp.close()
            tcp.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return udp, tcp
    raise OSError(errno.EADDRINUSE, "no port is free for both UDP and TCP")
