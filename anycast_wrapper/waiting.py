"""Whoever waits, while a loop turns, until something holds of the state that it keeps."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

S = TypeVar("S")

Condition = Callable[[S, float], bool]
"""Whether something holds of a state at a time; asked after every turn, so quick and pure."""


class Waiters(Generic[S]):
    """All who wait for something of one loop's state."""

    def __init__(self, state: Callable[[], S]) -> None:
        """Nobody waits yet.

        Args:
            state: the loop's, as it is now.
        """
        self._state = state
        self._waiting: dict[asyncio.Future[bool], Condition[S]] = {}

    async def until(self, condition: Condition[S], seconds: float) -> bool:
        """Wait until a condition holds after a turn; False if it does not in time, or ends."""
        loop = asyncio.get_running_loop()
        if condition(self._state(), loop.time()):
            return True
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting[future] = condition
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            return False
        finally:
            del self._waiting[future]

    def look(self) -> None:
        """The loop has turned: let those go on whose condition holds."""
        state, now = self._state(), asyncio.get_running_loop().time()
        for future, condition in self._waiting.items():
            if not future.done() and condition(state, now):
                future.set_result(True)

    def end(self) -> None:
        """The loop has turned for the last time: nothing comes to hold any more."""
        for future in self._waiting:
            if not future.done():
                future.set_result(False)
