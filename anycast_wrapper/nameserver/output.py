"""What the daemon prints: passed on to the log line by line, the last of it remembered.

Nothing that it prints can hurt: lines are cut, a flood is thinned out, and what a terminal or a
log would take for a command is replaced.
"""

import asyncio
import collections
import contextlib
import logging
import os

_log = logging.getLogger("anycast_wrapper.daemon")
_own_log = logging.getLogger("anycast_wrapper.nameserver")

MAX_LINE = 1000
"""Bytes of a line that are passed on."""

MAX_RATE = 200
"""Lines passed on in a second. A flood must not keep the loop from the probes and the exit."""

REMEMBERED = 20
_WORDS = 5
_CHUNK = 65536
_PIPE = 65536
"""Bytes that a pipe holds (pipe(7))."""


class Relay:
    """Reads the daemon's output from a pipe, in the running loop, until `close`.

    It owns the pipe's end.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe: int | None = pipe
        self._loop = asyncio.get_running_loop()
        self._partial = b""
        self._skipping = False
        self._last: collections.deque[str] = collections.deque(maxlen=REMEMBERED)
        self._second = -1
        self._passed = 0
        self._dropped = 0
        os.set_blocking(pipe, False)
        self._loop.add_reader(pipe, self._read)

    def words(self) -> list[str]:
        """The last few lines."""
        return list(self._last)[-_WORDS:]

    def close(self) -> None:
        """Take what is there, and stop; somebody else may still hold the other end."""
        if self._pipe is None:
            return
        left = _PIPE
        while left > 0 and (taken := self._read()):
            left -= taken
        if self._partial and not self._skipping:
            self._line(self._partial)
        self._report_dropped()
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self._pipe = None

    def _read(self) -> int:
        """Take one chunk; how many bytes it was."""
        if self._pipe is None:
            return 0
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._pipe, _CHUNK)
            if not data:
                # Everyone has closed the other end; to go on watching would spin.
                self._loop.remove_reader(self._pipe)
        *lines, rest = data.split(b"\n") if data else [b""]
        for line in lines:
            self._end_of_line(line)
        self._hold(rest)
        return len(data)

    def _end_of_line(self, data: bytes) -> None:
        if not self._skipping:
            self._line(self._partial + data)
        self._skipping = False
        self._partial = b""

    def _hold(self, data: bytes) -> None:
        """Keep what has no end yet; what is too long already is passed on as it is."""
        if self._skipping:
            return
        self._partial += data
        if len(self._partial) > MAX_LINE:
            self._line(self._partial)
            self._partial = b""
            self._skipping = True

    def _line(self, data: bytes) -> None:
        text = data[:MAX_LINE].decode(errors="replace")
        text = "".join(c if c.isprintable() else " " for c in text).rstrip()
        if not text:
            return
        self._last.append(text)
        second = int(self._loop.time())
        if second != self._second:
            self._report_dropped()
            self._second, self._passed = second, 0
        if self._passed < MAX_RATE:
            self._passed += 1
            _log.info("%s", text)
        else:
            self._dropped += 1

    def _report_dropped(self) -> None:
        if self._dropped:
            _own_log.warning("daemon-output-dropped", {"lines": self._dropped})
            self._dropped = 0
