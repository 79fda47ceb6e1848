"""What follows a run while it goes."""

from typing import Protocol

from .answers import Visit

REDRAWN = 0.25
"""Seconds between two looks at what has come."""


class Viewer(Protocol):
    """Somebody who is shown visits while they come."""

    def add(self, visit: Visit) -> None:
        """A visit is over."""

    async def show(self) -> None:
        """Show what has come, until cancelled."""

    def end(self) -> None:
        """Show what has not been shown yet."""
