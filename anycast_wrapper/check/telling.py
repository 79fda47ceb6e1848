"""What was found, in one line and an exit status.

For Nagios (https://nagios-plugins.org/doc/guidelines.html): 0 good, 1 a warning, 2 bad, 3 nobody
can tell; one line with performance data. For whoever looks at the status alone, such as keepalived:
0 or 1, and words on stderr only if it failed. Never anything else there: keepalived takes 2 and
more for a weight where ``misc_dynamic`` is set (keepalived.conf(5)).
"""

from __future__ import annotations

from anycast_wrapper.questions.faults import ERROR

from .asking import HEALTHY, SLOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .asking import Found
    from .order import Order

OK, WARNING, CRITICAL, UNKNOWN = range(4)
_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")

GOOD, BAD = range(2)
"""With ``--style exit``."""

_SHOWN = 300


class Told:
    """A line and a status.

    Attributes:
        line: without its end.
        status: the exit status.
        stderr: whether the line goes there.
    """

    __slots__ = ("line", "status", "stderr")

    def __init__(self, line: str, status: int, *, stderr: bool = False) -> None:
        self.line = line
        self.status = status
        self.stderr = stderr


def found(order: Order, everything: Sequence[Found], style: str) -> Told:
    """Tell what was found: the first failure in the order of the transports, or the slowest."""
    state, worst = _judged(order, everything)
    port = "" if order.port == 53 else f"#{order.port}"
    question = f"{order.name}/{order.type}" + ("" if order.class_ == "IN" else f"/{order.class_}")
    words = f"{worst.transport} {order.server}{port} {question}: {worst.detail}"
    if worst.reason != HEALTHY:
        words += f" ({worst.reason})"
    elif state == WARNING:
        words += f" after {worst.latency * 1000:.0f} ms"
    if style == "exit":
        good = state in {OK, WARNING}
        return Told("" if good else _plain(words), GOOD if good else BAD, stderr=True)
    data = " ".join(_data(order, one) for one in everything)
    return Told(f"DNS {_WORDS[state]} - {_plain(words)} | {data}", state)


def unknown(words: str, style: str) -> Told:
    """Tell that nothing could be asked: it was called wrongly, or we are at fault."""
    if style == "exit":
        return Told(f"anycast-wrap check: {_plain(words)}", BAD, stderr=True)
    return Told(f"DNS UNKNOWN - {_plain(words)}", UNKNOWN)


def _judged(order: Order, everything: Sequence[Found]) -> tuple[int, Found]:
    """The state of Nagios, and what it is owed to."""
    for one in everything:
        if one.reason != HEALTHY:
            return UNKNOWN if one.reason == ERROR else CRITICAL, one
    slowest = max(everything, key=lambda one: one.latency)
    late = order.warning is not None and slowest.latency > order.warning
    return WARNING if late else OK, slowest


def _data(order: Order, one: Found) -> str:
    """A transport's performance data: value, warning, critical, least, most."""
    if one.reason not in {HEALTHY, SLOW}:
        return f"{one.transport}=U"
    warning, critical = (
        "" if bound is None else f"{bound:g}" for bound in (order.warning, order.critical)
    )
    return f"{one.transport}={one.latency:.6f}s;{warning};{critical};0;{order.timeout:g}"


def _plain(words: str) -> str:
    """One line without what Nagios takes for the beginning of performance data."""
    plain = "".join(c if c.isprintable() and c != "|" else "?" for c in words)
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}..."
