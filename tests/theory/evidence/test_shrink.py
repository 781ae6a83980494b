"""Counterexamples become as small as the statement allows, and stay counterexamples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from theory.claims import claims, lemma_2_2
from theory.evidence import ball, rational
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.shrink import shrink
from theory.evidence.sides import Sides
from theory.evidence.verdict import Status

PURE = Family(candidates=(2, 3, 8, math.inf))
MIXED = Family(
    candidates=(2, 3),
    load=(Fraction(1, 10), Fraction(10)),
    free_start=True,
    only_real_data=False,
)
two_percent_more = partial(lemma_2_2.sides, constant=Fraction(51, 50))


def drop(run: Run) -> Iterator[Sides]:
    for t in range(1, run.steps + 1):
        yield Sides.at_least("mean", t, run.expected_weight(t), run.expected_weight(t - 1))


def narrow(run: Run) -> Iterator[Sides]:
    """False exactly where the largest weight is over a million times the smallest."""
    yield Sides.at_most("range", 0, run.top_weight, run.level_weight(-1) * run.number(10**6))


def test_a_two_percent_nudge_shrinks_to_weights_25_and_26() -> None:
    hit = Instance.of(
        [25, 28, 25], [Fraction(102, 100), Fraction(1), Fraction(1019, 1000)], K=8, steps=6
    )
    smallest, verdict = shrink(two_percent_more, PURE, hit)
    assert smallest == Instance.of([1, 1], [25, 26], K=2, steps=1)
    assert verdict.status is Status.FAILS
    assert rational.check(two_percent_more, smallest).status is Status.FAILS


def test_starts_and_ratios_shrink_within_the_family() -> None:
    hit = Instance.of([7, 5], [3, 11], K=3, lam=Fraction(37, 10), steps=4, initial=[1, 90])
    smallest, verdict = shrink(drop, MIXED, hit)
    assert MIXED.objection(smallest) == ""
    assert verdict.status is Status.FAILS
    assert smallest == Instance.of([1, 1], [1, 2], K=2, lam=smallest.lam, steps=1, initial=[0, 1])
    # λ = 0 would be smaller still, but lies outside.
    assert Fraction(1, 10) <= smallest.lam <= 1


def test_weights_far_apart_shrink_by_their_ratios() -> None:
    hit = Instance.of([1, 1, 1], [1, 10**9, 10**18], K=2, steps=0)
    smallest, _ = shrink(narrow, PURE, hit)
    assert sorted(smallest.weights) == [1, 10**6 + 1]
    assert smallest.probabilities == (Fraction(1, 2), Fraction(1, 2))


def test_failing_in_float64_alone_is_no_reason_to_accept() -> None:
    def sides(run: Run) -> Iterator[Sides]:
        one, huge = run.number(1), run.number(10**17)
        yield Sides.at_least("lost in rounding", 0, (huge + one) - huge, one)
        yield from narrow(run)

    smallest, verdict = shrink(sides, PURE, Instance.of([1, 1], [1, 10**7], K=2, steps=0))
    assert sorted(smallest.weights) == [1, 10**6 + 1]
    assert verdict.status is Status.FAILS


def test_no_time_leaves_the_counterexample_as_it_was() -> None:
    hit = Instance.of([25, 28, 25], [Fraction(102, 100), Fraction(1), Fraction(102, 100)], K=8)
    smallest, verdict = shrink(two_percent_more, PURE, hit, deadline=0.0)
    assert smallest == hit
    assert verdict == ball.check(two_percent_more, hit)


def test_what_does_not_fail_cannot_shrink() -> None:
    with pytest.raises(ValueError, match="the statement holds on p_ref"):
        shrink(claims["lemma-2.2"].sides, PURE, Instance.of([1, 1], [1, 2], K=2))


def test_nothing_is_left_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shrink(two_percent_more, PURE, Instance.of([1, 1], [100, 101], K=2))
    assert list(tmp_path.iterdir()) == []
