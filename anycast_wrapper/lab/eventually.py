"""Waiting for a condition with a bound, and saying what was awaited when it does not come."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NeverHappenedError(AssertionError):
    """What was awaited did not come in time; the message says what was last seen instead."""


def eventually(
    condition: Callable[[], T],
    *,
    awaiting: str = "",
    within: float = 10.0,
    every: float = 0.02,
    seen: Callable[[], object] | None = None,
) -> T:
    """Poll until ``condition`` is true and return what it gave.

    Args:
        condition: Asked again and again; an ``OSError`` or a ``LookupError`` out of it counts as
            "not yet", since sockets and tables that do not exist yet are what one waits for.
        awaiting: What is awaited, in words, for the error.
        within: Seconds until giving up.
        every: Seconds between two questions.
        seen: Gives the picture for the error, when the value of ``condition`` says too little.

    Raises:
        NeverHappenedError: After ``within`` seconds.
    """
    started = time.monotonic()
    while True:
        last: object
        try:
            value = condition()
        except (OSError, LookupError) as error:
            last = error
        else:
            if value:
                return value
            last = value
        waited = time.monotonic() - started
        if waited >= within:
            picture = seen() if seen else last
            name = awaiting or getattr(condition, "__qualname__", repr(condition))
            raise NeverHappenedError(f"waited {waited:.1f} s for {name}; last seen: {picture!r}")
        time.sleep(every)
