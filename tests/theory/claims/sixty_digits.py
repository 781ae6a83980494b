"""Counterexamples confirmed by code of another kind, which shares nothing with the library.

The loop is iterated in 60-digit floating point, the law of the opponents' sum built by plain
convolution. What a twin says is written out again from its words, in the test files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import mpmath
import numpy as np
from mpmath import mpf

from theory.claims import claims
from theory.evidence.instance import Instance
from theory.evidence.search import Refutation
from theory.evidence.verify import refute_twin

DIGITS = 60
# Far above what 60 digits can get wrong, far below any counterexample's relative margin.
CLEARLY = mpf(10) ** -30

Vector = list[mpf]
Laws = list[Vector]


def number(value: object) -> mpf:
    return mpf(value.numerator) / value.denominator  # type: ignore[attr-defined]


def numbers(values: object) -> Vector:
    return [number(value) for value in values]  # type: ignore[attr-defined]


def mean(p: Vector, values: Vector) -> mpf:
    return mpmath.fdot(p, values)


def factor(p: Vector, weights: Sequence[Fraction], K: float) -> Vector:
    """Factors of all atoms, from the definition with K − 1 opponents."""
    if K == math.inf:
        average = mean(p, numbers(weights))
        return [number(x) / average for x in weights]
    # Rational sums: equal ones must be seen to be equal, or there are exponentially many.
    sums = {Fraction(0): mpf(1)}
    for _ in range(int(K) - 1):
        longer: dict[Fraction, mpf] = {}
        for total, mass in sums.items():
            for pi, wi in zip(p, weights, strict=True):
                longer[total + wi] = longer.get(total + wi, mpf(0)) + mass * pi
        sums = longer
    return [mpmath.fsum(m * number(K * x / (x + s)) for s, m in sums.items()) for x in weights]


def curated(p: Vector, weights: Sequence[Fraction], K: float) -> Vector:
    return [x * h for x, h in zip(p, factor(p, weights, K), strict=True)]


def trajectory(instance: Instance) -> Laws:
    reference = numbers(instance.probabilities)
    laws = [reference if instance.initial is None else numbers(instance.initial)]
    for _ in range(instance.steps):
        law = curated(laws[-1], instance.weights, instance.K)
        if instance.lam != math.inf:
            lam = number(instance.lam)
            law = [(q + lam * x) / (1 + lam) for q, x in zip(reference, law, strict=True)]
        laws.append(law)
    return laws


def twins(names: Sequence[str]) -> list[tuple[str, str]]:
    """All false twins of the claims of these names."""
    return [(name, twin.name) for name in names for twin in claims[name].false_twins]


def nudged(names: Sequence[str]) -> list[tuple[str, str]]:
    """Those that change the statement, not its hypotheses: where one fails the claim must stand."""
    return [
        (name, twin.name)
        for name in names
        for twin in claims[name].false_twins
        if twin.family is None
    ]


@cache
def refutation(name: str, twin: str) -> Refutation:
    """A counterexample to a twin, as `verify` finds it."""
    (chosen,) = (each for each in claims[name].false_twins if each.name == twin)
    found = refute_twin(claims[name], chosen, np.random.default_rng(2))
    assert isinstance(found, Refutation)
    return found
