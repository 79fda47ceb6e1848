"""A hold on one process: its exit is seen at once, and a signal never reaches another.

Linux gives a file for a process (pidfd_open(2)) which is readable once it has exited. Elsewhere
the process is looked at ten times a second.
"""

import asyncio
import contextlib
import errno
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator

import psutil

from .record import Identity, identify

POLL = 0.1
"""Seconds between two looks at a process where the system gives no file for it."""


class Handle:
    """One process, a child of ours or not.

    Attributes:
        identity: who it is.
    """

    def __init__(self, identity: Identity, child: subprocess.Popen[bytes] | None = None) -> None:
        self.identity = identity
        self._child = child
        self._file = _open(identity.pid)
        self._timer: asyncio.TimerHandle | None = None
        self._group = _leads_group(identity.pid)

    @property
    def pid(self) -> int:
        """Its number."""
        return self.identity.pid

    def watch(self, exited: Callable[[], None]) -> None:
        """Call ``exited`` once, in the running loop, when it has."""
        loop = asyncio.get_running_loop()
        if self._file is None:
            self._timer = loop.call_later(POLL, self._look, exited)
            return
        file = self._file

        def readable() -> None:
            loop.remove_reader(file)
            exited()

        loop.add_reader(file, readable)

    def has_exited(self) -> bool:
        """Whether it has, reaped or not."""
        if self._file is not None:
            poll = select.poll()
            poll.register(self._file, select.POLLIN)
            return bool(poll.poll(0))
        if self._child is None:
            return not self.identity.matches(identify(self.pid))
        if self._child.returncode is not None:
            return True
        # WNOWAIT: as long as it is not reaped, its number is its own.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def send(self, number: signal.Signals) -> None:
        """Signal it; that it is gone is no error."""
        with contextlib.suppress(ProcessLookupError):
            try:
                self._send(number)
            except PermissionError:
                with _as_user_of(self.pid):
                    self._send(number)

    def kill(self) -> None:
        """End it and its process group."""
        if self._group and not self.has_exited():
            self._kill_group()
        else:
            self.send(signal.SIGKILL)

    def reap(self) -> int | None:
        """After its exit: end what is left of its group; its exit status, if it was our child.

        What a daemon's helpers still hold, a port above all, the next daemon needs.
        """
        # A child of ours is not reaped yet, so the number of its group is still its own. Of
        # another's child it is, unless somebody has that number again.
        if self._group and (self._child is not None or not psutil.pid_exists(self.pid)):
            self._kill_group()
        return self._child.wait() if self._child is not None else None

    def close(self) -> None:
        """Let go of it, whether it runs or not."""
        if self._timer is not None:
            self._timer.cancel()
        if self._file is not None:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self._file)
            os.close(self._file)
            self._file = None
        if self._child is not None and self._child.returncode is None:
            # It is left running on purpose; Popen would warn that it is.
            self._child.returncode = 0

    def _send(self, number: signal.Signals) -> None:
        if self._file is not None:
            signal.pidfd_send_signal(self._file, number)
        elif not self.has_exited():
            os.kill(self.pid, number)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except PermissionError:
                with _as_user_of(self.pid):
                    os.killpg(self.pid, signal.SIGKILL)

    def _look(self, exited: Callable[[], None]) -> None:
        if self.has_exited():
            exited()
        else:
            self.watch(exited)


def _open(pid: int) -> int | None:
    """A file for the process, or None where there is no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


@contextlib.contextmanager
def _as_user_of(pid: int) -> Iterator[None]:
    """Be the user of a process meanwhile, who may signal it where root without CAP_KILL may not.

    Raises:
        PermissionError: we may not.
        ProcessLookupError: there is no such process.
    """
    try:
        user = psutil.Process(pid).uids().real
    except psutil.NoSuchProcess:
        raise ProcessLookupError from None
    except psutil.AccessDenied:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM)) from None
    ours = os.geteuid()
    # Capabilities go with a user other than root, and come back with root (capabilities(7)).
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(ours)


def _leads_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except OSError:
        return False
