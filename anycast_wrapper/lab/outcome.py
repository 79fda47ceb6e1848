"""What came out of a scenario: plain values, for a table, a timeline and a report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from anycast_wrapper.lab.load import Results
from anycast_wrapper.lab.play import Mark
from anycast_wrapper.lab.scenarios.model import Scenario

BUCKETS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
MOST_BUCKETS = 100


@dataclass(frozen=True)
class Timeline:
    """Who answered the queries of each moment, and how many nobody answered.

    Attributes:
        start: Of the first bucket, by ``time.monotonic()``.
        bucket: Seconds that one holds.
        answered: Good answers in each bucket, by server.
        lost: Queries sent in each bucket that had no good answer within a second.
    """

    start: float
    bucket: float
    answered: dict[str, list[int]]
    lost: list[int]

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.bucket * len(self.lost)


def timeline_of(results: Results, servers: Sequence[str]) -> Timeline:
    """Sort a load's queries into buckets."""
    sent = results.records.sent
    start, end = (sent[0], sent[-1]) if sent else (0.0, 0.0)
    wanted = (end - start) / MOST_BUCKETS
    bucket = next((width for width in BUCKETS if width >= wanted), BUCKETS[-1])
    count = int((end - start) / bucket) + 1
    answered = {name: [0] * count for name in servers}
    for at, name in results.answers():
        answered.setdefault(name, [0] * count)[int((at - start) / bucket)] += 1
    lost = [0] * count
    for at, _ in results.lost:
        lost[int((at - start) / bucket)] += 1
    return Timeline(start, bucket, answered, lost)


@dataclass
class Outcome:
    """One scenario, run.

    Attributes:
        scenario: Which.
        hosts: On how many hosts.
        rate: At how many queries a second.
        failures: What was not as expected, a sentence each; empty means passed.
        skipped: Why it was not run; "" if it was.
        sent: Queries, over UDP and TCP.
        lost: How many of those over UDP had no good answer within a second.
        torn: How many of those over TCP: see `Results.torn`.
        why_lost: Why, over both.
        gap: The longest time without a good answer.
        detected: Seconds from the fault until the wrapper left the rank.
        converged: Seconds from the fault until no address led to the host.
        back: Seconds from the mending until every address led to it again.
        moments: What is to be seen in a plot: its name, and when by ``time.monotonic()``.
        protocol: Seconds that the routing protocol itself takes.
        stall: Seconds that the load generator itself stood still at most.
        took: Seconds for everything.
        timeline: Who answered when.
        marks: What happened when.
    """

    scenario: Scenario
    hosts: int = 0
    rate: float = 0.0
    failures: list[str] = field(default_factory=list)
    skipped: str = ""
    sent: int = 0
    lost: int = 0
    torn: int = 0
    why_lost: Counter[str] = field(default_factory=Counter)
    gap: float | None = None
    detected: float | None = None
    converged: float | None = None
    back: float | None = None
    moments: dict[str, float] = field(default_factory=dict)
    protocol: float = 0.0
    stall: float = 0.0
    took: float = 0.0
    timeline: Timeline | None = None
    marks: list[Mark] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """In one word."""
        if self.skipped:
            return "skipped"
        return "FAILED" if self.failures else "passed"

    @property
    def passed(self) -> bool:
        """Whether it is no reason to worry."""
        return not self.failures


def milliseconds(seconds: float | None) -> str:
    """A short time for people, an absent one as a dash."""
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
