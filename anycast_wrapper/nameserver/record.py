"""Which process is the daemon, written down for whoever comes after us.

A number alone does not say: it is given to another process in time. A number together with when
that process started, counted from the machine's start, and which start of the machine that was,
does; and no step of the wall clock touches it.
"""

import contextlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_log = logging.getLogger("anycast_wrapper.nameserver")

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MAX_PID = 2**31 - 1
_SAME = 0.005
"""Seconds, half a tick of proc(5)'s clock: what two sums of floats may differ by."""


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for another.

    Attributes:
        pid: its number.
        started: seconds from the machine's start to its own.
        boot: which start of the machine (random(4), boot_id), or "" where the system has none.
    """

    pid: int
    started: float
    boot: str

    def matches(self, other: "Identity | None") -> bool:
        """Whether both are the same process."""
        return (
            other is not None
            and self.pid == other.pid
            and self.boot == other.boot
            and abs(self.started - other.started) < _SAME
        )


def identify(pid: int) -> Identity | None:
    """Who has this number now; None if nobody, or only a zombie, has it."""
    while True:
        # psutil adds the time of the machine's start to what the kernel says, as 5.9 remembers it
        # from the last call of boot_time() and as 7 reads it at that moment. Subtracting it again
        # is right for both if it did not change in between.
        boot_time = psutil.boot_time()
        try:
            process = psutil.Process(pid)
            started = process.create_time() - boot_time
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
        except psutil.Error:
            return None
        if psutil.boot_time() == boot_time:
            return Identity(pid, started, _boot_id())


class Record:
    """The file that says which process is the daemon.

    Attributes:
        path: the file, in a directory of ours that does not outlive a restart of the machine; if
            it does, the record is void all the same.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, identity: Identity, command: Sequence[str]) -> None:
        """Replace the record as a whole. No fsync: a crash of the machine voids it anyway.

        Raises:
            OSError: it could not be written.
        """
        text = json.dumps({**asdict(identity), "command": list(command)})
        temporary = self.path.with_name(f"{self.path.name}.new")
        try:
            temporary.write_text(f"{text}\n")
            temporary.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    def read(self, command: Sequence[str]) -> Identity | None:
        """What it says, if it makes sense; a record of another command is logged and counts."""
        try:
            data = json.loads(self.path.read_text())
            identity = Identity(int(data["pid"]), float(data["started"]), str(data["boot"]))
            recorded = [str(word) for word in data["command"]]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            self._ignore(f"unreadable: {error!r}")
            return None
        # These numbers are signalled later on: 0 and -1 mean crowds, and 1 is init.
        if not 1 < identity.pid <= _MAX_PID or identity.pid == os.getpid():
            self._ignore(f"names pid {identity.pid}")
            return None
        if recorded != list(command):
            _log.warning("daemon-differs", {"detail": f"it was started as {recorded}"})
        return identity

    def remove(self) -> None:
        """Forget it; that it is not there is no error."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("daemon-record-failed", {"detail": f"cannot be removed: {error}"})

    def _ignore(self, why: str) -> None:
        _log.warning("daemon-record-ignored", {"path": self.path, "detail": why})


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
