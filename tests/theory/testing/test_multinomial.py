"""The goodness-of-fit test keeps its stated false-alarm rate exactly, and has power."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from theory.testing.multinomial import combined, multinomial_pvalue


@pytest.mark.parametrize(
    ("n", "probabilities"),
    [(9, [0.5, 0.3, 0.2]), (7, [0.05, 0.05, 0.9]), (5, [0.25, 0.25, 0.25, 0.25])],
)
def test_a_true_law_is_rejected_no_more_often_than_said(n: int, probabilities: list[float]) -> None:
    # Every outcome with its exact probability: no sampling in the check of the test.
    m = len(probabilities)
    outcomes = [c for c in itertools.product(range(n + 1), repeat=m) if sum(c) == n]
    mass = [
        math.factorial(n)
        * math.prod(p**k / math.factorial(k) for p, k in zip(probabilities, c, strict=True))
        for c in outcomes
    ]
    assert math.fsum(mass) == pytest.approx(1, abs=1e-12)
    pvalues = np.array([multinomial_pvalue(np.array(c), np.array(probabilities)) for c in outcomes])
    for level in (0.3, 0.1, 0.03, 0.01, 1e-3):
        assert float(np.array(mass)[pvalues <= level].sum()) <= level
    # Not merely by never rejecting.
    assert pvalues.min() < 0.02


def test_rows_are_independent_experiments() -> None:
    law = np.array([0.5, 0.5])
    one = multinomial_pvalue(np.array([9, 1]), law)
    rows = multinomial_pvalue(np.array([[9, 1], [5, 5]]), np.stack([law, law]))
    assert rows == pytest.approx(1 - (1 - one) ** 2, rel=1e-12)


def test_a_wrong_law_is_rejected() -> None:
    rng = np.random.default_rng(0)
    counts = rng.multinomial(10_000, [0.5, 0.3, 0.2])
    assert multinomial_pvalue(counts, np.array([0.55, 0.25, 0.2])) < 1e-6
    assert multinomial_pvalue(counts, np.array([0.5, 0.3, 0.2])) > 1e-3


def test_impossible_outcomes_have_no_chance() -> None:
    assert multinomial_pvalue(np.array([1, 9]), np.array([0.0, 1.0])) == 0
    assert multinomial_pvalue(np.array([0, 9]), np.array([0.0, 1.0])) == 1


def test_the_smallest_pvalue_pays_for_being_chosen() -> None:
    assert combined(np.array([0.01, 0.5, 0.9])) == pytest.approx(1 - 0.99**3, rel=1e-12)
    assert combined(np.array([1.0, 1.0])) == 1.0
    # No cancellation where the level is far below rounding.
    assert combined(np.array([1e-30, 1.0])) == pytest.approx(2e-30, rel=1e-12)


def test_links_without_trials_are_counted() -> None:
    # The number of p-values must not depend on the counts: two links, though the first takes all.
    pvalue = multinomial_pvalue(np.array([10, 0, 0]), np.array([0.1, 0.2, 0.7]))
    assert pvalue == pytest.approx(1 - (1 - 2 * 0.1**10) ** 2, rel=1e-6, abs=0)


@pytest.mark.parametrize("law", [[1.0, 1e-20], [1e-20, 1.0]])
def test_cells_below_rounding_are_not_lost(law: list[float]) -> None:
    counts = np.array([5, 5])
    assert multinomial_pvalue(counts, np.array(law)) < 1e-90
