"""Name of the claim: its false twins are confirmed false by other code; what else is special to it.

To use it: copy this file to ``test_NAME.py`` in this folder, put the claim's id into ``HERE``, and
write each twin's inequality out again from its words, in 60 digits and without the claim's own
code. The copy works with a copy of theory/claims/_template.py before either is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import mpmath
import pytest
from mpmath import mpf

from tests.theory.claims.sixty_digits import (
    CLEARLY,
    DIGITS,
    Laws,
    mean,
    nudged,
    numbers,
    refutation,
    trajectory,
    twins,
)
from theory.claims import claims
from theory.evidence import ball
from theory.evidence.instance import Instance
from theory.evidence.verdict import Status

HERE = ("template",)


def shortfall(instance: Instance, laws: Laws, constant: mpf) -> mpf:
    """By how much the expected weight falls short of constant times the last, at its worst."""
    w = numbers(instance.weights)
    return max(constant * mean(p, w) - mean(q, w) for p, q in pairwise(laws))


# By claim and twin: how far the twin's smaller side exceeds its larger one.
VIOLATION: dict[tuple[str, str], Callable[[Instance, Laws], mpf]] = {
    ("template", "2 % per round"): lambda i, p: shortfall(i, p, mpf("1.02")),
    ("template", "with real data"): lambda i, p: shortfall(i, p, mpf(1)),
}
TWINS = [*VIOLATION]


def test_every_twin_has_its_own_confirmation() -> None:
    assert set(TWINS) == set(twins(HERE))


@pytest.mark.parametrize(("name", "twin"), TWINS)
def test_the_counterexample_is_one(name: str, twin: str) -> None:
    found = refutation(name, twin)
    with mpmath.workdps(DIGITS):
        violation = VIOLATION[name, twin](found.instance, trajectory(found.instance))
    assert violation > CLEARLY


def test_the_claim_itself_survives_the_counterexamples_to_its_twins() -> None:
    kept = [refutation(name, twin).instance for name, twin in nudged(HERE)]
    assert kept
    (name,) = HERE
    assert {ball.check(claims[name].sides, each).status for each in kept} == {Status.HOLDS}
