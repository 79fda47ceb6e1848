"""The load's own process: asks at a fixed rate and writes down what became of each query.

Started by `load.Load` in the client's namespace. It reads one JSON line of settings, says
``running`` once answers come, stops at the end of its standard input or of its time, and writes its
results to a file. It is open loop: a query that is not answered delays no other.
"""

import contextlib
import gc
import json
import os
import select
import socket
import struct
import sys
import time
from dataclasses import asdict
from pathlib import Path

from anycast_wrapper.lab import wire
from anycast_wrapper.lab.records import GRACE, Records, Settings
from anycast_wrapper.lab.tcpload import TcpLoad

TICK = 0.001
RECEIVE_BUFFER = 1 << 20
SO_RCVBUFFORCE = 33
IP_RECVERR, IPV6_RECVERR = 11, 25
MOST_AT_ONCE = 100  # after a pause of the machine: no burst that overruns a buffer


class UdpLoad:
    """UDP queries from many ports, each socket connected to one address."""

    def __init__(self, settings: Settings, records: Records, poller: select.epoll) -> None:
        self._records = records
        self._body = wire.question(settings.qname, settings.qtype)
        self._pending: dict[tuple[int, int], int] = {}
        self._sockets: list[tuple[socket.socket, int]] = []
        self._by_handle: dict[int, socket.socket] = {}
        self._next = 0
        for number in range(settings.ports):
            index = number % len(settings.addresses)
            channel = _connected(settings.addresses[index])
            self._sockets.append((channel, index))
            self._by_handle[channel.fileno()] = channel
            poller.register(channel, select.EPOLLIN)

    def send(self, now: float) -> None:
        """Send the next query, from the next port."""
        channel, index = self._sockets[self._next % len(self._sockets)]
        identity = self._next & 0xFFFF
        self._next += 1
        number = self._records.open(now, index)
        self._pending[channel.fileno(), identity] = number
        message = struct.pack("!H", identity) + self._body
        try:
            channel.send(message)
        except OSError:
            # The error is an earlier query's, whose ICMP message came meanwhile: send again.
            try:
                channel.send(message)
            except OSError as error:
                self._records.failed(number, error.errno or 0)

    def receive(self, handle: int, events: int) -> bool:
        """Read what a socket has; False if it is not one of these."""
        channel = self._by_handle.get(handle)
        if channel is None:
            return False
        if events & select.EPOLLERR:
            self._read_errors(channel)
        while True:
            try:
                message = channel.recv(4096)
            except BlockingIOError:
                return True
            except OSError:
                continue
            number = self._pending.pop((handle, int.from_bytes(message[:2])), None)
            if number is not None:
                self._records.answered(number, time.monotonic(), message)

    def _read_errors(self, channel: socket.socket) -> None:
        # The error queue returns the packet that was refused: the error goes to the right query.
        with contextlib.suppress(BlockingIOError):
            while True:
                message, ancillary, _, _ = channel.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
                number = self._pending.get((channel.fileno(), int.from_bytes(message[:2])))
                code = struct.unpack_from("I", ancillary[0][2])[0] if ancillary else 0
                if number is not None:
                    self._records.failed(number, code)


def _connected(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    channel = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    channel.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    if family == socket.AF_INET6:
        channel.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        channel.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    channel.connect((address, 53))
    return channel


class Generator:
    """Asks until standard input ends or the time is over, then waits for what is under way."""

    def __init__(self, settings: Settings) -> None:
        self.records = Records()
        self._settings = settings
        self._poller = select.epoll()
        self._udp = UdpLoad(settings, self.records, self._poller)
        body = wire.question(settings.qname, settings.qtype)
        self._tcp = TcpLoad(settings.addresses, body, self.records, self._poller)
        self._udp_sent = self._tcp_sent = 0
        self._ended = self._announced = False
        self._poller.register(sys.stdin.fileno(), select.EPOLLIN)

    def run(self) -> Records:
        """Do it."""
        began = last = time.monotonic()
        while True:
            now = time.monotonic()
            self.records.stall = max(self.records.stall, now - last)
            last = now
            self._ended = self._ended or now >= began + self._settings.longest
            if not self._ended:
                self._send(now, now - began)
            elif not self.records.sent or now >= self.records.sent[-1] + GRACE:
                return self.records
            self._receive()
            self._announce()

    def _send(self, now: float, elapsed: float) -> None:
        due = int(elapsed * self._settings.rate) - self._udp_sent
        for _ in range(min(due, MOST_AT_ONCE)):
            self._udp.send(time.monotonic())
            self._udp_sent += 1
        if self._tcp_sent < int(elapsed * self._settings.tcp_rate):
            self._tcp.send(now)
            self._tcp_sent += 1

    def _receive(self) -> None:
        for handle, events in self._poller.poll(TICK):
            if handle == sys.stdin.fileno():
                self._ended = True
                self._poller.unregister(handle)
            elif not self._udp.receive(handle, events):
                self._tcp.advance(handle)

    def _announce(self) -> None:
        if not self._announced and any(code == 0 for code in self.records.rcode[-100:]):
            self._announced = True
            print("running", flush=True)


def _first_line(handle: int) -> bytes:
    # Unbuffered: what follows must stay in the pipe for epoll to see.
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(handle, 1)
        if not byte:
            break
        line += byte
    return line


def main() -> None:
    """Read the settings, ask, and write the results."""
    told = json.loads(_first_line(sys.stdin.fileno()))
    settings = Settings(**{**told, "addresses": tuple(told["addresses"])})
    with contextlib.suppress(PermissionError):
        os.nice(-10)  # its own delays would look like the network's
    gc.disable()
    records = Generator(settings).run()
    Path(sys.argv[1]).write_text(json.dumps(asdict(records)), encoding="ascii")


if __name__ == "__main__":
    main()
