"""A query put together, and the code of an answer read, by their bytes: the usual case, made cheap.

A glance vouches only for what is an answer to our question beyond doubt. It never says that one is
none: what it does not vouch for is read by dnspython (`reply`), which says what is wrong with it,
or that all is well.

What a glance sees: the id, QR, the opcode, TC, the code (the part in an OPT record included), the
question byte for byte, and that the records fill the message exactly, each within its length. What
it does not see: whether the content of a record makes sense, such as an A record of three bytes.
Where the content matters (``expect.answer``), nothing is left to a glance.

Like `exchange` this has no imports.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

EDNS_PAYLOAD = 1232
"""Bytes of UDP payload that we offer to take: DNS Flag Day 2020, no fragments over IPv6."""

TYPES = {"A": 1, "NS": 2, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "ANY": 255}
"""Types of records that are asked for by hand; for any other name dnspython is asked."""

CLASSES = {"IN": 1, "CH": 3}

CODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
"""Answer codes by number, those of RFC 1035."""

_OPT = 41
_HEAD = 12
_RECORD = 10
_POINTER = 0xC0
_QR = 0x80
_AA = 0x04
_NOT_PLAIN = 0x7A
"""Of the third byte: any opcode but QUERY, and TC."""

_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_OPTIONS = b"\x00" + _OPT.to_bytes(2, "big") + EDNS_PAYLOAD.to_bytes(2, "big") + bytes(6)
_COUNTS = b"\x01\x00" + b"\x00\x01" + bytes(4) + b"\x00\x01"
"""Flags (RD), one question, no answer, no authority, one additional record (RFC 1035, 4.1.1)."""


def message(qname: str, qtype: str, qclass: str) -> bytes | None:
    """A query without its id: RD=1, EDNS 0 with a payload of `EDNS_PAYLOAD`.

    Returns:
        None if the name, the type or the class is not of the plainest: `reply.question` knows all.
    """
    kind, rdclass = TYPES.get(qtype), CLASSES.get(qclass)
    name = _name(qname)
    if kind is None or rdclass is None or name is None:
        return None
    return _COUNTS + name + bytes((0, kind, 0, rdclass)) + _OPTIONS


def codes(names: Collection[str]) -> frozenset[int] | None:
    """Answer codes by name, or None if one of them is not of `CODES`."""
    known = frozenset(number for number, name in enumerate(CODES) if name in names)
    return known if len(known) == len(frozenset(names)) else None


def _name(written: str) -> bytes | None:
    labels = [] if written == "." else written.removesuffix(".").split(".")
    wire = b""
    for label in labels:
        try:
            octets = label.encode("ascii")
        except UnicodeEncodeError:
            return None
        if not 0 < len(octets) < 64 or not _LETTERS.issuperset(octets):
            return None
        wire += bytes((len(octets),)) + octets
    return wire + b"\x00" if len(wire) < 255 else None


def code(wire: bytes, ident: bytes, asked: bytes, *, aa: bool) -> int:
    """The code of what is an answer to our question beyond doubt, and a whole one.

    Args:
        wire: what came back.
        ident: the id that it was asked under, two bytes.
        asked: the question as `message` has it.
        aa: whether the answer must be authoritative.

    Returns:
        Its answer code; -1 where it takes more than a glance.
    """
    end = len(asked) - len(_OPTIONS) + 2
    if len(wire) < end or wire[:2] != ident or wire[_HEAD:end] != asked[_HEAD - 2 : end - 2]:
        return -1
    flags = wire[2]
    if not flags & _QR or flags & _NOT_PLAIN or (aa and not flags & _AA):
        return -1
    if wire[4:6] != b"\x00\x01" or not _fills(wire, end):
        return -1
    return wire[3] & 0x0F


def _fills(wire: bytes, at: int) -> bool:
    """Whether the records that the header counts fill the message from here exactly."""
    total = len(wire)
    before_extra = int.from_bytes(wire[6:8], "big") + int.from_bytes(wire[8:10], "big")
    extra = int.from_bytes(wire[10:12], "big")
    opts = 0
    for number in range(before_extra + extra):
        at = _past_name(wire, at)
        body = at + _RECORD
        if not at or body > total:
            return False
        if wire[at] == 0 and wire[at + 1] == _OPT:
            opts += 1
            # Once, among the last; the first byte of its TTL extends the code (RFC 6891, 6.1.3).
            if opts > 1 or number < before_extra or wire[at - 1] or wire[at + 4]:
                return False
        at = body + (wire[body - 2] << 8 | wire[body - 1])
    return at == total


def _past_name(wire: bytes, at: int) -> int:
    """Where a name ends that begins here; 0 if it does not, or looks odd."""
    total = len(wire)
    while at < total:
        length = wire[at]
        if length == 0:
            return at + 1
        if length >= _POINTER:
            target = (length & 0x3F) << 8 | wire[at + 1] if at + 1 < total else at
            return at + 2 if _HEAD <= target < at else 0
        if length > 63:
            return 0
        at += 1 + length
    return 0
