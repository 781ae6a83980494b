"""The recursions of Theorem 2.3, against loops by enumeration."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy

from theory import Law, RetrainingLoop
from theory.derivations import theorem_2_3 as derived


def excesses(lam: Fraction, K: int, rounds: int) -> tuple[list[Fraction], Fraction, Fraction]:
    """x_1, ..., x_t of an exact loop, V and c."""
    law = Law.from_weights([Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)], [4, 5, 6])
    run = RetrainingLoop(law, K=K, lam=lam, arithmetic="exact").run(rounds)
    weight, variance = run.expected_weight, run.weight_variance[0]
    return [x - weight[0] for x in weight[1:]], variance, Fraction(K - 1, K * 6)


def value(expression: sympy.Expr, lam: Fraction, variance: Fraction, c: Fraction) -> Fraction:
    numbers = {derived.LAM: lam, derived.V: variance, derived.C: c}
    rationals = {k: sympy.Rational(v.numerator, v.denominator) for k, v in numbers.items()}
    return Fraction(str(expression.subs(rationals)))


@pytest.mark.parametrize("lam", [Fraction(1, 4), Fraction(1), Fraction(6)], ids=str)
def test_every_bound_holds_in_a_loop_and_they_are_ordered(lam: Fraction) -> None:
    gains, variance, c = excesses(lam, 3, 3)
    floors = (derived.floor_by_pairs(), derived.floor_by_mixture())
    paper = value(derived.one_round(floors[0]), lam, variance, c)
    sharp = value(derived.settled(floors[1]), lam, variance, c)
    assert sharp / paper == (1 + lam) ** 2
    assert paper < sharp
    for t, gain in enumerate(gains, start=1):
        assert gain >= sharp
        for floor in floors:
            assert gain >= value(derived.excess(floor, t), lam, variance, c)


def test_settled_is_where_the_recursion_goes() -> None:
    lam, variance, c = Fraction(2), Fraction(3), Fraction(1, 5)
    for floor in (derived.floor_by_pairs(), derived.floor_by_mixture()):
        limit = value(derived.settled(floor), lam, variance, c)
        path = [value(derived.excess(floor, t), lam, variance, c) for t in (1, 2, 3, 4)]
        # The first round is s c V, whatever the floor.
        assert path[0] == Fraction(2, 3) * variance * c
        gaps = [x - limit for x in path]
        assert all(gap >= 0 for gap in gaps)
        # Each round multiplies the gap by λ/(1+λ).
        assert all(after == before * Fraction(2, 3) for before, after in pairwise(gaps))
    assert derived.synthetic_share().subs(derived.LAM, 2) == sympy.Rational(2, 3)


def test_variance_of_a_mixture_of_samples() -> None:
    first, second = np.array([0.0, 1.0, 5.0]), np.array([2.0, 3.0, 4.0])
    numbers = {
        derived.SHARE: 0.5,
        derived.MEAN_1: first.mean(),
        derived.MEAN_2: second.mean(),
        derived.VARIANCE_1: first.var(),
        derived.VARIANCE_2: second.var(),
    }
    pooled = np.concatenate([first, second]).var()
    assert float(derived.variance_of_mixture().subs(numbers)) == pytest.approx(pooled, rel=1e-14)


def test_the_likelihood_ratio_step_by_hand() -> None:
    expression = derived.likelihood_ratio_step()
    names = (derived.B, derived.D, derived.W, derived.E, derived.Q_B, derived.Q_D, derived.G)
    b, d, w, e, q_b, q_d, g, rise = (Fraction(n) for n in (2, 3, 1, 4, 5, 7, 11, 13))
    numbers = dict(zip((*names, derived.RISE), (b, d, w, e, q_b, q_d, g, rise), strict=True))

    def mean(weight: Fraction, low: Fraction, high: Fraction) -> Fraction:
        return q_b * low / (weight + b) + q_d * high / (weight + b + d)

    one = Fraction(1)
    crossed = mean(w + e, g, g + rise) * mean(w, one, one) - mean(w, g, g + rise) * mean(
        w + e, one, one
    )
    got = expression.subs({k: sympy.Integer(int(v)) for k, v in numbers.items()})
    assert Fraction(str(got)) == crossed
    assert crossed > 0
    # Positive for all positive values: SymPy knows the signs of its symbols.
    assert expression.is_positive


def test_other_rivals_leave_the_step_positive() -> None:
    expression = derived.other_rivals()
    assert expression.is_positive
    # At w = 2, d = 3 and masses 5, 7 by hand: f, f' and f'' of 5/y + 7/(y + 3).
    f, slope, curvature = (
        c * (5 / Fraction(2) ** n + 7 / Fraction(5) ** n) for n, c in ((1, 1), (2, -1), (3, 2))
    )
    names = (derived.W, derived.D, derived.Q_B, derived.Q_D)
    got = expression.subs(dict(zip(names, (2, 3, 5, 7), strict=True)))
    assert Fraction(str(got)) == f * curvature - slope**2


def test_rounds_start_at_one() -> None:
    with pytest.raises(ValueError, match="from 1 on"):
        derived.excess(derived.floor_by_pairs(), 0)
