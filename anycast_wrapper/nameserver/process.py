"""The daemon's process as the supervisor knows it: a `ports.Daemon` whose life is events."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from anycast_wrapper.core.events import (
    DaemonExited,
    DaemonNotSpawned,
    DaemonReady,
    DaemonSpawned,
    Event,
)
from anycast_wrapper.ports import DaemonError, Post

from .check import one_line, run_check
from .handle import Handle
from .launch import explain, launch
from .notify import NotifySocket
from .output import Relay
from .record import Identity, Record, identify

_log = logging.getLogger("anycast_wrapper.nameserver")


class DaemonProcess:
    """Starts, adopts, watches and ends the daemon, one life after another.

    All of it happens in the event loop's thread. What the daemon prints goes to the logger
    ``anycast_wrapper.daemon``.
    """

    def __init__(
        self,
        command: Sequence[str],
        record: Path,
        post: Post,
        *,
        notify_path: Path | None = None,
        check_command: Sequence[str] | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            command: the daemon's program and arguments; it has to stay in the foreground.
            record: the file that tells a successor of ours which process the daemon is.
            post: takes the events of the daemon's life.
            notify_path: where the daemon says that it is ready; None for one that never does.
                See `NotifySocket.path`.
            check_command: what to ask why a daemon that never became ready has ended without a
                word. Only a daemon with a ``notify_path`` is asked about: of another nobody can
                tell here whether it is being announced, and then its exit is urgent.
        """
        self._command = tuple(command)
        self._record = Record(record)
        self._post = post
        self._notify_path = notify_path
        self._check_command = tuple(check_command) if check_command else None
        self._handle: Handle | None = None
        self._relay: Relay | None = None
        self._notify: NotifySocket | None = None
        self._ready = False
        self._checking: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The daemon's pid, or None if none runs."""
        return self._handle.pid if self._handle else None

    def spawn(self) -> None:
        """Start it. Posts `DaemonSpawned` or `DaemonNotSpawned`, and later `DaemonExited`.

        Raises:
            DaemonError: it runs already.
        """
        if self._handle is not None:
            raise DaemonError(f"{self._command[0]} runs already, as pid {self._handle.pid}")
        self._ready = False
        try:
            self._listen()
            child, self._relay = self._launch()
        except (OSError, ValueError) as error:
            self._post(DaemonNotSpawned(self._why_not(error)))
            return
        # Unless it is a zombie already, in which case only its exit is still to be seen.
        identity = identify(child.pid)
        self._handle = Handle(identity or Identity(child.pid, 0.0, ""), child)
        if identity is not None:
            self._write_record(identity)
        self._post(DaemonSpawned(child.pid))
        self._handle.watch(self._exited)

    def adopt(self) -> int | None:
        """Take over one that a predecessor left running: its pid, or None if there is none.

        Posts nothing now; `DaemonExited`, without a code, at its end.
        """
        if self._handle is not None:
            return self._handle.pid
        recorded = self._record.read(self._command)
        if recorded is None:
            return None
        handle = Handle(recorded)
        # Only now: whoever has the number from here on, the handle is of the one looked at, as a
        # pidfd of one that is gone says so.
        if not recorded.matches(identify(recorded.pid)) or handle.has_exited():
            handle.close()
            self._record.remove()
            return None
        self._handle = handle
        self._ready = True
        try:
            self._listen()
        except OSError as error:
            _log.warning("daemon-unheard", {"detail": error})
        handle.watch(self._exited)
        return handle.pid

    def terminate(self) -> None:
        """Ask it to end (SIGTERM); that it is gone is no error.

        SIGCONT follows, as systemd.kill(5) has it: one that is stopped would not hear otherwise.
        """
        self.hangup(signal.SIGTERM)
        self.hangup(signal.SIGCONT)

    def hangup(self, number: signal.Signals = signal.SIGHUP) -> None:
        """Send it a signal, such as the one on which it reads its configuration anew.

        Raises:
            DaemonError: the signal may not be sent.
        """
        if self._handle is None:
            return
        try:
            self._handle.send(number)
        except PermissionError as error:
            raise DaemonError(
                f"pid {self._handle.pid} cannot be sent {number.name}: {error.strerror}",
            ) from error

    def kill(self) -> None:
        """End it and its process group (SIGKILL); that it is gone is no error."""
        if self._handle is not None:
            self._handle.kill()

    def close(self) -> None:
        """Let go of everything; a daemon that still runs is left running, and its record stays."""
        if self._checking is not None:
            self._checking.cancel()
            self._checking = None
        if self._relay is not None:
            self._relay.close()
            self._relay = None
        if self._notify is not None:
            self._notify.close()
            self._notify = None
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def _listen(self) -> None:
        if self._notify_path is not None and self._notify is None:
            self._notify = NotifySocket(self._notify_path, self._heard, lambda: self.pid)

    def _launch(self) -> tuple[subprocess.Popen[bytes], Relay]:
        reader, writer = os.pipe()
        try:
            child = launch(self._command, writer, self._notify_path)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        return child, Relay(reader)

    def _why_not(self, error: OSError | ValueError) -> str:
        if self._notify is None and self._notify_path is not None:
            return f"its notification socket {self._notify_path} cannot be made: {error}"
        return explain(error, self._command)

    def _write_record(self, identity: Identity) -> None:
        try:
            self._record.write(identity, self._command)
        except OSError as error:
            # It serves all the same; only a successor of ours will not find it.
            _log.warning("daemon-record-failed", {"detail": error})

    def _heard(self, event: Event) -> None:
        if isinstance(event, DaemonReady):
            self._ready = True
        self._post(event)

    def _exited(self) -> None:
        """The process has ended: say so, with its last words, before anything that takes time."""
        handle, relay = self._handle, self._relay
        if handle is None:
            return
        if self._notify is not None:
            self._notify.drain()
        self._handle = self._relay = None
        code = handle.reap()
        handle.close()
        words = ""
        if relay is not None:
            relay.close()
            # What one prints that ends as it was asked to is no explanation of anything.
            words = one_line(relay.words()) if code != 0 or not self._ready else ""
        self._record.remove()
        unready = self._notify_path is not None and not self._ready
        if unready and code and code > 0 and not words and self._check_command is not None:
            self._checking = asyncio.create_task(self._ask(code, self._check_command))
        else:
            self._post(DaemonExited(code, words))

    async def _ask(self, code: int, check: tuple[str, ...]) -> None:
        """Post the exit of a daemon that never was ready, with what its checker says."""
        words = f"it said nothing here (syslog may know); {check[0]} finds nothing wrong"
        with contextlib.suppress(Exception):
            words = await run_check(check) or words
        self._checking = None
        self._post(DaemonExited(code, words))
