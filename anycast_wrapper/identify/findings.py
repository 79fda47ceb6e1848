"""What was found out: the values that counting hands to showing."""

from dataclasses import dataclass

from .answers import Identity, Transport
from .evenness import Evenness
from .presence import Event


@dataclass(frozen=True)
class Balance:
    """How the source ports of one transport were spread at one address.

    Attributes:
        address: who was asked.
        transport: how.
        shares: nodes' names with how many source ports led there, by name.
        lost: source ports from which nothing was answered.
        evenness: the verdict on it.
    """

    address: str
    transport: Transport
    shares: tuple[tuple[str, int], ...]
    lost: int
    evenness: Evenness

    @property
    def answered(self) -> int:
        """Source ports from which something was answered."""
        return sum(count for _, count in self.shares)

    @property
    def asked(self) -> int:
        """Source ports that were asked from."""
        return self.answered + self.lost


@dataclass(frozen=True)
class NodeFindings:
    """What is known of a node.

    Attributes:
        identity: its name; of all that say nothing together, "".
        visits: source ports that led to it.
        answers: questions that it answered.
        median: seconds in which it answers half of the questions.
        p95: seconds in which it answers 95 % of them.
        serials: SOA serials that it has; several if it seems to be several servers.
        stale: whether somebody else has a newer one.
        versions: what it said to version.bind.
    """

    identity: Identity
    visits: int
    answers: int
    median: float
    p95: float
    serials: tuple[int, ...]
    stale: bool
    versions: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    Attributes:
        slug: its kind, stable.
        sentence: what it is, for people.
        count: how often.
        node: who, where it is known.
        address: where.
        transport: how it was asked.
    """

    slug: str
    sentence: str
    count: int = 1
    node: str | None = None
    address: str | None = None
    transport: Transport | None = None


@dataclass(frozen=True)
class Findings:
    """All of it.

    Attributes:
        zone: whose SOA was asked for, "" for none.
        seconds: from the beginning to the last question.
        asked: questions that were asked.
        answered: of these, those that were answered.
        balances: by address and transport.
        nodes: by name.
        problems: what is wrong; the exit status is 1 if there is anything.
        notes: what is worth knowing, and not wrong.
        events: who came and who went.
    """

    zone: str
    seconds: float
    asked: int
    answered: int
    balances: tuple[Balance, ...]
    nodes: tuple[NodeFindings, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    events: tuple[Event, ...]

    @property
    def lost(self) -> int:
        """Questions without an answer."""
        return self.asked - self.answered

    @property
    def verdict(self) -> str:
        """One sentence that says all of it."""
        if not self.asked:
            return "nothing was asked"
        if not self.answered:
            return f"nothing answers at all: {self.asked} questions, no answer"
        who = f"{len(self.nodes)} nodes" if len(self.nodes) != 1 else "1 node"
        if any(not node.identity.name for node in self.nodes):
            who = (
                "nodes that say nothing of themselves"
                if len(self.nodes) == 1
                else f"at least {who}"
            )
        words = f"{who} answered {self.answered:,} of {self.asked:,} questions"
        if not self.problems:
            return f"all fine: {words}"
        many = f"{len(self.problems)} things are" if len(self.problems) > 1 else "one thing is"
        return f"{many} wrong: {words}"
