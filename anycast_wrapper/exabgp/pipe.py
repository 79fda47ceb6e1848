"""The two pipes between ExaBGP and its process. Neither is ever waited for.

ExaBGP stands still while it writes into a pipe that is full, so what comes is always read, known or
not. What goes is written as long as ExaBGP reads.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anycast_wrapper.errors import AnycastWrapError

MAX_LINE = 1 << 16
"""Bytes; ExaBGP's answers are five, but it may be made to tell of BGP's messages too."""


class PipeError(AnycastWrapError):
    """What we were given to read from or to write to is of no use."""


class Lines:
    """Bytes cut into lines; what has no end within `MAX_LINE` is thrown away."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that are whole now."""
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = rest if len(rest) <= MAX_LINE else b""
        yield from (line.decode("utf-8", "replace").strip() for line in whole)


class Pipe:
    """ExaBGP's end."""

    def __init__(self, source: int, sink: int) -> None:
        """Nothing happens before `open`.

        Args:
            source: the descriptor that ExaBGP writes to.
            sink: the descriptor that ExaBGP reads from.
        """
        self._source, self._sink = source, sink
        self._pending = b""
        self.full_since: float | None = None

    @contextmanager
    def open(
        self, hear: Callable[[str], None], turn: Callable[[], None], gone: Callable[[str], None]
    ) -> Iterator[None]:
        """Listen in the running loop.

        Args:
            hear: told every line.
            turn: called when ExaBGP reads again after it had not.
            gone: told, in words, that ExaBGP is no longer there.

        Raises:
            PipeError: they are no pipes.
        """
        loop = asyncio.get_running_loop()
        lines = Lines()
        self._turn, self._gone = turn, gone

        def read() -> None:
            try:
                data = os.read(self._source, MAX_LINE)
            except BlockingIOError:
                return
            except OSError as error:
                data = b""
                gone(error.strerror or str(error))
            if not data:
                loop.remove_reader(self._source)
                gone("the end of what it says")
            for line in lines.feed(data):
                hear(line)

        before = [(fd, os.get_blocking(fd)) for fd in (self._source, self._sink)]
        try:
            for descriptor, _ in before:
                os.set_blocking(descriptor, False)
            try:
                loop.add_reader(self._source, read)
                loop.add_writer(self._sink, loop.remove_writer, self._sink)  # whether one can
            except PermissionError:  # of epoll_ctl(2): a file, or /dev/null
                raise PipeError("is to be run by ExaBGP: it speaks and listens by pipes") from None
            yield
        finally:
            loop.remove_reader(self._source)
            loop.remove_writer(self._sink)
            for descriptor, blocking in before:
                os.set_blocking(descriptor, blocking)  # a terminal is others' as well

    @property
    def free(self) -> bool:
        """Whether something can be handed to it."""
        return not self._pending

    def write(self, data: bytes) -> None:
        """Hand something to ExaBGP; if it does not read, that is kept until it does."""
        self._pending = data
        self._flush()

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._pending:
                self._pending = self._pending[os.write(self._sink, self._pending) :]
        except BlockingIOError:
            if self.full_since is None:
                self.full_since = loop.time()
                loop.add_writer(self._sink, self._unblocked)
            return
        except OSError as error:
            self._pending = b""
            self._gone(error.strerror or str(error))

    def _unblocked(self) -> None:
        self._flush()
        if self.free:
            asyncio.get_running_loop().remove_writer(self._sink)
            self.full_since = None
            self._turn()
