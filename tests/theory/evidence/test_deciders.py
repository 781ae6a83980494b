"""What passes, what fails and what stays open, at each strength of evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from theory.evidence import ball, numeric, rational
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.separated import FAR_APART
from theory.evidence.sides import Relation, Sides
from theory.evidence.verdict import Status, Strength, Verdict

INSTANCE = Instance.of([1, 2], [1, 3], K=2, steps=2)
LONG = Instance.of([1, 2], [1, 3], K=4, steps=12)

Check = Callable[[Callable[[Run], Iterator[Sides]], Instance], Verdict]


def check_in_float64(sides: Callable[[Run], Iterator[Sides]], instance: Instance) -> Verdict:
    return numeric.check(sides, numeric.Scenario.of(instance))


EVERY_STRENGTH = pytest.mark.parametrize("check", [rational.check, ball.check, check_in_float64])


def weight_compared(relation: Relation, offset: Fraction) -> Callable[[Run], Iterator[Sides]]:
    def sides(run: Run) -> Iterator[Sides]:
        value = run.expected_weight(0)
        yield Sides("part", relation, value + run.number(offset), value, 0)

    return sides


@EVERY_STRENGTH
@pytest.mark.parametrize(("relation", "sign"), [(Relation.AT_MOST, -1), (Relation.AT_LEAST, 1)])
@pytest.mark.parametrize("size", [Fraction(1, 10**6), Fraction(1)])
def test_inequalities_follow_the_sign_of_their_margin(
    check: Check, relation: Relation, sign: int, size: Fraction
) -> None:
    assert check(weight_compared(relation, sign * size), INSTANCE).status is Status.HOLDS
    assert check(weight_compared(relation, -sign * size), INSTANCE).status is Status.FAILS


@EVERY_STRENGTH
@pytest.mark.parametrize("offset", [Fraction(1, 10**6), Fraction(-1)])
def test_an_equality_that_is_off_fails(check: Check, offset: Fraction) -> None:
    assert check(weight_compared(Relation.EQUAL, offset), INSTANCE).status is Status.FAILS


def test_an_equality_is_decided_exactly_and_never_by_balls() -> None:
    sides = weight_compared(Relation.EQUAL, Fraction(0))
    assert rational.check(sides, INSTANCE).status is Status.HOLDS
    assert ball.check(sides, INSTANCE).status is Status.OUT_OF_REACH
    assert check_in_float64(sides, INSTANCE).status is Status.HOLDS


@pytest.mark.parametrize("size", [Fraction(1, 10**30), Fraction(1, 10**200)])
def test_balls_raise_their_precision_until_a_tiny_margin_is_decided(size: Fraction) -> None:
    above = ball.check(weight_compared(Relation.AT_LEAST, size), INSTANCE)
    below = ball.check(weight_compared(Relation.AT_LEAST, -size), INSTANCE)
    assert (above.status, below.status) == (Status.HOLDS, Status.FAILS)


def test_balls_leave_a_zero_margin_to_exact_arithmetic() -> None:
    def sides(run: Run) -> Iterator[Sides]:
        third = run.number(1) / 3
        yield Sides.at_least("part", 0, third + third + third, run.number(1))

    verdict = ball.check(sides, INSTANCE)
    assert verdict.status is Status.HOLDS
    assert "exact arithmetic" in verdict.note


def test_a_zero_margin_beyond_exact_arithmetic_stays_undecided() -> None:
    def sides(run: Run) -> Iterator[Sides]:
        # Equal to 1, and no rational computation can say so: exp is not rational.
        e = run.arithmetic.exp(run.number(1))
        yield Sides.at_least("part", 0, e * (1 / e), run.number(1))

    assert ball.check(sides, INSTANCE).status is Status.UNDECIDED
    assert rational.check(sides, INSTANCE).status is Status.OUT_OF_REACH


@pytest.mark.parametrize(("later", "status"), [(0, Status.UNDECIDED), (-1, Status.FAILS)])
def test_exact_arithmetic_settles_a_part_only_when_it_has_seen_all_of_it(
    later: int, status: Status
) -> None:
    def sides(run: Run) -> Iterator[Sides]:
        third = run.number(1) / 3
        yield Sides.at_least("part", 0, third + third + third, run.number(1))
        # Exact arithmetic ends here, at a comparison with a margin of 0 or less.
        e = run.arithmetic.exp(run.number(1))
        yield Sides.at_least("part", 1, e * (1 / e) + run.number(later), run.number(1))

    assert ball.check(sides, INSTANCE).status is status


@EVERY_STRENGTH
def test_empty_arrays_assert_nothing(check: Check) -> None:
    def sides(run: Run) -> Iterator[Sides]:
        yield Sides.at_least("nothing", 0, run.weights[:0], run.number(0))
        yield Sides.at_least("part", 0, run.top_weight, run.number(0))

    verdict = check(sides, INSTANCE)
    assert [c.part for c in verdict.comparisons] == ["part"]
    assert verdict.status is Status.HOLDS


@EVERY_STRENGTH
def test_a_side_divided_by_zero_decides_nothing(check: Check) -> None:
    def sides(run: Run) -> Iterator[Sides]:
        yield Sides.at_least("fine", 0, run.top_weight, run.number(0))
        nothing = run.top_weight - run.top_weight
        yield Sides.at_least("part", 0, run.number(1) / nothing, run.number(0) / nothing)

    assert check(sides, INSTANCE).status is Status.UNDECIDED


@EVERY_STRENGTH
def test_a_division_by_zero_of_plain_numbers_decides_nothing(check: Check) -> None:
    def sides(run: Run) -> Iterator[Sides]:
        yield Sides.at_least("fine", 0, run.top_weight, run.number(0))
        yield Sides.at_least("part", 0, run.top_weight, Fraction(1, int(run.K) - 2))

    verdict = check(sides, INSTANCE)
    assert verdict.status is Status.UNDECIDED
    assert verdict.comparisons[0].status is Status.HOLDS


def test_a_product_of_logarithms_is_beyond_exact_arithmetic_and_not_beyond_balls() -> None:
    def sides(run: Run) -> Iterator[Sides]:
        log_2, log_3 = (run.arithmetic.log(run.number(n)) for n in (2, 3))
        yield Sides.at_most("part", 0, log_2 * log_3, run.number(1))

    assert rational.check(sides, INSTANCE).status is Status.OUT_OF_REACH
    assert ball.check(sides, INSTANCE).status is Status.HOLDS


def test_a_sign_that_exact_arithmetic_gives_up_leaves_later_comparisons_standing() -> None:
    with mpmath.workprec(2**17):
        nearly_log_2 = Fraction(int(mpmath.log(2) * mpmath.mpf(2) ** 2**16), 2**2**16)

    def sides(run: Run) -> Iterator[Sides]:
        log_2 = run.arithmetic.log(run.number(2))
        yield Sides.at_least("unseen", 0, log_2, run.number(nearly_log_2))
        yield Sides.at_least("seen", 0, log_2, run.number(0))

    verdict = rational.check(sides, INSTANCE)
    assert {c.part: c.status for c in verdict.comparisons} == {
        "unseen": Status.OUT_OF_REACH,
        "seen": Status.HOLDS,
    }


def test_float64_says_when_a_number_is_beyond_it() -> None:
    def sides(run: Run) -> Iterator[Sides]:
        yield Sides.at_least("part", 0, run.number(10**400), run.number(0))

    verdict = check_in_float64(sides, INSTANCE)
    assert verdict.status is Status.OUT_OF_REACH
    assert "beyond float64" in verdict.note


def test_weights_beyond_float64_are_compared_by_their_ratios() -> None:
    def sides(run: Run) -> Iterator[Sides]:
        yield Sides.equal("part", 0, run.level_weight(-1) / run.top_weight, Fraction(1, 2))

    huge = Instance.of([1, 1], [10**400, 2 * 10**400], K=2, steps=0)
    assert check_in_float64(sides, huge).status is Status.HOLDS


def test_exact_runs_that_would_take_long_are_out_of_reach() -> None:
    verdict = rational.check(weight_compared(Relation.EQUAL, Fraction(0)), LONG)
    assert verdict.status is Status.OUT_OF_REACH
    assert "too long" in verdict.note


@pytest.mark.parametrize("bad", [math.nan])
@pytest.mark.parametrize("relation", list(Relation))
def test_what_is_not_a_number_never_passes(relation: Relation, bad: float) -> None:
    def sides(run: Run) -> Iterator[Sides]:
        yield Sides("part", relation, np.array([1.0, bad]), np.array([1.0, 1.0]), 0)

    assert check_in_float64(sides, INSTANCE).status is Status.UNDECIDED


@pytest.mark.parametrize("order", [1, -1])
def test_an_entry_that_overflows_hides_no_failing_one(order: int) -> None:
    left, right = np.array([0.0, 2.0])[::order], np.array([math.inf, 1.0])[::order]
    comparison = numeric.judge(Sides.at_most("part", 0, left, right))
    assert comparison.status is Status.FAILS
    assert (comparison.left, comparison.right) == (2.0, 1.0)


def test_an_entry_that_is_not_a_number_hides_no_failing_one() -> None:
    sides = Sides.at_most("part", 0, np.array([math.nan, 2.0]), np.array([1.0, 1.0]))
    assert numeric.judge(sides).status is Status.FAILS


def test_a_bound_that_overflows_holds_and_a_side_past_its_bound_fails() -> None:
    assert numeric.judge(Sides.at_most("p", 0, 1.0, math.inf, 1.0)).status is Status.HOLDS
    assert numeric.judge(Sides.at_most("p", 0, math.inf, 1.0, 1.0)).status is Status.FAILS


@pytest.mark.parametrize("condition", [math.inf, math.nan])
def test_a_tolerance_without_limit_decides_nothing(condition: float) -> None:
    sides = Sides.at_most("part", 0, 2.0, 1.0, condition=condition)
    assert numeric.judge(sides).status is Status.UNDECIDED


@pytest.mark.parametrize("margin", [1.0, math.inf])
def test_exact_evidence_refuses_margins_that_are_not_exact(margin: float) -> None:
    def sides(run: Run) -> Iterator[Sides]:
        yield Sides.at_least("part", 0, run.expected_weight(0) * margin, run.number(0))

    with pytest.raises(TypeError, match=r"run\.number\(Fraction\(…\)\)"):
        rational.check(sides, INSTANCE)


def test_a_failure_before_a_number_beyond_rationals_stays_a_failure() -> None:
    def sides(run: Run) -> Iterator[Sides]:
        yield Sides.at_least("first", 0, run.number(0), run.number(1))
        yield Sides.at_least("second", 0, run.arithmetic.exp(run.number(1)), run.number(0))

    verdict = rational.check(sides, INSTANCE)
    assert verdict.status is Status.FAILS
    assert "exponential" in verdict.note


def test_float64_forgives_rounding_and_nothing_more() -> None:
    def sides_off_by(relative: float) -> Callable[[Run], Iterator[Sides]]:
        def sides(run: Run) -> Iterator[Sides]:
            value = run.expected_weight(2)
            yield Sides.equal("part", 2, value * (1 + relative), value)

        return sides

    assert check_in_float64(sides_off_by(1e-14), INSTANCE).status is Status.HOLDS
    assert check_in_float64(sides_off_by(1e-11), INSTANCE).status is Status.FAILS


def test_what_bounds_of_weights_far_apart_leave_open_is_listed() -> None:
    """The last round moves far less mass than weights a billion times one another hide."""
    n = 8
    instance = Instance.of([1] * n, [FAR_APART**level for level in range(n)], K=4, steps=7)
    assert ball.affordable(instance)
    assert ball.listable(instance)

    def sides(run: Run) -> Iterator[Sides]:
        first, last = run.level_mass(0, 1), run.level_mass(0, 2)
        yield Sides.at_most("seen at once", 2, first, last)
        yield Sides.at_most("listed", 7, run.level_mass(0, 6), run.level_mass(0, 7))

    verdict = ball.check(sides, instance)
    assert verdict.status is Status.HOLDS
    assert verdict.note == f"{ball.PRECISIONS[1]} bits"


@EVERY_STRENGTH
def test_the_worst_entry_of_the_worst_round_is_reported(check: Check) -> None:
    def sides(run: Run) -> Iterator[Sides]:
        for t, spare in enumerate((3, 1, 2)):
            ten = run.weights * 0 + 10
            yield Sides.at_least("part", t, ten + spare * run.weights / run.top_weight, ten)

    (comparison,) = check(sides, INSTANCE).comparisons
    # Three rounds of two atoms; the lighter one of weight 1/3 after the second round.
    assert comparison.moments == 6
    assert comparison.t == 1
    assert comparison.margin == pytest.approx(1 / 3)


@EVERY_STRENGTH
def test_one_failing_entry_fails_the_verdict(check: Check) -> None:
    def sides(run: Run) -> Iterator[Sides]:
        yield Sides.at_most("fine", 0, run.number(0), run.number(1))
        yield Sides.at_most("part", 0, 2 * run.weights, run.top_weight)

    verdict = check(sides, INSTANCE)
    assert verdict.status is Status.FAILS
    assert {c.part: c.status for c in verdict.comparisons} == {
        "fine": Status.HOLDS,
        "part": Status.FAILS,
    }


def test_a_tolerance_without_limit_is_null_in_json() -> None:
    comparison = numeric.judge(Sides.at_least("part", 0, 1.0, 0.0, condition=math.inf))
    assert comparison.to_json()["tolerance"] is None


def test_verdicts_are_plain_json() -> None:
    verdict = rational.check(weight_compared(Relation.AT_LEAST, Fraction(0)), INSTANCE)
    data: dict[str, Any] = verdict.to_json()
    assert data["strength"] == Strength.EXACT
    assert data["status"] == "holds"
    assert Instance.from_json(data["instance"]) == INSTANCE
    (comparison,) = data["comparisons"]
    assert comparison["margin"] == 0.0
