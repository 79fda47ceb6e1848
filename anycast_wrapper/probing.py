"""One run of a probe within its limits: whatever happens in it, there is an outcome in time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from .core.model import Outcome, Reason
from .core.state import Key
from .ports import Prober

GRACE = 0.25
"""Seconds that a probe may take beyond its own limit before its outcome is no longer awaited."""

LATE = 0.02
"""Seconds by which the loop may come late without doubting what it measures."""


HURRIED = 0.15
"""Seconds that a question gets while the server's receive queue stands: a hundred times what a
healthy one takes, and short enough to withdraw a hung one within half a second."""


@dataclass(frozen=True)
class Bounded:
    """A probe and its limits.

    Attributes:
        limit: seconds that it takes at most by its own word.
        hurried: seconds that it gets while there is a hint that the daemon hangs.
    """

    prober: Prober
    limit: float
    hurried: float = HURRIED


Probers = Mapping[Key, Bounded]


async def outcome_of(bounded: Bounded, *, hurried: bool) -> Outcome:
    """Run the probe once. A probe that breaks or does not end has not vouched for anything."""
    limit = bounded.hurried if hurried else bounded.limit + GRACE
    try:
        return await _within(limit, bounded.prober)
    except TimeoutError:
        why = " while its receive queue stands" if hurried else ""
        words = f"no outcome within {limit:g} s{why}"
        return Outcome(ok=False, reason=Reason.PROBE_TIMEOUT, detail=words)
    except Exception as error:  # noqa: BLE001 - fail closed, whatever it was
        words = f"{type(error).__name__}: {error}"
        return Outcome(ok=False, reason=Reason.PROBE_ERROR, detail=words)


async def _within(limit: float, prober: Prober) -> Outcome:
    """Run a probe within a limit of time in which this process did run.

    Where the machine is so busy that the loop itself comes late, the time that has passed says
    nothing about the daemon: ask once more.
    """
    now = asyncio.get_running_loop().time
    due = now() + limit
    try:
        async with asyncio.timeout(limit):
            return await prober()
    except TimeoutError:
        if now() - due < LATE:
            raise
    async with asyncio.timeout(limit):
        return await prober()
