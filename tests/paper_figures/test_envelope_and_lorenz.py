"""Lorenz curves and their envelope: curves iterated by hand, bounds by integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from paper_figures import envelope_and_lorenz
from tests.paper_figures.conftest import REDUCED

SETTING = REDUCED["envelope_and_lorenz"]
LAM = envelope_and_lorenz.Parameters.lam
RATIOS = envelope_and_lorenz.Parameters.ratios

# Sums of 120 masses of law and reference.
ROUNDING = 1e-13


def lorenz(reach, lam, rounds):
    """Pairwise choice between equal masses, the best first, by the double sum."""
    atoms = SETTING["atoms"]
    rewards = -reach * (np.arange(atoms) + 0.5) / atoms
    win = 1 / (1 + np.exp(rewards - rewards[:, None]))  # of row over column
    real = np.full(atoms, 1 / atoms)
    law = real
    for _ in range(rounds):
        kept = 2 * law * (win @ law)
        kept /= kept.sum()  # an error in the mass would grow K-fold a round
        law = kept if lam == math.inf else (real + lam * kept) / (1 + lam)
    return np.append(0, np.cumsum(law))


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("loop", ["mixed", "pure"])
def test_curves_by_round_against_the_double_sum(computed, loop, row):
    results = computed("envelope_and_lorenz")
    lam = {"mixed": LAM, "pure": math.inf}[loop]
    expected = lorenz(float(results["shown_range"]), lam, int(results[f"{loop}_rounds"][row]))
    np.testing.assert_allclose(results[loop][row], expected, rtol=1e-11)


@pytest.mark.parametrize("row", [0, 1])
def test_last_curves_against_the_double_sum(computed, row):
    results = computed("envelope_and_lorenz")
    expected = lorenz(float(results["ranges"][row]), LAM, int(results["rounds"]))
    # 80 rounds add to the rounding of one.
    np.testing.assert_allclose(results["limit"][row], expected, rtol=1e-10)


@pytest.mark.parametrize("row", range(len(RATIOS)))
def test_curves_across_the_threshold_against_the_double_sum(computed, row):
    results = computed("envelope_and_lorenz")
    expected = lorenz(float(results["ranges"][-1]), RATIOS[row], int(results["rounds"]))
    np.testing.assert_allclose(results["ratio"][row], expected, rtol=1e-10)


def test_every_curve_rises_concavely_beneath_its_envelope(computed):
    results = computed("envelope_and_lorenz")
    # The envelope of the limit at the edges of the cells: its inverse is increasing.
    limit = np.interp(results["u"], results["inverse"], results["mass"])
    chords = np.diff(results["mass"]).max()
    for curves, bound in (
        (results["mixed"], results["mixed_envelope"]),
        (results["pure"], results["pure_envelope"]),
        # Chords lie below a concave curve, by less than the step in mass.
        (results["limit"], limit + chords),
    ):
        assert (curves <= bound + ROUNDING).all()
        assert (curves >= results["u"] - ROUNDING).all()
        assert (np.diff(curves, n=2) <= ROUNDING).all()
        np.testing.assert_allclose(curves[:, [0, -1]], [[0, 1]] * len(curves), atol=ROUNDING)
    for row, ratio in enumerate(RATIOS):
        # Not beyond what its own mass allows.
        mass = results["ratio"][row]
        allowed = (1 + ratio) * mass - ratio * (1 - (1 - mass) ** 2)
        assert (allowed <= results["u"] + ROUNDING).all()


def test_steeper_rewards_come_closer(computed):
    results = computed("envelope_and_lorenz")
    assert (np.diff(results["limit"], axis=0)[:, 1:-1] > 0).all()
    assert (np.diff(results["measured"], axis=1) > 0).all()
    assert (results["measured"] < results["bounds"][:, None]).all()
    # The total variation of range 16 is nearly the bound already.
    assert results["measured"][2, -1] > 0.95 * results["bounds"][2]
    assert (results["measured"][:, 0] < 0.3 * results["bounds"]).all()


def test_the_envelope_of_rounds_is_that_of_the_best_candidate(computed):
    results = computed("envelope_and_lorenz")
    u = results["u"]
    for t, bound in zip(results["pure_rounds"].tolist(), results["pure_envelope"], strict=True):
        np.testing.assert_allclose(bound, 1 - (1 - u) ** 2**t, atol=ROUNDING)
    for t, bound in zip(results["mixed_rounds"].tolist(), results["mixed_envelope"], strict=True):
        mass = u
        for _ in range(t):
            mass = (u + LAM * (1 - (1 - mass) ** 2)) / (1 + LAM)
        np.testing.assert_allclose(bound, mass, atol=ROUNDING)


def test_the_inverse_is_where_a_round_changes_nothing(computed):
    results = computed("envelope_and_lorenz")
    for mass, share, lam in (
        (results["mass"], results["inverse"], LAM),
        *zip(results["ratio_mass"], results["ratio_inverse"], RATIOS, strict=True),
    ):
        np.testing.assert_allclose(
            (share + lam * (1 - (1 - mass) ** 2)) / (1 + lam), mass, atol=ROUNDING
        )
        np.testing.assert_allclose(share[[0, -1]], [0, 1], atol=ROUNDING)
        assert (np.diff(share) > 0).all()
    # K = 2: beyond the threshold 1 an atom of mass 1 - 1/lam, none up to it.
    np.testing.assert_allclose(results["ratio_mass"][:, 0], [0, 0, 2 / 3], atol=ROUNDING)


def test_bounds_are_the_divergences_of_the_limit_envelope(computed):
    """With u' = 1 + lam - 2 lam (1 - m) of K = 2, by integration over m."""
    bounds = computed("envelope_and_lorenz")["bounds"]

    def slope(m):
        return 1 + LAM - 2 * LAM * (1 - m)

    def gain(m):
        return (1 + LAM) * m - LAM * (1 - (1 - m) ** 2) - m

    expected = [
        quad(lambda m: -math.log(slope(m)), 0, 1)[0],
        quad(lambda m: slope(m) * math.log(slope(m)), 0, 1)[0],
        -minimize_scalar(gain, bounds=(0, 1), method="bounded").fun,
        quad(lambda m: 1 / slope(m), 0, 1)[0] - 1,
    ]
    np.testing.assert_allclose(bounds, expected, rtol=1e-8)


@pytest.mark.parametrize("reach", [1.0, 16.0])
def test_divergences_are_those_of_the_curve(computed, reach):
    """From the slopes of the Lorenz curve over cells of equal reference mass."""
    results = computed("envelope_and_lorenz")
    column = results["measured_ranges"].tolist().index(reach)
    curve = results["limit"][results["ranges"].tolist().index(reach)]
    density = np.diff(curve) / np.diff(results["u"])
    expected = [
        (density * np.log(density)).mean(),
        -np.log(density).mean(),
        (curve - results["u"]).max(),
        ((density - 1) ** 2).mean(),
    ]
    # Differences of masses that add up to 1 lose up to 1e-16 of 1/120.
    np.testing.assert_allclose(results["measured"][:, column], expected, rtol=1e-9)
