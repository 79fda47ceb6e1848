"""The command probe: an exit status of 0 is a good answer, anything else is not."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from anycast_wrapper.core.model import Outcome, Reason

SHOWN = 200
"""Characters of a command's output that are kept for people."""

_PRIVATE = ("NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")
_CHUNK = 65536
_POLL = 0.01
_REAP = 0.05


@dataclass(frozen=True)
class CommandProbe:
    """Runs a command; a `ports.Prober`.

    The command leads a session of its own, reads nothing, and is ended together with everything
    that it has started: at the timeout, on cancellation, and also once it has exited itself, so
    that what it left behind does not pile up probe by probe. Only a descendant that makes itself
    another session escapes.

    Attributes:
        command: the program, looked up in PATH, and its arguments. No shell is involved.
        timeout: seconds until it is killed and counts as failed.
    """

    command: tuple[str, ...]
    timeout: float = 0.5

    async def __call__(self) -> Outcome:
        """Run it once."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        said = bytearray()
        try:
            async with asyncio.timeout(self.timeout):
                code = await _run(self.command, said)
        except TimeoutError:
            words = f"killed after {self.timeout * 1000:g} ms"
            return self._failed(Reason.PROBE_TIMEOUT, words, said)
        except OSError as error:
            return self._failed(Reason.PROBE_COMMAND_FAILED, _unable(error), said)
        except Exception as error:  # noqa: BLE001 - a fault of ours must withdraw, not end the loop
            return self._failed(Reason.PROBE_ERROR, f"{type(error).__name__}: {error}", said)
        if code != 0:
            return self._failed(Reason.PROBE_COMMAND_FAILED, _ending(code), said)
        detail = self._detail("exit status 0", said)
        latency = loop.time() - began
        return Outcome(ok=True, reason=Reason.HEALTHY, detail=detail, latency=latency)

    def _failed(self, reason: Reason, words: str, said: bytearray) -> Outcome:
        return Outcome(ok=False, reason=reason, detail=self._detail(words, said))

    def _detail(self, words: str, said: bytearray) -> str:
        program = self.command[0] if self.command else "no command"
        text = " ".join(said.decode(errors="replace").replace("\0", " ").split())[:SHOWN]
        return f"{program}: {words}: {text}" if text else f"{program}: {words}"


async def _run(command: tuple[str, ...], said: bytearray) -> int:
    """Run the command to its end, keep the first of what it says, leave nothing of it behind.

    Not ``asyncio.create_subprocess_exec``: that waits in some releases of Python for everyone who
    holds the output, starts a thread for each process in others, and has reaped the process, and
    so given its number away, before its group can be killed.
    """
    reader, writer = os.pipe()
    try:
        os.set_blocking(reader, False)
        try:
            process = _spawn(command, writer)
        finally:
            os.close(writer)
        with _reaped(process), _drained(reader, said):
            await _exit_of(process.pid)
        _read(reader, said)
        return process.returncode
    finally:
        os.close(reader)


def _spawn(command: tuple[str, ...], output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=_scrubbed(os.environ),
    )


@contextlib.contextmanager
def _reaped(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """However this ends, kill what is left of the process's group, and reap the process."""
    try:
        yield
    finally:
        # It is not reaped yet, alive or not, so the number of its group is still its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        # A killed process is gone within microseconds, unless the kernel itself has it stuck, in
        # which case `subprocess` reaps it later on.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_REAP)


@contextlib.contextmanager
def _drained(reader: int, said: bytearray) -> Iterator[None]:
    """Read the pipe for as long as this lasts, so that nobody blocks writing to it."""
    loop = asyncio.get_running_loop()

    def drain() -> None:
        if not _read(reader, said):
            loop.remove_reader(reader)

    loop.add_reader(reader, drain)
    try:
        yield
    finally:
        loop.remove_reader(reader)


def _read(reader: int, said: bytearray) -> bool:
    """Take what is in the pipe, up to a chunk; whether there may be more to come."""
    try:
        data = os.read(reader, _CHUNK)
    except BlockingIOError:
        return True
    # A character of UTF-8 has four bytes at most.
    said += data[: max(0, SHOWN * 4 - len(said))]
    return bool(data)


async def _exit_of(pid: int) -> None:
    """Return once our child has exited, without reaping it."""
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or too old a one
        while not _has_exited(pid):  # noqa: ASYNC110 - nothing there would set an event
            await asyncio.sleep(_POLL)
        return
    loop = asyncio.get_running_loop()
    exited = asyncio.Event()
    loop.add_reader(handle, exited.set)
    try:
        await exited.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _has_exited(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what belongs to us and systemd alone (sd_notify(3), sd_listen_fds(3))."""
    return {k: v for k, v in environment.items() if not k.startswith(_PRIVATE)}


def _unable(error: OSError) -> str:
    return f"cannot be run: {(error.strerror or str(error)).lower()}"


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
