"""All the checks on all the facts, and what that means for monitoring."""

from collections.abc import Iterable, Sequence
from enum import IntEnum

from .check import Check, Outcome, Result, Severity, examine
from .facts import Facts


class DoctorExit(IntEnum):
    """Of ``doctor``: the numbers of a Nagios plugin (Monitoring Plugins guidelines, 2.2)."""

    GOOD = 0
    WARNINGS = 1
    ERRORS = 2
    UNKNOWN = 3


_WEIGHT = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def examined(checks: Iterable[Check], facts: Facts) -> tuple[Result, ...]:
    """Every check's result; the worst findings first, then what could not be told."""
    results = [examine(one, facts) for one in checks]
    return tuple(sorted(results, key=_place))


def _place(result: Result) -> tuple[int, int]:
    order = (Outcome.FOUND, Outcome.UNKNOWN, Outcome.IRRELEVANT, Outcome.GOOD)
    weight = _WEIGHT[result.check.severity] if result.outcome is Outcome.FOUND else 0
    return order.index(result.outcome), weight


def verdict(results: Sequence[Result]) -> DoctorExit:
    """The exit status. What is found weighs more than what nobody knows; info weighs nothing."""
    found = {r.check.severity for r in results if r.outcome is Outcome.FOUND}
    if Severity.ERROR in found:
        return DoctorExit.ERRORS
    if Severity.WARNING in found:
        return DoctorExit.WARNINGS
    if any(result.outcome is Outcome.UNKNOWN for result in results):
        return DoctorExit.UNKNOWN
    return DoctorExit.GOOD
