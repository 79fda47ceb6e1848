"""Other programs, and our own code that may have to wait: each within its time, never for ever."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from anycast_wrapper.doctor.facts import Unknown

SECONDS = 2.0
"""For one question. The whole doctor stays below five seconds, as all are asked at once."""

MAX_OUTPUT = 1 << 25
"""Bytes: the configuration of a name server with a hundred thousand zones."""

_BURIAL = 0.3
"""Seconds for what has been killed to be gone."""

T = TypeVar("T")


@dataclass(frozen=True)
class Ran:
    """What a program said, and how it ended."""

    code: int
    output: str
    errors: str

    @property
    def complaint(self) -> str:
        """What it has to say on one line, from wherever it says it."""
        lines = (self.errors or self.output).splitlines()
        text = "; ".join(line.strip() for line in lines if line.strip())
        return text[:200] or f"exit status {self.code} and no words"


async def run(argv: Sequence[str], seconds: float = SECONDS) -> Ran | Unknown:
    """Run a program to its end, or to the end of its time. Never raises."""
    try:
        async with asyncio.timeout(seconds):
            return await _run(argv)
    except TimeoutError:
        return Unknown(f"{argv[0]} does not answer within {seconds:g} s")
    except (OSError, ValueError) as error:
        words = (getattr(error, "strerror", None) or str(error)).lower()
        return Unknown(f"{argv[0]}: {words}")


async def _run(argv: Sequence[str]) -> Ran:
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        process_group=0,
        # C: nobody reads these words but us. No pager: vtysh runs one even for a pipe.
        env={**os.environ, "LC_ALL": "C", "VTYSH_PAGER": "cat", "SYSTEMD_PAGER": ""},
    )
    try:
        reading = (_all(stream, process) for stream in (process.stdout, process.stderr))
        output, errors = await asyncio.gather(*reading)
        code = await process.wait()
    except BaseException:
        _kill(process)
        # Reads what is left, so that nothing stays open; in bounded time, as what sleeps in the
        # kernel does not die at once.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_BURIAL):
                await process.communicate()
        raise
    if max(len(output), len(errors)) > MAX_OUTPUT:
        raise ValueError(f"says more than {MAX_OUTPUT} bytes")
    return Ran(code, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))


async def _all(stream: asyncio.StreamReader | None, process: asyncio.subprocess.Process) -> bytes:
    """Everything that comes; what says too much is ended, and the rest of it is dropped."""
    collected = bytearray()
    while stream is not None and (chunk := await stream.read(1 << 16)):
        if len(collected) <= MAX_OUTPUT:
            collected += chunk
        else:
            _kill(process)
    return bytes(collected)


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def in_thread(what: str, function: Callable[[], T], seconds: float = SECONDS) -> T | Unknown:
    """Call what may block, such as a read of a file on a file system that is gone. Never raises.

    The thread is a daemon: if it never comes back, the process ends without it.

    Args:
        what: what it looks at, for the words that say that it could not.
        function: to be called.
        seconds: how long it may take.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T | Unknown] = loop.create_future()

    def settle(value: T | Unknown) -> None:
        if not future.done():
            future.set_result(value)

    def work() -> None:
        value: T | Unknown
        try:
            value = function()
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are still asked
            words = getattr(error, "strerror", None) or repr(error)
            value = Unknown(f"{what}: {words}"[:300])
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(settle, value)

    threading.Thread(target=work, daemon=True, name=f"doctor: {what}").start()
    return await in_time(what, future, seconds)


async def in_time(what: str, wanted: Awaitable[T | Unknown], seconds: float) -> T | Unknown:
    """Wait for something for so long and no longer."""
    try:
        async with asyncio.timeout(seconds):
            return await wanted
    except TimeoutError:
        return Unknown(f"{what} could not be looked at within {seconds:g} s")
