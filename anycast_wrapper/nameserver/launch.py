"""How the daemon is started, and why it could not be."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from .check import scrubbed


def launch(command: Sequence[str], output: int, notify: Path | None) -> subprocess.Popen[bytes]:
    """Start the daemon, in a process group of its own and with nothing of ours but its output.

    Args:
        command: the program, looked up in PATH, and its arguments.
        output: the file that its standard output and error go to.
        notify: where it shall say that it is ready (sd_notify(3)), or None.

    Raises:
        OSError: it could not be started; `explain` says why.
    """
    environment = scrubbed(os.environ)
    if notify is not None:
        environment["NOTIFY_SOCKET"] = str(notify)
    with _nothing_blocked():
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
            # Python ignores SIGPIPE and would have its children not. If we are killed, nobody
            # reads the daemon's output any more, and its next line must not kill it: it has
            # queries to answer and a successor of ours to be adopted by.
            restore_signals=False,
            env=environment,
        )


def explain(error: OSError | ValueError, command: Sequence[str]) -> str:
    """Why the command could not be started: which file, what was wrong with it."""
    program = command[0]
    if not isinstance(error, OSError):
        return f"{program}: {error}"
    words = (error.strerror or str(error)).lower()
    if error.errno == errno.ENOENT and shutil.which(program):
        return f"{program}: {words}: the program is there; what its first line names is not"
    if error.errno == errno.ENOENT and os.sep not in program:
        return f"{program}: {words} in PATH ({os.environ.get('PATH', '')})"
    if error.errno == errno.EACCES and Path(program).is_dir():
        return f"{program}: {words}: it is a directory"
    return f"{program}: {words}"


@contextlib.contextmanager
def _nothing_blocked() -> Iterator[None]:
    """Block no signal meanwhile: a child inherits what is blocked, and would not hear SIGTERM."""
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
