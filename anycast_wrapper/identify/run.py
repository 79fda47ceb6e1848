"""One run: asks, counts, and shows meanwhile, until it is over or somebody stops it."""

import asyncio
import contextlib

from .answers import Visit
from .asking import Order, ask_all
from .counting import Count
from .viewer import Viewer


async def run(order: Order, count: Count, viewer: Viewer | None, stop: asyncio.Event) -> None:
    """Ask everything that is ordered, or until ``stop`` is set.

    What is under way when it is stopped is not counted, as lost least of all.

    Args:
        order: what to ask.
        count: counts the visits.
        viewer: is shown them, if there is one.
        stop: ends it.
    """

    def report(visit: Visit) -> None:
        count.add(visit)
        if viewer:
            viewer.add(visit)

    asking = asyncio.create_task(ask_all(order, report))
    tasks: list[asyncio.Task[object]] = [asking, asyncio.create_task(stop.wait())]
    if viewer:
        tasks.append(asyncio.create_task(viewer.show()))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # what went wrong in it goes wrong here
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(task, return_exceptions=True)
    if viewer:
        viewer.end()
