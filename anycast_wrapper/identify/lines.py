"""Follows as lines: one for each address and second, where there is no terminal to draw on."""

import asyncio
import json
from collections.abc import Callable

from .answers import Visit
from .document import slice_document
from .strip import Slice, Strip
from .viewer import REDRAWN

Writer = Callable[[float, str, Slice], str]
"""Writes a slice in one line, from when it began, the address and the counts."""


class Lines:
    """Writes a line for each address and second, once its answers are due.

    Args:
        say: writes a line.
        writer: makes one.
        patience: seconds that an answer may take.
    """

    SECONDS = 1.0

    def __init__(self, say: Callable[[str], object], writer: Writer, patience: float) -> None:
        self._strip = Strip(self.SECONDS)
        self._say = say
        self._writer = writer
        self._patience = patience
        self._next = 0
        self._latest = -1

    def add(self, visit: Visit) -> None:
        """Count it in its second."""
        self._strip.add(visit)
        self._latest = max(self._latest, int(visit.at / self.SECONDS))

    async def show(self) -> None:
        """Write what is complete, again and again."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            complete = int((clock() - began - self._patience) / self.SECONDS)
            self._write(upto=complete)
            await asyncio.sleep(REDRAWN)

    def end(self) -> None:
        """Write the rest."""
        self._write(upto=self._latest + 1)

    def _write(self, upto: int) -> None:
        while self._next < upto:
            for address in self._strip.addresses:
                counts = self._strip.slice(address, self._next)
                self._say(self._writer(self._next * self.SECONDS, address, counts))
            self._next += 1


def as_json_line(at: float, address: str, counts: Slice) -> str:
    """A slice for programs, in one line."""
    return json.dumps(slice_document(at, address, counts), ensure_ascii=False)
