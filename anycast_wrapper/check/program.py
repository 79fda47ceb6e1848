"""``check`` from its words to its status. Whatever happens, it is told in the caller's way."""

from __future__ import annotations

import sys
from _socket import SOCK_DGRAM, socket

from . import telling
from .asking import ask
from .options import UsageError, read
from .order import Order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from anycast_wrapper.questions.exchange import Place


def run(words: Sequence[str]) -> int:
    """Check, and tell.

    Args:
        words: the command line after ``check``.

    Returns:
        The exit status.
    """
    said = read(words)
    style = said.values["style"]
    try:
        told = _told(Order(said.values), style) if not said.wrong else None
    except UsageError as error:
        said.complain(str(error))
        told = None
    except Exception as error:  # noqa: BLE001 - no traceback, and never a status that means well
        said.complain(f"internal error: {error!r}")
        told = None
    told = told or telling.unknown(said.wrong or "", style)
    if told.line:
        stream = sys.stderr if told.stderr else sys.stdout
        try:
            if stream is None:  # closed by whoever called us
                return max(told.status, 1)
            stream.write(told.line.encode("ascii", "backslashreplace").decode() + "\n")
            stream.flush()
        except OSError:  # whoever should have read it is gone; the status is left
            return max(told.status, 1)
    return told.status


def _told(order: Order, style: str) -> telling.Told:
    if order.source is not None:
        try:
            _try(order.source)
        except OSError as error:
            words = f"cannot ask from {order.source.sockaddr[0]}: {error.strerror}"
            return telling.unknown(words, style)
    return telling.found(order, ask(order), style)


def _try(source: Place) -> None:
    """See whether we can ask from an address at all: if not, that is not the server's fault."""
    sock = socket(source.family, SOCK_DGRAM)
    try:
        sock.bind(source.sockaddr)
    finally:
        sock.close()
