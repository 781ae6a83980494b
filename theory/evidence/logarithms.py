r"""Exact arithmetic with logarithms: numbers :math:`a + \sum_j c_j \log b_j`, all rational.

Relative entropies of rational laws have this form. Their sign is decided with no rounding:

* multiplying out, the :math:`b_j` can be written over pairwise coprime integers greater than 1,
  whose logarithms are linearly independent over the rationals (unique factorisation); and
  :math:`e^a` is transcendental for rational :math:`a \ne 0` (Lindemann). So the number is 0 exactly
  when a and every coefficient over the coprime base are 0;
* a number that is not 0 shows its sign to balls of high enough precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from numbers import Rational
from typing import Any

import flint

from theory.evidence.precision import ball
from theory.evidence.run import OutOfReach

FIRST_PRECISION = 64
# Below this precision balls almost always decide; the coprime base is computed once beyond it.
ZERO_TEST_PRECISION = 512
# Beyond this precision a sign is given up: a number of a claim is 0 or larger than 2^-30000.
LAST_PRECISION = 2**15


class LogNumber:
    r"""The number :math:`a + \sum_j c_j \log b_j`, closed under + and − and rational multiples.

    Examples
    --------
    >>> log_of(Fraction(4)) - 2 * log_of(Fraction(2)) == 0
    True
    >>> log_of(Fraction(2)) > Fraction(69, 100)
    True
    """

    __slots__ = ("constant", "terms")

    def __init__(
        self, constant: Fraction = Fraction(0), terms: Mapping[Fraction, Fraction] | None = None
    ) -> None:
        self.constant = constant
        self.terms = {b: c for b, c in (terms or {}).items() if c != 0}

    def __add__(self, other: Any) -> LogNumber:
        if isinstance(other, Rational):
            return LogNumber(self.constant + Fraction(other), self.terms)
        if not isinstance(other, LogNumber):
            return NotImplemented
        terms = dict(self.terms)
        for b, c in other.terms.items():
            terms[b] = terms.get(b, Fraction(0)) + c
        return LogNumber(self.constant + other.constant, terms)

    def __mul__(self, other: Any) -> LogNumber:
        if isinstance(other, LogNumber):
            if self.terms and other.terms:
                raise OutOfReach("a product of logarithms has no exact value here")
            return self * other.constant if self.terms else other * self.constant
        if not isinstance(other, Rational):
            return NotImplemented
        scale = Fraction(other)
        return LogNumber(self.constant * scale, {b: c * scale for b, c in self.terms.items()})

    def __truediv__(self, other: Any) -> LogNumber:
        if isinstance(other, LogNumber):
            if other.terms:
                raise OutOfReach("a quotient of logarithms has no exact value here")
            other = other.constant
        if not isinstance(other, Rational):
            return NotImplemented
        return self * (1 / Fraction(other))

    def __rtruediv__(self, other: Any) -> LogNumber:
        if not isinstance(other, Rational):
            return NotImplemented
        return LogNumber(Fraction(other)) / self

    def __pow__(self, exponent: int) -> LogNumber:
        if not isinstance(exponent, int) or exponent < 0:
            return NotImplemented
        power = LogNumber(Fraction(1))
        for _ in range(exponent):
            power = power * self
        return power

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> LogNumber:
        return self * -1

    def __sub__(self, other: Any) -> LogNumber:
        return self + -other

    def __rsub__(self, other: Any) -> LogNumber:
        return -self + other

    def __abs__(self) -> LogNumber:
        return -self if self.sign() < 0 else self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Rational, LogNumber)):
            return NotImplemented
        return (self - other).sign() == 0

    # Equal numbers can be written in different ways, so there is no cheap consistent hash.
    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Any) -> bool:
        return (self - other).sign() < 0

    def __le__(self, other: Any) -> bool:
        return (self - other).sign() <= 0

    def __gt__(self, other: Any) -> bool:
        return (self - other).sign() > 0

    def __ge__(self, other: Any) -> bool:
        return (self - other).sign() >= 0

    def sign(self) -> int:
        """-1, 0 or 1.

        Raises
        ------
        OutOfReach
            When the number is not 0 and too close to it.
        """
        if not self.terms:
            return (self.constant > 0) - (self.constant < 0)
        precision, independent = FIRST_PRECISION, False
        while True:
            enclosure = self.enclosure(precision)
            if enclosure > 0:
                return 1
            if enclosure < 0:
                return -1
            if precision >= ZERO_TEST_PRECISION and not independent:
                reduced = self.over_coprime_base()
                if not reduced.terms:
                    return reduced.sign()
                independent = True
            if precision >= LAST_PRECISION:
                raise OutOfReach(
                    f"{precision} bits do not show the sign of a number with logarithms"
                )
            precision *= 2

    def enclosure(self, precision: int) -> flint.arb:
        """A ball of about ``precision`` bits that contains the number."""
        with flint.ctx.workprec(precision):
            total = ball(self.constant)
            for b, c in self.terms.items():
                total += ball(c) * ball(b).log()
            return total

    def over_coprime_base(self) -> LogNumber:
        """The same number with logarithms of pairwise coprime integers greater than 1."""
        base = _coprime_base([n for b in self.terms for n in (b.numerator, b.denominator)])
        terms: dict[Fraction, Fraction] = {}
        for b, c in self.terms.items():
            for element in base:
                power = _valuation(b.numerator, element) - _valuation(b.denominator, element)
                key = Fraction(element)
                terms[key] = terms.get(key, Fraction(0)) + power * c
        return LogNumber(self.constant, terms)

    def __float__(self) -> float:
        precision = FIRST_PRECISION
        while precision <= ZERO_TEST_PRECISION:
            enclosure = self.enclosure(precision)
            # 53 correct bits, or so small that no further bits are worth having.
            if enclosure.rel_accuracy_bits() >= 53:
                break
            precision *= 2
        return float(enclosure)

    def __repr__(self) -> str:
        logs = "".join(f" + {c}·log({b})" for b, c in self.terms.items())
        return f"{self.constant}{logs}"


def log_of(value: Fraction | LogNumber) -> LogNumber:
    """Natural logarithm of a positive rational.

    Raises
    ------
    OutOfReach
        For a number with logarithms.
    ValueError
        When the number is not positive.
    """
    if isinstance(value, LogNumber):
        if value.terms:
            raise OutOfReach("the logarithm of a logarithm has no exact value here")
        value = value.constant
    if value <= 0:
        raise ValueError(f"the logarithm of {value} is not a real number.")
    return LogNumber(terms={} if value == 1 else {Fraction(value): Fraction(1)})


def _coprime_base(integers: list[int]) -> list[int]:
    """Pairwise coprime integers > 1 of which every given positive integer is a product."""
    base: list[flint.fmpz] = []
    pending = [flint.fmpz(n) for n in integers if n > 1]
    while pending:
        number = pending.pop()
        for index, element in enumerate(base):
            divisor = number.gcd(element)
            if divisor > 1:
                base.pop(index)
                parts = (divisor, number // divisor, element // divisor)
                pending.extend(part for part in parts if part > 1)
                break
        else:
            base.append(number)
    return [int(element) for element in base]


def _valuation(number: int, element: int) -> int:
    count = 0
    while number % element == 0:
        number //= element
        count += 1
    return count
