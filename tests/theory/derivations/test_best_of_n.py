"""Best of n, tilts and Gibbs' identity, against quadrature and finite laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from scipy.integrate import quad

from theory import Law
from theory.closed_forms import uniform_reward_tilt_mean
from theory.derivations import best_of_n as derived
from theory.divergences import kl
from theory.limits import tilt


@pytest.mark.parametrize("n", [2, 5, 40])
def test_divergence_of_best_of_n(n: int) -> None:
    def integrand(x: float) -> float:
        density = n * x ** (n - 1)
        return density * math.log(density) if density > 0 else 0.0

    expected = quad(integrand, 0, 1, epsrel=1e-11)[0]
    assert float(derived.best_of_divergence().subs(derived.SIZE, n)) == pytest.approx(
        expected, rel=1e-9
    )


def test_antiderivative_of_best_of_n() -> None:
    density = sympy.diff(derived.best_of_distribution(), derived.X)
    slope = sympy.diff(derived.best_of_antiderivative(), derived.X)
    assert sympy.simplify(slope - density * sympy.log(density)) == 0
    assert sympy.limit(derived.best_of_antiderivative().subs(derived.SIZE, 3), derived.X, 0) == 0


@pytest.mark.parametrize(("K", "t"), [(2, 0), (2, 3), (5, 2)])
def test_rounds_compose_to_a_power(K: int, t: int) -> None:
    x = sympy.Rational(9, 10)
    expected = x
    for _ in range(t):
        expected = expected**K
    composed = derived.compose_rounds(K, t)
    assert composed.subs(derived.X, x) == expected
    assert composed == derived.best_of_distribution().subs(derived.SIZE, K**t)


@pytest.mark.parametrize("t", [0.5, 2.0, 7.0])
def test_uniform_tilts(t: float) -> None:
    partition = quad(lambda r: math.exp(t * r), 0, 1)[0]
    mean = quad(lambda r: r * math.exp(t * r), 0, 1)[0] / partition
    cost = quad(
        lambda r: math.exp(t * r) / partition * (t * r - math.log(partition)), 0, 1, epsrel=1e-10
    )[0]
    logs = derived.uniform_log_partition()
    assert float(logs.subs(derived.T, t)) == pytest.approx(math.log(partition), rel=1e-10)
    got = float(derived.tilt_reward(logs).subs(derived.T, t))
    assert got == pytest.approx(mean, rel=1e-9)
    assert got == pytest.approx(uniform_reward_tilt_mean(t), rel=1e-12)
    assert float(derived.tilt_divergence(logs).subs(derived.T, t)) == pytest.approx(cost, rel=1e-8)


def test_the_frontier_pays_one_over_t_per_nat() -> None:
    assert derived.frontier_slope(derived.uniform_log_partition()) == 1 / derived.T
    law = Law([0.4, 0.4, 0.2], [0.0, 1.0, 1.7])
    laws = [tilt(law, t) for t in (1.999, 2.001)]
    gain = laws[1].expectation(law.rewards) - laws[0].expectation(law.rewards)
    cost = kl(laws[1], law) - kl(laws[0], law)
    assert gain / cost == pytest.approx(1 / 2, rel=1e-5)


@pytest.mark.parametrize("atoms", [2, 3, 4])
def test_gibbs_identity(atoms: int) -> None:
    assert derived.gibbs_defect(atoms) == 0


def test_gibbs_identity_with_numbers() -> None:
    p, q, r = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6]), np.array([0.0, 1.0, 3.0])
    beta = 0.7
    tilted = p * np.exp(r / beta)
    partition = tilted.sum()
    tilted /= partition

    def divergence(a: np.ndarray, b: np.ndarray) -> float:
        return float((a * np.log(a / b)).sum())

    left = q @ r - beta * divergence(q, p)
    assert left == pytest.approx(
        beta * math.log(partition) - beta * divergence(q, tilted), rel=1e-13
    )


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="K = 0"):
        derived.compose_rounds(0, 1)
    with pytest.raises(ValueError, match="1 atoms"):
        derived.gibbs_defect(1)
