"""The results, for people and for programs: problems first, then a count of what is good."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from .check import Outcome, Result, Severity
from .examination import verdict

VERSION = 1
"""Of the JSON document: a key keeps its meaning; keys may be added."""

Line = tuple[str, str]
"""A line of the report, and what kind it is: a severity, an outcome, or empty."""


def document(results: Sequence[Result], mended: Sequence[str] = ()) -> dict[str, Any]:
    """The report for programs.

    Keys: ``version``, ``exit`` (the exit status), ``counts`` (of checks: those that found
    something by severity, the others by outcome), ``mended`` (sentences) and ``checks``: for each
    its ``name``, ``severity``, ``outcome`` (found, good, unknown, irrelevant), ``detail``,
    ``fixable``, and ``findings``, each with ``found``, ``why``, ``change`` and ``file``.
    """
    return {
        "version": VERSION,
        "exit": int(verdict(results)),
        "counts": {**_severities(results), **_outcomes(results)},
        "mended": list(mended),
        "checks": [_entry(result) for result in results],
    }


def _entry(result: Result) -> dict[str, Any]:
    why = result.check.why
    return {
        "name": result.check.name,
        "severity": str(result.check.severity),
        "outcome": str(result.outcome),
        "detail": result.detail,
        "fixable": result.check.fixable,
        "findings": [
            {"found": one.found, "why": why, "change": one.change, "file": one.file}
            for one in result.findings
        ],
    }


def _severities(results: Sequence[Result]) -> dict[str, int]:
    found = Counter(r.check.severity for r in results if r.outcome is Outcome.FOUND)
    return {str(severity): found[severity] for severity in Severity}


def _outcomes(results: Sequence[Result]) -> dict[str, int]:
    counted = Counter(result.outcome for result in results)
    return {str(one): counted[one] for one in Outcome if one is not Outcome.FOUND}


def lines(results: Sequence[Result], *, verbose: bool) -> Iterator[Line]:
    """The report for people."""
    by = {outcome: [r for r in results if r.outcome is outcome] for outcome in Outcome}
    for result in by[Outcome.FOUND]:
        yield from _found(result)
    unknown = by[Outcome.UNKNOWN]
    for detail in dict.fromkeys(result.detail for result in unknown):
        yield f"could not be determined: {_clipped(detail)}", "unknown"
        names = [r.check.name for r in unknown if r.detail == detail]
        for start in range(0, len(names), 5):
            yield f"  {', '.join(names[start : start + 5])}", ""
    if verbose:
        for result in by[Outcome.IRRELEVANT]:
            yield f"not here   {result.check.name}: {_clipped(result.detail)}", "irrelevant"
        for result in by[Outcome.GOOD]:
            yield f"good       {result.check.name}: {result.check.looks}", "good"
    yield _count(results), ""


def _found(result: Result) -> Iterator[Line]:
    severity = result.check.severity
    for one in result.findings:
        yield f"{severity.upper():<9}{result.check.name}: {_clipped(one.found)}", str(severity)
        yield f"         change  {one.change}".replace("\n", "\n                 "), ""
        if one.file:
            yield f"         in      {one.file}", ""
    yield f"         why     {result.check.why}", "why"


def _clipped(text: str) -> str:
    """One line of what others have said, bounded, and no control characters for the terminal."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= 400 else f"{plain[:397]}..."


def _count(results: Sequence[Result]) -> str:
    found, outcomes = _severities(results), _outcomes(results)
    words = [
        _several(found["error"], "error"),
        _several(found["warning"], "warning"),
        f"{found['info']} to know" if found["info"] else "",
        f"{outcomes['unknown']} not determined" if outcomes["unknown"] else "",
        f"{outcomes['good']} good",
        f"{outcomes['irrelevant']} not for this host" if outcomes["irrelevant"] else "",
    ]
    return f"doctor: {', '.join(word for word in words if word)}"


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count > 1 else ''}" if count else ""
