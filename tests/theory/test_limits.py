"""Limits of the loop: against long runs, closed forms and balances checked by another route."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import Law, RetrainingLoop, curate
from theory.closed_forms import (
    gaussian_peak_critical_ratio,
    triangular_condensate,
    triangular_zeta_residual,
)
from theory.divergences import kl
from theory.limits import NoTopAtom, decay_rate, mixed_limit, pure_limit, tilt
from theory.rewards import ClippedDistance
from theory.testing import laws


def graded(reach, n, finest):
    """Cell centres symmetric about 0, geometric towards it, none at 0 itself."""
    half = np.geomspace(finest, reach, n)
    return np.concatenate([-half[::-1], half])


def triangular(n=4000):
    w = (np.arange(n) + 0.5) / n
    return Law.from_density(2 * (1 - w), np.log(w), (w,), reward_sup=0.0)


def planar_gaussian(reward, n=200, finest=1e-6, **options):
    x = graded(7.0, n, finest)
    return Law.from_density(
        lambda z: np.exp(-(z**2).sum(axis=1) / 2), reward, (x, x), normalise=True, **options
    )


def test_the_pure_limit_is_the_top_level():
    law = Law([0.5, 0.0, 0.2, 0.3], [0.0, 9.0, 1.0, 1.0])
    assert pure_limit(law).probabilities == pytest.approx([0, 0, 0.4, 0.6])
    exact = pure_limit(
        Law.from_weights([Fraction(1, 2), Fraction(1, 6), Fraction(1, 3)], [1, 2, 2])
    )
    assert exact.exact_probabilities == (0, Fraction(1, 3), Fraction(2, 3))


def test_the_pure_loop_ends_in_the_pure_limit():
    law = Law([0.5, 0.2, 0.3], [0.0, 1.0, 1.0])
    run = RetrainingLoop(law, 4).run(200)
    assert kl(pure_limit(law), run.laws[-1]) == pytest.approx(0, abs=1e-12)


def test_a_plateau_is_an_atom_and_a_peak_is_none():
    plateau = planar_gaussian(ClippedDistance(2.0, (0.0, 0.0), 1.0))
    inside = np.linalg.norm(plateau.atoms, axis=1) <= 1
    assert pure_limit(plateau).probabilities[inside].sum() == pytest.approx(1)
    x = np.linspace(-3, 3, 61)
    peak = Law.from_density(np.exp(-x * x), -np.abs(x), (x,), normalise=True)
    with pytest.raises(NoTopAtom, match="no atom at its largest reward 0") as caught:
        pure_limit(peak)
    assert "without a limit density" in str(caught.value)
    line = Law.from_density(np.exp(-x * x), -np.maximum(0, np.abs(x) - 1), (x,), normalise=True)
    assert pure_limit(line).probabilities[np.abs(x) <= 1].sum() == pytest.approx(1)


def test_a_plateau_may_touch_the_edge_of_the_grid():
    x = np.linspace(0, 1, 11)
    law = Law.from_density(np.ones(11), np.minimum(x, 0.85), (x,), normalise=True)
    assert pure_limit(law).probabilities[-2:] == pytest.approx([0.5, 0.5])


def test_a_peak_on_a_grid_point_condenses_as_beside_it():
    """Without ``reward_sup`` the integrals leave out the top cell: O(h), tiny on graded cells."""
    x = np.sort(np.append(graded(7.0, 200, 1e-4), 0.0))
    law = Law.from_density(
        lambda z: np.exp(-(z**2).sum(axis=1) / 2),
        ClippedDistance(2.0, (0.0, 0.0)),
        (x, x),
        normalise=True,
    )
    expected = gaussian_peak_critical_ratio(2.0, 1.0)
    limit = mixed_limit(law, 2 * expected)
    # Cells 6 % wider from one to the next: the midpoint error of that squared, and the cell at 0.
    assert limit.critical_ratio == pytest.approx(expected, rel=0.01)
    assert limit.law.probabilities.max() == pytest.approx(limit.condensate, rel=0.01)


def test_without_an_atom_the_weight_still_reaches_its_supremum():
    x = np.linspace(-3, 3, 6001)
    law = Law.from_density(np.exp(-x * x), -np.abs(x), (x,), normalise=True)
    run = RetrainingLoop(law, 4).run(400)
    assert run.expected_weight[-1] > 0.99
    assert run.weight_variance[-1] < 1e-4


@given(laws(max_range=60.0), st.integers(0, 12))
def test_tilts_are_the_pure_loop_at_infinite_K(law, t):
    loop = RetrainingLoop(law, math.inf).run(t).laws[t]
    # Rewards of size 300 times 12 rounds, each rounded to its ulp.
    assert np.abs(loop.probabilities - tilt(law, t).probabilities).sum() < 1e-11


def test_tilts_of_exact_laws_are_exact_and_bad_tilts_refused():
    law = Law.from_weights([Fraction(1, 2)] * 2, [1, 2])
    assert tilt(law, 2).exact_probabilities == (Fraction(1, 5), Fraction(4, 5))
    for t in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="is not a number of rounds"):
            tilt(law, t)


@pytest.mark.parametrize("K", [2, 5, 100, math.inf])
def test_the_observed_decay_is_the_predicted_rate(K):
    law = Law([0.3, 0.4, 0.3], [0.0, 0.5, 1.0])
    run = RetrainingLoop(law, K, arithmetic="float64").run(60)
    off = np.array([p.probabilities[:2].sum() for p in run.laws[40:]])
    # The correction to the rate is of the order of the mass off the top itself, below 1e-6 here
    # but for K = 2, whose slower decay leaves 1e-4 at t = 40.
    assert off[1:] / off[:-1] == pytest.approx(decay_rate(law, K), rel=1e-3)


def test_decay_rates_in_degenerate_cases():
    assert decay_rate(Law([0.5, 0.5], [1.0, 1.0]), 3) == 0
    assert decay_rate(Law([0.5, 0.5], [0.0, 1.0]), 1) == 1
    assert decay_rate(Law([0.5, 0.5], [-math.inf, 1.0]), 3) == 0
    assert decay_rate(Law([0.0, 0.5, 0.5], [7.0, 0.0, 1.0]), math.inf) == pytest.approx(1 / math.e)


@settings(max_examples=60)
@given(laws(max_range=30.0), st.floats(0.01, 20.0))
def test_kingmans_limit_balances_selection_and_real_data(law, lam):
    """One round by the definition leaves it where it is."""
    limit = mixed_limit(law, lam)
    assert limit.condensate == 0
    assert limit.log_zeta >= law.top_reward  # by less than an ulp when the top atom is tiny
    again = (law.probabilities + lam * curate(limit.law, math.inf).probabilities) / (1 + lam)
    # ζ - 1 may be as small as the top atom's mass e^-60: its root is found to 1e-14 of its log.
    assert np.abs(again - limit.law.probabilities).sum() < 1e-10
    weight = np.exp(law.rewards - law.top_reward)
    mean = limit.law.probabilities[weight <= 1] @ weight[weight <= 1]
    assert mean == pytest.approx(
        lam * math.exp(limit.log_zeta - law.top_reward) / (1 + lam), rel=1e-9
    )


def test_the_mixed_loop_ends_in_kingmans_limit():
    law = Law([0.5, 0.3, 0.2], [0.0, 1.0, 1.5])
    run = RetrainingLoop(law, math.inf, 0.8).run(400)
    assert run.laws[-1].probabilities == pytest.approx(mixed_limit(law, 0.8).law.probabilities)


@pytest.mark.parametrize("lam", [1.5, 3.0, 20.0])
def test_the_triangular_density_condenses(lam):
    limit = mixed_limit(triangular(), lam)
    assert limit.zeta == 1
    # The midpoint rule is exact for the linear density.
    assert limit.condensate == pytest.approx(triangular_condensate(lam), abs=1e-12)
    assert limit.critical_ratio == pytest.approx(1, abs=1e-12)
    # The top cell holds the condensate and its own regular part, 2(1-w)/(1-w)/(1+λ) over 1/4000.
    regular = 2 / (4000 * (1 + lam))
    assert limit.law.probabilities[-1] == pytest.approx(limit.condensate + regular, abs=1e-12)


@pytest.mark.parametrize("lam", [0.2, 0.5, 0.9])
def test_below_the_critical_ratio_nothing_condenses(lam):
    limit = mixed_limit(triangular(), lam)
    assert limit.condensate == triangular_condensate(lam) == 0
    # Midpoint error of 2(1-w)/(1-w/ζ) on 4000 cells: h²/12 times a slope of at most 2/(ζ-1).
    slope = 2 / (limit.zeta - 1)
    assert triangular_zeta_residual(limit.zeta, lam) == pytest.approx(0, abs=slope / 4000**2)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_a_planar_peak_condenses_at_its_critical_ratio(gamma):
    law = planar_gaussian(ClippedDistance(gamma, (0.0, 0.0)), reward_sup=0.0)
    expected = gaussian_peak_critical_ratio(gamma, 1.0)
    computed = mixed_limit(law, 2 * expected)
    # The graded grid's cells are 8 % wider from one to the next: midpoint error of that squared.
    assert computed.critical_ratio == pytest.approx(expected, rel=0.01)
    assert computed.condensate == pytest.approx(1 - (1 + expected) / (1 + 2 * expected), rel=0.02)
    assert mixed_limit(law, 0.9 * expected).condensate == 0


def test_a_peak_on_a_line_does_not_condense():
    """In one dimension I* diverges: halving the finest cell keeps raising it by the same amount."""
    critical = []
    for finest in (1e-4, 1e-8, 1e-12):
        x = graded(7.0, 300, finest)
        law = Law.from_density(np.exp(-x * x / 2), -np.abs(x), (x,), normalise=True, reward_sup=0.0)
        critical.append(mixed_limit(law, 1.0).critical_ratio)
    gains = np.diff(critical)
    assert (gains > 1).all()
    assert gains[1] == pytest.approx(gains[0], rel=0.1)


@pytest.mark.parametrize(("lam", "K"), [(0.4, 3), (1.0, 2), (4.0, 5), (50.0, 100)])
def test_fixed_points_at_finite_K_are_fixed(lam, K):
    law = Law([0.3, 0.3, 0.4], [0.0, 0.4, 1.0])
    limit = mixed_limit(law, lam, K=K)
    again = (law.probabilities + lam * curate(limit.law, K).probabilities) / (1 + lam)
    # The asked 1e-12 of the curation factor, against the contraction still to come.
    assert again == pytest.approx(limit.law.probabilities, abs=1e-11)
    assert limit.rounds > 3
    assert math.isnan(limit.zeta)
    assert math.isnan(limit.condensate)


@pytest.mark.parametrize("top", [1e-9, 1e-100])
def test_a_rare_top_atom_is_awaited(top):
    """It grows for long before it moves anything else; the limit is where it ends."""
    law = Law([1 - top, top], [-1.0, 0.0])
    limit = mixed_limit(law, 5.0, K=3)
    assert limit.law.probabilities == pytest.approx([0.334, 0.666], abs=1e-3)
    again = (law.probabilities + 5 * curate(limit.law, 3).probabilities) / 6
    assert again == pytest.approx(limit.law.probabilities, abs=1e-11)


def test_a_rare_plateau_of_a_density_is_awaited():
    x = np.linspace(-8, 8, 1601)
    law = Law.from_density(np.exp(-x * x / 2), np.where(x > 5, 0.0, -1.0), (x,), normalise=True)
    run = RetrainingLoop(law, 4, 3.0).run(2000)
    limit = mixed_limit(law, 3.0, K=4).law
    assert np.abs(run.laws[2000].probabilities - limit.probabilities).sum() < 1e-11


@pytest.mark.parametrize("lam", [1e-14, 1e-10, 1e-3])
def test_zeta_is_right_for_little_synthetic_data(lam):
    law = Law([0.5, 0.3, 0.2], [0.0, 1.0, 2.0])
    limit = mixed_limit(law, lam)
    mean = limit.law.probabilities @ np.exp(law.rewards)
    assert mean == pytest.approx(lam * limit.zeta / (1 + lam), rel=1e-12)


def test_too_much_synthetic_data_to_tell_is_refused():
    with pytest.raises(ValueError, match="lam = 1e\\+300 cannot be told from infinity"):
        mixed_limit(Law([0.5, 0.5], [0.0, 1.0]), 1e300)


def test_constant_rewards_are_a_plateau_wherever_the_mass_is():
    x = np.arange(10.0)
    law = Law.from_density(np.arange(10) % 2 / 5, np.zeros(10), (x,))
    assert pure_limit(law).probabilities == pytest.approx(law.probabilities)
    assert mixed_limit(law, 2.0).condensate == 0


def test_a_fixed_point_of_a_plane_at_finite_K():
    law = planar_gaussian(ClippedDistance(2.0, (1.0, 0.0), 0.5), n=60, finest=1e-2)
    limit = mixed_limit(law, 0.8, K=4)
    again = (law.probabilities + 0.8 * curate(limit.law, 4).probabilities) / 1.8
    assert np.abs(again - limit.law.probabilities).sum() < 1e-10


def test_without_synthetic_data_nothing_moves():
    law = Law([0.5, 0.5], [0.0, 1.0])
    assert mixed_limit(law, 0).zeta == math.inf
    assert mixed_limit(law, 0).law.probabilities == pytest.approx([0.5, 0.5])
    assert mixed_limit(law, 0.7, K=1).law.probabilities == pytest.approx([0.5, 0.5])


def test_unsettled_fixed_points_are_reported(monkeypatch):
    monkeypatch.setattr("theory.limits.MAX_ROUNDS", 5)
    with pytest.raises(ArithmeticError, match="from its fixed point after 5 rounds"):
        mixed_limit(Law([0.5, 0.5], [0.0, 0.1]), 4.0, K=2)


@pytest.mark.parametrize(
    ("lam", "K", "sentence"),
    [
        (-1.0, 2, "lam = -1.0 is negative"),
        (math.inf, 2, "pure_limit"),
        (1.0, 0, "K = 0 is below 1"),
    ],
)
def test_bad_limits_are_refused(lam, K, sentence):
    with pytest.raises(ValueError, match=sentence):
        mixed_limit(Law([0.5, 0.5], [0.0, 1.0]), lam, K)
