"""The report: one HTML file that asks nothing of anybody else, for people who were not there."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from anycast_wrapper.lab.outcome import Outcome, milliseconds
from anycast_wrapper.lab.report.machine import describe_machine
from anycast_wrapper.lab.report.plot import plot
from anycast_wrapper.lab.report.style import STYLE

HOW_TO_READ = """\
<p>Several hosts offer the same DNS service at the same addresses. A router in front of them
spreads the questions over all hosts that announce the addresses. <b>anycast-wrap</b> runs on every
host and announces them for exactly as long as the name server there answers well. Here real name
servers (BIND), real routing daemons (FRR) and anycast-wrap ran in isolated networks on one machine,
while a client asked at a steady rate; then something was broken on purpose.</p>
<p><b>Lost</b> is a question over UDP without a good answer within one second; nothing was asked
twice. What was lost over TCP is told apart: a connection that is open while the router changes its
mind may be torn, whatever the hosts do. <b>Longest gap</b> is the longest time in which no question
at all was answered. <b>Detect</b> is the time from the fault until anycast-wrap acted on it,
<b>converge</b> until the router sent nothing more to that host, and <b>back</b> from the mending
until all of it was announced again.</p>
<p>In the pictures every host has a lane: its height is the share of the questions that the host
answered. The red lane at the bottom is what was lost.</p>"""

COLUMNS = ("Scenario", "Lost", "of", "Longest gap", "Detect", "Converge", "Back", "Verdict")


def write(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the page."""
    path.write_text(page(outcomes), encoding="utf-8")


def page(outcomes: Sequence[Outcome]) -> str:
    """The page's text."""
    now = datetime.now().astimezone()
    return "\n".join(
        [
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>anycast-wrap: what faults cost</title><style>{STYLE}</style></head><body>",
            "<main><h1>What faults cost</h1>",
            f'<p class="when">{now:%d %B %Y, %H:%M %Z}. {escape(describe_machine())}</p>',
            _tiles(outcomes),
            f"<section>{HOW_TO_READ}</section>",
            "<h2>Summary</h2>",
            *_summary(outcomes),
            "<h2>One by one</h2>",
            *(part for outcome in outcomes for part in _scenario(outcome)),
            "</main></body></html>",
            "",
        ]
    )


def _tiles(outcomes: Sequence[Outcome]) -> str:
    run = [outcome for outcome in outcomes if not outcome.skipped]
    failed = sum(not outcome.passed for outcome in run)
    asked, lost = sum(one.sent for one in run), sum(one.lost for one in run)
    tiles = [
        (str(len(run)), "faults tried", ""),
        (str(len(run) - failed), "as expected", "good"),
        (str(failed), "not as expected", "bad" if failed else ""),
        (f"{asked:,}", "questions asked", ""),
        (f"{lost:,}", f"lost ({lost / asked:.2%})" if asked else "lost", ""),
        (str(sum(one.lost == 0 for one in run)), "faults without any loss", ""),
    ]
    cells = (
        f'<div class="tile {kind}"><b>{value}</b><span>{words}</span></div>'
        for value, words, kind in tiles
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    heads = "".join(f"<th>{name}</th>" for name in COLUMNS)
    yield f'<div class="wide"><table class="summary"><thead><tr>{heads}</tr></thead><tbody>'
    for outcome in outcomes:
        scenario = outcome.scenario
        yield (
            f'<tr><td><a href="#{escape(scenario.name)}">{escape(scenario.name)}</a>'
            f"<small>{escape(scenario.sentence)}</small></td>"
            + "".join(f'<td class="number">{cell}</td>' for cell in _cells(outcome))
            + f"<td>{_badge(outcome)}</td></tr>"
        )
    yield "</tbody></table></div>"


def _cells(outcome: Outcome) -> list[str]:
    if outcome.skipped:
        return ["-"] * 6
    times = (outcome.gap, outcome.detected, outcome.converged, outcome.back)
    return [f"{outcome.lost:,}", f"{outcome.sent:,}", *(milliseconds(value) for value in times)]


def _badge(outcome: Outcome) -> str:
    return f'<span class="badge {outcome.verdict.lower()}">{outcome.verdict.lower()}</span>'


def _scenario(outcome: Outcome) -> Iterator[str]:
    scenario = outcome.scenario
    name = escape(scenario.name)
    yield f'<article id="{name}"><h3>{name} {_badge(outcome)}</h3>'
    yield f"<p>{escape(scenario.sentence)}</p>"
    if outcome.skipped:
        yield f'<p class="why">Not run: {escape(outcome.skipped)}.</p></article>'
        return
    yield f'<p class="figures">{_in_words(outcome)}</p>'
    yield f'<p class="expected">Expected: {escape(str(scenario.expected))}.</p>'
    if scenario.known:
        yield f'<p class="expected">Known limit: {escape(scenario.known)}.</p>'
    for failure in outcome.failures:
        yield f'<p class="why">{escape(failure)}</p>'
    if outcome.timeline is not None:
        yield plot(outcome.timeline, outcome.rate, outcome.moments)
        yield from _events(outcome, outcome.timeline.start)
    yield "</article>"


def _in_words(outcome: Outcome) -> str:
    why = ", ".join(f"{count} {escape(name)}" for name, count in outcome.why_lost.most_common())
    torn = f" and {outcome.torn} TCP connections" if outcome.torn else ""
    lost = f"<b>{outcome.lost:,}</b> of {outcome.sent:,} lost{torn}"
    lost += f" ({why})" if why else ""
    times = (
        ("longest gap", outcome.gap),
        ("detected after", outcome.detected),
        ("converged after", outcome.converged),
        ("back after", outcome.back),
        ("the routing protocol alone", outcome.protocol),
    )
    told = (f"{name} <b>{milliseconds(value)}</b>" for name, value in times if value is not None)
    return f"{lost}; {'; '.join(told)}. {outcome.hosts} hosts, {outcome.rate:.0f} queries/s."


def _events(outcome: Outcome, start: float) -> Iterator[str]:
    yield f"<details><summary>What happened when ({len(outcome.marks)} events)</summary>"
    yield '<div class="wide"><table class="events"><tbody>'
    for mark in outcome.marks:
        yield (
            f'<tr><td class="number">{mark.time - start:.3f} s</td><td>{escape(mark.host)}</td>'
            f"<td>{escape(mark.text)}</td></tr>"
        )
    yield "</tbody></table></div></details>"
