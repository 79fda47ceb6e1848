"""One wrapper a configuration: a lock that the kernel drops when its holder dies, whatever way."""

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

from anycast_wrapper.errors import AnycastWrapError

from .pidfile import PidFile

LOOKS = 5
LOOK = 0.01
"""Seconds, far more than a look at the lock takes."""


class LockError(AnycastWrapError):
    """The lock cannot be had for want of permission or a place to put it."""


class AlreadyRunningError(AnycastWrapError):
    """Another wrapper holds it.

    Attributes:
        pid: its pid, or None if it did not say.
    """

    def __init__(self, path: Path, pid: int | None) -> None:
        who = f"pid {pid}" if pid else "a process that does not say its pid"
        super().__init__(f"anycast-wrap runs already: {who} holds {path}")
        self.pid = pid


class Lock:
    """``SOCKET.lock`` beside the control socket; it holds our pid and is never removed.

    Args:
        socket: the control socket.
        pid_file: written while the lock is held, for tools that want one.
    """

    def __init__(self, socket: Path, pid_file: Path | None = None) -> None:
        self.path = socket.with_name(socket.name + ".lock")
        self._pid_file = pid_file
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; the directory is made if it is missing.

        Raises:
            AlreadyRunningError: another wrapper has it.
            LockError: it cannot be opened, or the pid file not be written.
        """
        try:
            if not self.path.parent.exists():
                self.path.parent.mkdir(parents=True)
                # named notifies us from here as a user of its own, whatever our umask is.
                self.path.parent.chmod(0o755)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            sentence = f"cannot lock {self.path}: {error.strerror}"
            if error.errno == errno.EROFS:
                sentence += "; set control.socket to a path in a directory that can be written"
            raise LockError(sentence) from error
        if not _taken(descriptor):
            pid = _pid(os.read(descriptor, 32))
            os.close(descriptor)
            raise AlreadyRunningError(self.path, pid)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        self._tell_tools()

    def release(self) -> None:
        """Let go. The file stays: removing it would let two wrappers lock two files."""
        if self._descriptor is not None:
            if self._pid_file is not None:
                PidFile(self._pid_file).remove()
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def _tell_tools(self) -> None:
        if self._pid_file is None:
            return
        try:
            PidFile(self._pid_file).write()
        except OSError as error:
            self.release()
            sentence = f"cannot write control.pid-file {self._pid_file}: {error.strerror}"
            raise LockError(sentence) from error

    def holder(self) -> int | None:
        """The pid of whoever holds it now, 0 if it does not say, None if nobody does.

        Raises:
            LockError: we may not look, so nobody can say.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            sentence = f"cannot see who holds {self.path}: {error.strerror}"
            raise LockError(sentence) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _pid(os.read(descriptor, 32)) or 0
        finally:
            os.close(descriptor)
        return None


def _taken(descriptor: int) -> bool:
    """Take the lock; whoever only looks at it (`Lock.holder`) is in the way for a moment."""
    for _ in range(LOOKS):
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(LOOK)
    return False


def _pid(content: bytes) -> int | None:
    text = content.decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None
