"""One wrapper a configuration: a lock that the kernel drops when its holder dies, whatever way."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from anycast_wrapper.errors import AnycastWrapError

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
    """``SOCKET.lock`` beside the control socket; it holds our pid and is never removed."""

    def __init__(self, socket: Path) -> None:
        self.path = socket.with_name(socket.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; the directory is made if it is missing.

        Raises:
            AlreadyRunningError: another wrapper has it.
            LockError: it cannot be opened.
        """
        try:
            if not self.path.parent.exists():
                self.path.parent.mkdir(parents=True)
                # named notifies us from here as a user of its own, whatever our umask is.
                self.path.parent.chmod(0o755)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            sentence = f"cannot lock {self.path}: {error.strerror}"
            raise LockError(sentence) from error
        if not _taken(descriptor):
            pid = _pid(os.read(descriptor, 32))
            os.close(descriptor)
            raise AlreadyRunningError(self.path, pid)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go. The file stays: removing it would let two wrappers lock two files."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

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
