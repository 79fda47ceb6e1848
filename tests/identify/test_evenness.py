"""The test for evenness: its arithmetic against known values, its verdicts against chance."""

import math
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anycast_wrapper.identify.evenness import (
    Verdict,
    chi_square_beyond,
    evenness,
    regularized_gamma_q,
)


@pytest.mark.parametrize(
    ("statistic", "freedom", "p"),
    [
        # Critical values, Abramowitz and Stegun, table 26.8.
        (3.841458820694124, 1, 0.05),
        (6.634896601021213, 1, 0.01),
        (5.991464547107979, 2, 0.05),
        (18.307038053275146, 10, 0.05),
        (23.209251158954356, 10, 0.01),
        (124.34211340400407, 100, 0.05),
        (0.0039321400000195, 1, 0.95),
        (3.940299136119, 10, 0.95),
        (10.827566170662733, 1, 0.001),
    ],
)
def test_known_values(statistic, freedom, p):
    assert chi_square_beyond(statistic, freedom) == pytest.approx(p, rel=1e-6)


@given(st.floats(0, 700))
def test_one_degree_of_freedom_is_the_error_function(x):
    assert chi_square_beyond(x, 1) == pytest.approx(math.erfc(math.sqrt(x / 2)), rel=1e-9)


@given(st.floats(1e-9, 400), st.integers(1, 60))
@example(60.0, 60)
def test_an_even_number_of_degrees_is_a_sum_of_poisson_s(x, half):
    terms = (math.exp(k * math.log(x / 2) - x / 2 - math.lgamma(k + 1)) for k in range(1, half))
    exact = math.exp(-x / 2) + math.fsum(terms)
    assert chi_square_beyond(x, 2 * half) == pytest.approx(exact, rel=1e-8, abs=1e-300)


@given(st.floats(0.5, 500), st.floats(0, 1e6), st.floats(0, 1e6))
def test_it_is_a_chance_and_falls(a, x, y):
    low, high = sorted((x, y))
    below, beyond = regularized_gamma_q(a, low), regularized_gamma_q(a, high)
    assert 0 <= beyond <= below + 1e-12 <= 1 + 1e-12


@given(st.floats(0.5, 200), st.floats(0.01, 500))
def test_its_recurrence(a, x):
    """Q(a + 1, x) = Q(a, x) + x^a e^-x / Gamma(a + 1): DLMF 8.8.6."""
    step = math.exp(a * math.log(x) - x - math.lgamma(a + 1))
    assert regularized_gamma_q(a + 1, x) == pytest.approx(
        regularized_gamma_q(a, x) + step, rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize(
    ("counts", "verdict", "words"),
    [
        ([], Verdict.TOO_FEW, "nobody answers"),
        ([0, 0], Verdict.TOO_FEW, "nobody answers"),
        ([64], Verdict.ONE_NODE, "one node answers: nothing is spread"),
        ([64, 0], Verdict.ONE_NODE, "nothing is spread"),
        ([3, 4], Verdict.TOO_FEW, "too few answers to tell: 7, and 2 nodes need 10"),
        ([31, 33], Verdict.EVEN, "even: chance alone explains"),
        ([24, 40], Verdict.PERHAPS_UNEVEN, "in 1 of 22 runs (chi-square 4.00, 1 degree of"),
        ([16, 48], Verdict.UNEVEN, "uneven: chance alone would do this in 1 of 15,787 runs"),
        ([1, 999], Verdict.UNEVEN, "in less than 1 of a million runs"),
        ([20, 20, 20], Verdict.EVEN, "2 degrees of freedom, p = 1.00"),
    ],
)
def test_verdicts_in_words(counts, verdict, words):
    found = evenness(counts)
    assert found.verdict is verdict
    assert words in found.sentence
    assert (found.p is None) == (verdict in {Verdict.TOO_FEW, Verdict.ONE_NODE})


@given(st.lists(st.integers(0, 10**9), max_size=300))
def test_any_counts_have_a_verdict(counts):
    found = evenness(counts)
    assert found.p is None or 0 <= found.p <= 1
    assert found.sentence
    assert evenness(counts[::-1]).verdict is found.verdict


def test_a_fair_router_is_called_uneven_as_often_as_stated():
    dice = random.Random(4)
    called = [
        evenness([throws.count(n) for n in range(4)]).verdict
        for throws in ([dice.randrange(4) for _ in range(64)] for _ in range(3000))
    ]
    assert called.count(Verdict.UNEVEN) / 3000 == pytest.approx(0.01, abs=0.006)
    assert called.count(Verdict.PERHAPS_UNEVEN) / 3000 == pytest.approx(0.04, abs=0.015)


def test_a_router_that_prefers_a_node_three_to_one_is_caught():
    dice = random.Random(4)
    called = [
        evenness([throws.count(0), 64 - throws.count(0)]).verdict
        for throws in ([dice.choice([0, 1, 1, 1]) for _ in range(64)] for _ in range(500))
    ]
    assert called.count(Verdict.UNEVEN) > 450
