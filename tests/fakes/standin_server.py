"""A name server as simple as can be, to be run: it refuses everything, over UDP and TCP.

    python standin_server.py [PORT]

It ends at SIGTERM with 0, and writes a line for every signal that it is sent.
"""

import selectors
import signal
import socket
import struct
import sys


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def answer(query):
    """REFUSED, with the question."""
    (flags,) = struct.unpack_from("!H", query, 2)
    head = query[:2] + struct.pack("!5H", 0x8005 | (flags & 0x0100), 1, 0, 0, 0)
    end = 12
    while query[end]:
        end += query[end] + 1
    return head + query[12 : end + 5]


def tcp(listener):
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(1)
        size = connection.recv(2, socket.MSG_WAITALL)
        if len(size) == 2:
            query = connection.recv(*struct.unpack("!H", size), socket.MSG_WAITALL)
            reply = answer(query)
            connection.sendall(struct.pack("!H", len(reply)) + reply)


def udp(sock):
    query, sender = sock.recvfrom(4096)
    sock.sendto(answer(query), sender)


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 53
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, lambda *_: say("reloaded"))
    chooser = selectors.DefaultSelector()
    for kind, act in ((socket.SOCK_DGRAM, udp), (socket.SOCK_STREAM, tcp)):
        sock = socket.socket(socket.AF_INET6, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", port))
        if act is tcp:
            sock.listen()
        chooser.register(sock, selectors.EVENT_READ, act)
    say("serving")
    while True:
        for key, _ in chooser.select():
            try:
                key.data(key.fileobj)
            except (OSError, IndexError, struct.error) as error:
                say(f"bad query: {error}")


main()
