"""What a check is, and how one is run: facts in, a result out, whatever the facts are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .facts import Facts, IrrelevantError, UndeterminedError

_READ = 3
"""Names in a list that are told."""


class Severity(StrEnum):
    """How bad it is if a check finds something."""

    ERROR = "error"
    """The service does not work, or will fail in a way that other nodes cannot make good."""
    WARNING = "warning"
    """It works, and will cost answers or nerves one day."""
    INFO = "info"
    """Worth knowing; no reason for monitoring to call anybody."""


class Outcome(StrEnum):
    """What came of a check."""

    FOUND = "found"
    GOOD = "good"
    UNKNOWN = "unknown"
    IRRELEVANT = "irrelevant"


@dataclass(frozen=True)
class Finding:
    """Something that a check has found.

    Attributes:
        found: what is so, in a sentence without its full stop.
        change: the exact line or command that changes it.
        file: where that line belongs, None if it is a command, or nobody knows.
    """

    found: str
    change: str
    file: str | None = None


@dataclass(frozen=True)
class Check:
    """One question about a host. Everything that the documentation says of it is here.

    Attributes:
        name: its slug, for ``--check`` and for monitoring.
        severity: of what it finds.
        looks: what it looks at, in a sentence.
        why: why that matters.
        cure: what to do in general; a finding has the exact line.
        fixable: whether ``doctor --fix`` does it.
        function: yields what it finds.
    """

    name: str
    severity: Severity
    looks: str
    why: str
    cure: str
    fixable: bool
    function: Callable[[Facts], Iterator[Finding]]


@dataclass(frozen=True)
class Result:
    """What came of a check; ``detail`` says why it could not, or need not, be told."""

    check: Check
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    detail: str = ""


def check(
    severity: Severity, *, why: str, cure: str, fixable: bool = False
) -> Callable[[Callable[[Facts], Iterator[Finding]]], Check]:
    """Make a check of a function: its name is the slug, its docstring is what it looks at."""

    def make(function: Callable[[Facts], Iterator[Finding]]) -> Check:
        looks = " ".join((function.__doc__ or "").split())
        name = function.__name__.replace("_", "-")
        return Check(name, severity, looks, why, cure, fixable, function)

    return make


def examine(one: Check, facts: Facts) -> Result:
    """Run a check. What it finds before a fact turns out to be missing is told all the same."""
    findings: list[Finding] = []
    outcome, detail = Outcome.GOOD, ""
    try:
        for finding in one.function(facts):
            findings.append(finding)  # noqa: PERF402 - what came before an exception is kept
    except UndeterminedError as error:
        outcome, detail = Outcome.UNKNOWN, str(error)
    except IrrelevantError as error:
        outcome, detail = Outcome.IRRELEVANT, str(error)
    return Result(one, Outcome.FOUND if findings else outcome, tuple(findings), detail)


def listed(words: Sequence[object]) -> str:
    """``a, b, c and 4 more``: names, as many as one reads at three in the morning."""
    shown = [str(word) for word in words[:_READ]]
    if len(words) > _READ:
        return f"{', '.join(shown)} and {len(words) - _READ} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))
