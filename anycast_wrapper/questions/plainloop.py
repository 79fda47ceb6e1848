"""A loop for a program that asks a few questions and ends: what `asking` needs, and no more.

asyncio would cost such a program ten times what its questions do, at each start.
"""

from __future__ import annotations

from select import POLLIN, POLLOUT, poll
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Callback = Callable[[], None]


class _Timer:
    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callback) -> None:
        self.when = when
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Do not call back."""
        self.callback = None


class PlainLoop:
    """Calls back in the one thread that runs it; `asking.Loop` says what each method is."""

    def __init__(self) -> None:
        self._poll = poll()
        self._files: dict[int, Callback] = {}
        self._timers: list[_Timer] = []

    time = staticmethod(monotonic)

    def add_reader(self, fd: int, callback: Callback, /) -> None:
        """Call back whenever the file can be read. A file has either a reader or a writer."""
        self._add(fd, POLLIN, callback)

    def add_writer(self, fd: int, callback: Callback, /) -> None:
        """Call back whenever the file can be written."""
        self._add(fd, POLLOUT, callback)

    def remove_reader(self, fd: int, /) -> None:
        """No longer; idempotent."""
        if self._files.pop(fd, None) is not None:
            self._poll.unregister(fd)

    remove_writer = remove_reader

    def call_at(self, when: float, callback: Callback, /) -> _Timer:
        """Call back once, at a time of `time`."""
        timer = _Timer(when, callback)
        self._timers.append(timer)
        return timer

    def run(self) -> None:
        """Call back until there is nothing left to wait for."""
        while self._turn():
            pass

    def _add(self, fd: int, events: int, callback: Callback) -> None:
        self._files[fd] = callback
        self._poll.register(fd, events)

    def _turn(self) -> bool:
        self._timers = [timer for timer in self._timers if timer.callback]
        if not self._timers and not self._files:
            return False
        next_due = min((timer.when for timer in self._timers), default=None)
        # Rounded up: a wait that ends too early would only be another turn.
        wait = None if next_due is None else max(0, int((next_due - monotonic()) * 1000) + 1)
        for fd, _ in self._poll.poll(wait):
            if callback := self._files.get(fd):
                callback()
        now = monotonic()
        for timer in sorted(self._timers, key=lambda timer: timer.when):
            if timer.when <= now and timer.callback:
                due, timer.callback = timer.callback, None
                due()
        return True
