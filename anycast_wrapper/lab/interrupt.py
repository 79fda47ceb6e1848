"""Ctrl-C and its like end a lab once, in order; a second one does not leave half of it behind."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedByError(BaseException):
    """A signal asked for the end: no `Exception`, so that nothing on the way takes it for less.

    Attributes:
        number: Which.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the first signal raise here, and what follows while things are removed be ignored."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in watched:
            signal.signal(each, signal.SIG_IGN)
        raise InterruptedByError(signal.Signals(number))

    # One that is ignored stays so, as nohup wants it.
    watched = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, interrupt) for each in watched}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
