"""``lab run``: scenarios with a live progress, the results at the end, and the page."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from anycast_wrapper.lab.interrupt import InterruptedByError, interruptible
from anycast_wrapper.lab.outcome import Outcome
from anycast_wrapper.lab.report.live import Progress
from anycast_wrapper.lab.report.terminal import show
from anycast_wrapper.lab.runner import Runner
from anycast_wrapper.lab.scenarios import Scenario

WIDTH = 140  # where nobody looks: a log, a file


def run_and_show(
    scenarios: Sequence[Scenario], *, hosts: int | None, rate: float, page: Path | None
) -> int:
    """Run them; the exit status."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    outcomes: list[Outcome] = []
    try:
        with (
            interruptible(),
            Progress(console) as progress,
            Runner(progress, hosts=hosts, rate=rate) as runner,
        ):
            for outcome in runner.run_all(scenarios):
                outcomes.append(outcome)  # noqa: PERF402 - what there is at an interrupt counts
    except InterruptedByError as interrupt:
        if outcomes:
            show(console, outcomes, timelines=False)
        console.print(f"stopped by {interrupt.number.name}; everything is removed again")
        return 128 + interrupt.number
    show(console, outcomes)
    if page is not None:
        from anycast_wrapper.lab.report.page import write  # noqa: PLC0415

        write(page, outcomes)
        console.print(f"the report is in {page}", highlight=False)
    return 0 if all(outcome.passed for outcome in outcomes) else 1
