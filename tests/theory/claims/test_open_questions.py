"""Open questions: their false twins fall to counterexamples that code of another kind confirms, the
parts that are proved hold step by step, and what the claim files say of their standing is so.

See ``sixty_digits.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf

from tests.theory.claims.sixty_digits import (
    CLEARLY,
    DIGITS,
    Laws,
    Vector,
    factor,
    number,
    numbers,
    refutation,
    trajectory,
    twins,
)
from theory.claims import Standing, claims
from theory.evidence import ball, rational
from theory.evidence.instance import Instance
from theory.evidence.verdict import Status

OPEN = ["monotone-reward-mixed", "monotone-dominance-mixed", "condensation-threshold"]
TWINS = twins(OPEN)


def mean(p: Vector, instance: Instance) -> mpf:
    return mpmath.fdot(p, numbers(instance.weights))


def descending(p: Vector, instance: Instance) -> Vector:
    """Masses of the distinct weights, the largest weight first."""
    levels = sorted(set(instance.weights), reverse=True)
    return [
        mpmath.fsum(x for x, w in zip(p, instance.weights, strict=True) if w == level)
        for level in levels
    ]


def tails(p: Vector, instance: Instance) -> Vector:
    masses = descending(p, instance)
    return [mpmath.fsum(masses[: j + 1]) for j in range(len(masses) - 1)]


# Each returns how far the twin's smaller side exceeds its larger one, at the worst moment.


def drop_of_mean(instance: Instance, laws: Laws) -> mpf:
    return max(mean(p, instance) - mean(q, instance) for p, q in pairwise(laws))


def growth_of_gain(instance: Instance, laws: Laws) -> mpf:
    gains = [mean(q, instance) - mean(p, instance) for p, q in pairwise(laws)]
    return max(b - a for a, b in pairwise(gains))


def shrinkage_of_gain(instance: Instance, laws: Laws) -> mpf:
    gains = [mean(q, instance) - mean(p, instance) for p, q in pairwise(laws)]
    lam = number(instance.lam)
    return max(lam / (1 + lam) * a - b for a, b in pairwise(gains))


def drop_of_tail(instance: Instance, laws: Laws) -> mpf:
    return max(
        x - y
        for p, q in pairwise(laws)
        for x, y in zip(tails(p, instance), tails(q, instance), strict=True)
    )


def drop_of_ratio(instance: Instance, laws: Laws) -> mpf:
    drops = []
    for p, q in pairwise(laws):
        before, now = descending(p, instance), descending(q, instance)
        ratio = [b / a for a, b in zip(before, now, strict=True)]
        drops += [lower - higher for higher, lower in pairwise(ratio)]
    return max(drops)


def excess_of_top(
    instance: Instance, laws: Laws, constant: mpf, average_rivals: bool = False
) -> mpf:
    reference = numbers(instance.probabilities)
    top = max(range(len(reference)), key=lambda i: instance.weights[i])
    weight, K = number(instance.weights[top]), instance.K
    hope = factor(reference, instance.weights, instance.K)[top]
    if average_rivals:
        hope = K * weight / (weight + (K - 1) * mean(reference, instance))
    hold = 1 + number(instance.lam) * (1 - hope)
    real = descending(reference, instance)[0]
    return max(descending(p, instance)[0] * hold - constant * real for p in laws[1:])


VIOLATION: dict[tuple[str, str], Callable[[Instance, Laws], mpf]] = {
    ("monotone-reward-mixed", "any start"): drop_of_mean,
    ("monotone-reward-mixed", "gains never grow"): growth_of_gain,
    ("monotone-reward-mixed", "gains shrink by λ/(1+λ) at most"): shrinkage_of_gain,
    ("monotone-dominance-mixed", "any start"): drop_of_tail,
    ("monotone-dominance-mixed", "monotone likelihood ratio"): drop_of_ratio,
    ("condensation-threshold", "bound 2 % smaller"): lambda i, laws: excess_of_top(
        i, laws, mpf("0.98")
    ),
    ("condensation-threshold", "rivals at their mean"): lambda i, laws: excess_of_top(
        i, laws, mpf(1), average_rivals=True
    ),
    ("condensation-threshold", "any start"): lambda i, laws: excess_of_top(i, laws, mpf(1)),
}


def test_every_twin_has_its_own_confirmation() -> None:
    assert set(VIOLATION) == set(TWINS)


@pytest.mark.parametrize(("name", "twin"), TWINS)
def test_the_counterexample_is_one(name: str, twin: str) -> None:
    instance = refutation(name, twin).instance
    with mpmath.workdps(DIGITS):
        assert VIOLATION[name, twin](instance, trajectory(instance)) > CLEARLY


@pytest.mark.parametrize(
    ("name", "twin"), [(n, t) for n, t in TWINS if t not in ("any start", "rivals at their mean")]
)
def test_the_claim_itself_survives_the_counterexample_to_its_twin(name: str, twin: str) -> None:
    instance = refutation(name, twin).instance
    assert ball.check(claims[name].sides, instance).status is Status.HOLDS


def test_a_likelihood_ratio_between_rounds_that_falls_in_small_numbers() -> None:
    instance = Instance.of([1, 1, 1], [1, 2, 4], K=2, lam=1, steps=5)
    with mpmath.workdps(DIGITS):
        laws = trajectory(instance)
        assert drop_of_ratio(instance, laws) > mpf("0.001")
        assert drop_of_tail(instance, laws) < 0
        assert drop_of_mean(instance, laws) < 0


STANDING = {
    "monotone-reward-mixed": Standing.CONJECTURE,
    "monotone-dominance-mixed": Standing.CONJECTURE,
    "condensation-threshold": Standing.THEOREM,
}


@pytest.mark.parametrize(("name", "standing"), list(STANDING.items()))
def test_the_standing_is_what_is_known(name: str, standing: Standing) -> None:
    assert claims[name].standing is standing
    assert claims[name].searched
    assert bool(claims[name].cores) is (standing is Standing.THEOREM)


# What the claim files prove, checked where it is proved.

masses = st.lists(st.integers(1, 50), min_size=2, max_size=4)
ratios = st.builds(Fraction, st.integers(1, 40), st.integers(1, 10))


@given(st.data(), masses, ratios)
@settings(max_examples=25, deadline=None)
def test_at_infinite_K_only_the_newest_coefficient_grows(
    data: st.DataObject, p: list[int], lam: Fraction
) -> None:
    weights = data.draw(st.lists(st.integers(1, 50), min_size=len(p), max_size=len(p)))
    total, s = sum(p), lam / (1 + lam)
    law = [Fraction(x, total) for x in p]
    coefficients = [Fraction(1)]
    for _ in range(4):
        f = [sum(c * w**j for j, c in enumerate(coefficients)) for w in weights]
        E = sum(x * y * w for x, y, w in zip(law, f, weights, strict=True))
        following = [1 - s, *(s * c / E for c in coefficients)]
        assert all(b <= a for a, b in zip(coefficients, following, strict=False))
        assert following[-1] >= 0
        coefficients = following


@given(st.integers(1, 30), st.integers(1, 30), st.integers(2, 30), ratios, st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_two_levels_dominate_round_by_round(
    low: int, high: int, weight: int, lam: Fraction, K: int
) -> None:
    instance = Instance.of([low, high], [1, weight], K=K, lam=lam, steps=3)
    for name in OPEN:
        assert rational.check(claims[name].sides, instance).status is Status.HOLDS
