"""Reward gain: no gain below its bound, and the designed laws on it, by sums over all draws."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from paper_figures import reward_gain
from tests.paper_figures.conftest import REDUCED

GAP, REACH = reward_gain.Parameters.gap, reward_gain.Parameters.reach

# Mean weights are right to 1e-16 and no variance seen is below 1e-8: gains to about 1e-8.
ROUNDING = 1e-7


def gain_over_bound(masses, weights, K):
    """E[sum_{i<j} (W_i - W_j)^2 / (K sum_i W_i)] over the bound, by a sum over all multisets.

    At K = infinity the gain is Var[w]/E[w] and the bound Var[w]/w*.
    """
    mean = sum(p * w for p, w in zip(masses, weights, strict=True))
    if K == math.inf:
        return max(weights) / mean
    variance = sum(p * (w - mean) ** 2 for p, w in zip(masses, weights, strict=True))
    gain = 0
    for draw in itertools.combinations_with_replacement(range(len(masses)), K):
        chance = math.factorial(K)
        for atom in set(draw):
            chance = chance * masses[atom] ** draw.count(atom) / math.factorial(draw.count(atom))
        values = [weights[atom] for atom in draw]
        squares = sum((a - b) ** 2 for a, b in itertools.combinations(values, 2))
        gain += chance * squares / (K * sum(values))
    return gain / (Fraction(K - 1, K) * variance / max(weights))


def test_no_round_gains_less_than_the_bound_or_more_than_weights_allow(computed):
    results = computed("reward_gain")
    assert set(results["pure_K"]) == set(reward_gain.Parameters.Ks)
    assert results["pure_ratio"].size == 3 * 60  # every round of every run is looked at
    assert (results["pure_ratio"] >= 1 - ROUNDING).all()
    assert (results["pure_ratio"] <= np.exp(results["pure_range"]) * (1 + ROUNDING)).all()
    # Laws of any range up to the widest, of which there are some; rounding of a sum.
    assert results["pure_range"].max() <= REACH * (1 + 1e-12)
    assert results["pure_range"].max() > 0.9 * REACH
    # The laws differ: some gain twice the bound, some hardly more than it.
    assert results["pure_ratio"].max() > 2
    assert results["pure_ratio"].min() < 1.05


@pytest.mark.parametrize("row", range(len(reward_gain.Parameters.Ks)))
@pytest.mark.parametrize("column", range(3))
@pytest.mark.parametrize("end", ["least", "most"])
def test_designed_laws_have_the_gain_that_all_draws_sum_to(computed, end, row, column):
    results = computed("reward_gain")
    K = reward_gain.Parameters.Ks[row]
    reach = results["designed_range"][column]
    assert reach == pytest.approx(REACH * (column + 1) / 3)
    rare, far = Fraction(reward_gain.Parameters.rare), Fraction(math.exp(-reach))
    if end == "least":
        atoms = [(Fraction(1, 2), 1), (Fraction(1, 2), 1 - Fraction(GAP)), (rare, far)]
    else:
        pair = [(Fraction(1, 2), far), (Fraction(1, 2), far * (1 + Fraction(GAP)))]
        atoms = [*pair, (rare * far**2, 1)]
    total = sum(mass for mass, _ in atoms)
    masses = [mass / total for mass, _ in atoms]
    expected = float(gain_over_bound(masses, [weight for _, weight in atoms], K))
    # Relative to the pair's variance, which is of order (gap w_min)^2 / 4 at the bottom, the mean
    # weight's rounding of 1e-16 is 1e-16 / (2.5e-5 e^{-2 reach}) or 1e-8 at the largest range.
    assert results[f"designed_{end}"][row, column] == pytest.approx(expected, rel=1e-6)


def test_designed_laws_reach_both_ends(computed):
    results = computed("reward_gain")
    top = np.exp(results["designed_range"])
    assert (results["designed_least"] >= 1).all()
    assert (results["designed_least"] <= 1 + GAP).all()
    assert (results["designed_most"] <= top).all()
    assert (results["designed_most"] >= top * (1 - GAP)).all()


def exact_excess(lam, rounds):
    """Mean weight over that of the real data by round, in rationals, by a sum over all draws."""
    levels = REDUCED["reward_gain"]["levels"]
    weights = [Fraction(float(w)) for w in np.linspace(reward_gain.Parameters.lowest, 1, levels)]
    K = reward_gain.Parameters.shown_candidates
    real = [Fraction(1, levels)] * levels
    law, means = real, []
    for _ in range(rounds + 1):
        means.append(sum(p * w for p, w in zip(law, weights, strict=True)))
        kept = [Fraction(0)] * levels
        for draw in itertools.product(range(levels), repeat=K):
            chance = math.prod((law[atom] for atom in draw), start=Fraction(1))
            total = sum(weights[atom] for atom in draw)
            for atom in draw:
                kept[atom] += chance * weights[atom] / total
        law = [(p + lam * k) / (1 + lam) for p, k in zip(real, kept, strict=True)]
        law = [Fraction(float(p)) for p in law]  # or the fractions grow without end
    variance = sum(p * (w - means[0]) ** 2 for p, w in zip(real, weights, strict=True))
    return [float(mean - means[0]) for mean in means], float(Fraction(K - 1, K) * variance)


@pytest.mark.parametrize("row", range(len(reward_gain.Parameters.shown_lam)))
def test_excess_by_round_and_its_bounds_against_sums_over_all_draws(computed, row):
    results = computed("reward_gain")
    lam = Fraction(float(results["shown_lam"][row]))
    excess, unit = exact_excess(lam, REDUCED["reward_gain"]["shown_rounds"])
    # Excesses are of order 1e-2 and differences of numbers right to 1e-16.
    np.testing.assert_allclose(results["shown_excess"][row], excess, rtol=1e-11, atol=1e-15)
    assert results["shown_paper"][row] == pytest.approx(float(lam / (1 + lam) ** 3) * unit)
    assert results["shown_sharp"][row] == pytest.approx(float(lam / (1 + lam)) * unit)


def test_the_gain_of_the_first_round_stays_above_both_bounds(computed):
    results = computed("reward_gain")
    later = results["shown_excess"][:, 1:]
    assert (later >= later[:, :1]).all()
    assert (later > results["shown_sharp"][:, None]).all()
    assert (results["shown_sharp"] > results["shown_paper"]).all()


def test_mixed_runs_stay_above_the_sharp_bound_and_designed_ones_reach_it(computed):
    results = computed("reward_gain")
    assert set(results["mixed_K"]) == set(reward_gain.Parameters.Ks)
    low, high = reward_gain.Parameters.lam_range
    assert ((low <= results["mixed_lam"]) & (results["mixed_lam"] <= high)).all()
    assert (results["mixed_ratio"] >= 1 - ROUNDING).all()
    assert results["mixed_ratio"].max() > 2
    assert (results["reached_ratio"] >= 1).all()
    assert (results["reached_ratio"] <= 1 + GAP).all()
    np.testing.assert_allclose(
        results["curve_paper"], (1 + results["curve_lam"]) ** -2.0, rtol=1e-12
    )
