"""The integral and the 1/K expansion of the curation factor, against draws and exact factors."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
import sympy

from theory.closed_forms import two_atom_factors
from theory.derivations import lemma_2_1

MASSES = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)]
WEIGHTS = [Fraction(1), Fraction(2), Fraction(5)]


def by_draws(weight: Fraction, K: int) -> Fraction:
    total = Fraction(0)
    for draw in itertools.product(range(3), repeat=K - 1):
        chance = math.prod((MASSES[j] for j in draw), start=Fraction(1))
        total += chance * K * weight / (weight + sum(WEIGHTS[j] for j in draw))
    return total


@pytest.mark.parametrize("K", [1, 2, 3, 4])
@pytest.mark.parametrize("weight", WEIGHTS, ids=str)
def test_the_integral_is_the_mean_over_all_draws(weight: Fraction, K: int) -> None:
    masses = [sympy.Rational(p.numerator, p.denominator) for p in MASSES]
    weights = [sympy.Integer(int(w)) for w in WEIGHTS]
    value = lemma_2_1.factor_by_integral(masses, weights, sympy.Integer(int(weight)), K)
    expected = by_draws(weight, K)
    assert value == sympy.Rational(expected.numerator, expected.denominator)


def test_the_integral_is_that_of_its_integrand() -> None:
    p, s = sympy.Rational(1, 3), sympy.Symbol("s", positive=True)
    masses, weights = [p, 1 - p], [sympy.Integer(1), sympy.Integer(4)]
    phi = sum(m * sympy.exp(-s * w) for m, w in zip(masses, weights, strict=True))
    integrand = sympy.expand(3 * 4 * sympy.exp(-4 * s) * phi**2)
    integral = sympy.integrate(integrand, (s, 0, sympy.oo))
    assert lemma_2_1.factor_by_integral(masses, weights, sympy.Integer(4), 3) == integral


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("atom", [0, 1], ids=["low", "high"])
def test_the_error_of_the_expansion_falls_by_one_more_power_of_K(order: int, atom: int) -> None:
    p, low, high = Fraction(2, 5), Fraction(2), Fraction(3)
    mean = p * low + (1 - p) * high
    variance = p * (low - mean) ** 2 + (1 - p) * (high - mean) ** 2
    third = p * (low - mean) ** 3 + (1 - p) * (high - mean) ** 3
    values = {
        lemma_2_1.W: (low, high)[atom],
        lemma_2_1.MU: mean,
        lemma_2_1.VARIANCE: variance,
        lemma_2_1.THIRD: third,
    }
    numbers = {name: sympy.Rational(v.numerator, v.denominator) for name, v in values.items()}
    terms = [Fraction(str(c.subs(numbers))) for c in lemma_2_1.expansion()[: order + 1]]
    errors = []
    for K in (64, 128):
        exact = two_atom_factors(p, low, high, K)[atom]
        errors.append(abs(exact - sum(c / K**n for n, c in enumerate(terms))))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order + 1, abs=0.06)


def test_the_first_two_terms_are_those_of_the_claim() -> None:
    w, mu, variance = lemma_2_1.W, lemma_2_1.MU, lemma_2_1.VARIANCE
    first, second, _ = lemma_2_1.expansion()
    assert sympy.simplify(first - w / mu) == 0
    assert sympy.simplify(second - w / mu * (variance / mu**2 - (w - mu) / mu)) == 0


def test_mass_is_kept_order_by_order() -> None:
    means = [lemma_2_1.mean_over_the_law(c) for c in lemma_2_1.expansion()]
    assert means == [1, 0, 0]


def test_bad_input_is_refused() -> None:
    one = sympy.Integer(1)
    with pytest.raises(ValueError, match="one mass for each weight"):
        lemma_2_1.factor_by_integral([one], [one, one], one, 2)
    with pytest.raises(ValueError, match="degree 4"):
        lemma_2_1.mean_over_the_law(lemma_2_1.W**4)
