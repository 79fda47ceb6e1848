"""Charts as SVG files that need nothing else: bars on a logarithmic scale, and lines."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 920
LEFT, RIGHT, TOP, BOTTOM = 310, 120, 34, 26
ROW = 22
BAR = 12
LEAST = 1e-9  # what is drawn of nothing, on a scale that has no zero

STYLE = """<style>
 text { font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1b1f24; }
 .back { fill: #ffffff; } .title { font-weight: 600; font-size: 13px; } .soft { fill: #5b6572; }
 .end { text-anchor: end; } .mid { text-anchor: middle; } .grid { stroke: #dde2e8; }
 .range { stroke: #1b1f24; stroke-width: 1.2; } .line { fill: none; stroke-width: 2; }
 .k0 { fill: #8894a2; } .k1 { fill: #2a9d8f; } .k2 { fill: #c62a2f; }
 .s0 { stroke: #3b82c4; } .s1 { stroke: #2a9d8f; } .s2 { stroke: #c98a1b; }
 .p0 { fill: #3b82c4; } .p1 { fill: #2a9d8f; } .p2 { fill: #c98a1b; }
 .fault { stroke: #c62a2f; stroke-width: 1.4; } .fault-name { fill: #c62a2f; font-weight: 600; }
 .moment { stroke: #5b6572; stroke-dasharray: 3 3; } .moment-name { fill: #5b6572; }
 .lost { fill: #c62a2f; } .h0 { fill: #3b82c4; } .h1 { fill: #2a9d8f; }
 .tick { fill: #5b6572; text-anchor: middle; font-size: 11px; } .name { text-anchor: end; }
 .base { stroke: #dde2e8; } svg .grid { stroke-width: .6; }
</style>"""


@dataclass(frozen=True)
class Bar:
    """One row.

    Attributes:
        label: What it is.
        value: How long the bar is; None: no bar, only the note.
        least: With ``most``, the range that is drawn over it.
        most: See there.
        note: Behind it.
        kind: Its colour: 0 others, 1 ours, 2 what has no end.
    """

    label: str
    value: float | None
    least: float = 0.0
    most: float = 0.0
    note: str = ""
    kind: int = 0


def bars(title: str, rows: Sequence[Bar], unit: str) -> str:
    """Bars from 1 on, on a logarithmic scale; what is below 1 is a hairline."""
    top = max([10.0, *(row.most or row.value or 0.0 for row in rows)])
    decades = math.ceil(math.log10(top))
    height = TOP + len(rows) * ROW + BOTTOM

    def x(value: float) -> float:
        share = math.log10(max(value, 1.0)) / decades
        return LEFT + 1 + share * (WIDTH - LEFT - RIGHT)

    parts = [_open(title, height)]
    bottom = height - BOTTOM
    for power in range(decades + 1):
        at = x(10.0**power)
        words = f"{10**power:,} {unit}" if power == decades else f"{10**power:,}"
        parts += [_grid(at, TOP, at, bottom), _word("soft mid", at, bottom + 16, words)]
    for number, row in enumerate(rows):
        parts += _bar(row, TOP + number * ROW, x)
    return "".join([*parts, "</svg>\n"])


def _bar(row: Bar, top: float, place: Callable[[float], float]) -> Iterator[str]:
    middle = top + ROW / 2
    yield _word("end", LEFT - 8, middle + 4, row.label)
    end = LEFT + 1.0
    if row.value is not None:
        end = max(place(row.value), LEFT + 2.0)
        yield (
            f'<rect class="k{row.kind}" x="{LEFT}" y="{middle - BAR / 2:.1f}" '
            f'width="{end - LEFT:.1f}" height="{BAR}"/>'
        )
    if row.most > row.least:
        left, right = place(row.least), place(row.most)
        end = max(end, right)
        yield (
            f'<line class="range" x1="{left:.1f}" y1="{middle:.1f}" '
            f'x2="{right:.1f}" y2="{middle:.1f}"/>'
        )
    yield _word("soft", end + 6, middle + 4, row.note)


@dataclass(frozen=True)
class Line:
    """One line of a chart: its name, and points from left to right, both values above 0."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Frame:
    """Where a chart of lines lies, and what its corners mean, as powers of ten."""

    x_low: int
    x_high: int
    y_low: int
    y_high: int
    left: int = 70
    right: int = WIDTH - 150
    top: int = TOP + 10
    bottom: int = 260

    def x(self, value: float) -> float:
        """From left to right."""
        share = (math.log10(value) - self.x_low) / (self.x_high - self.x_low)
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        """From the bottom up."""
        share = (math.log10(max(value, LEAST)) - self.y_low) / (self.y_high - self.y_low)
        return self.bottom - share * (self.bottom - self.top)

    def grid(self, x_name: str, y_name: str) -> Iterator[str]:
        """Lines at the powers of ten, and what they are."""
        for power in range(self.x_low, self.x_high + 1):
            at, words = self.x(10.0**power), f"{10.0**power:,g}"
            yield _grid(at, self.top, at, self.bottom)
            yield _word("soft mid", at, self.bottom + 16, words)
        for power in range(self.y_low, self.y_high + 1):
            at, words = self.y(10.0**power), f"{10.0**power:,g}"
            yield _grid(self.left, at, self.right, at)
            yield _word("soft end", self.left - 6, at + 4, words)
        yield _word("soft mid", (self.left + self.right) / 2, self.bottom + 34, x_name)
        yield _word("soft", self.left, self.top - 8, y_name)


def lines(title: str, drawn: Sequence[Line], x_name: str, y_name: str) -> str:
    """Lines on logarithmic scales both ways."""
    xs = [point[0] for line in drawn for point in line.points]
    ys = [max(point[1], LEAST) for line in drawn for point in line.points]
    frame = Frame(*_decades(xs), *_decades(ys))
    parts = [_open(title, frame.bottom + 40), *frame.grid(x_name, y_name)]
    for number, line in enumerate(drawn):
        places = [(frame.x(a), frame.y(b)) for a, b in line.points]
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
        parts.append(f'<path class="line s{number % 3}" d="{path}"/>')
        style = f"p{number % 3}"
        parts += [f'<circle class="{style}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in places]
        parts.append(_word("", places[-1][0] + 8, places[-1][1] + 4, line.name))
    return "".join([*parts, "</svg>\n"])


def _grid(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _word(style: str, x: float, y: float, words: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low = math.floor(math.log10(min(values)))
    high = math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _open(title: str, height: float) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" '
        f'xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(title)}">{STYLE}'
        f'<rect class="back" width="100%" height="100%"/>'
        f'<text class="title" x="8" y="18">{escape(title)}</text>'
    )
