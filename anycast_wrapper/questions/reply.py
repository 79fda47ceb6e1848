"""What a DNS answer has to be, and what is wrong with one that is not.

The checks go from the outside in: a message at all, an answer to our question, an answer code,
an authority, a content. The first that fails names the reason. To read a whole message with
dnspython costs a hundred times what `glance` does: that comes first.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from anycast_wrapper.core.model import Reason

from . import glance
from .finding import Finding

UNASKABLE = (dns.exception.DNSException, ValueError)
"""What `question` and `expectation` raise where there is no such thing as what was named."""

_SHOWN = 120
_ID = 2
_REMEMBERED = 1024
_SMALL = 2048
"""Bytes up to which an answer is remembered: a server that means harm gets 2 MB of our memory."""

_MAY_OMIT_QUESTION = frozenset(
    {dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED},
)

_REASONS = {
    dns.rcode.SERVFAIL: Reason.PROBE_SERVFAIL,
    dns.rcode.REFUSED: Reason.PROBE_REFUSED,
}


@dataclass(frozen=True, eq=False)
class Question:
    """A question that is put together once and asked often.

    Attributes:
        name: the domain name asked for.
        rdtype: the type asked for.
        rdclass: the class asked for.
        message: the query without the two bytes of its id.
    """

    name: dns.name.Name
    rdtype: dns.rdatatype.RdataType
    rdclass: dns.rdataclass.RdataClass
    message: bytes

    def is_in(self, message: dns.message.Message) -> bool:
        """Whether the message's question section is this question and nothing else."""
        return len(message.question) == 1 and message.question[0].match(
            self.name,
            self.rdclass,
            self.rdtype,
            dns.rdatatype.NONE,
        )


@dataclass(frozen=True, eq=False)
class Expectation:
    """What an answer is held to; `expectation` makes one.

    Attributes:
        rcodes: acceptable answer codes.
        aa: whether the answer must be authoritative.
        answer: what at least one record of the answer section must contain; see `records`.
    """

    rcodes: frozenset[int]
    aa: bool
    answer: re.Pattern[str] | None


@functools.lru_cache(maxsize=256)
def question(qname: str, qtype: str, qclass: str) -> Question:
    """Put a question together: RD=1, EDNS 0 with a payload of `EDNS_PAYLOAD`.

    Raises:
        dns.exception.DNSException: the name, the type or the class does not exist.
    """
    query = dns.message.make_query(
        qname,
        qtype,
        qclass,
        use_edns=0,
        payload=glance.EDNS_PAYLOAD,
        id=0,
    )
    asked = query.question[0]
    return Question(asked.name, asked.rdtype, asked.rdclass, query.to_wire()[_ID:])


def expectation(
    rcodes: Iterable[str],
    *,
    aa: bool = False,
    answer: re.Pattern[str] | None = None,
) -> Expectation:
    """What an answer is to be held to, with its codes by name.

    Raises:
        dns.rcode.UnknownRcode: there is no code of a name.
    """
    return Expectation(frozenset(int(dns.rcode.from_text(one)) for one in rcodes), aa, answer)


def examine(wire: bytes, asked: Question, ident: bytes, expect: Expectation) -> Finding:
    """Judge one answer.

    Args:
        wire: what came back, whole.
        asked: the question.
        ident: the id that it was asked under, two bytes.
        expect: what the answer is held to.
    """
    if expect.answer is None:
        code = glance.code(wire, ident, asked.message, aa=expect.aa)
        if code in expect.rcodes:
            return _healthy(code)
    if wire[:_ID] == ident and len(wire) <= _SMALL:
        return _remembered(wire[_ID:], asked, expect)
    return _read(wire, asked, ident, expect)


@functools.lru_cache(maxsize=32)
def _healthy(code: int) -> Finding:
    return Finding(Reason.HEALTHY, dns.rcode.to_text(dns.rcode.Rcode(code)))


@functools.lru_cache(maxsize=_REMEMBERED)
def _remembered(rest: bytes, asked: Question, expect: Expectation) -> Finding:
    """Judge an answer to our id. The same bytes come again and again from an authoritative server.

    Args:
        rest: the answer after its id.
        asked: the question.
        expect: what the answer is held to.
    """
    return _read(bytes(_ID) + rest, asked, bytes(_ID), expect)


def _read(wire: bytes, asked: Question, ident: bytes, expect: Expectation) -> Finding:
    """Judge one answer by the whole of it."""
    try:
        reply = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError) as error:
        # A ValueError is what older releases make of an opcode that does not exist.
        words = str(error) or type(error).__name__
        return Finding(Reason.PROBE_MALFORMED, f"not a DNS message ({len(wire)} bytes): {words}")
    stray = _mismatch(reply, asked, int.from_bytes(ident, "big"))
    if stray:
        return Finding(Reason.PROBE_MISMATCHED, stray)
    rcode = dns.rcode.to_text(reply.rcode())
    if reply.rcode() not in expect.rcodes:
        return Finding(_REASONS.get(reply.rcode(), Reason.PROBE_RCODE), rcode)
    if expect.aa and not reply.flags & dns.flags.AA:
        return Finding(Reason.PROBE_NOT_AUTHORITATIVE, f"{rcode} without AA")
    truncated = bool(reply.flags & dns.flags.TC)
    if expect.answer and not any(expect.answer.search(text) for text in records(reply)):
        words = f"{_shown(reply)}; no record matches /{expect.answer.pattern}/"
        return Finding(Reason.PROBE_WRONG_ANSWER, words, truncated=truncated)
    return Finding(Reason.HEALTHY, f"{rcode}, truncated" if truncated else rcode)


def records(reply: dns.message.Message) -> list[str]:
    """Each record of the answer section in two ways, for a pattern to be found in either.

    First as ``dig`` prints it, 'owner ttl class type rdata' with single spaces, then its rdata
    alone as ``dig +short`` does, so that ``^192[.]0[.]2[.]1$`` and ``IN SOA`` both mean what
    they seem to mean.
    """
    texts: list[str] = []
    for rrset in reply.answer:
        head = f"{rrset.name} {rrset.ttl} {dns.rdataclass.to_text(rrset.rdclass)}"
        kind = dns.rdatatype.to_text(rrset.rdtype)
        for rdata in rrset:
            text = rdata.to_text()
            texts += [f"{head} {kind} {text}", text]
    return texts


def _shown(reply: dns.message.Message) -> str:
    """The first record of the answer section, for people."""
    first = next(iter(records(reply)), None)
    if first is None:
        return f"{dns.rcode.to_text(reply.rcode())} without an answer"
    return first if len(first) <= _SHOWN else f"{first[:_SHOWN]}..."


def _mismatch(reply: dns.message.Message, asked: Question, ident: int) -> str | None:
    """Why the message is no answer to what was asked, or None if it is one."""
    if reply.id != ident:
        return f"answer to another query (id {reply.id}, asked {ident})"
    if not reply.flags & dns.flags.QR:
        return "a query instead of an answer"
    if reply.opcode() != dns.opcode.QUERY:
        return f"answer to another kind of request ({dns.opcode.to_text(reply.opcode())})"
    if asked.is_in(reply):
        return None
    if not reply.question and reply.rcode() in _MAY_OMIT_QUESTION:
        return None
    about = ", ".join(f"{q.name}/{dns.rdatatype.to_text(q.rdtype)}" for q in reply.question)
    return f"answer to another question ({about or 'none'})"
