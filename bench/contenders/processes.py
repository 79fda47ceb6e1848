"""Processes that the benchmark starts on a host, and ends."""

import contextlib
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import Host


def spawn(host: Host, argv: Sequence[str | Path], log: Path) -> subprocess.Popen[str]:
    """Start a program on a host; what it says goes to a file."""
    with log.open("a", encoding="utf-8") as output:
        words = [str(word) for word in argv]
        return host.popen(words, stdout=output, stderr=output)


def end(process: subprocess.Popen[str] | None, signum: int = signal.SIGKILL) -> None:
    """End a program and what it has started, and wait for it."""
    if process is None:
        return
    tree = [*descendants(process.pid)]
    if process.poll() is None:
        process.send_signal(signum)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    eventually(lambda: not any(alive(child) for child in tree), awaiting="the end of its children")


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that only waits to be reaped does not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def descendants(pid: int) -> list[psutil.Process]:
    """Its children and theirs."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def await_child(pid: int, matches: Callable[[psutil.Process], bool], awaiting: str) -> int:
    """The pid of a direct child that matches, once there is one."""

    def found() -> int:
        for child in psutil.Process(pid).children():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if matches(child):
                    return int(child.pid)
        return 0

    return eventually(found, awaiting=awaiting)
