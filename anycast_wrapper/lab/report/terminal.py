"""The table and the timelines, for a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from anycast_wrapper.lab.outcome import Outcome, Timeline, milliseconds
from anycast_wrapper.lab.play import Mark

STYLES = {"passed": "green", "FAILED": "bold red", "skipped": "yellow"}
BARS = " ▁▂▃▄▅▆▇█"
MOST_MARKS = 40


def figures(outcome: Outcome) -> str:
    """The four figures of a scenario in one line."""
    if outcome.skipped:
        return outcome.skipped
    torn = f" and {outcome.torn} TCP torn" if outcome.torn else ""
    return (
        f"{outcome.lost} of {outcome.sent} lost{torn}, longest gap {milliseconds(outcome.gap)}, "
        f"detected {milliseconds(outcome.detected)}, converged {milliseconds(outcome.converged)}, "
        f"back {milliseconds(outcome.back)} ({outcome.took:.0f} s)"
    )


def show(console: Console, outcomes: Sequence[Outcome], *, timelines: bool = True) -> None:
    """Print everything."""
    if timelines:
        for outcome in outcomes:
            if outcome.timeline is not None:
                console.print()
                for line in timeline(outcome, outcome.timeline):
                    console.print(line, highlight=False, soft_wrap=True)
    console.print()
    console.print(table(outcomes))
    failed = sum(not outcome.passed for outcome in outcomes)
    skipped = sum(bool(outcome.skipped) for outcome in outcomes)
    good = len(outcomes) - failed - skipped
    console.print(f"{good} passed, {failed} failed, {skipped} skipped", highlight=False)


def table(outcomes: Sequence[Outcome]) -> Table:
    """A row for each scenario."""
    grid = Table(box=None, pad_edge=False)
    grid.add_column("scenario", no_wrap=True)
    for name in ("queries", "lost", "longest gap", "detect", "converge", "back"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    for outcome in outcomes:
        grid.add_row(
            outcome.scenario.name,
            *_cells(outcome),
            Text(outcome.verdict, style=STYLES[outcome.verdict]),
        )
    return grid


def _cells(outcome: Outcome) -> list[str]:
    if outcome.skipped:
        return ["-"] * 6
    times = (outcome.gap, outcome.detected, outcome.converged, outcome.back)
    return [str(outcome.sent), str(outcome.lost), *(milliseconds(value) for value in times)]


def timeline_text(outcome: Outcome) -> str:
    """What failed and its timeline, without colours: for a log."""
    console = Console(width=140, color_system=None)
    with console.capture() as capture:
        if outcome.timeline is None:
            console.print(*outcome.failures, sep="\n", highlight=False, soft_wrap=True)
        else:
            for line in timeline(outcome, outcome.timeline):
                console.print(line, highlight=False, soft_wrap=True)
    return capture.get()


def timeline(outcome: Outcome, line: Timeline) -> Iterator[RenderableType]:
    """One scenario: a row for each host, one for what was lost, and what happened when."""
    style = STYLES[outcome.verdict]
    yield f"[bold]{outcome.scenario.name}[/]  [{style}]{outcome.verdict}[/]"
    yield f"  [dim]{escape(outcome.scenario.sentence)} Expected: {outcome.scenario.expected}.[/]"
    # Full height is what one bucket holds when a single host answers everything.
    top = max(1.0, outcome.rate * line.bucket)
    for server, counts in sorted(line.answered.items()):
        yield Text.assemble((f"  {server:>7} ", "bold"), (_row(counts, top), "cyan"))
    yield Text.assemble(("     lost ", "bold"), (_row(line.lost, top), "bold red"))
    yield f"          [dim]{_ruler(line)}[/]"
    for mark in _chosen(outcome.marks):
        yield f"  [dim]{mark.time - line.start:+8.3f} s[/] {mark.host:<8} {escape(mark.text)}"
    for failure in outcome.failures:
        yield f"  [{style}]{escape(failure)}[/]"


def _row(counts: Sequence[int], top: float) -> str:
    return "".join(BARS[_height(count, top)] for count in counts)


def _height(count: int, top: float) -> int:
    if count == 0:
        return 0
    # What is there at all is seen.
    return max(1, min(len(BARS) - 1, round(count / top * (len(BARS) - 1))))


def _ruler(line: Timeline) -> str:
    """A tick for each second, or for as many as leave room to write."""
    cells = [" "] * (len(line.lost) + 6)
    step = next(s for s in (1, 2, 5, 10, 20, 60, 600) if s / line.bucket >= 5)
    for second in range(0, int(line.seconds) + 1, step):
        for at, letter in enumerate(f"|{second} s", start=int(second / line.bucket)):
            if at < len(cells):
                cells[at] = letter
    return "".join(cells).rstrip()


def _chosen(marks: Sequence[Mark]) -> Sequence[Mark]:
    """All of them, or the first and the last where there are too many."""
    if len(marks) <= MOST_MARKS:
        return marks
    half = MOST_MARKS // 2
    left_out = Mark(marks[half].time, f"... {len(marks) - MOST_MARKS} more ...")
    return [*marks[:half], left_out, *marks[-half:]]
