r"""Rationals as balls: the one place where a number enters ball arithmetic."""

from __future__ import annotations

from fractions import Fraction

import flint


def ball(value: int | Fraction) -> flint.arb:
    """The rational as a ball at the current precision."""
    return flint.arb(flint.fmpq(value.numerator, value.denominator))
