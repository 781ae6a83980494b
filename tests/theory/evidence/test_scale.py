"""Statements that depend on the unit of the weights are searched in several units."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from theory.claims import claims
from theory.evidence import ball, rational
from theory.evidence.falsify import falsify
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.scale import AtTop, matters, with_top
from theory.evidence.search import refute
from theory.evidence.sides import Sides
from theory.evidence.target import Target
from theory.evidence.verdict import Status

PURE = Family(steps=2)
TEMPLATE = Path(__file__).parents[3] / "theory" / "claims" / "_template.py"
# Lemma 2.2 with w* forgotten is false for w* > 1 only; divided by w*² for w* < 1 only.
FORGOTTEN = "before + run.selectivity * run.weight_variance(t - 1)"
TWICE = f"{FORGOTTEN} / (run.top_weight * run.top_weight)"


def gain_of_half_the_variance(run: Run) -> Iterator[Sides]:
    gain = run.expected_weight(1) - run.expected_weight(0)
    yield Sides.at_least("gain", 1, gain, run.weight_variance(0) / 2, run.top_weight)


@pytest.mark.parametrize("bound", [FORGOTTEN, TWICE])
def test_a_forgotten_unit_is_found_in_small_rationals(bound: str, tmp_path: Path) -> None:
    text = TEMPLATE.read_text()
    wrong = text.replace("t, now, before, condition", f"t, now, {bound}, condition")
    assert wrong != text
    target = Target(str(tmp_path / "mine.py"), text=wrong)
    statement = target.statement()
    assert statement.has_unit
    found = falsify(target, statement, 20.0)
    assert isinstance(found.smallest, Instance)
    assert found.smallest.probabilities == (Fraction(1, 2), Fraction(1, 2))
    verdict = rational.check(Target("mine.py", text=wrong).statement().claim.sides, found.smallest)
    assert verdict.status is Status.FAILS


def test_one_unit_alone_would_miss_it() -> None:
    """What the several units are for: float64 searches with w* = 1."""
    family = Family(steps=1)
    assert refute(gain_of_half_the_variance, family, np.random.default_rng(0), (), 3.0) is None
    there = AtTop(gain_of_half_the_variance, Fraction(1000))
    found = refute(there, family, np.random.default_rng(0))
    assert found is not None
    instance = with_top(found.instance, Fraction(1000))
    assert ball.check(gain_of_half_the_variance, instance).status is Status.FAILS


def test_the_unit_is_what_the_statement_sees() -> None:
    instance = Instance.of([1, 1], [1, 3], K=2)
    seen = rational.check(AtTop(gain_of_half_the_variance, Fraction(3, 2)), instance)
    same = rational.check(gain_of_half_the_variance, with_top(instance, Fraction(3, 2)))
    assert with_top(instance, Fraction(3, 2)).weights == (Fraction(1, 2), Fraction(3, 2))
    assert seen.comparisons == same.comparisons


# They compare expected rewards: the unit moves both, and neither their difference nor its sign.
REWARDS = {"dominance-pure", "rlhf-tilt", "tilt-frontier"}


@pytest.mark.parametrize("name", sorted(set(claims) - REWARDS))
def test_no_claim_of_the_library_has_a_unit(name: str) -> None:
    family = claims[name].family
    if not isinstance(family, Family):
        pytest.skip("not about loops")
    assert not matters(claims[name].sides, family)
    assert matters(gain_of_half_the_variance, PURE)
