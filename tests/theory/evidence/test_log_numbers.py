"""Exact numbers with logarithms: zero is recognised, signs are right, equal forms are equal."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.evidence.logarithms import LAST_PRECISION, LogNumber, log_of
from theory.evidence.run import OutOfReach

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


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: a * b,
        lambda a, b: a / b,
        lambda a, b: 1 / a,
        lambda a, b: a**2,
        lambda a, b: log_of(a),
    ],
)
def test_what_is_no_rational_combination_of_logarithms_is_out_of_reach(
    make: Callable[[LogNumber, LogNumber], object],
) -> None:
    with pytest.raises(OutOfReach):
        make(log_of(Fraction(2)), log_of(Fraction(3)))


def test_products_with_numbers_that_happen_to_be_rational() -> None:
    log_2, three = log_of(Fraction(2)), LogNumber(Fraction(3))
    assert log_2 * three == 3 * log_2 == three * log_2
    assert log_2 / three == log_2 / 3
    assert three**2 == 9
    assert log_of(three) == log_of(Fraction(3))
    assert log_of(Fraction(1)) * log_2 == 0


def test_the_zero_test_keeps_the_rational_part() -> None:
    """The logarithms cancel, and what is left lies far below the precision of the first balls."""
    tiny = Fraction(1, 10**400)
    cancelled = log_of(Fraction(4)) - 2 * log_of(Fraction(2))
    assert (cancelled + tiny).sign() == 1
    assert (cancelled - tiny).sign() == -1
    assert cancelled.sign() == 0


def test_a_sign_beyond_all_precision_is_out_of_reach() -> None:
    """Not 0, since e^a is no power of 2 for rational a: a sign is due, and too far to be seen."""
    with mpmath.workprec(2 * LAST_PRECISION):
        nearly = mpmath.log(2)
        truncated = Fraction(int(mpmath.floor(nearly * mpmath.mpf(2) ** (2 * LAST_PRECISION - 8))))
    difference = log_of(Fraction(2)) - truncated / 2 ** (2 * LAST_PRECISION - 8)
    with pytest.raises(OutOfReach, match="do not show the sign"):
        difference.sign()
