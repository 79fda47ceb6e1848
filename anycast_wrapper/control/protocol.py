"""One request a connection, one reply: each a line of JSON.

A request is an object with ``command`` and what belongs to it; a reply is an object with ``ok`` and
either what was asked for, or ``error`` (a sentence) and ``code`` (an exit status).
"""

import json
from typing import Any

MAX_LINE = 1 << 16
"""Bytes of a request; a reply may have 64 times as many, for the status of thousands of servers."""

MAX_REPLY = MAX_LINE * 64

MAX_WORDS = 200
"""Characters that are kept of what a request says for people to read."""

Document = dict[str, Any]


class ProtocolError(Exception):
    """A line that is not one of ours; the message says why."""


def encode(document: Document) -> bytes:
    """A document as a line. Half a character (a word of a command may be no UTF-8) is escaped."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


def decode(line: bytes) -> Document:
    """A line as a document.

    Raises:
        ProtocolError: it has no end, or is not an object in JSON.
    """
    if not line.endswith(b"\n"):
        raise ProtocolError("half a message" if line else "an empty message")
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise ProtocolError("not JSON") from None
    if not isinstance(document, dict):
        raise ProtocolError("not an object")
    return document


def words(request: Document, key: str = "detail", most: int = MAX_WORDS) -> str:
    """What a request says, bounded; it goes into logs, files and answers."""
    return str(request.get(key, ""))[:most].encode("utf-8", "backslashreplace").decode()


def failure(error: str, code: int = 1) -> Document:
    """The reply to a request that was not carried out."""
    return {"ok": False, "error": error, "code": code}
