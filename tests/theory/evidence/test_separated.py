"""Bounds of the curation factor on weights far apart contain what enumeration gives."""

from __future__ import annotations

from fractions import Fraction

import flint
import pytest

from theory.enumeration import enumerate_factor
from theory.evidence import ball
from theory.evidence.instance import Instance
from theory.evidence.precision import ball as lift
from theory.evidence.separated import FAR_APART, enclose_factor, far_apart

SPREAD = [1, 5, 2, 6, 4, 3]
# Nearly all opponents are far below the best one: the others add next to nothing.
LOW = [10**12, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("K", [2, 3, 5])
@pytest.mark.parametrize("base", [Fraction(3, 2), Fraction(FAR_APART)], ids=["close", "far"])
@pytest.mark.parametrize("shares", [SPREAD, LOW], ids=["spread", "low"])
def test_the_balls_contain_the_factors(K: int, base: Fraction, shares: list[int]) -> None:
    masses = [Fraction(share, sum(shares)) for share in shares]
    weights = [base**level for level in range(len(masses))]
    exact = enumerate_factor(masses, weights, K)
    with flint.ctx.workprec(400):
        enclosed = enclose_factor([lift(mass) for mass in masses], weights, K)
        differences = [
            enclosure - lift(value) for enclosure, value in zip(enclosed, exact, strict=True)
        ]
        assert all(difference.contains(0) for difference in differences)
    if base == FAR_APART:
        assert max(float(enclosure.rad()) for enclosure in enclosed) < 1e-8


def test_far_apart_means_each_weight_from_the_next() -> None:
    assert far_apart([Fraction(FAR_APART**2), Fraction(1), Fraction(FAR_APART)])
    assert not far_apart([Fraction(FAR_APART**2), Fraction(2), Fraction(FAR_APART)])


@pytest.mark.parametrize(("apart", "expected"), [(FAR_APART, True), (FAR_APART - 1, False)])
def test_a_run_on_many_levels_is_affordable_when_they_are_far_apart(
    apart: int, expected: bool
) -> None:
    weights = [apart**level for level in range(24)]
    instance = Instance.of([1] * 24, weights, K=8, lam=Fraction(1, 7), steps=2)
    assert ball.affordable(instance) is expected
