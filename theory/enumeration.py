r"""The curation factor by enumeration: exact for rationals, rigorous for balls.

.. math:: H_i = \sum_s P(W_2 + \dots + W_K = s)\, \frac{K w_i}{w_i + s}

The law of the sum of K - 1 draws is built once, not draw by draw: as one power of an integer
polynomial when the weights have a small common denominator, otherwise atom by atom over the
multisets of draws, equal sums merged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from numbers import Rational
from typing import Any

import flint

# Beyond this many coefficients the polynomial power is slower than merging multisets.
DENSE_DEGREE_LIMIT = 2_000_000
# About ten seconds of multisets.
MULTISET_LIMIT = 2_000_000


def enumerate_factor(probabilities: Sequence[Any], weights: Sequence[Any], K: int) -> list[Any]:
    r"""Curation factors :math:`H_i` of a finite law by exact summation over all draws.

    Parameters
    ----------
    probabilities
        n numbers of one type: ``Fraction``/``int`` (exact result), ``flint.arb`` (balls that
        contain the exact result) or ``float``.
    weights
        n numbers :math:`w_i \ge 0`: ``Fraction``/``int``, or of the probabilities' type.
        Groups whose weights are all 0 keep each candidate with probability 1/K.
    K
        Candidates, a whole number of at least 1.

    Returns
    -------
    list
        n factors of the probabilities' type, with :math:`\sum_i p_i H_i = 1`.

    Raises
    ------
    ValueError
        When the number of multisets exceeds ``MULTISET_LIMIT``, with the number.

    Examples
    --------
    >>> enumerate_factor([Fraction(1, 2), Fraction(1, 2)], [1, 3], 2)
    [Fraction(3, 4), Fraction(5, 4)]
    """
    if K == 1:
        return [probabilities[0] * 0 + 1 for _ in weights]
    if all(isinstance(entry, Rational) for entry in [*probabilities, *weights]):
        return _exact_factors(
            [Fraction(p) for p in probabilities], [Fraction(w) for w in weights], K
        )
    one = probabilities[0] * 0 + 1
    if isinstance(one, flint.arb):
        rational = [_as_fraction(weight) for weight in weights]
        if None not in rational:
            return _enclosed_factors(probabilities, [w for w in rational if w is not None], K, one)
    # int / int would be a rounded float, outside every ball.
    weights = [Fraction(w) if isinstance(w, int) else w for w in weights]
    lift = _lift_to_ball if isinstance(one, flint.arb) else _identity
    sums = _sums_over_multisets(probabilities, weights, K - 1, one)
    factors = []
    for weight in weights:
        factor = one * 0
        for total, probability in sums.items():
            if not _is_zero(weight):
                factor = factor + probability * lift(K * weight / (weight + total))
            elif _is_zero(total):
                factor = factor + probability
        factors.append(factor)
    return factors


def enumeration_cost(weights: Sequence[Fraction], K: int) -> int:
    """Number of terms that exact enumeration sums for every atom: the smaller of the sum's range
    in units of the common denominator and the number of multisets."""
    integers = _integer_weights(weights)
    return min((K - 1) * max(integers) + 1, math.comb(len(weights) + K - 2, K - 1))


def _exact_factors(
    probabilities: list[Fraction], weights: list[Fraction], K: int
) -> list[Fraction]:
    integers = _integer_weights(weights)
    denominator = math.lcm(*(p.denominator for p in probabilities))
    masses = [p.numerator * (denominator // p.denominator) for p in probabilities]
    degree = (K - 1) * max(integers)
    multisets = math.comb(len(weights) + K - 2, K - 1)
    if degree <= DENSE_DEGREE_LIMIT and degree <= 64 * multisets:
        coefficients = [0] * (max(integers) + 1)
        for mass, weight in zip(masses, integers, strict=True):
            coefficients[weight] += mass
        power = flint.fmpz_poly(coefficients) ** (K - 1)
        sums = {s: c for s, c in enumerate(power.coeffs()) if c != 0}
    else:
        sums = _sums_over_multisets([flint.fmpz(m) for m in masses], integers, K - 1, flint.fmpz(1))
    scale = flint.fmpz(denominator) ** (K - 1)
    cache: dict[int, Fraction] = {}
    for weight in set(integers):
        if weight == 0:
            numerator, divisor = sums.get(0, flint.fmpz(0)), scale
        else:
            numerator, harmonic = _sum_by_binary_splitting(
                [K * weight * c for c in sums.values()], [flint.fmpz(weight + s) for s in sums]
            )
            divisor = harmonic * scale
        cache[weight] = Fraction(int(numerator), int(divisor))
    return [cache[weight] for weight in integers]


def _enclosed_factors(
    probabilities: Sequence[flint.arb], weights: list[Fraction], K: int, one: flint.arb
) -> list[flint.arb]:
    # A scale of the weights leaves the factors alone, and sums of integers add and hash fastest.
    integers = _integer_weights(weights)
    sums = _sums_over_multisets(probabilities, integers, K - 1, one)
    cache: dict[int, flint.arb] = {}
    for weight in set(integers):
        if weight == 0:
            cache[weight] = sums.get(0, one * 0)
        else:
            terms = (chance / (weight + total) for total, chance in sums.items())
            cache[weight] = K * weight * sum(terms, start=one * 0)
    return [cache[weight] for weight in integers]


def _integer_weights(weights: Sequence[Fraction]) -> list[int]:
    common = math.lcm(*(Fraction(w).denominator for w in weights))
    integers = [int(w * common) for w in weights]
    divisor = math.gcd(*integers) or 1
    return [integer // divisor for integer in integers]


def _sums_over_multisets(
    probabilities: Sequence[Any], weights: Sequence[Any], draws: int, one: Any
) -> dict[Any, Any]:
    """Law of the sum of ``draws`` weights, adding the copies of one atom after another."""
    count = math.comb(len(weights) + draws - 1, draws)
    if count > MULTISET_LIMIT:
        raise ValueError(
            f"enumeration would visit {count} multisets ({len(weights)} atoms, {draws} draws), "
            f'more than {MULTISET_LIMIT}: use fewer atoms, a smaller K, or method="quadrature".'
        )
    partial: dict[tuple[int, Any], Any] = {(0, weights[0] * 0): one}
    last = len(weights) - 1
    for index, (probability, weight) in enumerate(zip(probabilities, weights, strict=True)):
        powers = [one]
        for _ in range(draws):
            powers.append(powers[-1] * probability)
        merged: dict[tuple[int, Any], Any] = {}
        for (used, total), mass in partial.items():
            free = draws - used
            for copies in range(free if index == last else 0, free + 1):
                key = (used + copies, total + copies * weight)
                term = mass * (math.comb(free, copies) * powers[copies])
                merged[key] = merged[key] + term if key in merged else term
        partial = merged
    return {total: mass for (_, total), mass in partial.items()}


def _sum_by_binary_splitting(numerators: list[Any], denominators: list[Any]) -> tuple[Any, Any]:
    """Sum of fractions over one denominator, halving the list so that operands stay balanced."""
    while len(numerators) > 1:
        if len(numerators) % 2:
            numerators.append(flint.fmpz(0))
            denominators.append(flint.fmpz(1))
        left, right = denominators[::2], denominators[1::2]
        numerators = [
            a * d + c * b
            for a, c, b, d in zip(numerators[::2], numerators[1::2], left, right, strict=True)
        ]
        denominators = [b * d for b, d in zip(left, right, strict=True)]
    return numerators[0], denominators[0]


def _as_fraction(value: Any) -> Fraction | None:
    """The number as a fraction, if it is a rational of Python's or flint's."""
    if isinstance(value, flint.fmpq):
        return Fraction(int(value.p), int(value.q))
    return Fraction(value) if isinstance(value, Rational) else None


def _is_zero(value: Any) -> bool:
    return bool(value == 0)


def _identity(value: Any) -> Any:
    return value


def _lift_to_ball(value: Any) -> Any:
    if isinstance(value, (int, Fraction)):
        return flint.arb(flint.fmpq(value.numerator, value.denominator))
    return value
