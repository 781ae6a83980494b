"""Closed forms of the envelope's divergences, against quadrature and the definitions."""

from __future__ import annotations

import math

import mpmath
import pytest
import sympy
from scipy.optimize import minimize_scalar

from theory import Law, RetrainingLoop
from theory.derivations import theorem_2_4 as derived

RATIO = sympy.Rational(2, 5)  # λ(K-1) = 2/5 for K = 2, 4/5 for K = 3


def h(x: mpmath.mpf, lam: float, K: int) -> mpmath.mpf:
    return 1 + lam - lam * K * x ** (K - 1)


@pytest.mark.parametrize("K", [2, 3])
def test_the_envelope_bounds_the_top_of_a_loop_and_best_of_K_reaches_it(K: int) -> None:
    for steep, reached in ((1.0, False), (60.0, True)):
        law = Law([0.7, 0.3], [0.0, steep])
        top = RetrainingLoop(law, K=K, lam=0.4).run(2).top_mass
        for t in (1, 2):
            bound = derived.envelope(t, K).subs({derived.U: 0.3, derived.LAM: 0.4})
            # Rewards 60 apart: the better candidate is kept but for e^-60.
            assert bool(top[t] == pytest.approx(float(bound), rel=1e-12)) is reached
            assert top[t] <= float(bound) * (1 + 1e-12)


@pytest.mark.parametrize("K", [2, 3, 7])
def test_the_inverse_solves_the_fixed_point(K: int) -> None:
    for m in (0.1, 0.6, 1.0):
        numbers = {derived.M: m, derived.LAM: 0.1, derived.K: K}
        u = float(derived.inverse().subs(numbers))
        assert (u + 0.1 * (1 - (1 - m) ** K)) / 1.1 == pytest.approx(m, rel=1e-14)
        steep = float(derived.slope().subs({**numbers, derived.X: 1 - m}))
        shifted = float(derived.inverse().subs({**numbers, derived.M: m + 1e-6}))
        assert (shifted - u) / 1e-6 == pytest.approx(steep, abs=1e-5)


@pytest.mark.parametrize("K", [2, 3])
def test_antiderivatives_of_the_logarithm(K: int) -> None:
    x = derived.X
    target = -sympy.log(1 + derived.LAM - derived.LAM * K * x ** (K - 1))
    assert sympy.simplify(sympy.diff(derived.kl_antiderivative(K), x) - target) == 0
    integral = -mpmath.quad(lambda y: mpmath.log(h(y, 0.4, K)), [0, 1])
    for value in (
        derived.sharp_constant(K).subs(derived.LAM, RATIO),
        derived.general_constant(K, RATIO),
    ):
        assert float(value) == pytest.approx(float(integral), rel=1e-12)


@pytest.mark.parametrize("K", [4, 9])
def test_hypergeometric_form(K: int) -> None:
    lam = sympy.Rational(9, 10) / (K - 1)
    integral = -mpmath.quad(lambda y: mpmath.log(h(y, float(lam), K)), [0, 0.9, 1])
    got = derived.general_constant(K, lam)
    assert float(got.evalf()) == pytest.approx(float(integral), rel=1e-10)


def test_by_parts_and_the_series_give_the_hypergeometric_form() -> None:
    k, x, lam = derived.K - 1, derived.X, derived.LAM
    z = lam * derived.K / (1 + lam)
    assert sympy.simplify(derived.by_parts() - k * (1 - 1 / (1 - z * x**k))) == 0
    coefficient = derived.series_coefficient()
    for rivals in (1, 2, 5):
        for n in (1, 2, 3):
            got = coefficient.subs({derived.RIVALS: rivals, derived.N: n})
            moment = sympy.integrate(x ** (rivals * n), (x, 0, 1))
            assert got == moment


@pytest.mark.parametrize("K", [2, 3, 5, 20])
def test_threshold_constant(K: int) -> None:
    k = K - 1
    # h = (K/k)(1 - x^k) is 0 at x = 1: an integrable logarithm.
    integral = -mpmath.quad(lambda y: mpmath.log(mpmath.mpf(K) / k * (1 - y**k)), [0, 0.5, 1])
    assert float(derived.threshold_constant(K)) == pytest.approx(float(integral), rel=1e-9)


def test_threshold_constant_of_two_candidates() -> None:
    assert sympy.simplify(derived.threshold_constant(2) - (1 - sympy.log(2))) == 0


def test_the_constants_of_the_paper_are_larger() -> None:
    for K in (2, 3):
        sharp = derived.sharp_constant(K).subs(derived.LAM, RATIO)
        paper = derived.paper_constant(K).subs(derived.LAM, RATIO)
        assert float(paper) == pytest.approx(-math.log(1 - 0.4 * (K - 1)), rel=1e-14)
        assert float(sharp) < float(paper) / 3


@pytest.mark.parametrize("K", [2, 3, 6])
def test_total_variation_is_the_largest_gap(K: int) -> None:
    def gap(m: float) -> float:
        return -float(m - ((1.1) * m - 0.1 * (1 - (1 - m) ** K)))

    found = minimize_scalar(gap, bounds=(0, 1), method="bounded", options={"xatol": 1e-10})
    peak, value = derived.total_variation()
    assert float(peak.subs(derived.K, K)) == pytest.approx(1 - found.x, abs=1e-6)
    got = value.subs({derived.K: K, derived.LAM: 0.1})
    assert float(got) == pytest.approx(-found.fun, rel=1e-12)


def test_other_divergences_of_two_candidates() -> None:
    square = mpmath.quad(lambda x: 1 / h(x, 0.4, 2), [0, 1]) - 1
    reverse = mpmath.quad(lambda x: h(x, 0.4, 2) * mpmath.log(h(x, 0.4, 2)), [0, 1])
    for got, expected in (
        (derived.chi_square_constant(), square),
        (derived.reverse_kl_constant(), reverse),
    ):
        assert float(got.subs(derived.LAM, RATIO)) == pytest.approx(float(expected), rel=1e-12)
    x, steep = derived.X, 1 + derived.LAM - 2 * derived.LAM * derived.X
    for primitive, integrand in (
        (derived.chi_square_antiderivative(), 1 / steep),
        (derived.reverse_kl_antiderivative(), steep * sympy.log(steep)),
    ):
        assert sympy.simplify(sympy.diff(primitive, x) - integrand) == 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="K = 2 and 3"):
        derived.kl_antiderivative(4)
    with pytest.raises(ValueError, match="t = -1"):
        derived.envelope(-1, 2)
