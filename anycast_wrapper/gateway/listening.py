"""What else a tracker needs from the world: who hears of it, and what remembers an operator's word.

Apart from `ports`, which is all that an adapter to the kernel has to know.
"""

from collections.abc import Sequence
from typing import Protocol

from .effects import Drains, Effect
from .state import State


class DrainMemory(Protocol):
    """What operators said of servers, kept where a restart and a reboot find it."""

    def recall(self) -> Drains:
        """The drains in force. Raises `anycast_wrapper.ports.StateError` if nobody can know."""

    def remember(self, drained: Drains) -> None:
        """Keep these and no others. Raises `anycast_wrapper.ports.StateError`."""


class Audience(Protocol):
    """Whoever is told what happens: the log, ``status``, systemd, the metrics."""

    def hear(self, state: State, told: Sequence[Effect], answered: Sequence[int]) -> None:
        """After every turn of the loop. Must not block and not raise.

        Args:
            state: as it is now.
            told: what has happened, in order.
            answered: the numbers of the probes whose outcomes were taken in.
        """
