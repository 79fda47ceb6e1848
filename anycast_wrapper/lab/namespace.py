"""A network namespace: made, entered, emptied, removed."""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypedDict, TypeVar, Unpack

from anycast_wrapper.lab.eventually import eventually

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
NETNS_DIR = Path("/run/netns")


class CommandFailedError(RuntimeError):
    """A command of the lab did not end with 0; the message has what it said."""


def run(
    argv: Sequence[str], *, check: bool = True, timeout: float = 20.0, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and keep what it says.

    Args:
        argv: The command.
        check: Raise if it does not end with 0.
        timeout: Seconds after which it is killed.
        stdin: What it may read.

    Raises:
        CommandFailedError: With the command, its exit code and its output.
    """
    done = subprocess.run(
        list(argv), check=False, timeout=timeout, input=stdin, capture_output=True, text=True
    )
    if check and done.returncode != 0:
        said = (done.stderr + done.stdout).strip()
        raise CommandFailedError(f"{' '.join(argv)}: exit {done.returncode}: {said}")
    return done


class PopenOptions(TypedDict, total=False):
    """What `Namespace.popen` hands on to ``subprocess.Popen``."""

    stdin: int | IO[Any] | None
    stdout: int | IO[Any] | None
    stderr: int | IO[Any] | None
    env: Mapping[str, str] | None
    cwd: str | Path | None


class Namespace:
    """One network namespace, known to ``ip netns`` under ``name``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._children: list[subprocess.Popen[str]] = []

    def __repr__(self) -> str:
        return f"Namespace({self.name!r})"

    @property
    def exists(self) -> bool:
        """Whether the kernel has it under this name."""
        return (NETNS_DIR / self.name).exists()

    def create(self) -> None:
        """Make it, with loopback up."""
        run(["ip", "netns", "add", self.name])
        self.ip("link set lo up")

    def destroy(self) -> None:
        """Kill what still runs in it, then remove it. Does nothing when it is gone already."""
        if self.exists:
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            # A process holds its namespace until it is gone; its interfaces would outlive the name.
            eventually(
                lambda: not self.pids(), awaiting=f"no process in {self.name}", seen=self.pids
            )
            run(["ip", "netns", "del", self.name])
        for child in self._children:
            child.wait(timeout=10)

    def pids(self) -> list[int]:
        """The processes that live in it, zombies aside."""
        said = run(["ip", "netns", "pids", self.name], check=False).stdout
        return [int(word) for word in said.split()]

    def argv(self, argv: Sequence[str]) -> list[str]:
        """The command that runs ``argv`` inside."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(
        self, argv: Sequence[str], *, check: bool = True, timeout: float = 20.0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end: see `run`."""
        return run(self.argv(argv), check=check, timeout=timeout, stdin=stdin)

    def popen(self, argv: Sequence[str], **options: Unpack[PopenOptions]) -> subprocess.Popen[str]:
        """Start a command inside, its standard input empty unless given.

        ``ip netns exec`` becomes the command, so the pid is the command's own.
        """
        child = subprocess.Popen(
            self.argv(argv),
            stdin=options.get("stdin", subprocess.DEVNULL),
            stdout=options.get("stdout"),
            stderr=options.get("stderr"),
            env=options.get("env"),
            cwd=options.get("cwd"),
            text=True,
            # An interrupt from the terminal is for the lab, which then ends them in its own order.
            start_new_session=True,
        )
        self._children.append(child)
        return child

    def ip(self, *lines: str) -> None:
        """Run ``ip`` commands inside, in order, in one process without a pause between them."""
        run(["ip", "-n", self.name, "-batch", "-"], stdin="".join(f"{line}\n" for line in lines))

    def within(self, function: Callable[[], T]) -> T:
        """Call ``function`` inside and return what it gives.

        It runs on a thread of its own that enters the namespace and ends: the caller's threads stay
        where they are, and a socket or a TAP that the function opened stays in the namespace.
        """
        outcome: list[T] = []
        failure: list[BaseException] = []

        def body() -> None:
            try:
                self.enter()
                outcome.append(function())
            except BaseException as error:  # noqa: BLE001 - handed to the caller below
                failure.append(error)

        thread = threading.Thread(target=body, name=f"within-{self.name}")
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]

    def enter(self) -> None:
        """Move the calling thread, and only it, into the namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        handle = os.open(NETNS_DIR / self.name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if libc.setns(handle, CLONE_NEWNET) != 0:
                code = ctypes.get_errno()
                raise OSError(code, f"cannot enter {self.name}: {os.strerror(code)}")
        finally:
            os.close(handle)

    def sysctl(self, settings: Mapping[str, int]) -> None:
        """Write settings below ``net``, such as ``{"ipv4/ip_forward": 1}``."""

        def write() -> None:
            for key, value in settings.items():
                Path("/proc/sys/net", key).write_text(f"{value}\n", encoding="ascii")

        self.within(write)
