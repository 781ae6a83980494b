"""Checks of arguments that several modules share; each failure is one sentence with its remedy."""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from numbers import Rational
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# A float64 probability vector is off 1 by its entries' rounding (at most eps/2 of the total) plus
# the rounding of a pairwise sum (eps log2 n): below 1e-14 for any n that fits in memory. 1e-12
# leaves room for a vector normalised by plain left-to-right summation.
TOTAL_MASS_TOLERANCE = 1e-12

LARGEST_RATIO = 1e300


def fraction(number: Rational) -> Fraction:
    """A ``Fraction`` of Python integers, also from NumPy's."""
    return Fraction(int(number.numerator), int(number.denominator))


def check_candidates(K: float) -> float:
    """Return K as an ``int`` at least 1, or ``math.inf``; raise ``ValueError`` otherwise."""
    try:
        if not isinstance(K, str) and float(K) == math.inf:
            return math.inf
        whole = None if isinstance(K, str) or not float(K).is_integer() else int(K)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if whole is None or isinstance(K, (bool, np.bool_)):
        raise ValueError(
            f"K = {K!r} is not a number of candidates: give a whole number >= 1 or math.inf."
        )
    if whole < 1:
        raise ValueError(f"K = {K!r} is below 1: at least one candidate must be drawn.")
    return whole


def check_ratio(lam: float | Rational) -> float | Fraction:
    """Return the synthetic-to-real ratio, at least 0 and possibly ``math.inf``."""
    if isinstance(lam, (bool, np.bool_, str)):
        raise ValueError(f"lam = {lam!r} is not a ratio: give a number of at least 0, or math.inf.")
    if isinstance(lam, Rational):
        value: float | Fraction = fraction(lam)
    else:
        try:
            value = float(lam)
        except (TypeError, ValueError):
            value = math.nan
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(f"lam = {lam!r} is not a ratio: give a number of at least 0, or math.inf.")
    if LARGEST_RATIO < value < math.inf:
        raise ValueError(
            f"lam is above {LARGEST_RATIO:g}: use math.inf for a loop without real data."
        )
    if value < 0:
        raise ValueError(
            f"lam = {lam!r} is negative: the synthetic-to-real ratio must be at least 0 "
            "(math.inf for a loop without real data)."
        )
    return value


def check_steps(steps: int) -> int:
    """Return a number of retraining rounds, a whole number of at least 0."""
    try:
        whole = operator.index(steps)
    except TypeError:
        raise ValueError(f"steps = {steps!r} is not a whole number of rounds.") from None
    if whole < 0 or isinstance(steps, (bool, np.bool_)):
        raise ValueError(f"steps = {steps!r} is not a number of rounds: give a whole number >= 0.")
    return whole


def float_vector(values: Any, name: str) -> FloatArray:
    """Return a fresh one-dimensional, non-empty float64 array, or say what is wrong with it."""
    try:
        vector = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} cannot be read as a list of real numbers.") from None
    if vector.ndim != 1 or vector.size == 0:
        raise ValueError(
            f"{name} has shape {vector.shape}: give a non-empty one-dimensional list of numbers."
        )
    return vector


def refuse_first(bad: NDArray[np.bool_], values: Any, name: str, complaint: str) -> None:
    """Raise naming the first entry of ``values`` where ``bad`` is true, if there is one."""
    if bad.any():
        index = int(np.argmax(bad))
        raise ValueError(f"{name}[{index}] = {values[index]} {complaint}")
