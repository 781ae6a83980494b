"""Enumeration: exact against brute force, balls against rationals."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import flint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.enumeration import enumerate_factor
from theory.testing import rational_laws


def brute_force(p, w, K):
    """H by the definition: every ordered draw of the K - 1 rivals."""
    factors = []
    for a in w:
        total = Fraction(0)
        for rivals in itertools.product(range(len(w)), repeat=K - 1):
            chance = math.prod((p[j] for j in rivals), start=Fraction(1))
            weight = a + sum(w[j] for j in rivals)
            total += chance * (K * Fraction(a) / weight if weight else Fraction(1))
        factors.append(total)
    return factors


@settings(max_examples=60)
@given(rational_laws(max_atoms=4, lowest=True), st.integers(1, 4))
def test_enumeration_is_the_definition(law, K):
    p, w = law.exact_probabilities, law.exact_weights
    assert enumerate_factor(p, w, K) == brute_force(p, w, K)


@given(rational_laws(max_atoms=6, max_integer=60, lowest=True), st.integers(1, 6))
def test_factors_average_to_one_exactly(law, K):
    p = law.exact_probabilities
    assert (
        sum(a * h for a, h in zip(p, enumerate_factor(p, law.exact_weights, K), strict=True)) == 1
    )


@given(rational_laws(max_atoms=5, max_integer=100), st.integers(2, 5))
def test_factors_lie_between_0_and_K_and_increase_with_the_weight(law, K):
    pairs = sorted(
        zip(
            law.exact_weights,
            enumerate_factor(law.exact_probabilities, law.exact_weights, K),
            strict=True,
        )
    )
    assert all(0 < h <= K for _, h in pairs)
    assert all(a[1] < b[1] for a, b in itertools.pairwise(pairs) if a[0] < b[0])


@given(rational_laws(max_atoms=5, max_integer=100), st.integers(1, 5), st.integers(1, 10**9))
def test_scaling_all_weights_changes_nothing(law, K, scale):
    p, w = law.exact_probabilities, law.exact_weights
    scaled = [Fraction(a, scale) for a in w]
    assert enumerate_factor(p, scaled, K) == enumerate_factor(p, w, K)


@settings(max_examples=40)
@given(rational_laws(max_atoms=5), st.integers(1, 5))
def test_balls_contain_the_exact_factors(law, K):
    p, w = law.exact_probabilities, law.exact_weights
    balls = [flint.arb(flint.fmpq(q.numerator, q.denominator)) for q in p]
    exact = enumerate_factor(p, w, K)
    for ball, h in zip(enumerate_factor(balls, w, K), exact, strict=True):
        with flint.ctx.workprec(400):  # a rational itself becomes a ball, here of radius 1e-120
            assert ball.contains(flint.arb(flint.fmpq(h.numerator, h.denominator)))
        assert float(ball.rad()) < 1e-12


def test_integer_weights_make_balls_as_sharp_as_rationals():
    with flint.ctx.workprec(200):
        p = [flint.arb(1) / 3, flint.arb(2) / 3]
        factors = enumerate_factor(p, [1, 2], 3)
        exact = enumerate_factor([Fraction(1, 3), Fraction(2, 3)], [1, 2], 3)
        for ball, h in zip(factors, exact, strict=True):
            assert (ball - flint.arb(flint.fmpq(h.numerator, h.denominator))).contains(0)
            assert float(ball.rad()) < 1e-50


def test_large_integers_take_the_merging_route_to_the_same_answer():
    p = [Fraction(1, 3)] * 3
    w = [Fraction(1), Fraction(10**30 + 1), Fraction(10**60)]
    assert enumerate_factor(p, w, 3) == brute_force(p, w, 3)


def test_a_wrong_factor_is_told_apart():
    """The negative twin: K - 1 instead of K in the numerator does not average to 1."""
    p, w = [Fraction(1, 2)] * 2, [Fraction(1), Fraction(3)]
    wrong = [h * Fraction(1, 2) for h in enumerate_factor(p, w, 2)]
    assert sum(a * h for a, h in zip(p, wrong, strict=True)) != 1


def test_too_large_an_enumeration_says_how_large():
    n, K = 40, 30
    with pytest.raises(ValueError, match=r"would visit \d+ multisets \(40 atoms, 29 draws\)"):
        enumerate_factor([1 / n] * n, [1.0 + i for i in range(n)], K)
