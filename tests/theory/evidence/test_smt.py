"""The solver's opinion: agreement, a counterexample, or none at all."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from theory.evidence.core import Statement
from theory.evidence.smt import Answer, opinion


def square(x: Any) -> Statement:
    return Statement(assumed={}, conclusion=x * x)


def square_minus_two(x: Any) -> Statement:
    return Statement(assumed={"x >= 0": x}, conclusion=x - 1, zero={"x² = 2": x * x - 2})


def product_of_many(*x: Any) -> Statement:
    total = sum(x)
    power = total
    for _ in range(5):
        power = power * total
    others = sum(x[i] * x[i] * x[i] * x[i - 1] * x[i - 2] * x[i - 3] for i in range(len(x)))
    return Statement(assumed={}, conclusion=power * power - 3 * others * others + 1)


def test_agrees_with_what_is_true() -> None:
    assert opinion(["x"], square, identity=False).answer is Answer.AGREES


def test_equations_are_assumed() -> None:
    assert opinion(["x"], square_minus_two, identity=False).answer is Answer.AGREES


def test_disagreement_comes_with_a_point_that_breaks_the_statement() -> None:
    def below_nine(x: Any, y: Any) -> Statement:
        return Statement(assumed={"x >= 0": x, "y >= x": y - x}, conclusion=9 - x * y)

    heard = opinion(["x", "y"], below_nine, identity=False)
    assert heard.answer is Answer.DISAGREES
    assert heard.values is not None
    x, y = heard.values
    assert 0 <= x <= y
    assert x * y > 9


def test_an_identity_is_refuted_on_either_side() -> None:
    def negative(x: Any) -> Statement:
        return Statement(assumed={}, conclusion=-x * x)

    assert opinion(["x"], negative, identity=True).answer is Answer.DISAGREES
    assert opinion(["x"], square, identity=True).answer is Answer.DISAGREES


def test_an_irrational_point_is_read_to_many_digits() -> None:
    def root(x: Any) -> Statement:
        return Statement(assumed={"x >= 0": x}, conclusion=1 - x, zero={"x² = 2": x * x - 2})

    heard = opinion(["x"], root, identity=False)
    assert heard.values is not None
    # A model has 30 digits, so its square is good to about 29.
    assert abs(heard.values[0] ** 2 - 2) < Fraction(1, 10**28)


def test_giving_up_is_no_opinion() -> None:
    names = [f"x{i}" for i in range(8)]
    heard = opinion(names, product_of_many, identity=False, effort=20_000)
    assert heard.answer is Answer.NO_OPINION
    assert heard.values is None
    assert str(heard).startswith("no opinion within ")


def test_the_work_on_a_question_does_not_depend_on_those_before() -> None:
    names = [f"x{i}" for i in range(8)]
    first = opinion(["x"], square, identity=False)
    opinion(names, product_of_many, identity=False, effort=20_000)
    assert opinion(["x"], square, identity=False).work == first.work < 20_000


def test_assumptions_include_equality() -> None:
    def zero_alone(x: Any) -> Statement:
        return Statement(assumed={"x >= 0": x, "x <= 0": -x}, conclusion=-1)

    heard = opinion(["x"], zero_alone, identity=False)
    assert heard.values == (Fraction(0),)
