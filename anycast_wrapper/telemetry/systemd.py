"""What systemd is told, by the notify protocol of sd_notify(3): a datagram of KEY=VALUE lines.

The protocol is documented as stable, so nothing but a socket is needed. Outside systemd there is no
NOTIFY_SOCKET and everything here does nothing.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping, Sequence

from anycast_wrapper.core import effects
from anycast_wrapper.core.query import settled
from anycast_wrapper.core.state import State

from .status import headline


class Notifier:
    """Sends to the socket in NOTIFY_SOCKET, if there is one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        microseconds = environ.get("WATCHDOG_USEC", "")
        ours = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self.watched = bool(self._address) and ours and microseconds.isdigit()
        """Whether systemd waits for our heartbeat (sd_watchdog_enabled(3))."""

    def send(self, **fields: object) -> None:
        """One datagram. That systemd cannot be reached is no reason to stop serving."""
        if not self._address:
            return
        text = "\n".join(f"{key}={value}" for key, value in fields.items())
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.settimeout(0.2)
            sender.sendto(text.encode("utf-8", "replace"), self._address)

    def reloading(self) -> None:
        """A reload begins; `reloaded` ends it (sd_notify(3), RELOADING=1)."""
        self.send(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)

    def reloaded(self) -> None:
        """The reload is over, with whatever result."""
        self.send(READY=1)


class Unit:
    """Our unit, as systemd shows it: it is told what it has not been told yet."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._ready = False
        self._stopping = False
        self._headline = ""
        self._line = ""

    def tell(self, *, settled: bool, stopping: bool, headline: str) -> None:
        """READY once, STATUS when it changes, STOPPING once.

        Args:
            settled: whether what was to be started has been.
            stopping: whether it ends, or has.
            headline: what people are to read.
        """
        fields: dict[str, object] = {}
        if not self._ready and settled and not stopping:
            self._ready = True
            fields["READY"] = 1
        if not self._stopping and stopping:
            self._stopping = True
            fields["STOPPING"] = 1
        if headline != self._headline:
            self._headline = headline
            # A STATUS is one line: what a daemon printed last may have more.
            line = " ".join(headline.split())
            if line != self._line:
                self._line = line
                fields["STATUS"] = line
        if fields:
            self._notifier.send(**fields)


class SystemdAudience:
    """An `Audience` that keeps ``systemctl status`` true.

    READY is sent once everything that is to be announced is, or it is settled why it is not: a
    drained node has started as well as any other.
    """

    def __init__(self, notifier: Notifier) -> None:
        self._unit = Unit(notifier)

    def hear(self, state: State, told: Sequence[effects.Effect]) -> None:
        """Tell systemd what is new."""
        del told
        stopping = state.stopping is not None or state.exited
        self._unit.tell(settled=settled(state), stopping=stopping, headline=headline(state))
