"""Whether answers are spread evenly: Pearson's chi-square test."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

FEWEST = 5
"""Answers that each node should have by an even share, for the approximation to hold (Cochran)."""

PERHAPS, SURE = 0.05, 0.01
"""Chances below which an uneven spread is suspected, and taken for a fact."""

_PRECISION = 1e-15
_MOST_TERMS = 100_000


class Verdict(StrEnum):
    """What a count says about evenness."""

    EVEN = "even"
    PERHAPS_UNEVEN = "perhaps-uneven"
    UNEVEN = "uneven"
    TOO_FEW = "too-few-answers"
    ONE_NODE = "one-node"
    UNKNOWN = "cannot-be-told"


@dataclass(frozen=True)
class Evenness:
    """How even it is.

    Attributes:
        verdict: what it comes to.
        sentence: the same for people, with the figures.
        statistic: chi-square; None where there was nothing to test.
        freedom: degrees of freedom.
        p: how likely chance alone is to make it as uneven as this, or more.
    """

    verdict: Verdict
    sentence: str
    statistic: float | None = None
    freedom: int | None = None
    p: float | None = None


def evenness(counts: Sequence[int]) -> Evenness:
    """Judge how evenly answers are spread over the nodes that gave at least one.

    Each source port is a throw of the router's hash, so an even spread is a multinomial one.

    Args:
        counts: how often each node answered.
    """
    counts = [count for count in counts if count]
    total, nodes = sum(counts), len(counts)
    if nodes < 2:
        words = "one node answers: nothing is spread" if nodes else "nobody answers"
        return Evenness(Verdict.ONE_NODE if nodes else Verdict.TOO_FEW, words)
    if total < FEWEST * nodes:
        words = f"too few answers to tell: {total}, and {nodes} nodes need {FEWEST * nodes}"
        return Evenness(Verdict.TOO_FEW, words)
    even = total / nodes
    statistic = math.fsum((count - even) ** 2 for count in counts) / even
    freedom = nodes - 1
    p = chi_square_beyond(statistic, freedom)
    verdict = Verdict.UNEVEN if p < SURE else Verdict.PERHAPS_UNEVEN
    verdict = Verdict.EVEN if p >= PERHAPS else verdict
    figures = f"chi-square {statistic:.2f}, {freedom} degree{'s' * (freedom > 1)} of freedom"
    sentence = f"{_words(verdict, p)} ({figures}, p = {_figure(p)})"
    return Evenness(verdict, sentence, statistic, freedom, p)


def _words(verdict: Verdict, p: float) -> str:
    if verdict is Verdict.EVEN:
        return "even: chance alone explains the difference"
    often = f"in 1 of {round(1 / p):,} runs" if p > 1e-6 else "in less than 1 of a million runs"
    name = "perhaps uneven" if verdict is Verdict.PERHAPS_UNEVEN else "uneven"
    return f"{name}: chance alone would do this {often}"


def _figure(p: float) -> str:
    return f"{p:.2f}" if p >= 0.1 else f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def chi_square_beyond(statistic: float, freedom: int) -> float:
    """The chance that a chi-square variable exceeds a value: its survival function.

    It is Q(freedom / 2, statistic / 2), the regularized upper incomplete gamma function.

    Args:
        statistic: the value, not negative.
        freedom: degrees of freedom, at least 1.
    """
    return regularized_gamma_q(freedom / 2, statistic / 2)


def regularized_gamma_q(a: float, x: float) -> float:
    """Q(a, x), the regularized upper incomplete gamma function (NIST DLMF 8.2.4), in [0, 1].

    By the series of P = 1 - Q (DLMF 8.7.1) where that converges fast, by the continued fraction
    of Q (DLMF 8.9.2) elsewhere; for a above 0 and x not below it, to some 13 digits.
    """
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    value = 1.0 - scale * _series(a, x) if x < a + 1 else scale * _fraction(a, x)
    return min(1.0, max(0.0, value))


def _series(a: float, x: float) -> float:
    """The sum of x^n / (a (a+1) ... (a+n)), n from 0."""
    term = total = 1 / a
    for n in range(1, _MOST_TERMS):
        term *= x / (a + n)
        total += term
        if term < total * _PRECISION:
            break
    return total


def _fraction(a: float, x: float) -> float:
    """1/(x+1-a- 1(1-a)/(x+3-a- 2(2-a)/(x+5-a- ...))), from the front (Lentz's method)."""
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    value = d
    for n in range(1, _MOST_TERMS):
        numerator = -n * (n - a)
        b += 2
        d = numerator * d + b
        c = b + numerator / c
        d = 1 / (d if abs(d) > tiny else tiny)
        c = c if abs(c) > tiny else tiny
        change = c * d
        value *= change
        if abs(change - 1) < _PRECISION:
            break
    return value
