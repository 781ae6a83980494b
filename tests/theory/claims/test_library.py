"""Every claim of the library holds at each strength, and is as tight as it says."""

from __future__ import annotations

import importlib
import inspect
import math
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.theory.claims import test_theorem_2_2
from theory.claims import Standing, claims
from theory.claims.claim import Claim
from theory.claims.theorem_2_4_sharp import sharp_constant
from theory.divergences import sharp_kl_bound
from theory.evidence import ball, numeric, rational
from theory.evidence.ball import BallArithmetic
from theory.evidence.floating import FloatArithmetic
from theory.evidence.instance import Instance
from theory.evidence.rational import RationalArithmetic
from theory.evidence.report import Report
from theory.evidence.run import run_loop
from theory.evidence.verdict import Status, Strength
from theory.evidence.verify import ladder_settings, verify

EVERY_CLAIM = pytest.mark.parametrize("claim", claims.values(), ids=list(claims))


def test_the_first_five_claims_are_there() -> None:
    assert {
        "lemma-2.1",
        "lemma-2.2",
        "theorem-2.1",
        "theorem-2.3-sharp",
        "theorem-2.4-sharp",
    } <= set(claims)


@cache
def report_on(name: str) -> Report:
    return verify(claims[name], instances=5, seed=11)


@EVERY_CLAIM
def test_stands_with_all_twins_refuted(claim: Claim) -> None:
    report = report_on(claim.id)
    assert report.problems == ()
    assert report.standing == claim.standing
    assert [twin.name for twin in report.findings.twins] == [t.name for t in claim.false_twins]


@EVERY_CLAIM
def test_holds_at_every_strength_that_it_advertises(claim: Claim) -> None:
    report = report_on(claim.id)
    assert report.findings.wanted == claim.advertised
    if claim.standing is Standing.REFUTED:
        pytest.skip("refuted")
    for strength in claim.strengths:
        assert report.findings.holds_at(strength)
        assert any(e.random for e in report.findings.evidence if e.verdict.strength is strength)


@EVERY_CLAIM
def test_every_part_is_decided_exactly_or_by_balls(claim: Claim) -> None:
    findings = report_on(claim.id).findings
    assert findings.parts or claim.standing is Standing.REFUTED
    assert findings.open_parts == ()


@EVERY_CLAIM
def test_extremal_instances_bring_the_two_sides_together(claim: Claim) -> None:
    ladders = report_on(claim.id).findings.ladders
    if not claim.tight or not claim.extremals:
        assert ladders == ()
        pytest.skip("not a tight bound")
    assert {(ladder.part, ladder.K, ladder.lam) for ladder in ladders} == {
        (part, K, lam)
        for extremal in claim.extremals
        for part in extremal.parts
        for K, lam in ladder_settings(claim, extremal)
    }
    for ladder in ladders:
        assert len(ladder.ratios) >= 3
        assert 0.98 < ladder.ratios[-1] <= 1
        assert ladder.reaches_one


@EVERY_CLAIM
def test_says_where_it_comes_from_in_the_fixed_order(claim: Claim) -> None:
    stem = claim.id.replace("-", "_").replace(".", "_")
    docstring = importlib.import_module(f"theory.claims.{stem}").__doc__
    assert docstring is not None
    headings = ["Assumptions", "Claim", "Kind", "Source", "Remarks"]
    positions = [docstring.index(f"\n{heading}\n") for heading in headings]
    assert positions == sorted(positions)
    assert claim.hypotheses
    assert claim.source


# Named degenerate cases. Each claim must also hold there, or say that it does not speak about them.

SHAPES = {
    "point mass": ([1], [2]),
    "constant reward": ([1, 2, 3], [5, 5, 5]),
    "tiny reward range": ([1, 1], [10**12, 10**12 + 1]),
    "huge reward range": ([1, 2, 1], [1, 10**9, 10**18]),
    "nearly a point mass at the bottom": ([10**9, 1], [1, 2]),
    "nearly a point mass at the top": ([1, 10**9], [1, 2]),
}


RATIOS: dict[str, list[Fraction | float]] = {
    "lemma-2.1": [math.inf],
    "lemma-2.2": [math.inf],
    "theorem-2.1": [math.inf],
    "theorem-2.3-sharp": [Fraction(0), Fraction(1), Fraction(10**6), math.inf],
    "theorem-2.4-sharp": [Fraction(0), Fraction(1, 100), Fraction(1)],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("K", [1, 2])
@pytest.mark.parametrize(
    ("name", "lam"), [(name, lam) for name in RATIOS for lam in RATIOS[name]], ids=str
)
def test_degenerate_cases(name: str, lam: Fraction | float, K: int, shape: str) -> None:
    masses, weights = SHAPES[shape]
    instance = Instance.of(masses, weights, K=K, lam=lam, steps=2)
    sides = claims[name].sides
    assert rational.check(sides, instance).status is Status.HOLDS
    assert numeric.check(sides, numeric.Scenario.of(instance)).status is Status.HOLDS
    assert ball.check(sides, instance).status is Status.HOLDS


@pytest.mark.parametrize("name", ["lemma-2.2", "theorem-2.1", "theorem-2.3-sharp"])
def test_infinitely_many_candidates(name: str) -> None:
    instance = Instance.of([1, 2, 3], [1, 5, 2], K=math.inf, lam=math.inf, steps=4)
    assert rational.check(claims[name].sides, instance).status is Status.HOLDS
    assert ball.check(claims[name].sides, instance).status is Status.HOLDS


@pytest.mark.parametrize("t", [20, 60])
def test_long_runs_are_certified(t: int) -> None:
    for name, lam in (("theorem-2.3-sharp", Fraction(3)), ("theorem-2.4-sharp", Fraction(1, 3))):
        instance = Instance.of([5, 3, 2, 2, 1], [1, 2, 4, 8, 16], K=4, lam=lam, steps=t)
        assert ball.check(claims[name].sides, instance).status is Status.HOLDS


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 99), st.integers(1, 99)), min_size=1, max_size=4),
    st.integers(1, 4),
    st.sampled_from([Fraction(0), Fraction(1, 7), Fraction(1), Fraction(40), math.inf]),
)
def test_reward_claims_hold_for_any_rational_loop(
    atoms: list[tuple[int, int]], K: int, lam: Fraction | float
) -> None:
    masses, weights = zip(*atoms, strict=True)
    mixed = Instance.of(masses, weights, K=K, lam=lam, steps=2)
    pure = replace(mixed, lam=math.inf)
    assert rational.check(claims["theorem-2.3-sharp"].sides, mixed).status is Status.HOLDS
    for name in ("lemma-2.2", "theorem-2.1"):
        assert rational.check(claims[name].sides, pure).status is Status.HOLDS
    assert rational.check(claims["lemma-2.1"].sides, pure).status is Status.HOLDS


# Lemma 2.1: the expansion that theory.derivations.lemma_2_1 derives, against exact runs.


@pytest.mark.parametrize("power", [1, 2])
def test_errors_of_lemma_2_1_fall_at_their_order(power: int) -> None:
    candidates = [2**k for k in range(5, 10)]
    errors = []
    for K in candidates:
        run = run_loop(Instance.of([1, 2], [2, 3], K=K, steps=0), RationalArithmetic())
        mu, variance = run.expected_weight(0), run.weight_variance(0)
        w = run.weights
        guess = w / mu
        if power == 2:
            guess = guess * (1 - (w - mu) / (K * mu) + variance / (K * mu**2))
        errors.append(float(max(abs(run.factor(0) - guess))))
    slope, _ = np.polyfit(np.log(candidates), np.log(errors), 1)
    assert slope == pytest.approx(-power, abs=0.02)


# Theorem 2.4: the sharp constant by three routes.


@pytest.mark.parametrize("K", [1, 2, 3, 5, 9])
@pytest.mark.parametrize(
    "load", [Fraction(0), Fraction(1, 50), Fraction(9, 10), Fraction(1)], ids=str
)
def test_sharp_constant_equals_its_integral(K: int, load: Fraction) -> None:
    lam = load if K == 1 else load / (K - 1)
    instance = Instance.of([1, 1], [1, 2], K=K, lam=lam, steps=0)
    with flint.ctx.workprec(128):
        value = sharp_constant(run_loop(instance, BallArithmetic()))
    with mpmath.workdps(30):
        ratio = mpmath.mpf(lam.numerator) / lam.denominator
        integral = -mpmath.quad(
            lambda x: mpmath.log(1 + ratio - ratio * K * x ** (K - 1)) if x < 1 or load < 1 else 0,
            [0, 0.5, 0.9, 0.99, 1],
        )
    assert float(value) == pytest.approx(float(integral), abs=1e-12)
    assert float(value) == pytest.approx(sharp_kl_bound(float(lam), K), abs=1e-14)
    in_floats = sharp_constant(run_loop(instance, FloatArithmetic()))
    assert float(in_floats) == pytest.approx(float(value), abs=1e-13)


def test_sharp_constant_is_far_below_that_of_the_paper() -> None:
    instance = Instance.of([1, 1], [1, 2], K=2, lam=Fraction(9, 10), steps=0)
    assert float(sharp_constant(run_loop(instance, RationalArithmetic()))) == pytest.approx(
        0.1946, abs=5e-5
    )
    assert -math.log(1 - 0.9) == pytest.approx(2.3026, abs=5e-5)


def test_a_loop_that_stands_still_fails_the_limit() -> None:
    """Kept where it is, the top breaks the growth that makes the pure loop converge."""
    run = run_loop(Instance.of([1, 1, 1], [1, 2, 4], K=3, steps=1), FloatArithmetic())
    still = replace(run, laws=[run.laws[0], run.laws[0]])
    growing = [s for s in claims["theorem-2.1"].sides(still) if s.part == "top mass grows"]
    assert [numeric.judge(s).status for s in growing] == [Status.FAILS]


def test_exact_counts_as_strongest_only_where_it_covers_the_family() -> None:
    """Theorem 2.4 is exact at K = 2 alone; over every K it is certified."""
    strengths = [Strength.EXACT, Strength.CERTIFIED]
    sharp = verify(claims["theorem-2.4-sharp"], strengths, instances=2, seed=0)
    assert sharp.strongest is Strength.CERTIFIED
    assert verify(claims["lemma-2.2"], strengths, instances=2, seed=0).strongest is Strength.EXACT


def test_every_false_twin_has_a_confirmation_by_other_code() -> None:
    """In one file and no other; those of Theorem 2.2, which is about parameters, by name."""
    names = [path.stem for path in Path(__file__).parent.glob("test_*.py")]
    found = [importlib.import_module(f"tests.theory.claims.{name}") for name in names]
    lists = [getattr(module, "TWINS", []) for module in found if module is not test_theorem_2_2]
    confirmed = [twin for each in lists for twin in each]
    assert len(set(confirmed)) == len(confirmed)
    twins = {(name, twin.name) for name, claim in claims.items() for twin in claim.false_twins}
    parametric = {(name, twin) for name, twin in twins if name == "theorem-2.2"}
    assert set(confirmed) == twins - parametric
    source = inspect.getsource(test_theorem_2_2)
    assert all(f'"{twin}"' in source for _, twin in parametric)
