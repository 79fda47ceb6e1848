"""Follows on a terminal, drawn in place; apart, since rich need not be installed."""

import asyncio

from rich.console import Console
from rich.live import Live
from rich.text import Text

from .answers import Visit
from .strip import Strip
from .viewer import REDRAWN
from .watching import lines

SLICE = 0.5
"""Seconds of a column."""


class Screen:
    """Draws the strip in place.

    Args:
        console: a terminal; standard output if absent.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._strip = Strip(SLICE)
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False)

    def add(self, visit: Visit) -> None:
        """Count it in its column."""
        self._strip.add(visit)

    async def show(self) -> None:
        """Draw, again and again."""
        clock = asyncio.get_running_loop().time
        began = clock()
        with self._live:
            while True:
                self._draw(clock() - began)
                await asyncio.sleep(REDRAWN)

    def end(self) -> None:
        """The last picture stays; an empty line sets it off."""
        self._console.print()

    def _draw(self, now: float) -> None:
        rows = list(lines(self._strip, now, self._console.width))
        rows.append("Ctrl-C ends it with the summary")
        text = Text.from_ansi("\n".join(rows), no_wrap=True, overflow="crop")
        self._live.update(text, refresh=True)
