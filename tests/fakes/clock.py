"""Time that passes as soon as nobody has anything to do: minutes take milliseconds.

    run(scenario())

The event loop has a clock of its own that jumps to the next timer. Sockets work if both their ends
are in this loop; processes and threads are elsewhere in time.
"""

import asyncio
import selectors


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: where one would, the time is over."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing can ever happen any more")
        if not ready:
            self.now += max(timeout, 0)
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._clock = _Jumping()
        super().__init__(self._clock)

    def time(self):
        return self._clock.now


def run(coroutine):
    """What asyncio.run does, in no time."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(coroutine)
