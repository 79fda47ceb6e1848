"""Who came and who went, seen from outside: nodes that begin to answer, and cease to.

With a node of several, any one answer may come from another: that a node is gone can only be told
from how many answers in a row were not its own.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

DOUBT = 1e-9
"""How unlikely a silence has to be before it is taken for an absence: there are many of them."""

FEWEST = 5
"""Answers from which a node's share can be told at all."""

NOBODY = 5
"""Questions lost in a row, and none answered since, that mean that nobody answers."""


class Change(StrEnum):
    """What happened to a node."""

    CAME = "first-answer"
    WENT = "last-answer"
    RETURNED = "answers-again"
    NOBODY = "nobody-answers"


@dataclass(frozen=True)
class Event:
    """A change, and when.

    Attributes:
        at: seconds since the beginning.
        address: at which address.
        node: its name, "" for those that say nothing, and where it is nobody.
        change: what it was.
    """

    at: float
    address: str
    node: str
    change: Change


@dataclass
class _Node:
    last: float
    answers: int = 0
    others: int = 0
    silence: int = 0
    gone: bool = False

    def is_gone(self, nodes: int) -> bool:
        """Whether its silence is longer than chance makes it.

        Its share is what it was until it fell silent, by Laplace's rule of succession.
        """
        if self.answers < FEWEST:
            return False
        share = (self.answers + 1) / (self.answers + self.others + nodes + 1)
        return bool((1 - share) ** self.silence < DOUBT)


@dataclass
class _Address:
    nodes: dict[str, _Node] = field(default_factory=dict)
    latest: float = -1.0
    lost: list[float] = field(default_factory=list)
    nobody: bool = False


class Presence:
    """Follows who answers at each address.

    Attributes:
        events: what happened, the latest `LIMIT` of it.
    """

    LIMIT = 200
    NODES = 256

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=self.LIMIT)
        self._at: dict[str, _Address] = {}
        self._unsteady: set[str] = set()

    def is_steady(self, address: str) -> bool:
        """Whether nobody went there."""
        return address not in self._unsteady

    def add(self, at: float, address: str, name: str) -> None:
        """A node answered what was asked then."""
        place = self._at.setdefault(address, _Address())
        node = place.nodes.get(name)
        if node is None:
            if len(place.nodes) >= self.NODES:
                return
            node = place.nodes[name] = _Node(at)
            self._tell(at, address, name, Change.CAME)
        elif node.gone or (place.nobody and at > place.latest):
            node.gone = False
            self._tell(at, address, name, Change.RETURNED)
        if at > place.latest:
            place.latest, place.nobody, place.lost = at, False, []
        node.answers += 1
        node.last = max(node.last, at)
        node.others += node.silence
        node.silence = 0
        for other_name, other in place.nodes.items():
            # An answer to what was asked earlier says nothing of the time since.
            if other is not node and not other.gone and at > other.last:
                other.silence += 1
                if other.is_gone(len(place.nodes)):
                    other.gone = True
                    self._tell(other.last, address, other_name, Change.WENT)

    def add_lost(self, at: float, address: str) -> None:
        """Nobody answered what was asked then; known only some time later."""
        place = self._at.setdefault(address, _Address())
        if place.nobody or at <= place.latest:
            return
        place.lost.append(at)
        if len(place.lost) >= NOBODY:
            place.nobody = True
            self._tell(min(place.lost), address, "", Change.NOBODY)

    def _tell(self, at: float, address: str, name: str, change: Change) -> None:
        self.events.append(Event(at, address, name, change))
        if change is not Change.CAME:
            self._unsteady.add(address)
