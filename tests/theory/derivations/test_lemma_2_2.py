"""Lagrange's identity and the gain of a round, against enumeration."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy

from theory.closed_forms import two_atom_factors
from theory.derivations import lemma_2_2


@pytest.mark.parametrize("K", range(1, 9))
def test_the_two_sides_are_one_polynomial_over_the_sum(K: int) -> None:
    difference = lemma_2_2.kept_minus_drawn(K) - lemma_2_2.pairwise_gain(K)
    assert sympy.expand(sympy.numer(sympy.together(difference))) == 0
    # Not both zero, and at 1, 2, ..., K what arithmetic says: sums K(K+1)/2 and K(K+1)(2K+1)/6.
    numbers = dict(zip(lemma_2_2.candidates(K), range(1, K + 1), strict=True))
    expected = sympy.Rational(2 * K + 1, 3) - sympy.Rational(K + 1, 2)
    assert lemma_2_2.kept_minus_drawn(K).subs(numbers) == expected


@pytest.mark.parametrize("K", [2, 3, 5])
def test_the_gain_is_that_of_the_curated_law(K: int) -> None:
    share, gap = Fraction(2, 7), Fraction(3, 5)
    low, high = two_atom_factors(1 - share, 1 - gap, Fraction(1), K)
    gain = share * high + (1 - share) * (1 - gap) * low - (share + (1 - share) * (1 - gap))
    numbers = {
        lemma_2_2.SHARE: sympy.Rational(2, 7),
        lemma_2_2.GAP: sympy.Rational(3, 5),
    }
    assert Fraction(str(lemma_2_2.two_level_gain(K).subs(numbers))) == gain
    assert lemma_2_2.two_level_bound(K).subs(numbers) <= lemma_2_2.two_level_gain(K).subs(numbers)


@pytest.mark.parametrize("K", [2, 3, 6])
def test_the_ratio_is_a_series_that_starts_at_one(K: int) -> None:
    ratio = lemma_2_2.gain_over_bound(K, order=4)
    assert ratio.subs(lemma_2_2.GAP, 0) == 1
    errors = []
    for gap in (sympy.Rational(1, 40), sympy.Rational(1, 80)):
        numbers = {lemma_2_2.SHARE: sympy.Rational(1, 3), lemma_2_2.GAP: gap}
        exact = lemma_2_2.two_level_gain(K) / lemma_2_2.two_level_bound(K)
        errors.append(abs((exact - ratio).subs(numbers)))
    # The first term left out is of order 4.
    assert float(sympy.log(errors[0] / errors[1], 2)) == pytest.approx(4, abs=0.1)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="gains nothing"):
        lemma_2_2.gain_over_bound(1)
    with pytest.raises(ValueError, match="at least 1"):
        lemma_2_2.candidates(0)
