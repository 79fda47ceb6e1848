"""What is asked, and what came back: the values that asking hands to counting."""

from dataclasses import dataclass
from enum import StrEnum


class Transport(StrEnum):
    """How it is asked."""

    UDP = "UDP"
    TCP = "TCP"


class Topic(StrEnum):
    """What is asked: the SOA of a zone, or that of the root where no zone is given; and names.

    The names in class CH are those of RFC 4892 (``id.server``) and of BIND, whom the others follow.
    """

    SOA = "SOA"
    ROOT = "root"
    ID = "id.server"
    HOSTNAME = "hostname.bind"
    VERSION = "version.bind"


CHAOS = frozenset({Topic.ID, Topic.HOSTNAME, Topic.VERSION})
"""What is asked in class CH."""


class KnownBy(StrEnum):
    """Where a node's name comes from; the first that says something counts."""

    NSID = "NSID"
    ID = "id.server"
    HOSTNAME = "hostname.bind"
    NOTHING = "nothing"


class Trouble(StrEnum):
    """Why a question had no answer."""

    TIMEOUT = "timeout"
    REFUSED = "connection-refused"
    UNREACHABLE = "unreachable"
    RESET = "reset"
    CLOSED = "closed"
    MALFORMED = "malformed"
    MISMATCHED = "mismatched"
    NOT_SENT = "not-sent"


@dataclass(frozen=True)
class Identity:
    """Who answered.

    Attributes:
        name: what the node calls itself; "" if it says nothing.
        by: how it is known.
    """

    name: str
    by: KnownBy


SILENT = Identity("", KnownBy.NOTHING)
"""Whoever answers and says nothing of itself: one node, or many."""


@dataclass(frozen=True)
class Answer:
    """One question, and what came of it.

    Attributes:
        topic: what was asked.
        trouble: why there was no answer, or None if there was one; the rest is of an answer.
        detail: the trouble in words.
        latency: seconds from the question to its answer.
        rcode: by name, such as ``NOERROR``.
        nsid: what the NSID option said (RFC 5001), fit to be shown; "" for nothing.
        text: what the record said: the TXT, or the SOA without its serial; "" for no such record.
        serial: of the SOA.
        truncated: whether it had the bit TC.
    """

    topic: Topic
    trouble: Trouble | None = None
    detail: str = ""
    latency: float = 0.0
    rcode: str = ""
    nsid: str = ""
    text: str = ""
    serial: int | None = None
    truncated: bool = False

    @property
    def identity(self) -> Identity | None:
        """Who gave this answer, as far as it says so itself."""
        if self.nsid:
            return Identity(self.nsid, KnownBy.NSID)
        if self.text and self.topic is Topic.ID:
            return Identity(self.text, KnownBy.ID)
        if self.text and self.topic is Topic.HOSTNAME:
            return Identity(self.text, KnownBy.HOSTNAME)
        return None


_PRECEDENCE = list(KnownBy)


@dataclass(frozen=True)
class Visit:
    """All questions from one source port.

    Routers that spread by a hash of addresses and ports send all of them to the same node, so that
    what one answer says of the node holds for all.

    Attributes:
        address: who was asked.
        transport: how.
        at: seconds since the beginning, when the first question was sent.
        answers: in the order of the questions; there is at least one.
    """

    address: str
    transport: Transport
    at: float
    answers: tuple[Answer, ...]

    @property
    def given(self) -> tuple[Answer, ...]:
        """The answers that there were."""
        return tuple(answer for answer in self.answers if answer.trouble is None)

    @property
    def node(self) -> Identity | None:
        """Who answered, by the best name that it gave; None if nobody did."""
        if not self.given:
            return None
        said = [found for answer in self.given if (found := answer.identity)]
        return min(said, key=lambda one: _PRECEDENCE.index(one.by), default=SILENT)

    @property
    def nodes(self) -> frozenset[str]:
        """All names that came by NSID; more than one if the way changed in between."""
        return frozenset(answer.nsid for answer in self.given if answer.nsid)

    def node_of(self, answer: Answer) -> Identity:
        """Who gave one of the answers."""
        own = answer.identity
        if own is not None and own.by is KnownBy.NSID:
            return own
        return self.node or SILENT
