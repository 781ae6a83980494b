"""The threshold of condensation against closed forms, its own defining equation, and the loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad

from theory.condensation import critical_ratio
from theory.law import Law
from theory.limits import mixed_limit

Array = NDArray[np.float64]


def linear(u: Array) -> Array:
    """Density 2(1 - w) of the weight w = e^-u."""
    return np.asarray(-np.expm1(-u) * np.exp(-u))


def ball(dimension: int) -> object:
    """Distance from the centre of a uniform point of the unit ball, up to a factor."""
    return lambda u: u ** (dimension - 1.0)


def test_the_density_with_a_closed_form() -> None:
    # K = ∞: ∫ 2(1 - w) w/(1 - w) dw = 1; the rule is right to rounding.
    assert critical_ratio(linear, math.inf).ratio == pytest.approx(1, rel=1e-12, abs=0)


@pytest.mark.parametrize("dimension", [2, 3])
def test_infinite_K_by_adaptive_quadrature(dimension: int) -> None:
    expected, _ = quad(
        lambda u: dimension * u ** (dimension - 1) / 5**dimension / math.expm1(u), 0, 5
    )
    found = critical_ratio(ball(dimension), math.inf, 5.0)  # type: ignore[arg-type]
    assert found.ratio == pytest.approx(expected, rel=1e-9, abs=0)
    assert found.lower == pytest.approx(found.ratio, rel=1e-12, abs=0)
    assert found.upper == pytest.approx(found.ratio, rel=1e-12, abs=0)


@pytest.mark.parametrize("K", [2, 3, 20, math.inf])
def test_a_peak_on_the_line_never_condenses(K: float) -> None:
    found = critical_ratio(ball(1), K, 5.0)  # type: ignore[arg-type]
    assert found.ratio == found.lower == found.upper == math.inf


def test_two_candidates_by_plain_double_sums() -> None:
    """The same fixed point on midpoints of the weight, h from sums over all pairs."""
    n = 500
    w = (np.arange(n) + 0.5) / n
    reference, kernel = 2 * (1 - w) / n, 2 * w[:, None] / (w[:, None] + w[None, :])
    p = reference
    for _ in range(200):
        top = (p * 2 / (1 + w)).sum()
        masses = reference / (1 - kernel @ p / top)
        p = masses / masses.sum()
    lam = critical_ratio(linear, 2).ratio
    # Midpoints err by O(1/n^2): 1e-6 here, 1e-7 at n = 1500.
    assert masses.sum() - 1 == pytest.approx(lam, rel=2e-6, abs=0)
    assert top == pytest.approx((1 + lam) / lam, rel=2e-6, abs=0)


def test_three_candidates_by_plain_triple_sums() -> None:
    n = 80
    w = (np.arange(n) + 0.5) / n
    reference, pairs = 2 * (1 - w) / n, w[:, None] + w[None, :]
    share = w[:, None, None] / (w[:, None, None] + pairs)
    p = reference
    for _ in range(60):
        top = np.einsum("i,j,ij->", p, p, 1 / (1 + pairs))
        masses = reference / (1 - np.einsum("i,j,kij->k", p, p, share, optimize=True) / top)
        p = masses / masses.sum()
    # O(1/n^2) again.
    expected = critical_ratio(linear, 3).ratio
    assert masses.sum() - 1 == pytest.approx(expected, rel=1e-4, abs=0)


def mass_of_a_tiny_top(lam: float, K: int) -> float:
    """Where the loop takes a top atom of mass 1e-9 above the linear density."""
    n = 200
    w = (np.arange(n) + 0.5) / n
    law = Law.from_weights(np.append(2 * (1 - w) / n, 1e-9), np.append(w, 1.0), normalise=True)
    return float(mixed_limit(law, lam, K, tolerance=1e-2).law.probabilities[-1])


def test_below_the_threshold_a_tiny_top_stays_tiny() -> None:
    assert mass_of_a_tiny_top(0.8 * critical_ratio(linear, 3).ratio, 3) < 1e-7


def test_beyond_the_threshold_it_takes_a_share_within_the_proved_bounds() -> None:
    threshold = critical_ratio(linear, 3)
    lam = 2 * threshold.ratio
    infinite = critical_ratio(linear, math.inf).ratio
    share = mass_of_a_tiny_top(lam, 3)
    assert 1 - (1 + threshold.upper) / (1 + lam) < share < 1 - (1 + infinite) / (1 + lam)
    assert share > 0.2


@pytest.mark.parametrize("deepest", [1.0, 5.0])
@pytest.mark.parametrize("dimension", [2, 3])
def test_thresholds_fall_with_K_between_their_bounds(dimension: int, deepest: float) -> None:
    found = [critical_ratio(ball(dimension), K, deepest) for K in (2, 3, 5, 20, math.inf)]  # type: ignore[arg-type]
    ratios = [threshold.ratio for threshold in found]
    assert ratios == sorted(ratios, reverse=True)
    for threshold in found:
        assert threshold.lower * (1 - 1e-9) <= threshold.ratio <= threshold.upper * (1 + 1e-9)
        assert threshold.error < 1e-8 * threshold.ratio


def test_bounds_are_far_enough_apart_to_say_something() -> None:
    threshold = critical_ratio(linear, 2)
    assert 1.8 < threshold.lower < 3.2 < threshold.ratio < 3.3 < threshold.upper < 5.2


@pytest.mark.parametrize(
    ("K", "deepest", "word"), [(1, 1.0, "selects nothing"), (2, 0.0, "depth"), (0, 1.0, "K")]
)
def test_bad_input_is_one_sentence(K: int, deepest: float, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        critical_ratio(linear, K, deepest)
