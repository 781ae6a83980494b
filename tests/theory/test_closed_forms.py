"""The numerics against families with analytic answers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import Law, RetrainingLoop, curate, curation_factor
from theory import closed_forms as oracle
from theory.limits import mixed_limit
from theory.testing import rational_laws

WIDE = np.linspace(-14, 14, 2801)  # a Gaussian's tails are below 1e-40 at its ends
UNIT = (np.arange(4000) + 0.5) / 4000


def gaussian(mean, variance, reward):
    density = np.exp(-((WIDE - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    return Law.from_density(density, reward, (WIDE,))


def mean_and_variance(law):
    mean = law.expectation(law.atoms)
    return mean, law.expectation((law.atoms - mean) ** 2)


@pytest.mark.parametrize("t", [1, 3, 7])
@pytest.mark.parametrize("slope", [-0.5, 1.0])
def test_gaussian_with_linear_reward_shifts_by_its_variance_per_round(slope, t):
    law = gaussian(0.3, 0.8, slope * WIDE)
    last = RetrainingLoop(law, math.inf).run(t).laws[t]
    expected = oracle.gaussian_linear_tilt(0.3, 0.8, slope, t)
    # The midpoint rule of a Gaussian is exact to rounding; rewards up to 14 t lose 14 t eps.
    assert mean_and_variance(last) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("t", [1, 4, 20])
def test_gaussian_with_quadratic_reward_adds_precisions(t):
    law = gaussian(-1.0, 2.0, -0.5 * 0.7 * (WIDE - 2.0) ** 2)
    last = RetrainingLoop(law, math.inf).run(t).laws[t]
    expected = oracle.gaussian_quadratic_tilt(-1.0, 2.0, 0.7, 2.0, t)
    assert mean_and_variance(last) == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 99), st.integers(1, 50), st.integers(1, 50), st.integers(1, 12))
def test_two_atoms_are_the_binomial_sum(percent, low, high, K):
    p = Fraction(percent, 100)
    law = Law.from_weights([p, 1 - p], [low, high])
    expected = oracle.two_atom_factors(p, Fraction(low), Fraction(high), K)
    assert tuple(curation_factor(law, K, "enumeration")) == expected
    assert curation_factor(law, K, "quadrature") == pytest.approx(list(map(float, expected)))


@settings(max_examples=50)
@given(rational_laws(min_atoms=3, max_atoms=3))
def test_three_atoms_and_two_candidates_by_hand(law):
    expected = oracle.pair_factors(law.exact_probabilities, law.exact_weights)
    assert curation_factor(law, 2, "enumeration").tolist() == expected
    assert curation_factor(law, 2, "quadrature") == pytest.approx(list(map(float, expected)))


def test_uniform_reward_and_two_candidates():
    law = Law.from_density(np.ones(4000), UNIT, (UNIT,))
    # Midpoint rule on 4000 cells: h²/24 times derivatives of order 1.
    assert curation_factor(law, 2) == pytest.approx(
        oracle.uniform_reward_pair_factor(UNIT), abs=1e-8
    )


@pytest.mark.parametrize("t", [1, 5, 30])
def test_uniform_reward_and_infinitely_many_candidates(t):
    law = Law.from_density(np.ones(4000), UNIT, (UNIT,))
    run = RetrainingLoop(law, math.inf).run(t)
    # Midpoint error t² h²/12 of the exponential.
    assert run.expected_reward[t] == pytest.approx(oracle.uniform_reward_tilt_mean(t), abs=1e-5)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.5])
def test_power_law_weights_and_two_candidates(exponent):
    density = exponent * UNIT ** (exponent - 1)
    law = Law.from_density(density, np.log(UNIT), (UNIT,), normalise=True)
    expected = oracle.power_law_weight_factor(UNIT, exponent)
    # Away from w = 0 the midpoint error is h²; the kernel w/(w+v) has scale w there.
    away = UNIT > 0.05
    assert curation_factor(law, 2)[away] == pytest.approx(expected[away], rel=1e-5)


@settings(max_examples=50)
@given(rational_laws(min_atoms=2, max_atoms=6), st.integers(1, 6))
def test_widely_spaced_rewards_keep_the_best_of_K(law, K):
    p = law.exact_probabilities
    spaced = Law([float(q) for q in p], 60.0 * np.arange(len(p)))
    expected = [float(m) for m in oracle.best_of_K_masses(p, K)]
    # A gap of 60 leaves e^-60 K to each worse candidate.
    assert curate(spaced, K).probabilities == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("t", [0, 1, 10])
def test_one_candidate_forgets_the_start(t):
    reference, start = Law([0.2, 0.3, 0.5], [0, 1, 2]), Law([0.6, 0.3, 0.1], [0, 1, 2])
    run = RetrainingLoop(reference, 1, 0.8, initial=start).run(t)
    expected = oracle.no_curation_law(start.probabilities, reference.probabilities, 0.8, t)
    assert run.laws[t].probabilities == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("lam", [0.5, 1.0, 1.5, 4.0])
def test_the_triangular_density_and_its_condensate(lam):
    law = Law.from_density(2 * (1 - UNIT), np.log(UNIT), (UNIT,), reward_sup=0.0)
    # The midpoint rule integrates a linear density exactly.
    assert mixed_limit(law, lam).condensate == pytest.approx(
        oracle.triangular_condensate(lam), abs=1e-12
    )


@pytest.mark.parametrize("t", [1, 10, 100])
def test_two_levels_at_infinitely_many_candidates(t):
    run = RetrainingLoop(Law([0.9, 0.1], [0.0, 0.2]), math.inf).run(t)
    expected = oracle.two_level_shares(0.1, math.exp(-0.2), t)
    assert run.top_mass[t] == pytest.approx(expected, rel=1e-12)


def test_the_critical_ratio_of_a_gaussian_peak_in_the_limits():
    """γσ → 0: λ_c → √(π/2)/(γσ), the integral of e^{-ρ²/2}/(γσ); γσ large: π²/(6 γ²σ²)."""
    assert oracle.gaussian_peak_critical_ratio(1e-4, 1.0) == pytest.approx(
        math.sqrt(math.pi / 2) * 1e4, rel=1e-3
    )
    assert oracle.gaussian_peak_critical_ratio(300.0, 1.0) == pytest.approx(
        math.pi**2 / 6 / 300**2, rel=1e-3
    )


def test_oracles_tell_a_wrong_answer_apart():
    """Negative twins: each oracle, slightly wrong, is refused by its own comparison."""
    law = gaussian(0.0, 1.0, WIDE)
    mean, _ = mean_and_variance(RetrainingLoop(law, math.inf).run(2).laws[2])
    assert mean != pytest.approx(oracle.gaussian_linear_tilt(0.0, 1.0, 1.001, 2)[0], abs=1e-12)
    pair = curation_factor(Law([0.5, 0.5], [0.0, 1.0]), 3)
    assert pair != pytest.approx(
        oracle.two_atom_factors_float(0.5, 1.0, math.e * 1.0001, 3), rel=1e-12
    )
