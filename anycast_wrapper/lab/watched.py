"""A wrapper under a stand-in for systemd: its notify socket and its watchdog, and nothing else."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time
from typing import Any

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.wrapper import Wrapper

PATIENCE = 2.0
"""Seconds without WATCHDOG=1 until the wrapper is killed (WatchdogSec=)."""


class WatchedWrapper(Wrapper):
    """``anycast-wrap start --foreground`` with a NOTIFY_SOCKET and a watchdog.

    Attributes:
        killed: When the watchdog has killed it, by ``time.monotonic()``.
    """

    def __init__(self, *positional: Any, **options: Any) -> None:
        super().__init__(*positional, **options)
        self.killed: float | None = None
        self._ready = threading.Event()
        self._over, self._end = os.pipe()
        self._process: subprocess.Popen[str] | None = None
        path = self.directory / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.bind(str(path))
        self._watcher = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._watcher.start()
        self._notify = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(int(PATIENCE * 1e6))}

    def start(self) -> None:
        """Start it unless it runs, and return once it says that it is ready."""
        if self._process is not None and self._process.poll() is None:
            return
        self._ready.clear()
        settings = (f"{name}={value}" for name, value in self._notify.items())
        argv = ["env", *settings, *self.argv("start", "--foreground")]
        self._process = self.host.popen(argv)
        eventually(self._ready.is_set, awaiting="READY=1 from the wrapper", seen=self.log)

    def close(self) -> None:
        """Watch no longer."""
        os.close(self._end)
        self._watcher.join()
        os.close(self._over)
        self._socket.close()

    def _watch(self) -> None:
        beaten = None
        while True:
            heard = self._socket.fileno()
            ready, _, _ = select.select([heard, self._over], [], [], 0.05)
            if self._over in ready:
                return
            if heard in ready:
                said = self._socket.recv(1 << 16).decode("utf-8", "replace").split("\n")
                if "READY=1" in said:
                    self._ready.set()
                if "WATCHDOG=1" in said:
                    beaten = time.monotonic()
            elif beaten is not None and time.monotonic() - beaten > PATIENCE:
                beaten = None
                self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.kill(signal.SIGKILL)
            self.killed = time.monotonic()
