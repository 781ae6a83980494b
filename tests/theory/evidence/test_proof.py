"""Coefficient positivity proves what is true, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.evidence import certificate, positivity, smt
from theory.evidence.core import Core, FalseCore, Statement, breaks, without
from theory.evidence.positivity import decide
from theory.evidence.proof import check


def means(x: Any, y: Any) -> Statement:
    """The square of the sum is at least four times the product."""
    return Statement(
        assumed={"x >= 0": x, "y >= x": y - x},
        conclusion=(x + y) * (x + y) - 4 * x * y,
    )


def too_large(x: Any, y: Any) -> Statement:
    statement = means(x, y)
    return replace(statement, conclusion=statement.conclusion - x * y)


def symmetric_means(x: Any, y: Any) -> Statement:
    statement = means(x, y)
    return replace(statement, assumed={"x >= 0": x, "y >= 0": y})


def anything(*values: Any) -> Statement:
    """False of every variable's negative values."""
    return Statement(assumed={}, conclusion=sum(values))


def core(state: Any = means, **fields: Any) -> Core:
    given: dict[str, Any] = {
        "name": "means",
        "says": "(x+y)² ≥ 4xy",
        "step": "none",
        "variables": ("x", "y"),
        "state": state,
        "twins": (FalseCore("5xy", too_large),),
    }
    return Core(**{**given, **fields})


CHART = ("x >= 0", "y >= x")


def test_a_chart_proves_by_positive_coefficients() -> None:
    decision = decide(core(chart=CHART))
    assert decision.proved
    # (x+y)² − 4xy is (y−x)²: one term in the coordinates x, y−x, three in x, y.
    assert decision.how == "all 1 coefficients positive in 2 coordinates >= 0"
    assert decision.terms == 3


def test_negative_coefficients_leave_it_undecided() -> None:
    decision = decide(core(too_large, chart=CHART))
    assert not decision.proved
    assert decision.how == "undecided: 2 of 3 coefficients are negative"


def test_blocks_are_ordered_only_where_swaps_change_nothing() -> None:
    chart = ("x >= 0", "x <= y")
    blocks = (("x",), ("y",))
    assert decide(core(symmetric_means, chart=chart, symmetric=blocks)).proved

    def lopsided_conclusion(x: Any, y: Any) -> Statement:
        return replace(symmetric_means(x, y), conclusion=y - x)

    def lopsided_assumption(x: Any, y: Any) -> Statement:
        return Statement({"x >= 0": x, "y >= 1": y - 1}, conclusion=x * y)

    for state in (lopsided_conclusion, lopsided_assumption):
        decision = decide(core(state, chart=chart, symmetric=blocks))
        assert decision.how == "undecided: not symmetric in x and y"


@pytest.mark.parametrize(
    ("assumed", "reason"),
    [
        (lambda x, y: {"x >= 0": x, "y >= x": x + x}, "not invertible over the integers"),
        (lambda x, y: {"x >= 0": x, "y >= x": 2 * y}, "not invertible over the integers"),
        (lambda x, y: {"x >= 0": x, "y >= x": x * y}, "y >= x is not affine"),
        (lambda x, y: {"x >= 0": x}, "nothing assumes y >= x"),
    ],
)
def test_a_chart_must_cover_all_points(assumed: Any, reason: str) -> None:
    def state(x: Any, y: Any) -> Statement:
        return Statement(assumed(x, y), conclusion=x * x + y * y)

    decision = decide(core(state, chart=CHART))
    assert not decision.proved
    assert reason in decision.how


def test_coordinates_may_be_shifted_and_reversed() -> None:
    def state(x: Any, y: Any) -> Statement:
        return Statement({"x <= 1": 1 - x, "y >= 3": y - 3}, conclusion=(1 - x) * (y - 3) + 2 - x)

    assert decide(core(state, chart=("x <= 1", "y >= 3"))).proved
    assert not decide(core(state, chart=("x <= 1", "y >= 3"), identity=True)).proved


def test_a_certificate_multiplies_assumptions() -> None:
    def state(x: Any, y: Any) -> Statement:
        return Statement({"x >= 2": x - 2, "y >= 3": y - 3}, conclusion=x * y - 6)

    decision = decide(core(state, degree=2))
    assert decision.proved
    assert decision.how == "certificate: 3·[x >= 2] + [x >= 2]·[y >= 3] + 2·[y >= 3]"
    assert not decide(core(state, degree=0)).proved


def test_a_certificate_may_use_squares_only_where_they_are_named() -> None:
    def named(x: Any, y: Any) -> Statement:
        return Statement({}, conclusion=(x - y) * (x - y), squares={"x−y": x - y})

    def unnamed(x: Any, y: Any) -> Statement:
        return replace(named(x, y), squares={})

    assert decide(core(named, degree=1)).how == "certificate: [(x−y)²]"
    assert not decide(core(unnamed, degree=1)).proved


def test_equations_are_used_with_either_sign_and_assumptions_are_not() -> None:
    def equation(x: Any, y: Any) -> Statement:
        return Statement({"x >= 0": x}, conclusion=-x * y, zero={"y = 0": y})

    def assumption(x: Any, y: Any) -> Statement:
        return Statement({"x >= 0": x, "y >= 0": y}, conclusion=-x * y)

    assert decide(core(equation)).how == "certificate: -1·x·[y = 0]"
    assert not decide(core(assumption)).proved


def test_an_identity_needs_equations_and_no_inequality() -> None:
    def state(x: Any, y: Any) -> Statement:
        return Statement({"x >= 0": x}, conclusion=x * (y - 1), zero={"y = 1": y - 1})

    assert decide(core(state, identity=True)).proved
    assert not decide(core(anything, identity=True)).proved
    positive = decide(core(lambda x, y: Statement({"x >= 0": x}, conclusion=x), identity=True))
    assert not positive.proved


def test_what_the_linear_program_proposes_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "_proposal", lambda terms, conclusion: terms[:1])
    assert not decide(core(degree=2)).proved


def test_multipliers_that_do_not_add_up_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def state(x: Any, y: Any) -> Statement:
        return Statement({"x >= 0": x, "y >= 0": y}, conclusion=x + y)

    right = certificate._multipliers
    assert decide(core(state)).proved
    monkeypatch.setattr(certificate, "_multipliers", lambda *args: [2 * m for m in right(*args)])
    assert "does not expand" in decide(core(state)).how
    monkeypatch.setattr(certificate, "_multipliers", lambda *args: [-m for m in right(*args)])
    assert "negative multiplier" in decide(core(state)).how


@given(
    st.lists(
        st.tuples(st.integers(-3, 6), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=6
    ),
    st.integers(0, 1),
    st.tuples(st.fractions(0, 9), st.fractions(0, 9)),
)
def test_what_is_proved_holds_everywhere(
    terms: list[tuple[int, int, int]], charted: int, point: tuple[Fraction, Fraction]
) -> None:
    def state(x: Any, y: Any) -> Statement:
        value = 0
        for coefficient, i, j in terms:
            term = coefficient
            for factor in [x] * i + [y - x] * j:
                term = term * factor
            value = value + term
        return Statement({"x >= 0": x, "y >= x": y - x}, conclusion=value)

    decision = decide(core(state, chart=CHART if charted else (), degree=3))
    if decision.proved:
        x, gap = point
        assert state(x, x + gap).conclusion >= 0
    else:
        assert decision.how.startswith("undecided")


def test_a_sound_core_with_a_false_twin_is_reported_as_such() -> None:
    report = check(core(chart=CHART))
    assert report.holds
    assert report.problems == ()
    assert report.second_opinion.startswith("agrees in ")
    ((name, point),) = report.twins
    assert name == "5xy"
    assert point.endswith("< 0")
    loaded = json.loads(json.dumps(report.to_json()))
    assert loaded["name"] == "means"
    assert loaded["holds"] is True
    assert loaded["twins"] == [{"name": "5xy", "counterexample": point}]


def test_a_false_core_does_not_hold_and_the_solver_says_where() -> None:
    report = check(core(too_large, chart=CHART))
    assert not report.holds
    assert any("undecided" in problem for problem in report.problems)
    assert any("the solver has a counterexample, x = " in problem for problem in report.problems)


def test_the_solver_overrules_a_wrong_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    proved = positivity.Decision(True, "by mistake", 1)
    monkeypatch.setattr(positivity, "decide", lambda core, state=None: proved)
    report = check(core(too_large, chart=CHART))
    assert not report.holds
    # ... and the twin, which the same mistake proves, is a problem of its own.
    assert any("proved, by mistake" in problem for problem in report.problems)


def test_no_opinion_is_recorded_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = smt.Opinion(smt.Answer.NO_OPINION, 1.0, 10)
    monkeypatch.setattr(smt, "opinion", lambda *args, **kwargs: silent)
    report = check(core(chart=CHART))
    assert report.holds
    assert report.second_opinion == "no opinion within 1.00 s"
    # Without the solver the twin's counterexample comes from samples.
    assert len(report.twins) == 1


def test_a_true_twin_is_a_problem() -> None:
    report = check(core(chart=CHART, twins=(FalseCore("not false", means),)))
    assert report.holds
    assert report.twins == ()
    (problem,) = report.problems
    assert "'not false': proved" in problem


def test_a_twin_that_is_true_though_unproved_is_a_problem() -> None:
    def motzkin(x: Any, y: Any) -> Statement:
        # Never negative, no sum of squares, and no certificate here.
        value = x * x * x * x * y * y + x * x * y * y * y * y + 1 - 3 * x * x * y * y
        return Statement({}, conclusion=value)

    report = check(core(chart=CHART, twins=(FalseCore("Motzkin", motzkin),)))
    assert report.problems == ("means, twin 'Motzkin': no counterexample found.",)


def test_contradictory_assumptions_prove_nothing() -> None:
    def impossible(x: Any, y: Any) -> Statement:
        return Statement({"x >= 1": x - 1, "x <= 0": -x}, conclusion=-1 + 0 * x)

    report = check(core(impossible))
    assert not report.holds
    assert any("no point satisfies the assumptions" in problem for problem in report.problems)


def test_a_point_outside_the_assumptions_is_no_counterexample() -> None:
    def product(x: Any, y: Any) -> Statement:
        return Statement({"x >= 0": x, "y >= 0": y}, conclusion=x * y, zero={"x = 1": x - 1})

    assert not breaks(product(Fraction(1), Fraction(-1)), identity=False)
    assert not breaks(product(Fraction(2), Fraction(-1)), identity=False)
    assert breaks(replace(product(Fraction(1), Fraction(-1)), assumed={}), identity=False)


def test_dropping_an_assumption_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match="z >= 0"):
        without(means, "z >= 0")(Fraction(1), Fraction(1))


def test_a_core_without_a_twin_is_refused() -> None:
    with pytest.raises(ValueError, match="'means' has no false twin"):
        core(twins=())


def test_a_chart_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="2 variables and a chart of 1 coordinates"):
        core(chart=("x >= 0",))
