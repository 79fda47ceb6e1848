"""A name server for thousands of loopback addresses at once: it refuses everything, fast.

    python -m bench.cost.answering

It prints its port and answers until its standard input ends.
"""

import contextlib
import select
import socket
import struct
import sys

IP_PKTINFO = 8
"""linux/in.h; ip(7). Python has no name for it before 3.12."""


def refusal(query: bytes) -> bytes:
    """REFUSED, with the question as it came."""
    end = 12
    while query[end]:
        end += query[end] + 1
    return query[:2] + b"\x80\x05\x00\x01\x00\x00\x00\x00\x00\x00" + query[12 : end + 5]


def datagrams(sock: socket.socket) -> None:
    """Answer what has come in, each from the very address that was asked."""
    with contextlib.suppress(BlockingIOError):
        while True:
            query, control, _, sender = sock.recvmsg(512, 64)
            _, asked, _ = struct.unpack("I4s4s", control[0][2])
            info = struct.pack("I4s4s", 0, asked, b"\0\0\0\0")
            sock.sendmsg([refusal(query)], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, sender)


def serve(udp: socket.socket, tcp: socket.socket) -> None:
    """Answer until standard input ends."""
    poll = select.epoll()
    open_ones: dict[int, socket.socket] = {}
    for sock in (udp, tcp):
        poll.register(sock, select.EPOLLIN)
    poll.register(sys.stdin, select.EPOLLIN | select.EPOLLHUP)
    while True:
        for number, _ in poll.poll():
            if number == udp.fileno():
                datagrams(udp)
            elif number == tcp.fileno():
                with contextlib.suppress(BlockingIOError):
                    while True:
                        connection, _ = tcp.accept()
                        connection.setblocking(False)
                        open_ones[connection.fileno()] = connection
                        poll.register(connection, select.EPOLLIN)
            elif number == sys.stdin.fileno():
                return
            else:
                answer(open_ones, number)


def answer(open_ones: dict[int, socket.socket], number: int) -> None:
    """One question over a connection, or its end."""
    connection = open_ones[number]
    query = b""
    with contextlib.suppress(OSError):
        query = connection.recv(512)
        if len(query) > 2:
            reply = refusal(query[2:])
            connection.send(struct.pack("!H", len(reply)) + reply)
    if not query:
        connection.close()
        del open_ones[number]


def main() -> None:
    """Bind one port for both, and serve."""
    with (
        socket.socket(type=socket.SOCK_STREAM) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind(("", 0))
        udp.bind(("", tcp.getsockname()[1]))
        tcp.listen(1024)
        udp.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        udp.setblocking(False)
        tcp.setblocking(False)
        sys.stdout.write(f"{tcp.getsockname()[1]}\n")
        sys.stdout.flush()
        serve(udp, tcp)


if __name__ == "__main__":
    main()
