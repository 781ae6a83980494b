"""Many candidates: distances from the limit and from the tilt against sums that know no limit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import binom, linregress, truncnorm

from paper_figures import many_candidates
from tests.paper_figures.conftest import REDUCED

ATOMS = REDUCED["many_candidates"]["atoms"]
UNIFORM = (np.arange(ATOMS) + 0.5) / ATOMS


def two_levels(K):
    """Factors of the weights 1 and e at masses 1/2: the binomial sum over the other candidates."""
    weights = np.array([1.0, math.e])
    others = np.arange(K)
    rivals = others * weights[0] + (K - 1 - others) * weights[1]
    chance = binom.pmf(others, K - 1, 0.5)
    factors = np.array([(chance * K * w / (w + rivals)).sum() for w in weights])
    return weights, factors


def moments(weights):
    """Of equal masses: mean and variance of the weights."""
    return weights.mean(), ((weights - weights.mean()) ** 2).mean()


@pytest.mark.parametrize("column", range(1, 9))
def test_two_levels_against_the_binomial_sum(computed, column):
    results = computed("many_candidates")
    row = results["laws"].tolist().index("two levels")
    K = int(results["K"][column])
    assert K == 2**column
    weights, factors = two_levels(K)
    mean, variance = moments(weights)
    far = factors - weights / mean
    first = weights / mean * (variance / mean**2 - (weights - mean) / mean) / K
    # Both routes are right to about 1e-13, the smallest distance here is 3e-6.
    assert results["error"][row, column] == pytest.approx(np.abs(far).max(), rel=1e-6)
    assert results["predicted"][row, column] == pytest.approx(np.abs(first).max(), rel=1e-12)
    assert results["remainder"][row, column] == pytest.approx(np.abs(far - first).max(), rel=1e-6)


@pytest.mark.parametrize(
    ("law", "rewards"),
    [("uniform", UNIFORM), ("steep", 6 * UNIFORM), ("normal", truncnorm(-3, 3).ppf(UNIFORM))],
)
def test_pairs_against_the_double_sum(computed, law, rewards):
    results = computed("many_candidates")
    row = results["laws"].tolist().index(law)
    weights = np.exp(rewards)
    factors = 2 * (weights[:, None] / (weights[:, None] + weights)).mean(axis=1)
    far = np.abs(factors - weights / weights.mean())
    assert results["error"][row, 1] == pytest.approx(far.max(), rel=1e-11)


def test_the_error_stays_below_the_constants_of_the_claim(computed):
    """C_1/K and C_2/K^2 of the claim lemma-2.1, largest at any atom, for the uniform rewards."""
    results = computed("many_candidates")
    row = results["laws"].tolist().index("uniform")
    w = np.exp(UNIFORM)
    mean, variance = moments(w)
    b, gap = w.min(), np.abs(w - mean)
    third, fourth = (np.abs(((w - mean) ** n).mean()) for n in (3, 4))
    one = w * (gap / (mean * b) + variance / b**3)
    two = w * (
        gap**2 / (mean**2 * b)
        + variance / b**3
        + (3 * variance * gap + third) / b**4
        + (fourth + 3 * variance**2) / b**5
    )
    assert (results["error"][row] <= one.max() / results["K"]).all()
    assert (results["remainder"][row] <= two.max() / results["K"] ** 2).all()


@pytest.mark.parametrize(("name", "order"), [("error", -1), ("remainder", -2), ("missed", -2)])
def test_slopes_are_those_of_the_fit_and_of_the_theory(computed, name, order):
    results = computed("many_candidates")
    first, last = results["fitted"]
    assert (first, last) == (2**7, 2**12)
    within = (first <= results["K"]) & (results["K"] <= last)
    fits = [
        linregress(np.log(results["K"][within]), np.log(row[within])).slope for row in results[name]
    ]
    np.testing.assert_allclose(results[f"{name}_slope"], fits, rtol=1e-9)
    # From K = 128 on the next term is a few per cent of the leading one and fades like 1/K.
    np.testing.assert_allclose(fits, order, atol=0.02)


def test_the_first_order_term_is_the_error_at_many_candidates(computed):
    results = computed("many_candidates")
    # The remainder over the error is of order 1/K: below 1 % at the largest K, 4096.
    np.testing.assert_allclose(results["error"][:, -1], results["predicted"][:, -1], rtol=0.01)


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("row", [0, 1])
def test_what_rounds_miss_is_the_largest_regularised_reward_less_theirs(computed, row, column):
    """E[r] - KL/t of pure rounds, iterated by the double sum, against log E[e^{tr}]/t."""
    results = computed("many_candidates")
    t = int(results["rounds"][row])
    weights, law = np.exp(UNIFORM), np.full(ATOMS, 1 / ATOMS)
    for _ in range(t if column else 0):  # one candidate is no curation
        law = law * 2 * (law * weights[:, None] / (weights[:, None] + weights)).sum(axis=1)
    reached = law @ UNIFORM - (law @ np.log(ATOMS * law)) / t
    largest = (logsumexp(t * UNIFORM) - math.log(ATOMS)) / t
    # The difference of numbers of order 1, right to 1e-15, is at least 1e-3.
    assert results["missed"][row, column] == pytest.approx(largest - reached, rel=1e-10)


def test_the_slope_of_a_power_is_its_exponent():
    x = np.array([1.0, 10.0, 100.0])
    assert many_candidates.slope(x, 7 * x**-1.5) == pytest.approx(-1.5, rel=1e-12)
