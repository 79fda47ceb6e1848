"""An order carried out: everybody asked, and what was found."""

from __future__ import annotations

from anycast_wrapper.questions import glance
from anycast_wrapper.questions.asking import Asking, Whom
from anycast_wrapper.questions.faults import explain
from anycast_wrapper.questions.plainloop import PlainLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast_wrapper.questions.exchange import Exchange
    from anycast_wrapper.questions.finding import Finding

    from .order import Order

    Known = tuple[str, str] | Callable[[], Finding]
    """A reason's slug, and words; or how to find out, for when nothing is under way any more: what
    it takes is imported first, and no answer is to look slow for that."""

# Slugs of `core.model.Reason`, which costs an import.
HEALTHY = "healthy"
SLOW = "probe-slow"
RCODE = "probe-rcode"
_REASONS = {2: "probe-servfail", 5: "probe-refused"}


class Found:
    """What was found over one transport.

    Attributes:
        transport: 'udp' or 'tcp'.
        reason: the slug of a `Reason`.
        detail: the same for people.
        latency: seconds that the answer took.
    """

    __slots__ = ("detail", "latency", "reason", "transport")

    def __init__(self, transport: str, reason: str, detail: str, latency: float) -> None:
        self.transport = transport
        self.reason = reason
        self.detail = detail
        self.latency = latency


def ask(order: Order) -> list[Found]:
    """Ask, and wait for every answer, or until the time is over.

    Returns:
        What was found, in the order of the transports.
    """
    loop = PlainLoop()
    whom = [Whom(order.server, transport, order.where) for transport in order.transports]
    message = order.message if order.message is not None else order.full()[0].message

    def judge(wire: bytes, exchange: Exchange) -> Known | None:
        if order.answer is not None:
            finding = _read(order, wire, exchange.ident)
            again = finding.truncated and exchange.transport == "udp"
            return None if again else lambda: finding
        code = glance.code(wire, exchange.ident, message, aa=order.aa)
        if order.codes is not None and 0 <= code < len(glance.CODES):
            return _REASONS.get(code, RCODE) if code not in order.codes else HEALTHY, glance.CODES[
                code
            ]
        return lambda: _read(order, wire, exchange.ident)

    def explained(error: Exception) -> Known:
        return explain(error, order.timeout)

    asking = Asking(loop, whom, message, judge, explained)
    asking.begin(order.timeout, order.tries, lambda: None, order.source)
    loop.run()
    return [_held(order, _found(one)) for one in whom]


def _found(one: Whom) -> Found:
    """What was found, as far as it is known; else it is looked at now."""
    if isinstance(one.finding, tuple):
        reason, detail = one.finding
    else:
        finding: Finding = one.finding()
        reason, detail = str(finding.reason), finding.detail
    return Found(one.transport, reason, detail, one.latency)


def _read(order: Order, wire: bytes, ident: bytes) -> Finding:
    from anycast_wrapper.questions.reply import examine  # noqa: PLC0415 - costs 60 ms

    asked, expect = order.full()
    return examine(wire, asked, ident, expect)


def _held(order: Order, found: Found) -> Found:
    """Hold a good answer to the time that it may take."""
    if found.reason == HEALTHY and order.critical is not None and found.latency > order.critical:
        found.reason = SLOW
        found.detail += f" after {found.latency * 1000:.0f} ms, over {order.critical * 1000:g}"
    return found
