"""One loop in every arithmetic: exact, balls, the search's floats and the library's own loop."""

from __future__ import annotations

import math
from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import Law, RetrainingLoop
from theory.evidence.ball import BallArithmetic
from theory.evidence.floating import FloatArithmetic
from theory.evidence.instance import Instance
from theory.evidence.numeric import Scenario, float_run
from theory.evidence.rational import RationalArithmetic
from theory.evidence.run import OutOfReach, Run, run_loop


@st.composite
def short_instances(draw: st.DrawFn) -> Instance:
    n = draw(st.integers(1, 4))
    positive = st.lists(st.integers(1, 30), min_size=n, max_size=n)
    start = draw(st.none() | st.lists(st.integers(0, 9), min_size=n, max_size=n).filter(any))
    return Instance.of(
        draw(positive),
        draw(positive),
        K=draw(st.sampled_from([1, 2, 3, 4, math.inf])),
        lam=draw(st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(2)]) | st.just(math.inf)),
        steps=draw(st.integers(0, 3)),
        initial=start,
    )


@given(short_instances())
def test_exact_run_is_that_of_the_library(instance: Instance) -> None:
    weights = list(instance.weights)
    reference = Law.from_weights(list(instance.probabilities), weights)
    initial = Law.from_weights(list(instance.initial or instance.probabilities), weights)
    loop = RetrainingLoop(reference, instance.K, instance.lam, initial, arithmetic="exact")
    ours = run_loop(instance, RationalArithmetic())
    for law, theirs in zip(ours.laws, loop.run(instance.steps).laws, strict=True):
        assert tuple(law) == theirs.exact_probabilities


@given(short_instances())
def test_balls_contain_the_exact_run(instance: Instance) -> None:
    exact = run_loop(instance, RationalArithmetic())
    with flint.ctx.workprec(128):
        balls = run_loop(instance, BallArithmetic())
        for t in range(instance.steps + 1):
            for ball, number in zip(balls.laws[t], exact.laws[t], strict=True):
                assert ball.rad() < 1e-30
                # Far finer than the ball, so that rounding the rational cannot carry it outside.
                with flint.ctx.workprec(1024):
                    assert ball.contains(flint.fmpq(number.numerator, number.denominator))


@given(short_instances())
def test_floats_of_both_routes_are_close_to_the_exact_run(instance: Instance) -> None:
    exact = run_loop(instance, RationalArithmetic())
    runs: tuple[Run, ...] = (
        run_loop(instance, FloatArithmetic()),
        float_run(Scenario.of(instance)),
    )
    for run in runs:
        for ours, law in zip(run.laws, exact.laws, strict=True):
            # Each round is right to 3e-13 relative to H <= 4.
            np.testing.assert_allclose(ours, [float(p) for p in law], atol=5e-12, rtol=0)
        assert run.levels.tolist() == exact.levels.tolist()


def test_statistics_of_a_run_by_hand() -> None:
    run = run_loop(Instance.of([1, 1], [1, 3], K=2, steps=1), RationalArithmetic())
    assert run.expected_weight(0) == 2
    assert run.weight_variance(0) == 1
    assert run.factor(0).tolist() == [Fraction(3, 4), Fraction(5, 4)]
    assert run.level_mass(0, 1) == Fraction(5, 8)
    assert run.level_weight(-1) == 1
    assert run.selectivity == Fraction(1, 2)
    assert run.synthetic_share == 1
    assert run.kl(run.laws[0], run.laws[0]) == 0


def test_relative_entropy_skips_atoms_without_mass() -> None:
    instance = Instance.of([1, 1], [1, 3], K=2, steps=0, initial=[0, 1])
    exact = run_loop(instance, RationalArithmetic())
    balls = run_loop(instance, BallArithmetic())
    assert float(exact.kl(exact.laws[0], exact.reference)) == pytest.approx(math.log(2))
    assert float(balls.kl(balls.laws[0], balls.reference)) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    "ask",
    [
        lambda a: a.exp(Fraction(1)),
        lambda a: a.digamma(Fraction(1)),
        lambda a: a.euler(),
        lambda a: a.hypergeometric(1, 1, 2, Fraction(1, 2)),
    ],
)
def test_rationals_refuse_what_they_cannot_represent(ask: object) -> None:
    with pytest.raises(OutOfReach):
        ask(RationalArithmetic())  # type: ignore[operator]


def test_transcendental_functions_agree_between_balls_and_floats() -> None:
    balls, floats = BallArithmetic(), FloatArithmetic()
    for x in (Fraction(1, 3), Fraction(5, 2)):
        ball, number = balls.number(x), floats.number(x)
        assert float(balls.exp(ball)) == pytest.approx(floats.exp(number), rel=1e-14)
        assert float(balls.digamma(ball)) == pytest.approx(floats.digamma(number), rel=1e-14)
        assert float(
            balls.hypergeometric(balls.number(1), ball, balls.number(2), balls.number(-1))
        ) == pytest.approx(floats.hypergeometric(1.0, number, 2.0, -1.0), rel=1e-13)
    assert float(balls.euler()) == floats.euler()
