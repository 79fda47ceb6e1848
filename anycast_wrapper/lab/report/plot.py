"""One scenario as an SVG: a lane for each host, one for what was lost, and the moments."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from anycast_wrapper.lab.outcome import Timeline

WIDTH = 960
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 40, 24
LANE, GAP = 34, 6
LEAST = 2.0
"""Pixels of what is there at all: one lost query is to be seen."""

TICKS = (0.5, 1, 2, 5, 10, 20, 60, 120)
MOST_TICKS = 16
LABEL_ROOM = 74
"""Pixels that the name of a moment takes."""


def plot(line: Timeline, rate: float, moments: Mapping[str, float]) -> str:
    """The picture, styled by the page around it.

    Args:
        line: Who answered when.
        rate: Queries per second, which is a lane's full height.
        moments: What happened when, by ``time.monotonic()``.
    """
    servers = sorted(line.answered, key=_natural)
    lanes = [*servers, "lost"]
    height = TOP + len(lanes) * (LANE + GAP) + BOTTOM
    size = f'viewBox="0 0 {WIDTH} {height}" xmlns="http://www.w3.org/2000/svg"'
    parts = [f'<svg {size} role="img" aria-label="{escape(_words(line))}">', *_axis(line, height)]
    for number, server in enumerate(lanes):
        lost = server == "lost"
        counts = line.lost if lost else line.answered[server]
        style = "lost" if lost else f"h{number % 8}"
        parts += _lane(line, server, counts, number, style, rate)
    parts += _moments(line, moments, height)
    parts.append("</svg>")
    return "".join(parts)


def _natural(name: str) -> tuple[int, str]:
    return len(name), name


def _words(line: Timeline) -> str:
    answered = ", ".join(f"{name} {sum(counts)}" for name, counts in sorted(line.answered.items()))
    return f"answered by {answered}; lost {sum(line.lost)}; over {line.seconds:.1f} seconds"


def _x(line: Timeline, seconds: float) -> float:
    return LEFT + seconds / line.seconds * (WIDTH - LEFT - RIGHT)


def _axis(line: Timeline, height: int) -> Iterator[str]:
    step = next((s for s in TICKS if line.seconds / s <= MOST_TICKS), TICKS[-1])
    bottom = height - BOTTOM
    for number in range(int(line.seconds / step) + 1):
        at = _x(line, number * step)
        yield f'<line class="grid" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{bottom}"/>'
        yield f'<text class="tick" x="{at:.1f}" y="{bottom + 16}">{number * step:g} s</text>'


def _lane(  # noqa: PLR0913, PLR0917 - private, and each is a plain value
    line: Timeline, name: str, counts: Sequence[int], number: int, style: str, rate: float
) -> Iterator[str]:
    base = TOP + number * (LANE + GAP) + LANE
    full = max(1.0, rate * line.bucket)
    yield f'<text class="name" x="{LEFT - 8}" y="{base - LANE / 2 + 4:.1f}">{escape(name)}</text>'
    yield f'<line class="base" x1="{LEFT}" y1="{base}" x2="{WIDTH - RIGHT}" y2="{base}"/>'
    path = []
    for place, count in enumerate(counts):
        if count:
            tall = max(LEAST, min(1.0, count / full) * LANE)
            left, right = _x(line, place * line.bucket), _x(line, (place + 1) * line.bucket)
            path.append(f"M{left:.1f} {base}V{base - tall:.1f}H{right:.1f}V{base}Z")
    if path:
        yield f'<path class="{style}" d="{"".join(path)}"/>'


def _moments(line: Timeline, moments: Mapping[str, float], height: int) -> Iterator[str]:
    """A line for each; names that would overlap go to another row."""
    ends = [float("-inf"), float("-inf"), float("-inf")]
    for name, moment in sorted(moments.items(), key=lambda item: item[1]):
        at = _x(line, min(max(moment - line.start, 0.0), line.seconds))
        row = next((r for r, end in enumerate(ends) if at > end), 0)
        ends[row] = at + LABEL_ROOM
        bottom, top = height - BOTTOM, TOP - 26 + row * 12
        late = at > WIDTH - LABEL_ROOM
        side, anchor = (-4, "end") if late else (4, "start")
        kind = "fault" if name == "fault" else "moment"
        yield f'<line class="{kind}" x1="{at:.1f}" y1="{top - 8}" x2="{at:.1f}" y2="{bottom}"/>'
        yield (
            f'<text class="{kind}-name" x="{at + side:.1f}" y="{top}" text-anchor="{anchor}">'
            f"{escape(name)}</text>"
        )
