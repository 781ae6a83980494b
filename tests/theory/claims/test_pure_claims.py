"""The claims on the pure loop: twins refuted and confirmed by other code, degenerate cases, closed
forms and rates by other routes.

Each twin's statement is written out again from its words; see ``sixty_digits.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, product

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf
from scipy.optimize import minimize

from tests.theory.claims.sixty_digits import (
    CLEARLY,
    DIGITS,
    Laws,
    Vector,
    curated,
    factor,
    mean,
    nudged,
    number,
    numbers,
    trajectory,
    twins,
)
from theory.choice import BestOf, Noisy
from theory.claims import claims
from theory.claims._two_levels import limit_factor, lower_factor
from theory.claims.best_of_rounds import divergence
from theory.evidence import ball, numeric, rational
from theory.evidence.instance import Instance
from theory.evidence.rational import RationalArithmetic
from theory.evidence.run import Numbers, infinite_factor, run_loop
from theory.evidence.search import Refutation, refute
from theory.evidence.tuples import kept_law
from theory.evidence.verdict import INSTANCE_STRENGTHS, Status, Strength
from theory.evidence.verify import verify

PURE = ["dominance-pure", "decay-rate", "best-of-rounds", "theorem-2.1", "lemma-2.2"]
FINITE_OR_INFINITE = ["dominance-pure", "decay-rate", "tilt-frontier", "price-identity"]
HERE = [
    "best-of-rounds",
    "decay-rate",
    "dominance-pure",
    "no-curation",
    "price-identity",
    "rlhf-tilt",
    "theorem-2.1",
    "tilt-frontier",
]
EVERY_CLAIM = pytest.mark.parametrize("name", HERE)

TWINS = twins(HERE)


def kl(p: Vector, q: Vector) -> mpf:
    return mpmath.fsum(x * mpmath.log(x / y) for x, y in zip(p, q, strict=True) if x > 0)


def mass(p: Vector, instance: Instance, keep: Callable[[Fraction], bool]) -> mpf:
    return mpmath.fsum(x for x, w in zip(p, instance.weights, strict=True) if keep(w))


def levels(instance: Instance) -> list[Fraction]:
    return sorted(set(instance.weights), reverse=True)


def two_level_factor(P: mpf, K: float, upper: Fraction, lower: Fraction) -> mpf:
    """Factor of the lower of two levels, from the definition with K − 1 opponents."""
    return factor([P, 1 - P], [upper, lower], K)[1]


# Each returns how far the twin's statement is violated at its worst moment: by how much the smaller
# side exceeds the larger one, or by how much two sides differ.


def growth_of_tails(i: Instance, laws: Laws, growth: mpf) -> mpf:
    return max(
        growth * mass(p, i, lambda w, c=c: w >= c) - mass(q, i, lambda w, c=c: w >= c)
        for p, q in pairwise(laws)
        for c in levels(i)[:-1]
    )


def rest_below(i: Instance, laws: Laws, nudge: mpf, top_for_all: bool) -> mpf:
    worst = []
    for p, q in pairwise(laws):
        for a, b in pairwise(levels(i)):
            P = mass(p, i, lambda w, a=a: w >= a)
            bound = two_level_factor(P, i.K, levels(i)[0] if top_for_all else a, b) * (1 - P)
            worst.append(mass(q, i, lambda w, b=b: w <= b) - nudge * bound)
    return max(worst)


def fall_of_inverse(i: Instance, laws: Laws) -> mpf:
    inverse = [1 / w for w in numbers(i.weights)]
    return max(mean(p, inverse) - mean(q, inverse) for p, q in pairwise(laws))


def decay(
    i: Instance, laws: Laws, above: mpf, below: mpf, rank: int = 1, at_limit: bool = False
) -> mpf:
    w = levels(i)
    worst = []
    for p, q in pairwise(laws):
        P = mpf(1) if at_limit else mass(p, i, lambda x: x == w[0])
        F = two_level_factor(P, i.K, w[0], w[rank])
        worst.append(mass(q, i, lambda x: x < w[0]) - above * F * mass(p, i, lambda x: x < w[0]))
        worst.append(below * F * mass(p, i, lambda x: x == w[1]) - mass(q, i, lambda x: x == w[1]))
    return max(worst)


def lower_levels(i: Instance, laws: Laws, nudge: mpf) -> mpf:
    w = levels(i)
    worst = []
    for p, q in pairwise(laws):
        of_second = mass(q, i, lambda x: x == w[1]) / mass(p, i, lambda x: x == w[1])
        for wj in w[2:]:
            others = (i.K - 1) * w[-1] if i.K != math.inf else None
            share = wj / w[1] if others is None else wj * (w[1] + others) / (w[1] * (wj + others))
            of_j = mass(q, i, lambda x, wj=wj: x == wj) / mass(p, i, lambda x, wj=wj: x == wj)
            worst.append(of_j - nudge * number(share) * of_second)
    return max(worst)


def top_grows(i: Instance, laws: Laws, nudge: mpf) -> mpf:
    top, second = levels(i)[:2]
    rho = second / top if i.K == math.inf else i.K * second / (second + (i.K - 1) * top)
    tops = [mass(p, i, lambda w: w == top) for p in laws]
    return max(nudge * number(1 - rho) * P * (1 - P) - (Q - P) for P, Q in pairwise(tops))


def second_level_distance(i: Instance, laws: Laws) -> mpf:
    second = levels(i)[1]
    distances = [-mpmath.log(mass(p, i, lambda w: w == second)) for p in laws]
    return max(b - a for a, b in pairwise(distances))


def sets_beyond(i: Instance, laws: Laws) -> mpf:
    n = len(i.weights)
    return max(
        mpmath.fsum(laws[t][k] for k in chosen)
        - (1 - (1 - mpmath.fsum(laws[0][k] for k in chosen)) ** (int(i.K) * t))
        for size in range(1, n)
        for chosen in combinations(range(n), size)
        for t in range(1, len(laws))
    )


def divergence_beyond(i: Instance, laws: Laws, one: mpf, nudge: mpf, last: int) -> mpf:
    return max(
        kl(laws[t], laws[0]) - nudge * (t * mpmath.log(i.K) - one + last * mpf(int(i.K)) ** -t)
        for t in range(1, len(laws))
    )


def not_a_tilt(i: Instance, laws: Laws, more: int, penalty: mpf) -> mpf:
    """Either equation of the twin, at its worst."""
    w = numbers(i.weights)
    reward = [mpmath.log(x) for x in w]
    worst = []
    for t in range(1, len(laws)):
        powers = [x ** (t + more) for x in w]
        Z = mean(laws[0], powers)
        tilt = [p * x / Z for p, x in zip(laws[0], powers, strict=True)]
        worst += [abs(a - b) for a, b in zip(laws[t], tilt, strict=True)]
        value = t * mean(laws[t], reward) - penalty * kl(laws[t], laws[0])
        worst.append(abs(value - mpmath.log(Z)))
    return max(worst)


def not_forgotten(i: Instance, laws: Laws, nudge: mpf, delay: int) -> mpf:
    reference = numbers(i.probabilities)
    share = nudge * (1 if i.lam == math.inf else number(i.lam) / (1 + number(i.lam)))
    return max(
        abs((p - q) - share ** (t + delay) * (start - q))
        for t, law in enumerate(laws)
        for p, q, start in zip(law, reference, laws[0], strict=True)
    )


def not_the_covariance(i: Instance, laws: Laws, nudge: mpf, infinite: bool, next_law: bool) -> mpf:
    """Indicators of atoms, every ordered tuple of draws visited."""
    w = numbers(i.weights)
    worst = []
    for t, p in enumerate(laws[:-1]):
        H = factor(p, i.weights, math.inf if infinite else i.K)
        if next_law:
            kept = laws[t + 1]
        elif i.K == math.inf:
            kept = [x * y / mean(p, w) for x, y in zip(p, w, strict=True)]
        else:
            kept = tuples(p, w, int(i.K))
        worst += [abs(c - x - nudge * (x * h - x)) for c, x, h in zip(kept, p, H, strict=True)]
    return max(worst)


def tuples(p: Vector, w: Vector, K: int) -> Vector:
    kept = [mpf(0)] * len(p)
    for draws in product(range(len(p)), repeat=K):
        chance = mpmath.fprod(p[k] for k in draws) / mpmath.fsum(w[k] for k in draws)
        for k in draws:
            kept[k] += chance * w[k]
    return kept


def beyond_the_frontier(
    i: Instance, laws: Laws, price: mpf, constant: mpf | None = None, reverse: bool = False
) -> mpf:
    p0, w = numbers(i.probabilities), numbers(i.weights)
    reward = [mpmath.log(x) for x in w]
    worst = []
    for q in [*laws, curated(p0, i.weights, i.K)]:
        for t in (1, 2, 3):
            masses = [p * x**t for p, x in zip(p0, w, strict=True)]
            Z = mpmath.fsum(masses)
            cost = kl(p0, q) if reverse else kl(q, p0)
            short = mpmath.log(Z) - (t * mean(q, reward) - price * cost)
            l1 = mpmath.fsum(abs(x - m / Z) for x, m in zip(q, masses, strict=True))
            worst.append((mpf(0) if constant is None else constant * l1**2) - short)
    return max(worst)


def short_of_the_frontier(i: Instance, laws: Laws) -> mpf:
    p0, w = numbers(i.probabilities), numbers(i.weights)
    reward = [mpmath.log(x) for x in w]
    return max(
        mpmath.log(mean(p0, [x**t for x in w])) - (t * mean(q, reward) - kl(q, p0))
        for t, q in enumerate(laws)
        if 1 <= t <= 3
    )


one, more, less, half = mpf(1), mpf("1.02"), mpf("0.98"), mpf("0.51")
VIOLATION: dict[tuple[str, str], Callable[[Instance, Laws], mpf]] = {
    ("dominance-pure", "tails grow by 2 %"): lambda i, p: growth_of_tails(i, p, more),
    ("dominance-pure", "a falling function"): fall_of_inverse,
    ("dominance-pure", "real data and any start"): lambda i, p: growth_of_tails(i, p, one),
    ("decay-rate", "2 % faster"): lambda i, p: decay(i, p, less, one),
    ("decay-rate", "2 % slower"): lambda i, p: decay(i, p, one, more),
    ("decay-rate", "the limit rate from the start"): lambda i, p: decay(i, p, one, one, 1, True),
    ("decay-rate", "lowest weight in the rate"): lambda i, p: decay(i, p, one, one, -1),
    ("decay-rate", "rest below a level 2 % faster"): lambda i, p: rest_below(i, p, less, False),
    ("decay-rate", "top weight above every level"): lambda i, p: rest_below(i, p, one, True),
    ("decay-rate", "lower levels 2 % faster"): lambda i, p: lower_levels(i, p, less),
    ("decay-rate", "with real data"): lambda i, p: decay(i, p, one, one),
    ("theorem-2.1", "top grows 2 % faster"): lambda i, p: top_grows(i, p, more),
    ("theorem-2.1", "second level in place of the top"): second_level_distance,
    ("theorem-2.1", "with real data"): lambda i, p: top_grows(i, p, one),
    ("best-of-rounds", "Kt samples"): sets_beyond,
    ("best-of-rounds", "constant 1.02 in place of 1"): lambda i, p: divergence_beyond(
        i, p, more, one, 1
    ),
    ("best-of-rounds", "bound 2 % smaller"): lambda i, p: divergence_beyond(i, p, one, less, 1),
    ("best-of-rounds", "without the last term"): lambda i, p: divergence_beyond(i, p, one, one, 0),
    ("rlhf-tilt", "exponent t+1"): lambda i, p: not_a_tilt(i, p, 1, one),
    ("rlhf-tilt", "penalty 2 % larger"): lambda i, p: not_a_tilt(i, p, 0, more),
    ("rlhf-tilt", "64 candidates"): lambda i, p: not_a_tilt(i, p, 0, one),
    ("rlhf-tilt", "with real data"): lambda i, p: not_a_tilt(i, p, 0, one),
    ("no-curation", "factor 2 % larger"): lambda i, p: not_forgotten(i, p, more, 0),
    ("no-curation", "exponent t+1"): lambda i, p: not_forgotten(i, p, one, 1),
    ("no-curation", "two candidates"): lambda i, p: not_forgotten(i, p, one, 0),
    ("price-identity", "covariance 2 % larger"): lambda i, p: not_the_covariance(
        i, p, more, False, False
    ),
    ("price-identity", "factor of infinitely many candidates"): lambda i, p: not_the_covariance(
        i, p, one, True, False
    ),
    ("price-identity", "the next law, with real data"): lambda i, p: not_the_covariance(
        i, p, one, False, True
    ),
    ("tilt-frontier", "divergence 2 % cheaper"): lambda i, p: beyond_the_frontier(i, p, less),
    ("tilt-frontier", "shortfall 2 % larger"): lambda i, p: beyond_the_frontier(i, p, one, half),
    ("tilt-frontier", "divergence the other way"): lambda i, p: beyond_the_frontier(
        i, p, one, reverse=True
    ),
    ("tilt-frontier", "finite K reaches the frontier"): short_of_the_frontier,
}


@cache
def searched(name: str, twin: str) -> Refutation:
    """Found by the search alone, without the claim's extremal instances to start from."""
    claim = claims[name]
    (chosen,) = (t for t in claim.false_twins if t.name == twin)
    found = refute(chosen.sides, claim.twin_loops(chosen), np.random.default_rng(2))
    assert isinstance(found, Refutation)
    return found


def test_every_twin_has_its_own_confirmation() -> None:
    assert set(VIOLATION) == set(TWINS)


@pytest.mark.parametrize(("name", "twin"), TWINS)
def test_the_counterexample_is_one(name: str, twin: str) -> None:
    found = searched(name, twin)
    with mpmath.workdps(DIGITS):
        violation = VIOLATION[name, twin](found.instance, trajectory(found.instance))
    assert violation > CLEARLY


@pytest.mark.parametrize(("name", "twin"), nudged(HERE))
def test_the_claim_itself_survives_the_counterexample_to_its_twin(name: str, twin: str) -> None:
    found = searched(name, twin)
    status = ball.check(claims[name].sides, found.instance).status
    # Balls leave a claim that is an equality open, unless it is false.
    equality = Strength.CERTIFIED not in claims[name].strengths
    assert status is (Status.OUT_OF_REACH if equality else Status.HOLDS)


@EVERY_CLAIM
def test_the_claim_holds_and_is_tight(name: str) -> None:
    report = verify(claims[name], INSTANCE_STRENGTHS, instances=3, seed=17)
    assert report.problems == ()
    assert report.strongest is Strength.EXACT


# Degenerate cases.

SHAPES = {
    "point mass": ([1], [2]),
    "constant reward": ([1, 2, 3], [5, 5, 5]),
    "tiny reward range": ([1, 1], [10**12, 10**12 + 1]),
    "huge reward range": ([1, 2, 1], [1, 10**9, 10**18]),
    "nearly a point mass at the bottom": ([10**9, 1], [1, 2]),
    "nearly a point mass at the top": ([1, 10**9], [1, 2]),
    "equal rewards apart": ([1, 2, 3, 4], [2, 1, 2, 1]),
}
LOOPS: list[tuple[str, int | float, Fraction | float]] = [
    *[(name, K, math.inf) for name in [*PURE, "tilt-frontier", "price-identity"] for K in (1, 2)],
    *[(name, math.inf, math.inf) for name in [*FINITE_OR_INFINITE, "theorem-2.1", "rlhf-tilt"]],
    *[("no-curation", 1, lam) for lam in (Fraction(0), Fraction(1), Fraction(10**6), math.inf)],
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "K", "lam"), LOOPS, ids=str)
def test_degenerate_cases(name: str, K: int | float, lam: Fraction | float, shape: str) -> None:
    masses, weights = SHAPES[shape]
    instance = Instance.of(masses, weights, K=K, lam=lam, steps=2)
    sides = claims[name].sides
    exact = rational.check(sides, instance)
    if not exact.comparisons:
        # A claim on levels, or on sets, may have nothing to say where there is one only.
        assert shape in ("point mass", "constant reward")
        return
    assert exact.status is Status.HOLDS
    assert numeric.check(sides, numeric.Scenario.of(instance)).status is Status.HOLDS
    assert ball.check(sides, instance).status in (Status.HOLDS, Status.OUT_OF_REACH)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(1, 99), st.integers(1, 99), st.integers(0, 9)),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([1, 2, 3, 4, math.inf]),
    st.sampled_from([Fraction(1, 7), Fraction(1), Fraction(40)]),
)
def test_the_claims_hold_for_any_rational_loop(
    atoms: list[tuple[int, int, int]], K: int | float, lam: Fraction
) -> None:
    masses, weights, start = zip(*atoms, strict=True)
    start = start if sum(start) > 0 else masses
    pure = Instance.of(masses, weights, K=K, steps=2)
    anywhere = Instance.of(masses, weights, K=K, steps=2, initial=start)
    loops = [("tilt-frontier", anywhere), ("price-identity", anywhere)]
    loops += [(name, pure) for name in PURE if K != math.inf or name != "best-of-rounds"]
    if K == math.inf:
        loops.append(("rlhf-tilt", pure))
    if K == 1:
        loops.append(("no-curation", replace(anywhere, lam=lam)))
    for name, instance in loops:
        status = rational.check(claims[name].sides, instance).status
        assert status in (Status.HOLDS, Status.OUT_OF_REACH), name


# Two levels, and the rate.


@pytest.mark.parametrize("K", [1, 2, 3, 7, math.inf])
def test_the_two_level_factor_is_the_curation_factor(K: int | float) -> None:
    instance = Instance.of([2, 5], [7, 3], K=K)
    run = run_loop(instance, RationalArithmetic())
    masses = run.reference
    computed = lower_factor(run, masses[0], masses[1], run.weights[0], run.weights[1])
    assert computed == run.factor(0)[1]
    assert limit_factor(run, Fraction(7), Fraction(3)) == lower_factor(
        run, Fraction(1), Fraction(0), Fraction(7), Fraction(3)
    )


@pytest.mark.parametrize("K", [2, 3, 8, math.inf])
def test_the_mass_off_the_top_decays_at_the_rate(K: int | float) -> None:
    """The slope of log m_t in t, late in a run, is log ρ."""
    instance = Instance.of([3, 4, 3], [1, 2, 3], K=K, steps=40)
    with mpmath.workdps(DIGITS):
        off = [1 - p[2] for p in trajectory(instance)]
        slopes = [float(mpmath.log(b / a)) for a, b in pairwise(off)]
        rho = 2 / mpf(3) if K == math.inf else 2 * mpf(K) / (2 + 3 * (mpf(K) - 1))
        errors = [abs(slope - float(mpmath.log(rho))) for slope in slopes]
    # The lower level and the mass off the top both leave geometrically.
    assert errors[-1] < 1e-4
    assert errors[-1] < errors[20] / 50


@pytest.mark.parametrize("K", [2, 3, 4, 8])
@pytest.mark.parametrize(
    ("name", "part", "masses", "weights"),
    [
        ("decay-rate", "decay, from below", [1, 10**4, 10**4], [1, 2, 4]),
        ("decay-rate", "rest below a level", [10**4, 10**4, 1], [1, 2, 4]),
        ("decay-rate", "lower levels", [10**4, 1, 1], [1, 2, 4]),
        ("decay-rate", "lower levels", [10**4, 1, 1, 1], [1, 2, 4, 8]),
        ("best-of-rounds", "sets", [1, 1, 1], [1, 10**6, 10**12]),
    ],
)
def test_the_other_parts_are_tight_too(
    name: str, part: str, masses: list[int], weights: list[int], K: int
) -> None:
    verdict = ball.check(claims[name].sides, Instance.of(masses, weights, K=K, steps=1))
    (found,) = (c for c in verdict.comparisons if c.part == part)
    assert found.status is Status.HOLDS
    assert 0.995 < found.ratio < 1


def test_a_round_that_keeps_less_of_the_second_level_is_caught() -> None:
    run = run_loop(Instance.of([1, 1, 1], [1, 2, 4], K=3, steps=1), RationalArithmetic())
    faster = [run.laws[1][0], run.laws[1][1] * Fraction(7, 10), run.laws[1][2]]
    changed = replace(run, laws=[run.laws[0], np.array(faster, dtype=object)])
    failed = {
        s.part
        for s in claims["decay-rate"].sides(changed)
        if rational.judge(s).status is Status.FAILS
    }
    assert failed == {"decay, from below", "lower levels"}


# Best of K^t.


@pytest.mark.parametrize("N", [2, 3, 8, 64])
def test_the_bound_is_the_divergence_of_best_of_n_on_an_atomless_law(N: int) -> None:
    with mpmath.workdps(30):
        density = mpmath.quad(
            lambda x: N * x ** (N - 1) * mpmath.log(N * x ** (N - 1)) if x > 0 else 0, [0, 0.5, 1]
        )
        assert abs(density - (mpmath.log(N) - 1 + mpf(1) / N)) < mpf(10) ** -15


@pytest.mark.parametrize("K", [2, 3])
def test_the_extremal_gap_falls_with_the_square_of_the_number_of_atoms(K: int) -> None:
    extremal = claims["best-of-rounds"].extremals[0]
    sizes, gaps = [], []
    for rung in (1, 2, 3):
        instance = extremal.instance(rung, K, math.inf)
        (found,) = ball.check(divergence, instance).comparisons
        sizes.append(len(instance.weights))
        gaps.append(1 - found.ratio)
    slope, _ = np.polyfit(np.log(sizes), np.log(gaps), 1)
    # Cells of the kept law lose the variance of the log-density in them: order 1/n².
    assert slope == pytest.approx(-2, abs=0.1)


def test_every_set_is_decided_by_the_sets_of_largest_weights() -> None:
    """Five atoms, beyond what the claim visits: all 30 sets stay below the bound."""
    instance = Instance.of([5, 1, 3, 2, 4], [1, 30, 7, 300, 2], K=3, steps=3)
    with mpmath.workdps(DIGITS):
        laws = trajectory(instance)
        for t, size in product((1, 2, 3), range(1, 5)):
            for chosen in combinations(range(5), size):
                before, after = (mpmath.fsum(p[k] for k in chosen) for p in (laws[0], laws[t]))
                assert after < 1 - (1 - before) ** (3**t)


# Tilts and their frontier.


def test_the_law_after_t_rounds_maximises_the_regularised_reward() -> None:
    """Against a numerical maximiser that knows nothing of tilts."""
    instance = Instance.of([4, 3, 2, 1], [2, 1, 5, 3], K=math.inf, steps=3)
    run = run_loop(instance, RationalArithmetic())
    p0 = run.reference.astype(float)
    reward = np.log(run.weights.astype(float))

    def regretted(logits: np.ndarray, t: int) -> float:
        q = np.exp(logits - logits.max())
        q = q / q.sum()
        return -float(q @ reward - (q @ np.log(q / p0)) / t)

    for t in (1, 2, 3):
        best = minimize(regretted, np.zeros(4), args=(t,), tol=1e-12)
        q = np.exp(best.x) / np.exp(best.x).sum()
        # BFGS stops where the gradient is rounding: the law is right to its square root.
        assert q == pytest.approx(run.laws[t].astype(float), abs=1e-5)
        value = math.log(p0 @ np.exp(t * reward)) / t
        assert -best.fun == pytest.approx(value, rel=1e-10, abs=0)


def test_finite_K_can_lie_on_the_frontier_with_three_levels() -> None:
    """H(10)² − H(1)H(100) changes sign between two laws, so it vanishes at one in between, where
    log H is linear in the reward and C_2(p) a tilt."""

    def curvature(masses: list[int]) -> Fraction:
        run = run_loop(Instance.of(masses, [1, 10, 100], K=2), RationalArithmetic())
        low, middle, high = run.factor(0)
        return middle**2 - low * high

    assert curvature([500, 1, 500]) > 0
    assert curvature([50, 1, 950]) < 0


def test_two_levels_lie_on_the_frontier() -> None:
    """Any law on two atoms is a tilt of any other, with a real exponent."""
    instance = Instance.of([3, 1], [1, 2], K=3, steps=1)
    with mpmath.workdps(DIGITS):
        p0, p1 = trajectory(instance)
        tau = mpmath.log((p1[1] / p1[0]) / (p0[1] / p0[0])) / mpmath.log(2)
        Z = p0[0] + p0[1] * 2**tau
        best = mpmath.log(Z) / tau
        assert abs(p1[1] * mpmath.log(2) - kl(p1, p0) / tau - best) < CLEARLY


# The Price identity, tuple by tuple.


@pytest.mark.parametrize("K", [1, 2, 3, 4])
def test_tuples_give_the_kept_law(K: int) -> None:
    run = run_loop(Instance.of([1, 2, 3], [1, 3, 7], K=K, steps=1), RationalArithmetic())
    assert list(kept_law(run, 0)) == list(run.laws[1])


class EveryRoundInfinite(RationalArithmetic):
    """A wrong factor: that of K = ∞, whatever K."""

    def factor(self, law: Numbers, weights: object, K: int | float) -> Numbers:
        return infinite_factor(law, self.array(weights))  # type: ignore[arg-type]


def test_a_wrong_curation_factor_breaks_the_price_identity() -> None:
    run = run_loop(Instance.of([1, 2, 3], [1, 3, 7], K=3, steps=1), EveryRoundInfinite())
    statuses = {rational.judge(s).status for s in claims["price-identity"].sides(run)}
    assert statuses == {Status.FAILS}


@pytest.mark.parametrize("choice", [BestOf(), Noisy(Fraction(1, 3))], ids=["best-of-K", "noisy"])
def test_the_price_identity_holds_whoever_chooses(choice: BestOf | Noisy) -> None:
    instance = Instance.of([1, 2, 3], [1, 3, 7], K=3, steps=2, choice=choice)
    verdict = rational.check(claims["price-identity"].sides, instance)
    assert verdict.status is Status.HOLDS
    assert {c.part for c in verdict.comparisons} == {"indicators", "w, w², 1/w", "r"}


# No curation.


def test_the_uncurated_pure_loop_stands_still() -> None:
    instance = Instance.of([1, 2, 3], [1, 3, 7], K=1, lam=math.inf, steps=3, initial=[3, 2, 1])
    run = run_loop(instance, RationalArithmetic())
    assert all(list(law) == list(run.laws[0]) for law in run.laws)
    assert rational.check(claims["no-curation"].sides, instance).status is Status.HOLDS
