"""A pid file, for tools that want one; the lock beside the control socket is what counts."""

import contextlib
import os
from pathlib import Path


class PidFile:
    """``PID`` and a newline in a file of its own, as LSB's ``pidofproc -p`` reads it.

    Args:
        path: where; its directory must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self) -> None:
        """Put our pid there, in the place of whatever a wrapper that was killed has left.

        Raises:
            OSError: it cannot be written.
        """
        text = f"{os.getpid()}\n"
        temporary = self._path.with_name(f"{self._path.name}.new")
        try:
            # A name of its own, and then renamed: nobody reads half a number, and nothing is
            # written through a symbolic link that somebody has put there.
            temporary.unlink(missing_ok=True)
            with temporary.open("x", encoding="ascii") as file:
                file.write(text)
            temporary.chmod(0o644)
            temporary.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    def remove(self) -> None:
        """Take it away, if it is ours still; that it cannot be is no reason to fail at the end."""
        with contextlib.suppress(OSError, ValueError):
            if int(self._path.read_text(encoding="ascii")) == os.getpid():
                self._path.unlink()
