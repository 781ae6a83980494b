"""Exact numbers with logarithms: zero is recognised, signs are right, equal forms are equal."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.evidence.logarithms import LogNumber, log_of

positive = st.fractions(Fraction(1, 60), 60)
coefficients = st.fractions(-9, 9, max_denominator=12)


@st.composite
def log_numbers(draw: st.DrawFn) -> LogNumber:
    number = LogNumber(draw(coefficients))
    for base, coefficient in draw(st.lists(st.tuples(positive, coefficients), max_size=4)):
        number = number + coefficient * log_of(base)
    return number


def high_precision(number: LogNumber) -> mpmath.mpf:
    with mpmath.workdps(60):
        total = mpmath.mpf(number.constant.numerator) / number.constant.denominator
        for base, c in number.terms.items():
            total += (
                mpmath.mpf(c.numerator)
                / c.denominator
                * mpmath.log(mpmath.mpf(base.numerator) / base.denominator)
            )
        return total


@given(log_numbers())
def test_sign_and_value_agree_with_sixty_digits(number: LogNumber) -> None:
    value = high_precision(number)
    # No non-zero number with such small coefficients is that close to 0.
    expected = 0 if abs(value) < mpmath.mpf(10) ** -50 else int(mpmath.sign(value))
    assert number.sign() == expected
    assert float(number) == pytest.approx(float(value), rel=1e-15, abs=1e-50)


@given(positive, positive, st.integers(-6, 6))
def test_laws_of_the_logarithm_are_exact(a: Fraction, b: Fraction, n: int) -> None:
    assert log_of(a * b) == log_of(a) + log_of(b)
    assert log_of(a / b) - log_of(a) + log_of(b) == 0
    assert log_of(a**n) == n * log_of(a)


def test_zero_hidden_in_large_powers_is_found() -> None:
    huge = Fraction(6**400, 35**300)
    parts = 400 * log_of(Fraction(2)) + 400 * log_of(Fraction(3)) - 300 * log_of(Fraction(35))
    assert (log_of(huge) - parts).sign() == 0


def test_near_zero_is_not_zero() -> None:
    almost = log_of(Fraction(2)) - log_of(Fraction(2) + Fraction(1, 10**200))
    assert almost < 0
    assert almost != 0


def test_rational_part_never_cancels_a_logarithm() -> None:
    log_2 = log_of(Fraction(2))
    truncated = Fraction(math.log(2))
    assert log_2 != truncated
    assert (log_2 < truncated) != (log_2 > truncated)


def test_arithmetic_with_rationals() -> None:
    log_2 = log_of(Fraction(2))
    assert 1 - log_2 == Fraction(1) + (-log_2)
    assert 3 * log_2 / 3 == log_2
    assert abs(-log_2) == log_2
    assert log_2 <= log_2
    assert log_2 >= Fraction(69, 100)
    assert "log(2)" in repr(log_2)


@pytest.mark.parametrize("value", [Fraction(0), Fraction(-1)])
def test_no_logarithm_of_what_is_not_positive(value: Fraction) -> None:
    with pytest.raises(ValueError, match="not a real number"):
        log_of(value)


def test_products_of_logarithms_are_refused() -> None:
    with pytest.raises(TypeError):
        log_of(Fraction(2)) * log_of(Fraction(3))
