"""Tables and figures as reStructuredText has them."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A simple table; none without rows, and a head of empty words is left out.

    Raises:
        ValueError: A row has another number of cells than the head.
    """
    if any(len(row) != len(head) for row in rows):
        raise ValueError("a row has more or fewer cells than the head")
    if not rows:
        return []
    # An empty first cell would make a row the continuation of the one before.
    cells = [[cell or "\\" for cell in row] for row in ([head] if any(head) else [])]
    body = [[cell or "\\" for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in [*cells, *body]) for place in range(len(head))]
    rule = "  ".join("=" * width for width in widths)

    def line(row: Sequence[str]) -> str:
        return "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()

    middle = [*(line(row) for row in cells), rule] if cells else []
    return [rule, *middle, *(line(row) for row in body), rule]


def seconds(value: float) -> str:
    """A time for people: 17 ms, 0.42 s, 13.8 s."""
    if value < 0.1:
        return f"{value * 1e3:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
