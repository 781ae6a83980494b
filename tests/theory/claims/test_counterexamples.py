"""Every false twin of four claims of the paper falls to a counterexample that code of another kind
confirms.

The confirmation shares nothing with the library: the loop is iterated in 60-digit floating point,
the law of the opponents' sum built by plain convolution, and each twin's inequality written out
again from its words.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from theory.claims import claims
from theory.evidence import ball
from theory.evidence.instance import Instance
from theory.evidence.search import Refutation
from theory.evidence.verdict import Status
from theory.evidence.verify import refute_twin

DIGITS = 60
# Far above what 60 digits can get wrong, far below any counterexample's relative margin.
CLEARLY = mpf(10) ** -30
# Other claims have their confirmations in files of their own beside this one.
HERE = ("lemma-2.1", "lemma-2.2", "theorem-2.3-sharp", "theorem-2.4-sharp")
TWINS = [(name, twin.name) for name in HERE for twin in claims[name].false_twins]

Laws = list[list[mpf]]


def number(value: object) -> mpf:
    return mpf(value.numerator) / value.denominator  # type: ignore[attr-defined]


def factor(p: list[mpf], instance: Instance) -> list[mpf]:
    K, w = instance.K, instance.weights
    if K == math.inf:
        average = mean(p, [number(x) for x in w])
        return [number(x) / average for x in w]
    # Rational sums: equal ones must be seen to be equal, or there are exponentially many.
    sums = {Fraction(0): mpf(1)}
    for _ in range(int(K) - 1):
        longer: dict[Fraction, mpf] = {}
        for total, mass in sums.items():
            for pi, wi in zip(p, w, strict=True):
                longer[total + wi] = longer.get(total + wi, mpf(0)) + mass * pi
        sums = longer
    return [mpmath.fsum(m * number(K * x / (x + s)) for s, m in sums.items()) for x in w]


def trajectory(instance: Instance) -> Laws:
    reference = [number(p) for p in instance.probabilities]
    p = reference if instance.initial is None else [number(x) for x in instance.initial]
    laws = [p]
    for _ in range(instance.steps):
        kept = [x * h for x, h in zip(p, factor(p, instance), strict=True)]
        if instance.lam != math.inf:
            lam = number(instance.lam)
            kept = [(q + lam * x) / (1 + lam) for q, x in zip(reference, kept, strict=True)]
        p = kept
        laws.append(p)
    return laws


def mean(p: list[mpf], w: list[mpf]) -> mpf:
    return mpmath.fdot(p, w)


def variance(p: list[mpf], w: list[mpf]) -> mpf:
    return mpmath.fdot(p, [x * x for x in w]) - mean(p, w) ** 2


def advantage(K: float) -> mpf:
    return mpf(1) if K == math.inf else mpf(K - 1) / K


# Each returns how far the twin's smaller side exceeds its larger one, at the worst moment.


def excess_of_limit_error(instance: Instance, laws: Laws) -> mpf:
    p, w, K = laws[0], [number(x) for x in instance.weights], instance.K
    mu, s2, b = mean(p, w), variance(p, w), min(w)
    return max(
        abs(h - x / mu) - mpf("0.98") * x * (abs(x - mu) / (mu * b) + s2 / b**3) / K
        for h, x in zip(factor(p, instance), w, strict=True)
    )


def excess_of_expansion_error(instance: Instance, laws: Laws, nudge: mpf, exponent: int) -> mpf:
    p, w, K = laws[0], [number(x) for x in instance.weights], instance.K
    mu, s2, b = mean(p, w), variance(p, w), min(w)
    m3, m4 = (mpmath.fdot(p, [(x - mu) ** k for x in w]) for k in (3, 4))
    excesses = []
    for h, x in zip(factor(p, instance), w, strict=True):
        expansion = x / mu * (1 - (x - mu) / (K * mu) + nudge * s2 / (K * mu**2))
        constant = x * (
            (x - mu) ** 2 / (mu**2 * b)
            + s2 / b**3
            + (3 * s2 * abs(x - mu) + abs(m3)) / b**4
            + (m4 + 3 * s2**2) / b**5
        )
        excesses.append(abs(h - expansion) - constant / K**exponent)
    return max(excesses)


def shortfall_of_gain(instance: Instance, laws: Laws, constant: mpf, over_mean: bool) -> mpf:
    w = [number(x) for x in instance.weights]
    return max(
        constant * advantage(instance.K) * variance(p, w) / (mean(p, w) if over_mean else max(w))
        - (mean(q, w) - mean(p, w))
        for p, q in pairwise(laws)
    )


def shortfall_of_reward(instance: Instance, laws: Laws, constant: mpf, share: bool) -> mpf:
    w = [number(x) for x in instance.weights]
    reference = [number(p) for p in instance.probabilities]
    lam = instance.lam
    synthetic = mpf(1) if lam == math.inf or not share else number(lam) / (1 + number(lam))
    bound = constant * synthetic * advantage(instance.K) * variance(reference, w) / max(w)
    return max(bound - (mean(p, w) - mean(reference, w)) for p in laws[1:])


def excess_of_divergence(instance: Instance, laws: Laws, constant: mpf, cap: bool) -> mpf:
    reference, K = [number(p) for p in instance.probabilities], instance.K
    lam = number(instance.lam)
    if cap:
        lam = min(lam, mpf(1) / (K - 1))
    # At the threshold the integrand has a logarithm at 1: within reach of the double exponential
    # rule, whose nodes crowd at the ends.
    bound = -mpmath.quad(lambda x: mpmath.log(1 + lam - lam * K * x ** (K - 1)), [0, 1])
    return max(
        mpmath.fsum(x * mpmath.log(x / q) for x, q in zip(p, reference, strict=True) if x > 0)
        - constant * bound
        for p in laws[1:]
    )


one, two_more, two_less = mpf(1), mpf("1.02"), mpf("0.98")
VIOLATION: dict[tuple[str, str], Callable[[Instance, Laws], mpf]] = {
    ("lemma-2.1", "C_1 2 % smaller"): excess_of_limit_error,
    ("lemma-2.1", "variance term 2 % larger"): lambda i, laws: excess_of_expansion_error(
        i, laws, two_more, 2
    ),
    ("lemma-2.1", "one power of K more"): lambda i, laws: excess_of_expansion_error(
        i, laws, one, 3
    ),
    ("lemma-2.2", "constant 2 % larger"): lambda i, laws: shortfall_of_gain(
        i, laws, two_more, False
    ),
    ("lemma-2.2", "mean in place of the largest weight"): lambda i, laws: shortfall_of_gain(
        i, laws, one, True
    ),
    ("theorem-2.3-sharp", "constant 2 % larger"): lambda i, laws: shortfall_of_reward(
        i, laws, two_more, True
    ),
    ("theorem-2.3-sharp", "any start"): lambda i, laws: shortfall_of_reward(i, laws, one, True),
    ("theorem-2.3-sharp", "λ/(1+λ) to the power 0"): lambda i, laws: shortfall_of_reward(
        i, laws, one, False
    ),
    ("theorem-2.4-sharp", "constant 2 % smaller"): lambda i, laws: excess_of_divergence(
        i, laws, two_less, False
    ),
    ("theorem-2.4-sharp", "any start"): lambda i, laws: excess_of_divergence(i, laws, one, False),
    ("theorem-2.4-sharp", "beyond the threshold"): lambda i, laws: excess_of_divergence(
        i, laws, one, True
    ),
}


@cache
def refutation(name: str, twin: str) -> Refutation | None:
    claim = claims[name]
    (chosen,) = (t for t in claim.false_twins if t.name == twin)
    return refute_twin(claim, chosen, np.random.default_rng(2))


def test_every_twin_has_its_own_confirmation() -> None:
    assert set(VIOLATION) == set(TWINS)


@pytest.mark.parametrize(("name", "twin"), TWINS)
def test_the_twin_is_refuted_in_seconds(name: str, twin: str) -> None:
    found = refutation(name, twin)
    assert found is not None
    # Measured: 1 ms to 0.2 s each; ten times the target on a busy machine.
    assert found.seconds < 10


@pytest.mark.parametrize(("name", "twin"), TWINS)
def test_the_counterexample_is_one(name: str, twin: str) -> None:
    found = refutation(name, twin)
    assert found is not None
    with mpmath.workdps(DIGITS):
        violation = VIOLATION[name, twin](found.instance, trajectory(found.instance))
    assert violation > CLEARLY


# Twins that change the statement, not its hypotheses: there the claim itself must stand.
NUDGED = [
    (name, twin.name) for name in HERE for twin in claims[name].false_twins if twin.family is None
]


@pytest.mark.parametrize(("name", "twin"), NUDGED)
def test_the_claim_itself_survives_the_counterexample_to_its_twin(name: str, twin: str) -> None:
    found = refutation(name, twin)
    assert found is not None
    assert ball.check(claims[name].sides, found.instance).status is Status.HOLDS
