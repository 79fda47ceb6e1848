"""The watchdog of "Anycasting DNS" (2012) written anew: a child of ExaBGP that asks named.

watchdog.py SERVER NAME SECONDS

Connects over TCP, then asks for the SOA over UDP, both within two seconds; tells ExaBGP when the
answer changes; sleeps. Where nobody can be asked the answer is no, as it was there.
"""

import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import dns.exception
import dns.message
import dns.query
import dns.rcode

ALARM = 2
GROUP = "anycastdns"


class TimedOutError(Exception):
    """The alarm went off."""


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Raise in the middle of whatever is done when the time is over."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimedOutError

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def answers(server: str, name: str, port: int = 53) -> bool:
    """Whether the server takes a connection and knows the zone's serial number."""
    try:
        with alarm(ALARM), socket.create_connection((server, port), timeout=ALARM):
            question = dns.message.make_query(name, "SOA")
            reply = dns.query.udp(question, server, timeout=5, port=port)
            return reply.rcode() == dns.rcode.NOERROR and bool(reply.answer)
    except (OSError, TimedOutError, dns.exception.DNSException):
        return False


def main() -> None:
    """Watch for ever."""
    server, name, interval = sys.argv[1], sys.argv[2], float(sys.argv[3])
    was: bool | None = None
    while True:
        good = answers(server, name)
        if good is not was:
            print(f"{'announce' if good else 'withdraw'} watchdog {GROUP}", flush=True)
            was = good
        time.sleep(interval)


if __name__ == "__main__":
    main()
