"""Several nodes behind one loopback address, as a router spreads them: by the source port.

async with Anycast(Node(nsid=b"host1"), Node(nsid=b"host2")) as service:
    ...ask 127.0.0.1 at service.port...
"""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from tests.fakes.nameserver import _one_port

NAMES = ("id.server", "hostname.bind", "version.bind")


@dataclass
class Node:
    """How one node answers."""

    nsid: bytes | None = None
    names: dict = field(default_factory=dict)
    serial: int = 7
    rcode: str = "NOERROR"
    minimum: int = 60
    truncates: bool = False
    closes_after: int = 1000
    refuses_names: bool = False

    def answer(self, query, transport):
        asked = dns.message.from_wire(query)
        reply = dns.message.make_response(asked)
        if self.nsid is not None:
            option = dns.edns.GenericOption(dns.edns.OptionType.NSID, self.nsid)
            reply.use_edns(0, options=[option])
        question = asked.question[0]
        name = question.name.to_text(omit_final_dot=True)
        if name in NAMES:
            if name in self.names:
                text = f'"{self.names[name]}"'
                reply.answer = [dns.rrset.from_text(question.name, 0, "CH", "TXT", text)]
            elif self.refuses_names:
                reply.set_rcode(dns.rcode.REFUSED)
            return reply.to_wire()
        if self.truncates and transport == "UDP":
            reply.flags |= dns.flags.TC
            return reply.to_wire()
        reply.set_rcode(dns.rcode.from_text(self.rcode))
        if self.rcode == "NOERROR":
            reply.flags |= dns.flags.AA
            soa = f"ns.example.com. h.example.com. {self.serial} 3600 600 86400 {self.minimum}"
            reply.answer = [dns.rrset.from_text(question.name, 300, "IN", "SOA", soa)]
        return reply.to_wire()


class Anycast:
    """The service; enter it inside a running event loop.

    Attributes:
        nodes: who answers; a source port leads to the same one as long as they do not change.
        asked: what was asked, in order: (transport, source port, name).
        elsewhere: answer over UDP from another address than the one that was asked.
        deaf: names that are never answered.
        damage: what is done to each message before it goes back.
    """

    def __init__(self, *nodes, host="127.0.0.1"):
        self.nodes = list(nodes)
        self.host = host
        self.port = 0
        self.asked = []
        self.elsewhere = False
        self.deaf = frozenset()
        self.damage = lambda wire: [wire]

    async def __aenter__(self):
        udp, tcp = _one_port(self.host)
        self.port = udp.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._other = socket.socket(udp.family, socket.SOCK_DGRAM)
        self._other.bind((self.host, 0))
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        self._tcp = await asyncio.start_server(self._accepted, sock=tcp)
        self._tasks = set()
        return self

    async def __aexit__(self, *_):
        self._udp.close()
        self._tcp.close()
        self._other.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._tcp.wait_closed()
        await asyncio.sleep(0)

    def messages(self, query, transport, port):
        """What goes back."""
        name = dns.message.from_wire(query).question[0].name.to_text(omit_final_dot=True)
        self.asked.append((transport, port, name))
        if name in self.deaf or not self.nodes:
            return []
        node = self.nodes[port % len(self.nodes)]
        return self.damage(node.answer(query, transport))

    def send(self, wire, peer):
        if self.elsewhere:
            self._other.sendto(wire, peer)
        else:
            self._udp.sendto(wire, peer)

    async def _accepted(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        port = writer.get_extra_info("peername")[1]
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                for _ in range(self.nodes[port % len(self.nodes)].closes_after):
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    query = await reader.readexactly(length)
                    for wire in self.messages(query, "TCP", port):
                        writer.write(struct.pack("!H", len(wire)) + wire)
                        await writer.drain()
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, service):
        self.service = service

    def datagram_received(self, data, peer):
        for wire in self.service.messages(data, "UDP", peer[1]):
            self.service.send(wire, peer)
