r"""Certified evidence: the whole run in balls that contain the true numbers.

A comparison is decided when its margin's ball excludes 0. Otherwise the precision is doubled; what
is still open at the highest precision (a margin that *is* 0, as at K = 1) goes to exact arithmetic,
and what exact arithmetic cannot represent stays undecided. Nothing passes by being close.
Equalities can be refuted by balls and never established, so they are left to exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from theory.enumeration import enumerate_factor
from theory.evidence import rational
from theory.evidence.instance import Instance
from theory.evidence.judge import SidesOf, compare, entries, judged, tightest
from theory.evidence.precision import ball
from theory.evidence.run import Numbers, infinite_factor, run_loop, weight_levels
from theory.evidence.separated import enclose_factor, far_apart
from theory.evidence.sides import Relation, Sides
from theory.evidence.verdict import Comparison, Status, Strength, Verdict

PRECISIONS = (128, 256, 1024, 4096)
# About a tenth of a second of ball operations at the lowest precision.
OPERATIONS_LIMIT = 80_000
# Integrals are bounds with room to spare: this many bits at any precision.
INTEGRAL_BITS = 50
# Terms of one round beyond which weights far apart are enclosed instead of enumerated, and entries
# of all the enclosure's matrix products that take about a second.
LISTED_LIMIT = 200
ENTRIES_LIMIT = 4_000_000


class BallArithmetic:
    """``flint.arb`` entries at the current precision.

    Parameters
    ----------
    enclosing
        Whether the curation factor of many weights far apart may be enclosed by bounds, which no
        precision makes finer than the weights are apart.
    """

    def __init__(self, *, enclosing: bool = True) -> None:
        self.enclosing = enclosing

    def number(self, value: int | Fraction) -> flint.arb:
        """The rational as a ball."""
        return ball(value)

    def array(self, values: Sequence[Fraction]) -> Numbers:
        """Rationals as an object array of balls, shape (n,)."""
        return np.array([ball(value) for value in values], dtype=object)

    def log(self, value: Any) -> Any:
        """Logarithm; not a number where the ball reaches 0, which then decides nothing."""
        return np.frompyfunc(flint.arb.log, 1, 1)(value)

    def exp(self, value: Any) -> Any:
        """Exponential."""
        return np.frompyfunc(flint.arb.exp, 1, 1)(value)

    def hypergeometric(self, a: Any, b: Any, c: Any, z: Any) -> flint.arb:
        r"""Gauss's :math:`{}_2F_1(a, b; c; z)`."""
        return flint.arb(z).hypgeom_2f1(a, b, c)

    def digamma(self, value: Any) -> flint.arb:
        r"""The digamma function :math:`\psi`."""
        return flint.arb(value).digamma()

    def euler(self) -> flint.arb:
        r"""Euler's constant :math:`\gamma`."""
        return flint.arb.const_euler()

    def between(self, low: Fraction, high: Fraction) -> flint.arb:
        """A ball around both bounds."""
        return ball(low).union(ball(high))

    def integral(self, integrand: Callable[[Any, Callable[[Any], Any]], Any]) -> flint.arb:
        r""":math:`\int_0^1` by adaptive Gauss–Legendre quadrature with rigorous error bounds."""

        def value(u: flint.acb, analytic: bool) -> flint.acb:
            return flint.acb(integrand(u, lambda z: flint.acb(z).log(analytic=analytic)))

        tolerance = flint.arb(2) ** -INTEGRAL_BITS
        return flint.acb.integral(value, 0, 1, rel_tol=tolerance, abs_tol=tolerance).real

    def is_zero(self, values: Numbers) -> NDArray[np.bool_]:
        """Where the entries are exactly 0: not merely balls around it."""
        return np.array([value.is_zero() for value in values], dtype=bool)

    def factor(self, law: Numbers, weights: Sequence[Any], K: int | float) -> Numbers:
        """Curation factor in balls over the distinct weights: by enumeration, or by bounds where
        many weights are far apart."""
        if K == math.inf:
            return infinite_factor(law, self.array(weights))
        levels, distinct, enclosed = _plan(tuple(weights), K)
        masses = [law[levels == rank].sum() for rank in range(len(distinct))]
        if enclosed and self.enclosing:
            by_rank = enclose_factor(masses[::-1], distinct[::-1], int(K))[::-1]
            return np.array(by_rank, dtype=object)[levels]
        # flint's own rationals hash and add far faster than Fraction.
        rationals = [flint.fmpq(weight.numerator, weight.denominator) for weight in distinct]
        factors = np.array(enumerate_factor(masses, rationals, int(K)), dtype=object)
        per_atom: Numbers = factors[levels]
        return per_atom


def affordable(instance: Instance) -> bool:
    """Whether a run in balls takes well under a second."""
    steps = max(instance.steps, 1)
    _, distinct, enclosed = _plan(instance.weights, instance.K)
    # A choice model has weights of its own, which may be far apart or not.
    if enclosed and instance.choice is None:
        return len(distinct) ** 2 * (int(instance.K) - 1) * steps <= ENTRIES_LIMIT
    return listable(instance)


def listable(instance: Instance) -> bool:
    """Whether listing the draws of every round takes well under a second."""
    return instance.terms * max(instance.steps, 1) <= OPERATIONS_LIMIT


@lru_cache(maxsize=256)
def _plan(
    weights: tuple[Fraction, ...], K: int | float
) -> tuple[NDArray[np.int64], tuple[Fraction, ...], bool]:
    """Ranks of the weights, the distinct ones from the largest on, and whether the factor on them
    is enclosed by bounds instead of enumerated."""
    levels = weight_levels(weights)
    distinct = tuple(sorted(set(weights), reverse=True))
    n = len(distinct)
    few = K in (1, math.inf) or n * math.comb(n + int(K) - 2, int(K) - 1) <= LISTED_LIMIT
    return levels, distinct, not few and far_apart(distinct)


def check(sides: SidesOf, instance: Instance) -> Verdict:
    """Decide every comparison on the instance, raising the precision until that is done."""
    comparisons: tuple[Comparison, ...] = ()
    for precision in PRECISIONS:
        # What bounds leave open is listed, if it can be.
        enclosing = precision == PRECISIONS[0] or not listable(instance)
        with flint.ctx.workprec(precision):
            run = run_loop(instance, BallArithmetic(enclosing=enclosing))
            comparisons = tightest(judged(sides(run), judge))
        verdict = Verdict(Strength.CERTIFIED, instance, comparisons, f"{precision} bits")
        if verdict.status is not Status.UNDECIDED:
            return verdict
    return _settle_exactly(sides, instance, comparisons)


def _settle_exactly(
    sides: SidesOf, instance: Instance, comparisons: tuple[Comparison, ...]
) -> Verdict:
    """Replace the parts that balls left open by exact comparisons, where these settle them."""
    exact = {c.part: c for c in rational.check(sides, instance).comparisons}
    settled = tuple(
        exact[comparison.part]
        if comparison.status is Status.UNDECIDED
        and _settles(exact.get(comparison.part), comparison)
        else comparison
        for comparison in comparisons
    )
    return Verdict(
        Strength.CERTIFIED, instance, settled, f"{PRECISIONS[-1]} bits, then exact arithmetic"
    )


def _settles(exact: Comparison | None, open_one: Comparison) -> bool:
    """Whether exact arithmetic decides a part: it may end before the last of its comparisons, and
    what it has not seen may fail."""
    if exact is None:
        return False
    complete = exact.status is Status.HOLDS and exact.moments == open_one.moments
    return exact.status is Status.FAILS or complete


def judge(sides: Sides) -> Comparison:
    """The tightest entry of one comparison, decided where the margin's ball excludes 0."""
    (comparison,) = tightest(_judge_entry(entry) for entry in entries(sides))
    return comparison


def _judge_entry(sides: Sides) -> Comparison:
    margin = flint.arb(sides.margin)
    if sides.relation is Relation.EQUAL:
        excluded = bool(margin > 0) or bool(margin < 0)
        return compare(sides, Status.FAILS if excluded else Status.OUT_OF_REACH)
    if margin.is_zero() or margin > 0:
        return compare(sides, Status.HOLDS)
    return compare(sides, Status.FAILS if margin < 0 else Status.UNDECIDED)
