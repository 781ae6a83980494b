"""Curation factors: quadrature against exact rationals, closed forms and the plain rule."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import Law, curate, curation_factor, kernels
from theory.closed_forms import two_atom_factors, two_atom_factors_float
from theory.curation import log_curation_factor
from theory.law import log_of_rational
from theory.quadrature import plain_log_factor
from theory.testing import candidate_numbers, laws, rational_laws

# Asked of the quadrature wherever exact rationals run beside it. Its parts (see theory.quadrature):
# 2e-16 trapezoid, 1e-14 interpolation, and the rounding of rewards 700 apart, 700 eps = 2e-13.
ACCURACY = 1e-12


def relative_errors(law, K):
    exact = np.array([log_of_rational(h) for h in curation_factor(law, K, "enumeration")])
    return np.abs(np.expm1(log_curation_factor(law, K) - exact))


@given(rational_laws(max_atoms=5, lowest=True), st.integers(1, 6))
def test_quadrature_agrees_with_exact_enumeration(law, K):
    finite = np.isfinite(law.rewards)
    exact = curation_factor(law, K, "enumeration")
    computed = curation_factor(law, K, "quadrature")
    assert np.allclose(computed, exact.astype(float), rtol=ACCURACY, atol=0)
    assert relative_errors(law, K)[finite].max() < ACCURACY


@pytest.mark.parametrize("spread", [0, 1, 10, 60, 200, 700])
@pytest.mark.parametrize("K", [2, 3, 8, 40])
def test_quadrature_is_exact_to_1e12_whatever_the_reward_range(K, spread):
    """Weights down to 2^-1010, masses down to 1e-12, against exact rationals."""
    halvings = int(spread / math.log(2))
    weights = [Fraction(1), Fraction(1, 2**halvings), Fraction(3, 2 ** (halvings // 2 + 2))]
    for masses in ([1, 1, 1], [1, 10**12, 1], [10**12, 1, 10**6]):
        law = Law.from_weights(masses, weights, normalise=True)
        assert relative_errors(law, K).max() < ACCURACY


# With weights 2^-1000 a thousand candidates would mean numbers of a million bits: a minute each.
@pytest.mark.parametrize(
    ("K", "low"),
    [
        *(
            (K, low)
            for K in (2, 17, 1000)
            for low in (Fraction(1), Fraction(9, 10), Fraction(1, 999))
        ),
        *((K, Fraction(1, 2**1000)) for K in (2, 17, 200)),
    ],
)
@pytest.mark.parametrize("p", [Fraction(1, 2), Fraction(1, 1000), Fraction(999, 1000)])
def test_two_atoms_at_any_K_are_the_binomial_sum(K, p, low):
    law = Law.from_weights([p, 1 - p], [low, 1])
    exact = np.array([log_of_rational(h) for h in two_atom_factors(p, low, Fraction(1), K)])
    assert np.abs(np.expm1(log_curation_factor(law, K) - exact)).max() < ACCURACY


@pytest.mark.parametrize("K", [10**4, 10**6])
@pytest.mark.parametrize("p", [0.5, 1e-4])
def test_two_atoms_with_a_million_candidates(K, p):
    law = Law([p, 1 - p], [math.log(0.3), 0.0])
    expected = two_atom_factors_float(p, 0.3, 1.0, K)
    # The oracle's binomial masses carry relative errors of about K eps from their log-gammas.
    assert curation_factor(law, K) == pytest.approx(expected, rel=max(ACCURACY, 4 * K * 2.3e-16))


@given(laws(), candidate_numbers())
def test_factors_average_to_one(law, K):
    factor = np.exp(law.log_probabilities + log_curation_factor(law, K))
    assert factor.sum() == pytest.approx(1, abs=ACCURACY)


@given(laws(), candidate_numbers(), st.sampled_from([-500.0, 1.0, 37.25]))
def test_shifting_all_rewards_changes_nothing(law, K, shift):
    shifted = Law(law.probabilities, law.rewards + shift, normalise=True)
    # Adding the shift rounds the rewards by eps times their size, at most 1500 here.
    difference = log_curation_factor(shifted, K) - log_curation_factor(law, K)
    assert np.abs(difference).max() < ACCURACY + 4 * 1500 * 2.3e-16


@given(laws(), candidate_numbers())
def test_factors_increase_with_the_reward(law, K):
    order = np.argsort(law.rewards)
    # Equal neighbours may differ by the error of the quadrature.
    assert (np.diff(log_curation_factor(law, K)[order]) >= -ACCURACY).all()


@given(laws(max_range=60.0), candidate_numbers())
def test_two_level_and_plain_quadrature_agree(law, K):
    plain = plain_log_factor(law.log_probabilities, law.rewards, K)
    assert np.abs(log_curation_factor(law, K) - plain).max() < ACCURACY


@given(laws())
def test_one_candidate_is_kept_as_it_is(law):
    assert (curation_factor(law, 1) == 1).all()


@given(laws(), candidate_numbers())
def test_a_constant_reward_curates_nothing(law, K):
    flat = Law(law.probabilities, np.full(len(law), 3.0), normalise=True)
    assert curation_factor(flat, K) == pytest.approx(np.ones(len(law)), rel=1e-13)


def test_a_point_mass_stays():
    # The atom is interpolated from its cell like any other: to rounding.
    stays = curate(Law([0.0, 1.0], [9.0, 0.0]), 5)
    assert stays.probabilities.tolist() == pytest.approx([0.0, 1.0], abs=1e-14)


@pytest.mark.parametrize("size", [100, 50_000])
def test_compiled_and_numpy_kernels_agree(size, monkeypatch):
    pytest.importorskip("numba", reason="the extra [fast] is not installed")
    rng = np.random.default_rng(0)
    law = Law(rng.dirichlet(np.ones(size)), rng.uniform(-80, 0, size))
    monkeypatch.setattr(kernels, "NUMBA_FROM", 0)
    compiled = log_curation_factor(law, 4)
    monkeypatch.setattr(kernels, "HAVE_NUMBA", False)
    # Same sums in another order, on logarithms up to 80.
    assert np.abs(log_curation_factor(law, 4) - compiled).max() < 1e-13


def test_infinitely_many_candidates_tilt_the_law():
    law = Law([0.25, 0.75], [0.0, math.log(3)])
    assert curation_factor(law, math.inf) == pytest.approx([0.4, 1.2])
    exact = Law.from_weights([Fraction(1, 4), Fraction(3, 4)], [1, 3])
    assert curation_factor(exact, math.inf).tolist() == [Fraction(2, 5), Fraction(6, 5)]


def test_reward_minus_infinity_is_never_kept_against_a_finite_one():
    law = Law([0.5, 0.5], [-math.inf, 0.0])
    # Both candidates at -inf, probability 1/4, is the only way to keep that atom.
    assert curation_factor(law, 2) == pytest.approx([0.5, 1.5], rel=1e-13)
    assert curation_factor(law, math.inf).tolist() == [0.0, 2.0]
    exact = Law.from_weights([Fraction(1, 2)] * 2, [0, 1])
    assert curation_factor(exact, 2).tolist() == [Fraction(1, 2), Fraction(3, 2)]


@pytest.mark.parametrize(("depth", "K"), [(690.0, 2), (700.0, 2), (5000.0, 2), (5000.0, 3)])
def test_deep_atoms_without_mass_have_their_factor(depth, K):
    """Among rivals all at the top: H = K w / (w + K - 1)."""
    factor = log_curation_factor(Law([1.0, 0.0], [0.0, -depth]), K)[1]
    assert factor == pytest.approx(math.log(K) - depth - math.log(K - 1), rel=1e-14)


@pytest.mark.parametrize("middle", np.linspace(-299, -242, 20))
def test_an_atom_between_two_halves_beats_one_and_loses_to_the_other(middle):
    """Half the mass at -300 and half near -241: E[e^(-sw)] rests at 1/2 over a long way."""
    p = [0.25, 0.25, 0.25, 0.25, 0.0]
    rewards = [-300.0, -300.0, -240.9375, -240.7277873478177, middle]
    law = Law(p, rewards)
    depths = np.array(rewards[:4]) - middle
    exact = math.log(2 * np.mean(1 / (1 + np.exp(depths))))
    assert log_curation_factor(law, 2)[4] == pytest.approx(exact, abs=1e-13)


@pytest.mark.parametrize("kept", [1e-3, 1e-9, 1e-17, 1e-200])
@pytest.mark.parametrize("K", [2, 1000])
def test_a_sliver_of_finite_reward_among_minus_infinity(kept, K):
    """It wins every group it is in: H = (1 - (1-q)^K)/q."""
    law = Law([1.0, kept], [-math.inf, 0.0], normalise=True)
    expected = -math.expm1(K * math.log1p(-kept / (1 + kept))) / (kept / (1 + kept))
    assert curation_factor(law, K)[1] == pytest.approx(expected, rel=1e-13)


def test_exact_laws_stay_exact_and_large_ones_do_not_hang():
    small = Law.from_weights([Fraction(1, 2)] * 2, [1, 3])
    assert curate(small, 3).is_exact
    assert not curate(small, 10**6).is_exact


def test_float_enumeration_is_a_second_route():
    law = Law([0.2, 0.3, 0.5], [0.0, 1.5, -4.0])
    assert curation_factor(law, 4, "enumeration") == pytest.approx(
        curation_factor(law, 4, "quadrature"), rel=1e-13
    )


@pytest.mark.parametrize(
    ("K", "sentence"),
    [
        (0, "K = 0 is below 1"),
        (-3, "K = -3 is below 1"),
        (2.5, "K = 2.5 is not a number of candidates"),
        (math.nan, "K = nan is not"),
        (-math.inf, "K = -inf is not"),
        (True, "K = True is not"),
        ("2", "K = '2' is not"),
        (None, "K = None is not"),
    ],
)
def test_bad_K_is_refused_in_one_sentence(K, sentence):
    with pytest.raises(ValueError, match=sentence):
        curation_factor(Law([1.0], [0.0]), K)


def test_absurd_reward_ranges_are_refused_and_wide_ones_served():
    with pytest.raises(ValueError, match="finite rewards span 20000: at finite K at most 10000"):
        curation_factor(Law([0.5, 0.5], [0.0, 20000.0]), 2)
    # The worse of two is kept with probability p² (both draws) when the better one always wins.
    wide = curate(Law([0.5, 0.5], [0.0, 9999.0]), 2).probabilities
    assert wide == pytest.approx([0.25, 0.75], rel=1e-12)


def test_unknown_methods_are_refused():
    with pytest.raises(ValueError, match='"auto", "enumeration", "quadrature"'):
        curation_factor(Law([1.0], [0.0]), 2, "guess")
    with pytest.raises(ValueError, match="rewards span more than 745"):
        curation_factor(Law([0.5, 0.5], [0.0, 800.0]), 2, "enumeration")
    with pytest.raises(ValueError, match="nothing to enumerate"):
        curation_factor(Law([0.5, 0.5], [0.0, 8.0]), math.inf, "enumeration")
