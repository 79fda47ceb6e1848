"""Run one command of the operating system, bounded in time."""

import asyncio
import contextlib
import os
import shlex
from collections.abc import Sequence

from anycast_wrapper.ports import KernelError


async def run(argv: Sequence[str], deadline: float, fine: Sequence[str] = ()) -> str:
    """What the command printed.

    Args:
        argv: the command; never goes through a shell.
        deadline: seconds after which it is killed.
        fine: words on standard error that make a failure none; the answer is empty then.

    Raises:
        KernelError: it could not be started, failed or took too long, with its argv, its exit
            status and its standard error.
    """
    words = shlex.join(argv)
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # What is read here must not be translated.
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        raise KernelError(f"cannot run `{words}`: {error.strerror}") from error
    try:
        async with asyncio.timeout(deadline):
            out, err = await process.communicate()
    except TimeoutError as error:
        raise KernelError(f"`{words}` took longer than {deadline:g} s, and was killed") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    said = err.decode(errors="replace").strip()
    if process.returncode == 0:
        return out.decode(errors="replace")
    if any(words_of in said for words_of in fine):
        return ""
    raise KernelError(f"`{words}` failed with exit status {process.returncode}: {said}")
