r"""Exact evidence: the whole run in rational numbers, the sign of every margin decided exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.enumeration import enumerate_factor
from theory.evidence.instance import Instance
from theory.evidence.judge import SidesOf, compare, entries, judged, tightest
from theory.evidence.logarithms import LogNumber, log_of
from theory.evidence.run import Numbers, OutOfReach, infinite_factor, run_loop
from theory.evidence.sides import Relation, Sides
from theory.evidence.verdict import Comparison, Status, Strength, Verdict

# Denominators grow by a factor of about K in bits per round (see `growth`). Beyond this many times
# the bits of the input, a run takes noticeable fractions of a second.
GROWTH_LIMIT = 300
# About half a second of exact terms.
TERMS_LIMIT = 5_000


class RationalArithmetic:
    """``Fraction`` entries, and logarithms of them as :class:`LogNumber`."""

    def number(self, value: int | Fraction) -> Fraction:
        """The rational itself."""
        return Fraction(value)

    def array(self, values: Sequence[Fraction]) -> Numbers:
        """Rationals as an object array, shape (n,)."""
        return np.array([Fraction(value) for value in values], dtype=object)

    def log(self, value: Any) -> Any:
        """Logarithm of positive rationals, kept symbolic."""
        return np.frompyfunc(log_of, 1, 1)(value)

    def exp(self, value: Any) -> Any:
        """Not a rational number."""
        raise OutOfReach("the exponential of a rational is not rational")

    def hypergeometric(self, a: Any, b: Any, c: Any, z: Any) -> Any:
        """Not a rational number."""
        raise OutOfReach("the hypergeometric function has no exact value here")

    def digamma(self, value: Any) -> Any:
        """Not a rational number."""
        raise OutOfReach("the digamma function has no exact value here")

    def euler(self) -> Any:
        """Not known to be a rational number."""
        raise OutOfReach("Euler's constant has no exact value here")

    def between(self, low: Fraction, high: Fraction) -> Fraction:
        """The rational that both bounds are."""
        if low < high:
            raise OutOfReach("a number known by its bounds only has no exact value here")
        return low

    def integral(self, integrand: Callable[[Any, Callable[[Any], Any]], Any]) -> Any:
        """Not a rational number, nor a logarithm of one."""
        raise OutOfReach("the integral has no exact value here")

    def is_zero(self, values: Numbers) -> NDArray[np.bool_]:
        """Where the entries are 0."""
        return np.array([value == 0 for value in values], dtype=bool)

    def factor(self, law: Numbers, weights: Sequence[Any], K: int | float) -> Numbers:
        """Curation factor by exact enumeration."""
        if K == math.inf:
            return infinite_factor(law, self.array(weights))
        return np.array(enumerate_factor(list(law), list(weights), int(K)), dtype=object)


def growth(instance: Instance) -> float:
    """About how many times longer the run's denominators are than the instance's."""
    tabled = instance.choice is not None and instance.choice.columns is not None
    if instance.K == 1 or (len(set(instance.weights)) == 1 and not tabled):
        return 1.0
    if instance.K == math.inf:
        return instance.steps if instance.lam == math.inf else 2.0 ** min(instance.steps, 60)
    # In logs: the power itself may overflow.
    return math.exp(min(instance.steps * math.log(instance.K), math.log(1e18)))


def affordable(instance: Instance) -> bool:
    """Whether an exact run takes well under a second."""
    return growth(instance) <= GROWTH_LIMIT and instance.terms <= TERMS_LIMIT


def check(sides: SidesOf, instance: Instance) -> Verdict:
    """Evaluate every comparison on the instance and decide it with no rounding at all."""
    if not affordable(instance):
        return Verdict(Strength.EXACT, instance, (), "too long a computation in exact arithmetic")
    comparisons: list[Comparison] = []
    note = ""
    try:
        # What was decided stands when a later comparison is beyond rationals.
        comparisons.extend(judged(sides(run_loop(instance, RationalArithmetic())), judge))
    except OutOfReach as reason:
        note = str(reason)
    return Verdict(Strength.EXACT, instance, tightest(comparisons), note)


def judge(sides: Sides) -> Comparison:
    """The tightest entry of one comparison, decided by the sign of its margin."""
    (comparison,) = tightest(_judge_entry(entry) for entry in entries(sides))
    return comparison


def _judge_entry(sides: Sides) -> Comparison:
    margin = sides.margin
    if not isinstance(margin, (int, Fraction, LogNumber)):
        raise TypeError(
            f"part {sides.part!r} has the margin {margin!r}, of type {type(margin).__name__}, in "
            "exact arithmetic: write every constant as run.number(Fraction(…))."
        )
    try:
        holds = margin == 0 if sides.relation is Relation.EQUAL else margin >= 0
    except OutOfReach:
        return compare(sides, Status.OUT_OF_REACH)
    return compare(sides, Status.HOLDS if holds else Status.FAILS)
