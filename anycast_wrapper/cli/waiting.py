"""Waiting for what cannot be waited for."""

import time
from collections.abc import Callable

LOOK = 0.02
"""Seconds between two looks."""


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition comes to hold in time. A lock cannot be waited for with a time limit."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK)
    return True
