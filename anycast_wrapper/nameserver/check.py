"""What a daemon's own configuration checker has to say, and what its command line gives away."""

import asyncio
import contextlib
import getopt
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from .notify import ABSTRACT

CHECK_TIMEOUT = 1.5
"""Seconds. ``named-checkconf`` takes some 20 ms; a start that fails has 2 s in all to say so."""

_NAMED_FLAGS = "46A:c:Cd:D:E:fFghi:lL:M:m:n:N:p:P:sS:t:T:U:u:vVx:X:"
"""named(8), BIND 9.11 to 9.20."""

_CHECKERS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
_SHOWN = 600


def default_check(command: Sequence[str]) -> tuple[str, ...] | None:
    """The command that checks the configuration that ``command`` would run with.

    Knows ``named`` (named-checkconf(8), with the same ``-t`` and ``-c``); None for the others, and
    where the checker is not installed.
    """
    options = _named_options(command)
    if options is None:
        return None
    # A bare name was found in PATH; "beside it" would be wherever we happen to stand.
    home = PurePath(command[0]).parent if os.sep in command[0] else None
    beside = [str(home), str(home.parent / "bin")] if home else []
    path = os.pathsep.join([*beside, *_CHECKERS, os.environ.get("PATH", os.defpath)])
    checker = shutil.which("named-checkconf", path=path)
    if checker is None:
        return None
    chroot = ("-t", options["-t"]) if "-t" in options else ()
    file = (options["-c"],) if "-c" in options else ()
    return (checker, *chroot, *file)


def default_notify(directory: Path, command: Sequence[str]) -> Path:
    """Where a daemon run by ``command`` can reach us with sd_notify(3).

    A socket in ``directory``; but for a ``named`` that changes its root, from where no path leads
    to us, a name in Linux's abstract namespace, which `NotifySocket` writes with a leading ``@``,
    as long as it wants it.
    """
    path = directory / "notify.sock"
    options = _named_options(command)
    return Path(f"@{path}".ljust(ABSTRACT, "-")) if options and "-t" in options else path


async def run_check(argv: Sequence[str], timeout: float = CHECK_TIMEOUT) -> str | None:  # noqa: ASYNC109
    """Run a checker.

    Args:
        argv: its program and arguments.
        timeout: seconds until it is killed.

    Returns:
        None if it is content (exit status 0), else its words, bounded, on one line.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env=scrubbed(os.environ),
        )
    except OSError as error:
        return f"{argv[0]} cannot be run: {(error.strerror or str(error)).lower()}"
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate()
    except TimeoutError:
        return f"{argv[0]} did not finish within {timeout:g} s"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()
    if process.returncode == 0:
        return None
    return one_line(output.decode(errors="replace").splitlines()) or (
        f"{argv[0]} ended with {process.returncode} and no words"
    )


def one_line(lines: Sequence[str]) -> str:
    """Join lines that a program printed into one, for people, bounded."""
    text = "; ".join(stripped for line in lines if (stripped := line.strip()))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what belongs to us and systemd alone (sd_notify(3), sd_listen_fds(3))."""
    private = ("NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")
    return {k: v for k, v in environment.items() if not k.startswith(private)}


def _named_options(command: Sequence[str]) -> dict[str, str] | None:
    """The options of a command that runs ``named``; None if it runs another, or oddly."""
    if not command or PurePath(command[0]).name != "named":
        return None
    try:
        options, _ = getopt.getopt(list(command[1:]), _NAMED_FLAGS)
    except getopt.GetoptError:
        return None
    return dict(options)
