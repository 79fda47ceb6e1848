"""A loop that hangs must not keep the announcement.

Two watch over it. The kernel: an interval timer (setitimer(2)) whose signal, SIGALRM, nobody
handles, so that it ends the process; with the process goes its TAP and with that the route. And
systemd, where it runs us (sd_watchdog_enabled(3)). Both are kept quiet by the supervisor's loop
itself and by nothing else.
"""

import signal

from .systemd import Notifier


class Watchdog:
    """A `Heartbeat` that has to be given at least every ``seconds``."""

    def __init__(self, seconds: float, notifier: Notifier) -> None:
        self._seconds = seconds
        self._notifier = notifier

    def beat(self) -> None:
        """The loop has turned: wind the timer up again."""
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        if self._notifier.watched:
            self._notifier.send(WATCHDOG=1)

    def stop(self) -> None:
        """Nothing hangs any more: the loop is over."""
        signal.setitimer(signal.ITIMER_REAL, 0)
