"""Tilts of a Gaussian by completing the square, against quadrature."""

from __future__ import annotations

import math

import pytest
import sympy
from scipy.integrate import quad

from theory.closed_forms import gaussian_linear_tilt, gaussian_quadratic_tilt
from theory.derivations import gaussian

NUMBERS = {
    gaussian.MEAN: 1.5,
    gaussian.VARIANCE: 0.8,
    gaussian.GAMMA: 0.6,
    gaussian.CENTRE: -0.7,
    gaussian.SLOPE: 0.9,
}


def by_quadrature(reward: sympy.Expr, t: int) -> tuple[float, float]:
    exponent = sympy.lambdify(
        gaussian.X, (gaussian.log_density() + t * reward).subs(NUMBERS), "math"
    )
    total, first, second = (
        quad(lambda x, j=j: x**j * math.exp(exponent(x)), -20, 20, points=[0, 2], epsrel=1e-12)[0]
        for j in range(3)
    )
    return first / total, second / total - (first / total) ** 2


@pytest.mark.parametrize("t", [0, 1, 4])
@pytest.mark.parametrize("name", ["quadratic_reward", "linear_reward"])
def test_tilt_and_recursion_have_the_moments_of_the_tilted_density(name: str, t: int) -> None:
    reward = getattr(gaussian, name)()
    expected = by_quadrature(reward, t)
    at_once = [e.subs({**NUMBERS, gaussian.T: t}) for e in gaussian.tilted(reward)]
    by_rounds = [e.subs(NUMBERS) for e in gaussian.rounds(reward, t)]
    for got in (at_once, by_rounds):
        assert [float(e) for e in got] == pytest.approx(expected, rel=1e-8)


def test_they_are_the_closed_forms_of_the_library() -> None:
    numbers = {**NUMBERS, gaussian.T: 3}
    quadratic = [float(e.subs(numbers)) for e in gaussian.tilted(gaussian.quadratic_reward())]
    linear = [float(e.subs(numbers)) for e in gaussian.tilted(gaussian.linear_reward())]
    expected = gaussian_quadratic_tilt(1.5, 0.8, 0.6, -0.7, 3)
    assert quadratic == pytest.approx(expected, rel=1e-12)
    assert linear == pytest.approx(gaussian_linear_tilt(1.5, 0.8, 0.9, 3), rel=1e-12)


def test_divergence_is_that_of_the_densities() -> None:
    first, second = (0.3, 0.5), (1.0, 2.0)
    log_p, log_q = (
        sympy.lambdify(gaussian.X, gaussian.log_density(sympy.Float(m), sympy.Float(v)), "math")
        for m, v in (first, second)
    )
    expected = quad(lambda x: math.exp(log_p(x)) * (log_p(x) - log_q(x)), -12, 12)[0]
    moments = [tuple(sympy.Float(e) for e in pair) for pair in (first, second)]
    assert float(gaussian.divergence(*moments)) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("K", [1, 2, 5])
def test_small_rewards_act_by_their_distance_from_the_mean(K: int) -> None:
    names = {str(s): s for s in gaussian.weak_reward_factor(K).free_symbols}
    scale, reward, others = 1e-6, 0.8, -0.3
    chance = (
        K
        * math.exp(scale * reward)
        / (math.exp(scale * reward) + (K - 1) * math.exp(scale * others))
    )
    values = {"r1": reward, "rbar": others}
    slope = float(gaussian.weak_reward_factor(K).subs({s: values[n] for n, s in names.items()}))
    # The next term is of the order of the scale.
    assert (chance - 1) / scale == pytest.approx(slope, abs=1e-5)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="degree 3"):
        gaussian.tilted(gaussian.X**3)
    with pytest.raises(ValueError, match="at least 0"):
        gaussian.rounds(gaussian.linear_reward(), -1)
    with pytest.raises(ValueError, match="at least 1"):
        gaussian.weak_reward_factor(0)
