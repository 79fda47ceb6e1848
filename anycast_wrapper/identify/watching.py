"""What is shown while it is watched, as text: the strip in time, a line for each second. Pure."""

from collections.abc import Iterator

import click

from .strip import LOST, Slice, Strip
from .text import Clock, shown

BARS = " ▁▂▃▄▅▆▇█"
MANY = 9


def lines(strip: Strip, upto: float, width: int) -> Iterator[str]:
    """The strip, a row for each node and one for what was lost, the latest at the right.

    Args:
        strip: what was counted.
        upto: seconds since the beginning: now.
        width: columns of the terminal.
    """
    names = {address: strip.names(address) for address in strip.addresses}
    label = max((len(shown(name)) for each in names.values() for name in each), default=4)
    label = min(label, max(4, width // 3))
    slices = max(1, width - label - 12)
    last = int(upto / strip.seconds)
    numbers = range(max(0, last - slices + 1), last + 1)
    for address in strip.addresses:
        yield click.style(address, bold=True)
        row = [strip.slice(address, number) for number in numbers]
        most = max((n for one in row for name, n in one.items() if name is not LOST), default=1)
        for name in names[address]:
            cells = "".join(_bar(one[name], most) for one in row)
            yield f"  {shown(name)[:label]:<{label}} {cells} {sum(one[name] for one in row):>6}"
        lost = "".join(_lost(one[LOST]) for one in row)
        total = sum(one[LOST] for one in row)
        words = f"  {'lost':<{label}} {lost} {total:>6}"
        yield click.style(words, fg="red") if total else words


def _bar(count: int, most: int) -> str:
    """One cell: empty only if there was nothing."""
    return BARS[-(-count * (len(BARS) - 1) // most)]


def _lost(count: int) -> str:
    return "·" if not count else str(count) if count <= MANY else "+"


def line(at: float, address: str, counts: Slice, clock: Clock) -> str:
    """A slice in one line, where there is no terminal to draw on."""
    who = [f"{shown(name)} {n}" for name, n in sorted(_named(counts))]
    return f"{clock(at)} {address} {', '.join([*who, f'lost {counts[LOST]}'])}"


def _named(counts: Slice) -> Iterator[tuple[str, int]]:
    for name, n in counts.items():
        if name is not LOST:
            yield name, n
