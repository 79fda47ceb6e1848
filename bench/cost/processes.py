"""What a process has used and how large it is."""

import statistics
import time
from collections.abc import Mapping
from typing import Any

import psutil

from anycast_wrapper.lab.cluster import pause
from anycast_wrapper.lab.wrapper import Wrapper


def used(pid: int) -> float:
    """CPU seconds of a process and of the children that it has reaped."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def sample(processes: Mapping[str, int], seconds: float) -> list[dict[str, Any]]:
    """Watch processes for a while.

    Returns:
        For each its name, the ``share`` of a core that it took, ``rss`` and ``pss`` in MB.
    """
    before = {pid: used(pid) for pid in processes.values()}
    began = time.monotonic()
    pause(seconds)
    took = time.monotonic() - began
    rows = []
    for name, pid in processes.items():
        memory = psutil.Process(pid).memory_full_info()
        share = (used(pid) - before[pid]) / took
        rows.append(
            {
                "name": name,
                "share": round(share, 6),
                "rss": round(memory.rss / 1e6, 1),
                "pss": round(memory.pss / 1e6, 1),
            }
        )
    return rows


def status_latency(wrapper: Wrapper, times: int = 7) -> float:
    """Median seconds of a whole ``anycast-wrap status``, interpreter and all."""
    latencies = []
    for _ in range(times):
        began = time.monotonic()
        wrapper("status", check=False)
        latencies.append(time.monotonic() - began)
    return round(statistics.median(latencies), 4)
