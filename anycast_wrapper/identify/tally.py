"""What is counted, and nothing of what it means."""

from collections import Counter, deque
from dataclasses import dataclass, field

from .answers import KnownBy, Topic, Transport, Trouble
from .serials import Seen

LATENCIES = 10_000
"""Answers of a node whose latency is remembered, the latest."""


@dataclass
class NodeCount:
    """What is counted of one node.

    Attributes:
        by: how its name is known.
        visits: source ports that led to it.
        answers: questions that it answered.
        latencies: in seconds.
        serials: of the SOA.
        versions: what it said to version.bind.
        data: serials, each with what the SOA said besides.
    """

    by: KnownBy
    visits: int = 0
    answers: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))
    serials: Seen = field(default_factory=Seen)
    versions: set[str] = field(default_factory=set)
    data: set[tuple[int, str]] = field(default_factory=set)


@dataclass
class Spread:
    """What is counted of one address and transport.

    Attributes:
        shares: source ports by the node that they led to.
        lost: source ports from which nothing was answered.
        asked: questions.
        answered: of these.
        truncated: of these.
        split: source ports whose answers came from more than one node.
    """

    shares: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    asked: int = 0
    answered: int = 0
    truncated: int = 0
    split: int = 0


@dataclass(frozen=True)
class Loss:
    """A kind of question without an answer.

    Attributes:
        address: who was asked.
        transport: how.
        topic: what.
        trouble: what happened.
        detail: the same in words.
    """

    address: str
    transport: Transport
    topic: Topic
    trouble: Trouble
    detail: str


@dataclass(frozen=True)
class Wrong:
    """A kind of wrong answer.

    Attributes:
        node: who gave it, "" for those that say nothing.
        address: where.
        transport: how it was asked.
        slug: what kind it is.
        words: what was said to what.
    """

    node: str
    address: str
    transport: Transport
    slug: str
    words: str


@dataclass
class Tally:
    """Everything that is counted.

    Attributes:
        zone: whose SOA is asked for, "" for none.
        spreads: by address and transport.
        nodes: by name, "" being whoever says nothing.
        lost: questions without an answer, by what happened to them.
        wrong: wrong answers, by who gave them and what they were.
        topics: questions by topic and by whether they were answered.
    """

    zone: str = ""
    spreads: dict[tuple[str, Transport], Spread] = field(default_factory=dict)
    nodes: dict[str, NodeCount] = field(default_factory=dict)
    lost: Counter[Loss] = field(default_factory=Counter)
    wrong: Counter[Wrong] = field(default_factory=Counter)
    topics: Counter[tuple[Topic, bool]] = field(default_factory=Counter)
