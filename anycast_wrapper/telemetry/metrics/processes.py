"""What the kernel says of a process: its CPU time, memory, descriptors, threads."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from .catalogue import CPU, MAX_FDS, MEMORY, OPEN_FDS, START, THREADS, Metric

Reading = tuple[Metric, float]


class ProcessReader:
    """Reads one process at a time; it knows a pid again that has become another process."""

    def __init__(self) -> None:
        self._process: psutil.Process | None = None

    def read(self, pid: int | None) -> list[Reading]:
        """What there is to know. A process that is gone or denied to us is no error: it is absent.

        Args:
            pid: of the process, or None if there is none.
        """
        if pid is None:
            return []
        try:
            if self._process is None or self._process.pid != pid or not self._process.is_running():
                self._process = psutil.Process(pid)
            with self._process.oneshot():
                return list(_readings(self._process))
        except (psutil.Error, OSError):
            self._process = None
            return []


def _readings(process: psutil.Process) -> Iterator[Reading]:
    sources: dict[Metric, Callable[[], float]] = {
        CPU: lambda: sum(process.cpu_times()[:2]),
        MEMORY: lambda: process.memory_info().rss,
        OPEN_FDS: lambda: _opened(process),
        MAX_FDS: lambda: _limit(process),
        THREADS: process.num_threads,
        START: process.create_time,
    }
    for metric, source in sources.items():
        # Each by itself: of another user's process some can be read and some cannot.
        with contextlib.suppress(psutil.AccessDenied, NotImplementedError, OSError, ValueError):
            yield metric, float(source())


def _opened(process: psutil.Process) -> float:
    """How many descriptors are open.

    To list those of another user's process takes CAP_SYS_PTRACE, which our unit does not have.
    Since Linux 6.2 the directory's size is their number, and nobody is kept from that; elsewhere it
    is 0.

    Raises:
        AccessDenied: there is no such directory and no right to list.
    """
    number = 0
    if sys.platform == "linux":
        number = os.stat(f"/proc/{process.pid}/fd").st_size  # noqa: PTH116 - no use for a Path
    return float(number or process.num_fds())


def _limit(process: psutil.Process) -> float:
    """The soft limit of descriptors.

    From proc(5), since prlimit(2) of another user's process takes CAP_SYS_RESOURCE.

    Raises:
        NotImplementedError: this system does not say.
    """
    if sys.platform != "linux":
        raise NotImplementedError
    with Path(f"/proc/{process.pid}/limits").open(encoding="ascii") as file:
        line = next((one for one in file if one.startswith("Max open files")), "")
    soft = line.removeprefix("Max open files").split()[:1]
    if not soft:
        raise NotImplementedError
    return float(soft[0].replace("unlimited", "inf"))
