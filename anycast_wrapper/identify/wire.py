"""DNS messages: the questions as bytes, and what bytes that came back amount to."""

import struct
from dataclasses import dataclass

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from .answers import CHAOS, Answer, Topic, Trouble

EDNS_PAYLOAD = 1232
"""Bytes of UDP payload that we offer to take: DNS Flag Day 2020, no fragments over IPv6."""

LONGEST = 63
"""Characters of a name or a text that are kept: whoever answers could say anything."""

_ID = struct.Struct("!H")
_TC = 0x02  # in the third byte of the header (RFC 1035, 4.1.1)
_HEADER = 12

_MAY_OMIT_QUESTION = frozenset(
    {dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED},
)


class NotAnAnswerError(Exception):
    """What came is no answer to the question.

    Attributes:
        trouble: what it is instead.
        final: whether it came under the question's own id, so that no other answer is due.
    """

    def __init__(self, trouble: Trouble, detail: str, *, final: bool) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail
        self.final = final


@dataclass(frozen=True)
class Query:
    """A question under an id.

    Attributes:
        topic: what is asked.
        ident: the id.
        wire: the message.
        asked: its question.
    """

    topic: Topic
    ident: int
    wire: bytes
    asked: dns.message.Message


def zone_name(words: str) -> str:
    """A zone as it is shown, without the final dot.

    Raises:
        ValueError: it is no domain name.
    """
    try:
        name = dns.name.from_text(words)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"{words!r} is no domain name: {error}") from None
    return name.to_text(omit_final_dot=name != dns.name.root)


def query(topic: Topic, zone: str, ident: int) -> Query:
    """Put a question together: RD=1, and NSID asked for with every question (RFC 5001, 2.1).

    Args:
        topic: what to ask.
        zone: whose SOA, where that is what is asked for.
        ident: the id.

    Raises:
        dns.exception.DNSException: the zone is no domain name.
    """
    name, kind, where = (topic.value, "TXT", "CH") if topic in CHAOS else (zone, "SOA", "IN")
    asked = dns.message.make_query(
        "." if topic is Topic.ROOT else name,
        kind,
        where,
        use_edns=0,
        payload=EDNS_PAYLOAD,
        options=[dns.edns.GenericOption(dns.edns.OptionType.NSID, b"")],
        id=ident,
    )
    return Query(topic, ident, asked.to_wire(), asked)


def read(wire: bytes, asked: Query) -> Answer:
    """What a message says; its latency is left for whoever has a clock.

    Raises:
        NotAnAnswerError: it is no answer to this question.
    """
    ours = wire[: _ID.size] == _ID.pack(asked.ident)
    if not ours:
        words = "answers under another id only"
        trouble = Trouble.MISMATCHED if len(wire) >= _HEADER else Trouble.MALFORMED
        raise NotAnAnswerError(
            trouble, words if trouble is Trouble.MISMATCHED else _odd(wire), final=False
        )
    try:
        reply = dns.message.from_wire(wire)
    except Exception as error:
        # Not only DNSException: what a parser makes of bytes from anybody is not for us to foresee.
        if len(wire) >= _HEADER and wire[2] & _TC:
            return Answer(asked.topic, truncated=True)
        raise NotAnAnswerError(Trouble.MALFORMED, _odd(wire), final=True) from error
    if stray := _mismatch(reply, asked.asked):
        raise NotAnAnswerError(Trouble.MISMATCHED, stray, final=True)
    return _answer(reply, asked)


def _odd(wire: bytes) -> str:
    return f"{len(wire)} bytes that are no DNS message"


def _mismatch(reply: dns.message.Message, asked: dns.message.Message) -> str | None:
    """Why the message is no answer to what was asked, or None if it is one."""
    if not reply.flags & dns.flags.QR:
        return "the query itself instead of an answer"
    if reply.opcode() != dns.opcode.QUERY:
        return "an answer to another kind of request"
    if len(reply.question) == 1 and reply.question[0] == asked.question[0]:
        return None
    if not reply.question and reply.rcode() in _MAY_OMIT_QUESTION:
        return None
    return "an answer to another question"


def _answer(reply: dns.message.Message, asked: Query) -> Answer:
    text, serial = "", None
    question = asked.asked.question[0]
    for rrset in reply.answer:
        if (rrset.name, rrset.rdclass, rrset.rdtype) != (
            question.name,
            question.rdclass,
            question.rdtype,
        ):
            continue
        for rdata in rrset:
            if asked.topic not in CHAOS:
                serial = int(rdata.serial)
                authority = "authoritative" if reply.flags & dns.flags.AA else "not authoritative"
                text = f"{clean(str(rdata.mname))} {clean(str(rdata.rname))} {authority}"
            else:
                text = clean(b"".join(rdata.strings))
            break
    return Answer(
        asked.topic,
        rcode=dns.rcode.to_text(reply.rcode()),
        nsid=_nsid(reply),
        text=text,
        serial=serial,
        truncated=bool(reply.flags & dns.flags.TC),
    )


def _nsid(reply: dns.message.Message) -> str:
    """What the option says: as text where it is text, in hexadecimal otherwise."""
    for option in reply.options:
        if option.otype == dns.edns.OptionType.NSID:
            # Releases before 2.6 have no class of its own for it; all give its bytes like this.
            data = bytes(option.to_wire() or b"")
            try:
                printable = data.decode("utf-8").isprintable()
            except UnicodeDecodeError:
                printable = False
            return clean(data) if printable else f"0x{data[: LONGEST // 2].hex()}"
    return ""


def clean(words: bytes | str) -> str:
    """What somebody else said, fit for a terminal: nothing that does not print, not too long."""
    if isinstance(words, bytes):
        words = words.decode("utf-8", "backslashreplace")
    words = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in words[: LONGEST + 1]
    ).strip()
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}..."
