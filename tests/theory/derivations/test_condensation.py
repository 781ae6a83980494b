"""Kingman's fixed point and critical ratios, against the loop and quadrature."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
from scipy.integrate import quad

from theory import Law, RetrainingLoop
from theory.closed_forms import triangular_condensate, triangular_zeta_residual
from theory.derivations import condensation as derived


def test_the_fixed_point_is_where_a_loop_settles() -> None:
    law = Law([0.5, 0.3, 0.2], np.log([1.0, 2.0, 3.0]))
    lam = 0.8
    run = RetrainingLoop(law, K=math.inf, lam=lam).run(400)
    mean = float(run.expected_weight[-1])
    zeta = float(derived.zeta().subs({derived.MEAN: mean, derived.LAM: lam}))
    for p_ref, w, settled in zip(
        law.probabilities, np.exp(law.rewards), run.laws[400].probabilities, strict=True
    ):
        numbers = {derived.P_REF: p_ref, derived.W: w, derived.LAM: lam}
        by_mean = derived.fixed_point().subs({**numbers, derived.MEAN: mean})
        by_zeta = derived.in_zeta().subs({**numbers, derived.ZETA: zeta})
        assert float(by_mean) == pytest.approx(settled, rel=1e-12)
        assert float(by_zeta) == pytest.approx(settled, rel=1e-12)
    assert mean == pytest.approx(lam * zeta / (1 + lam), rel=1e-12)


def test_an_atoms_share_of_the_expected_weight() -> None:
    assert derived.weight_of_fixed_point() == 0
    # The same with numbers: p_ref = 1/4, w = 1/2, λ = 1, ζ = 3/2.
    p = Fraction(1, 4) / (2 * (1 - Fraction(1, 2) / Fraction(3, 2)))
    assert p * Fraction(1, 2) == Fraction(3, 2) * p - Fraction(3, 2) * Fraction(1, 4) / 2


@pytest.mark.parametrize("zeta", [1.01, 1.5, 6.0])
def test_triangular_integral(zeta: float) -> None:
    expected = quad(lambda w: 2 * (1 - w) / (1 - w / zeta), 0, 1)[0]
    total = float(derived.triangular_total().subs(derived.ZETA, zeta))
    assert total == pytest.approx(expected, rel=1e-10)
    assert triangular_zeta_residual(zeta, total - 1) == pytest.approx(0, abs=1e-12)
    primitive = sympy.diff(derived.triangular_antiderivative(), derived.W)
    integrand = 2 * (1 - derived.W) / (1 - derived.W / derived.ZETA)
    assert sympy.simplify(primitive - integrand) == 0


def test_triangular_condensate() -> None:
    largest = derived.triangular_largest()
    near = quad(lambda w: 2 * (1 - w) / (1 - w / 1.000001), 0, 1, points=[0.999])[0]
    assert float(largest) == pytest.approx(near, abs=1e-4)
    assert largest == 2
    got = derived.condensate(largest).subs(derived.LAM, 3)
    assert float(got) == triangular_condensate(3.0)


@pytest.mark.parametrize("exponent", [1.5, 2.0, 4.0])
def test_power_law_integral(exponent: float) -> None:
    expected = quad(lambda w: exponent, 0, 1, weight="alg", wvar=(0, exponent - 2))[0]
    got = derived.power_law_integral().subs(derived.EXPONENT, exponent)
    assert float(got) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dimension", [2, 3, 5])
def test_critical_ratio_of_a_peak(dimension: int) -> None:
    gamma = 1.3

    def integrand(rho: float) -> float:
        radial = rho ** (dimension - 1) * math.exp(-rho) / math.factorial(dimension - 1)
        return radial / math.expm1(gamma * rho)

    expected = quad(integrand, 0, 60, epsrel=1e-11)[0]
    got = derived.peak_critical_ratio(dimension).subs(derived.GAMMA, gamma)
    assert float(got.evalf()) == pytest.approx(expected, rel=1e-9)
    term = sympy.lambdify((derived.N, derived.GAMMA), derived.peak_term(dimension), "math")
    assert term(3, gamma) == pytest.approx((1 + 3 * gamma) ** -dimension, rel=1e-14)


def test_a_line_never_condenses() -> None:
    assert derived.peak_critical_ratio(1) is sympy.oo
    # Its integral grows by log 10 / γ for each decade nearer the peak.
    pieces = [quad(lambda r: 1 / math.expm1(r), 10.0**-n, 10.0 ** (1 - n))[0] for n in (5, 6, 7)]
    assert pieces == pytest.approx([math.log(10)] * 3, rel=1e-4)
    term = derived.peak_term(1).subs(derived.GAMMA, 1)
    assert sympy.limit(term * derived.N, derived.N, sympy.oo) == 1


def test_dimensions_start_at_one() -> None:
    for function in (derived.peak_term, derived.peak_critical_ratio):
        with pytest.raises(ValueError, match="dimension = 0"):
            function(0)
