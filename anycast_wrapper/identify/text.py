"""Findings for people: bars, a table, what is wrong, and one sentence at the end."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import click

from .evenness import Verdict
from .findings import Balance, Findings, NodeFindings
from .presence import Change, Event

BAR = 30
"""Columns of the longest bar."""

SILENT_NAME = "(says nothing)"

COLOURS = {Verdict.EVEN: "green", Verdict.UNEVEN: "yellow", Verdict.PERHAPS_UNEVEN: "yellow"}

_CHANGES = {
    Change.CAME: "answers",
    Change.WENT: "answers no longer; this was its last answer",
    Change.RETURNED: "answers again",
    Change.NOBODY: "answers",
}

Clock = Callable[[float], str]
"""Writes seconds since the beginning as the time of the day."""


def time_of_day(began: datetime) -> Clock:
    """The clock of a run that began then."""
    return lambda at: (began + timedelta(seconds=at)).strftime("%H:%M:%S.%f")[:-5]


def shown(name: str) -> str:
    """A node's name as it is shown."""
    return name or SILENT_NAME


def summary(findings: Findings, clock: Clock | None = None) -> str:
    """All of it, coloured for a terminal (click takes the colours out elsewhere).

    Args:
        findings: what there is to say.
        clock: of a run that was watched: shows who came and who went.
    """
    parts = [list(_balance(findings, balance)) for balance in findings.balances]
    if findings.nodes:
        parts.append(list(_nodes(findings)))
    if clock and findings.events:
        parts.append(list(_events(findings, clock)))
    if findings.problems:
        words = (f"  {click.style(one.sentence, fg='red')}" for one in findings.problems)
        parts.append([click.style("wrong", bold=True), *words])
    if findings.notes:
        parts.append([click.style("note", bold=True), *(f"  {words}" for words in findings.notes)])
    parts.append([click.style(findings.verdict, fg="red" if findings.problems else "green")])
    return "\n\n".join("\n".join(part) for part in parts)


def _balance(findings: Findings, balance: Balance) -> Iterator[str]:
    title = click.style(f"{balance.address} over {balance.transport}", bold=True)
    lost = f", {balance.lost} of them without an answer" if balance.lost else ""
    yield f"{title}: asked from {balance.asked} source ports{lost}"
    width = _width(findings)
    most = max((count for _, count in balance.shares), default=1)
    for name, count in balance.shares:
        bar = "█" * max(1, round(BAR * count / most))
        yield f"  {shown(name):<{width}}  {bar:<{BAR}} {count:>5}  {count / balance.answered:>4.0%}"
    colour = COLOURS.get(balance.evenness.verdict)
    yield f"  {click.style(balance.evenness.sentence, fg=colour)}"


def _nodes(findings: Findings) -> Iterator[str]:
    width = _width(findings)
    head = f"  {'':<{width}}  {'known by':<13}  answers    median      95 %"
    yield click.style("node", bold=True) + head[4:] + ("  serial" if findings.zone else "")
    for node in findings.nodes:
        yield f"  {_row(node, width)}{_serial(node) if findings.zone else ''}"
        if node.versions:
            yield f"  {'':<{width}}  version {', '.join(node.versions)}"


def _row(node: NodeFindings, width: int) -> str:
    name, by = shown(node.identity.name), node.identity.by
    median, p95 = f"{node.median * 1e3:.1f} ms", f"{node.p95 * 1e3:.1f} ms"
    return f"{name:<{width}}  {by:<13}  {node.answers:>7}  {median:>8}  {p95:>8}"


def _serial(node: NodeFindings) -> str:
    words = ", ".join(map(str, node.serials)) or "none"
    return f"  {words}" + (click.style(" stale", fg="red") if node.stale else "")


def _events(findings: Findings, clock: Clock) -> Iterator[str]:
    yield click.style("who answered when", bold=True)
    width = max(len(event.address) for event in findings.events)
    yield from (f"  {_event(event, clock, width)}" for event in findings.events)


def _event(event: Event, clock: Clock, width: int) -> str:
    who = "nobody" if event.change is Change.NOBODY else shown(event.node)
    return f"{clock(event.at)}  {event.address:<{width}}  {who} {_CHANGES[event.change]}"


def _width(findings: Findings) -> int:
    """Columns of the longest name."""
    return max((len(shown(node.identity.name)) for node in findings.nodes), default=4)
