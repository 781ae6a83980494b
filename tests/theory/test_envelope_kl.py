"""The largest divergence at a finite round: closed forms, another integral, and laws that reach
it."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from theory import Law, RetrainingLoop
from theory.divergences import envelope_kl, sharp_kl_bound


def integral(lam: float, K: int, t: int) -> float:
    """The same by adaptive quadrature in u, 30 digits, the recursion as it stands."""
    with mpmath.workdps(30):
        real = 1 / (1 + mpmath.mpf(lam))

        def integrand(u: mpmath.mpf) -> mpmath.mpf:
            mass, density = u, mpmath.mpf(1)
            for _ in range(t):
                density = real + (1 - real) * K * (1 - mass) ** (K - 1) * density
                mass = real * u + (1 - real) * (1 - (1 - mass) ** K)
            return density * mpmath.log(density)

        points = [0, *(mpmath.mpf(10) ** -k for k in range(24, 0, -1)), 0.5, 1]
        return float(mpmath.quad(integrand, points))


@pytest.mark.parametrize(("lam", "K", "t"), [(1.0, 20, 1), (1.0, 20, 4), (0.3, 4, 6), (9.0, 2, 2)])
def test_it_is_the_integral_of_the_density(lam: float, K: int, t: int) -> None:
    assert envelope_kl(lam, K, t) == pytest.approx(integral(lam, K, t), rel=1e-12)


@pytest.mark.parametrize(("K", "t"), [(2, 1), (4, 3), (20, 10), (100, 20)])
def test_with_hardly_any_real_data_it_is_that_of_the_best_of_all_draws(K: int, t: int) -> None:
    # One real sample in 1e14 changes a mass by as much and its logarithm by at most 33 times that.
    assert envelope_kl(1e14, K, t) == pytest.approx(envelope_kl(math.inf, K, t), rel=1e-11)


@pytest.mark.parametrize(("lam", "K"), [(0.2, 4), (0.9, 2), (1.0, 2)])
def test_it_rises_to_the_sharp_bound(lam: float, K: int) -> None:
    values = [envelope_kl(lam, K, t) for t in (0, 1, 2, 5, 20, 100)]
    assert values[0] == 0
    assert (np.diff(values) > 0).all()
    assert values[-1] < sharp_kl_bound(lam, K)
    if lam * (K - 1) < 1:
        # The rest decays like (1 - (1 - lam (K - 1)) / (1 + lam))^t.
        assert envelope_kl(lam, K, 600) == pytest.approx(sharp_kl_bound(lam, K), rel=1e-10)


def test_the_best_of_k_comes_close_to_it_and_never_above() -> None:
    n = 2_000
    law = Law(np.full(n, 1 / n), 4_000.0 * np.linspace(-1, 0, n), normalise=True)
    reached = RetrainingLoop(law, 4, 1.0).run(3).kl_to_reference
    bounds = np.array([envelope_kl(1.0, 4, t) for t in range(4)])
    assert (reached <= bounds + 1e-13).all()
    # A ladder of n steps loses of the order of 1/n^2 of each, times the square of 4^t.
    assert (reached[1:] > bounds[1:] * (1 - 1e-4)).all()


def test_no_candidates_to_choose_from_is_no_distance_and_infinitely_many_no_bound() -> None:
    assert envelope_kl(3.0, 1, 5) == envelope_kl(0.0, 4, 5) == envelope_kl(math.inf, 4, 0) == 0
    assert envelope_kl(0.1, math.inf, 1) == math.inf


@pytest.mark.parametrize(
    ("lam", "K", "t", "told"), [(-1.0, 2, 1, "lam"), (1.0, 0, 1, "K"), (1.0, 2, -1, "-1")]
)
def test_what_makes_no_sense_is_refused(lam: float, K: float, t: int, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        envelope_kl(lam, K, t)
