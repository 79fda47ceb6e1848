"""How late the loop comes.

Everything that announces and withdraws is done by one loop. What holds it up (a slow disk under the
log, a machine without time for us) delays a withdrawal by as much.
"""

import asyncio

from .tally import Spread

EVERY = 0.5
"""Seconds between two samples: each costs 20 us."""

BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class LoopLag:
    """Samples how late a timer is.

    Attributes:
        spread: what was found.
    """

    def __init__(self) -> None:
        self.spread = Spread(BOUNDS)
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin, in the running loop."""
        loop = asyncio.get_running_loop()
        due = loop.time() + EVERY
        self._timer = loop.call_at(due, self._sample, loop, due)

    def close(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def _sample(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        # A timer may be early by the resolution of the clock.
        self.spread.add(max(0.0, loop.time() - due))
        self.open()
