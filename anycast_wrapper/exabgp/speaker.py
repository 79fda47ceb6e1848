"""What is still to be said to ExaBGP: pure, so that it can be tried in every order.

The law: once ExaBGP has taken every line that was handed out, and has refused none of the last
ones, it announces what was last wanted, and nothing else of what was ever spoken of. What a
predecessor has said is not known, so everything is said at the beginning, withdrawals too. What was
not yet handed out when something else is wanted is never said.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from anycast_wrapper.core.model import Rank

from .words import Style

CHUNK = 4096
"""Bytes that are handed out at a time. POSIX: so many (PIPE_BUF) are written whole or not at all,
so that whatever happens to us ExaBGP never reads half a line."""

ANSWER = 5.0
"""Seconds that ExaBGP may take to answer; it looks at its processes at least once a second."""

AGAIN = 1.0
AGAIN_AT_MOST = 30.0
"""Seconds after which everything is said again because something was refused: the first time, and
at most, twice as long every time."""

REPEAT = 5.0
"""Seconds after which everything is said again where ExaBGP may have forgotten it."""

DONE, ERROR = "done", "error"


@dataclass(frozen=True)
class Refused:
    """ExaBGP has refused something.

    Attributes:
        line: what was said to it.
        seconds: until everything is said again.
    """

    line: str
    seconds: float


@dataclass(frozen=True)
class Unanswered:
    """ExaBGP, which answered before, has not answered something. Everything is said once more.

    Attributes:
        line: what was said to it.
    """

    line: str


Trouble = Refused | Unanswered
"""Something that people should know."""


@dataclass(frozen=True)
class Line:
    """Something to be said.

    Attributes:
        again: it was the last thing to be said of its topic before, too.
    """

    text: str
    again: bool


@dataclass(frozen=True)
class _Said:
    line: str
    at: float


class Speaker:
    """One conversation with one ExaBGP. Times are seconds of one monotonic clock."""

    def __init__(self, style: Style, topics: Iterable[str] = ()) -> None:
        """Nothing is said before something is wanted.

        Args:
            style: how it is said.
            topics: of which a predecessor may have spoken.
        """
        self._style = style
        self._wanted: dict[str, Rank] = dict.fromkeys(topics, Rank.WITHDRAWN)
        self._said: dict[str, Rank] = {}
        self._last: dict[str, Rank] = {}
        self._repeat: float | None = None
        self._unanswered: deque[_Said] = deque()
        self._answers = False
        self._again: float | None = None
        self._delay = AGAIN
        self._began = False

    def want(self, topics: Mapping[str, Rank]) -> None:
        """From now on these are to stand at these ranks, and nothing else is to be announced."""
        self._began = True
        for topic in self._wanted:
            self._wanted[topic] = topics.get(topic, Rank.WITHDRAWN)
        self._wanted.update(topics)

    def lines(self, now: float) -> list[Line]:
        """The next lines, which count as said: withdrawals first, `CHUNK` bytes at most."""
        if self._again is not None and now >= self._again:
            self._again = None
            self._said.clear()
        if self._style.repeats and self._began and (self._repeat is None or now >= self._repeat):
            self._repeat = now + REPEAT
            self._said.clear()
        found: list[Line] = []
        room = CHUNK
        for topic, rank in sorted(self._wanted.items(), key=lambda item: item[1]):
            if not self._began or self._said.get(topic) is rank:
                continue
            lines = self._style.lines(topic, rank)
            room -= sum(len(line) + 1 for line in lines)
            if room < 0 and found:
                break
            again = self._last.get(topic) is rank
            self._said[topic] = self._last[topic] = rank
            self._unanswered += (_Said(line, now) for line in lines)
            found += (Line(line, again) for line in lines)
        return found

    def answer(self, word: str, now: float) -> Refused | None:
        """ExaBGP answers ``done`` or ``error``, in the order in which it was told.

        After an error everything is said again, a while later: an answer that went astray makes the
        next ones seem to belong to other lines, and no line does harm by being said twice.
        """
        self._answers = True
        said = self._unanswered.popleft() if self._unanswered else None
        if word == ERROR:
            if self._again is None:
                self._again = now + self._delay
                self._delay = min(2 * self._delay, AGAIN_AT_MOST)
            return Refused(said.line if said else "", self._again - now)
        if not self._unanswered and self._again is None:
            self._delay = AGAIN
        return None

    def overdue(self, now: float) -> Unanswered | None:
        """What was not answered in time counts as lost, if ExaBGP answers at all."""
        if not self._unanswered or now < self._unanswered[0].at + ANSWER:
            return None
        first = self._unanswered[0]
        self._unanswered.clear()
        if not self._answers:
            return None  # exabgp.api.ack is off
        self._answers = False
        self._again = now
        return Unanswered(first.line)

    def deadline(self) -> float | None:
        """When to look again, if nothing happens before."""
        times = [self._unanswered[0].at + ANSWER] if self._unanswered else []
        times += [at for at in (self._again, self._repeat) if at is not None]
        return min(times, default=None)
