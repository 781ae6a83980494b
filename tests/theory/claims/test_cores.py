"""Cores: each is proved and can fail, and each says what its claim needs.

The second half computes a claim's margin from an exact loop written here, draw by draw, and
compares it with the core's conclusion, averaged as the core's step says: two routes to one number.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import combinations, product

import pytest

import theory.cores
from theory.claims import claims
from theory.cores import (
    covariance,
    decay,
    envelope,
    expansion,
    gain,
    laws,
    levels,
    powers,
    ratios,
    real_data,
    tilts,
)
from theory.evidence import proof
from theory.evidence.core import Core, breaks
from theory.evidence.proof import CoreReport


def _library() -> Iterator[Core]:
    for module in pkgutil.iter_modules(theory.cores.__path__):
        for value in vars(importlib.import_module(f"theory.cores.{module.name}")).values():
            for member in value if isinstance(value, tuple) else (value,):
                if isinstance(member, Core):
                    yield member


CORES = {core.name: core for core in _library()}
EVERY_CORE = pytest.mark.parametrize("name", CORES)


@cache
def report_of(name: str) -> CoreReport:
    return proof.check(CORES[name])


@EVERY_CORE
def test_is_proved_and_every_twin_is_refuted(name: str) -> None:
    report = report_of(name)
    assert report.problems == ()
    assert report.holds
    assert len(report.twins) == len(CORES[name].twins)
    # A line or two each, however long the numbers are.
    assert all(len(point) < 160 for _, point in report.twins)


@EVERY_CORE
def test_no_sampled_point_breaks_it(name: str) -> None:
    core = CORES[name]
    points = list(proof._points(core, core.state, 50))
    assert not any(breaks(core.state(*point), core.identity) for point in points)


def test_the_solver_agrees_wherever_it_is_asked() -> None:
    opinions = {name: report_of(name).second_opinion for name in CORES}
    assert {text.split()[0] for text in opinions.values()} == {"agrees", "not"}
    # Only laws written out in full are too long to ask about.
    unasked = [name for name, text in opinions.items() if text.startswith("not asked")]
    assert all("of all laws" in name for name in unasked)
    assert len(unasked) < len(CORES) / 5


def test_names_are_unique() -> None:
    found: dict[str, Core] = {}
    for core in _library():
        assert found.setdefault(core.name, core) is core


def test_every_core_proves_some_claim() -> None:
    used = {core.name for claim in claims.values() for core in claim.cores}
    assert set(CORES) - used <= UNATTACHED


# Proved, and waiting for a claim of its own.
UNATTACHED = {core.name for core in laws.THIRD_ROUND}


# The exact loop, draw by draw.


@dataclass(frozen=True)
class Loop:
    """Masses by round and weights of an exact loop from its reference."""

    ref: tuple[Fraction, ...]
    w: tuple[Fraction, ...]
    K: int
    lam: Fraction

    def draws(self, p: tuple[Fraction, ...]) -> Iterator[tuple[Fraction, tuple[int, ...]]]:
        """Every ordered draw of K atoms with its probability."""
        for draw in product(range(len(p)), repeat=self.K):
            yield math.prod((p[i] for i in draw), start=Fraction(1)), draw

    def kept(self, p: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
        """The law of the kept sample."""
        after = [Fraction(0)] * len(p)
        for chance, draw in self.draws(p):
            total = sum(self.w[i] for i in draw)
            for i in draw:
                after[i] += chance * self.w[i] / total
        return tuple(after)

    def after(self, rounds: int) -> tuple[Fraction, ...]:
        p = self.ref
        for _ in range(rounds):
            pairs = zip(self.ref, self.kept(p), strict=True)
            p = tuple((real + self.lam * kept) / (1 + self.lam) for real, kept in pairs)
        return p

    def mean(self, p: tuple[Fraction, ...]) -> Fraction:
        return sum((a * b for a, b in zip(p, self.w, strict=True)), Fraction(0))

    def variance(self, p: tuple[Fraction, ...]) -> Fraction:
        mean = self.mean(p)
        return sum((a * (b - mean) ** 2 for a, b in zip(p, self.w, strict=True)), Fraction(0))


def loops(atoms: int, K: int, *, lam: Fraction | None = None, count: int = 3) -> list[Loop]:
    """A few loops with small random rationals, weights in increasing order."""
    generator = random.Random(10 * atoms + K)
    made = []
    for _ in range(count):
        masses = [generator.randint(1, 9) for _ in range(atoms)]
        weights = sorted(generator.sample(range(1, 40), atoms))
        made.append(
            Loop(
                tuple(Fraction(mass, sum(masses)) for mass in masses),
                tuple(map(Fraction, weights)),
                K,
                Fraction(generator.randint(1, 9), 4 * (K - 1)) if lam is None else lam,
            )
        )
    return made


def margin(core: Core, *values: Fraction | int) -> Fraction:
    """The conclusion at numbers that meet the assumptions; an empty sum is the integer 0."""
    statement = core.state(*map(Fraction, values))
    assert all(value >= 0 for value in statement.assumed.values())
    assert all(value == 0 for value in statement.zero.values())
    return Fraction(statement.conclusion)


def mixed_sums(loop: Loop) -> Fraction:
    """Product of the sums of weights over draws with two or more distinct atoms."""
    multisets = {tuple(sorted(draw)) for _, draw in loop.draws(loop.ref)}
    return math.prod(
        (Fraction(sum(loop.w[i] for i in draw)) for draw in multisets if len(set(draw)) > 1),
        start=Fraction(1),
    )


SMALL = pytest.mark.parametrize(("n", "K"), [(2, 2), (3, 2), (2, 3), (3, 3), (2, 4)])


@SMALL
def test_gain_of_one_draw_averages_to_the_gain_of_the_law(n: int, K: int) -> None:
    core = gain.one_draw(K)
    for loop in loops(n, K):
        M = loop.w[-1]
        average = sum(
            chance
            * margin(core, M, *(loop.w[i] for i in draw))
            / (K * K * M * sum(loop.w[i] for i in draw))
            for chance, draw in loop.draws(loop.ref)
        )
        rise = loop.mean(loop.kept(loop.ref)) - loop.mean(loop.ref)
        assert average == rise - Fraction(K - 1, K) * loop.variance(loop.ref) / M


@SMALL
def test_gain_for_every_K_is_the_gain_for_one_K(n: int, K: int) -> None:
    for loop in loops(n, K):
        M = loop.w[-1]
        for _, draw in loop.draws(loop.ref):
            a = [loop.w[i] for i in draw]
            short = margin(gain.ANY_K, sum(a), sum(x * x for x in a), M, Fraction(K))
            assert short == margin(gain.one_draw(K), M, *a)


@SMALL
def test_gain_of_all_laws_is_the_margin_of_lemma_2_2(n: int, K: int) -> None:
    for loop in loops(n, K):
        M = loop.w[-1] + 1
        whole = margin(laws.gain(n, K), M, *loop.ref, *loop.w)
        rise = loop.mean(loop.kept(loop.ref)) - loop.mean(loop.ref)
        claimed = rise - Fraction(K - 1, K) * loop.variance(loop.ref) / M
        assert whole / (K * M * mixed_sums(loop)) == claimed


@SMALL
def test_dominance_of_all_laws_is_the_growth_of_the_tail(n: int, K: int) -> None:
    for loop in loops(n, K):
        after = loop.kept(loop.ref)
        for level in range(2, n + 1):
            whole = margin(laws.dominance(n, K, level), *loop.ref, *loop.w)
            growth = sum(after[level - 1 :]) - sum(loop.ref[level - 1 :])
            assert whole / mixed_sums(loop) == growth


@SMALL
def test_share_above_a_level_averages_to_the_growth_of_the_tail(n: int, K: int) -> None:
    for loop in loops(n, K):
        for level in range(1, n):
            average = Fraction(0)
            for chance, draw in loop.draws(loop.ref):
                above = [i for i in draw if i >= level]
                X = sum((loop.w[i] for i in above), Fraction(0))
                Y = sum((loop.w[i] for i in draw), Fraction(0)) - X
                j = Fraction(len(above))
                excess = margin(levels.SHARE, X, Y, loop.w[level], j, K - j)
                average += chance * excess / (K * (X + Y))
            assert average == sum(loop.kept(loop.ref)[level:]) - sum(loop.ref[level:])


@pytest.mark.parametrize("n", [2, 3])
def test_second_round_of_all_laws_is_the_margin_of_the_second_gain(n: int) -> None:
    for loop in loops(n, 2):
        scale = mixed_sums(loop)
        # Cleared: D of the second round, and the squared mass (1+λ)D of the first.
        cleared = scale * ((1 + loop.lam) * scale) ** 2
        whole = margin(laws.second_round(n), loop.lam, *loop.ref, *loop.w)
        gains = [loop.mean(loop.kept(loop.after(t))) for t in (0, 1)]
        assert whole / cleared == gains[1] - gains[0]


@pytest.mark.parametrize("level", [2, 3])
def test_third_round_of_all_laws_is_the_growth_of_the_tail(level: int) -> None:
    for loop in loops(3, 2):
        # Cleared: D of the third round, and the squared mass (1+λ)³D³ of the second.
        scale = mixed_sums(loop)
        cleared = scale * ((1 + loop.lam) * scale) ** 6
        whole = margin(laws.third_round(3, level), loop.lam, *loop.ref, *loop.w)
        tails = [sum(loop.kept(loop.after(t))[level - 1 :]) for t in (1, 2)]
        assert whole / cleared == tails[1] - tails[0]


@SMALL
def test_price_identity_of_all_laws_compares_the_change_with_the_covariance(n: int, K: int) -> None:
    core = laws.price(n, K)
    for loop in loops(n, K):
        f = [Fraction((3 * i) % 5) for i in range(n)]
        assert margin(core, *loop.ref, *loop.w, *f) == 0
        kept = loop.kept(loop.ref)
        mean, after = (sum(a * b for a, b in zip(p, f, strict=True)) for p in (loop.ref, kept))
        # The twin is short of 2 % of the covariance.
        excess = core.twins[0].state(*loop.ref, *loop.w, *f).conclusion
        assert excess / mixed_sums(loop) == -(after - mean)
        assert margin(covariance.COVARIANCE, after, mean, sum(kept)) == 0


@SMALL
def test_decay_of_one_draw_averages_to_the_mass_off_the_top(n: int, K: int) -> None:
    for loop in loops(n, K):
        *_, second, top = loop.w
        m = 1 - loop.ref[-1]
        average = Fraction(0)
        for chance, draw in loop.draws(loop.ref):
            J = Fraction(draw.count(n - 1))
            Y = sum((loop.w[i] for i in draw if i < n - 1), Fraction(0))
            room = margin(decay.LEAVES, J * top, Y, top, second, J, K - J)
            average += chance * room / ((J * top + Y) * (J * top + (K - J) * second))
        bound = sum(
            math.comb(K - 1, J)
            * (1 - m) ** J
            * m ** (K - 1 - J)
            * K
            * second
            / (J * top + (K - J) * second)
            for J in range(K)
        )
        assert average == m * bound - (1 - loop.kept(loop.ref)[-1])


@SMALL
def test_the_top_keeps_its_shape_as_the_loop_does(n: int, K: int) -> None:
    for loop in loops(n, K):
        # The top twice: two atoms of one weight.
        two = Loop((*loop.ref, loop.ref[-1]), (*loop.w, loop.w[-1]), K, loop.lam)
        two = replace(two, ref=tuple(p / sum(two.ref) for p in two.ref))
        before = two.kept(two.ref)
        after = two.kept(before)
        (start, p, last), (P0, P, P_last) = (
            (law[-1] for law in (two.ref, before, after)),
            (law[-1] + law[-2] for law in (two.ref, before, after)),
        )
        h = last / p
        statement = decay.SHAPE.state(p, last, P, P_last, start, P0, h)
        assert {*statement.zero.values(), statement.conclusion} == {0}


@SMALL
def test_real_data_hold_the_top_as_the_loop_says(n: int, K: int) -> None:
    for loop in loops(n, K, lam=Fraction(1, 3 * K)):
        f, after = (loop.after(t)[-1] / loop.ref[-1] for t in (1, 2))
        h, H = (loop.kept(p)[-1] / p[-1] for p in (loop.after(1), loop.ref))
        statement = ratios.HOLD.state(f, h, H, loop.lam)
        assert min(statement.assumed.values()) >= 0
        hold = 1 + loop.lam - loop.lam * H
        assert statement.conclusion == (1 + loop.lam) * (1 - after * hold)


@SMALL
def test_the_chord_and_the_floor_enclose_the_factor(n: int, K: int) -> None:
    for loop in loops(n, K):
        *_, second, top = loop.w
        gap, k = top - second, Fraction(K - 1)
        last = K * second + k * gap
        rate = K * second / last
        for J in map(Fraction, range(K)):
            x = J * top + (K - J) * second
            above = margin(decay.CHORD, gap, second, J, Fraction(K), k) / (x * last)
            assert above == 1 - (1 - rate) * J / k - K * second / x
            below = margin(decay.FLOOR, gap, second, J, Fraction(K), k)
            assert below / (x * last) * K * second == K * second / x - rate


@SMALL
def test_an_atom_of_the_second_level_and_one_below_it(n: int, K: int) -> None:
    for loop in loops(n, K):
        *_, second, top = loop.w
        least = (K - 1) * loop.w[0]
        others = Loop(loop.ref, loop.w, K - 1, loop.lam)
        for _, draw in others.draws(loop.ref):
            S, J = sum(loop.w[i] for i in draw), Fraction(draw.count(n - 1))
            x = J * top + (K - J) * second
            room = margin(decay.MEETS, S, top, second, J, Fraction(K - 1))
            assert second * room / (x * (second + S)) == second / (second + S) - second / x
            low = loop.w[0]
            if low < second:
                room = margin(decay.LOWER_LEVEL, low, second, S, least)
                kappa = low * (second + least) / (second * (low + least))
                factors = [w / (w + S) for w in (low, second)]
                scaled = room * low / (second * (low + least) * (low + S) * (second + S))
                assert scaled * second == kappa * factors[1] - factors[0]


@SMALL
def test_density_bounds_are_steps_of_the_loop(n: int, K: int) -> None:
    for loop in loops(n, K, lam=Fraction(2, 3 * (K - 1))):
        before, after = loop.after(1), loop.after(2)
        kept = loop.kept(before)
        room = 1 - loop.lam * (K - 1)
        for i in range(n):
            ref, p, h = loop.ref[i], before[i], kept[i] / before[i]
            above = margin(real_data.DENSITY, ref, p, h, Fraction(K - 1), loop.lam)
            assert above / (1 + loop.lam) == ref - room * after[i]
            below = margin(real_data.FLOOR, ref, p, h, loop.lam)
            assert below / (1 + loop.lam) == after[i] - ref / (1 + loop.lam)


@SMALL
def test_the_induction_on_the_reward_is_that_of_the_loop(n: int, K: int) -> None:
    for loop in loops(n, K):
        c = Fraction(K - 1, K) / loop.w[-1]
        share = loop.variance(loop.ref) / (1 + loop.lam)
        rise = [loop.mean(loop.after(t)) - loop.mean(loop.ref) for t in (1, 2)]
        V = loop.variance(loop.after(1))
        left = margin(real_data.INDUCTION, rise[0], rise[1], c, share, V, loop.lam)
        bound = loop.lam / (1 + loop.lam) * c * loop.variance(loop.ref)
        assert left / (1 + loop.lam) == rise[1] - bound
        gained = c * loop.variance(loop.ref)
        published = margin(real_data.PUBLISHED, rise[1], gained, loop.lam)
        assert published / (1 + loop.lam) ** 3 == rise[1] - gained * loop.lam / (1 + loop.lam) ** 3
        mean = loop.mean(loop.after(1))
        spread = sum(
            margin(real_data.SPREAD, a, b, w, mean, loop.lam)
            for a, b, w in zip(loop.ref, loop.after(1), loop.w, strict=True)
        )
        off = (mean - loop.mean(loop.ref)) ** 2
        assert spread == (1 + loop.lam) * V - loop.variance(loop.ref) - off


def test_mixing_is_the_loop_without_curation() -> None:
    loop = loops(3, 2)[0]
    alone = Loop(loop.ref, loop.w, 1, loop.lam)
    start = (Fraction(1), Fraction(0), Fraction(0))
    assert alone.kept(start) == start
    for i in range(3):
        A, B = (1 + loop.lam) ** 2, loop.lam**2
        before = loop.ref[i] + B / A * (start[i] - loop.ref[i])
        after = (loop.ref[i] + loop.lam * before) / (1 + loop.lam)
        assert margin(real_data.MIXING, before, after, loop.ref[i], start[i], A, B, loop.lam) == 0


@SMALL
def test_the_envelope_step_bounds_every_set(n: int, K: int) -> None:
    for loop in loops(n, K):
        before, after = loop.after(1), loop.after(2)
        kept = loop.kept(before)
        for size in range(1, n + 1):
            for members in combinations(range(n), size):
                u, m, C, grown = (
                    sum(p[i] for i in members) for p in (loop.ref, before, kept, after)
                )
                f = (u + loop.lam * (1 - (1 - u) ** K)) / (1 + loop.lam)
                y, z = (1 - m) ** K, (1 - f) ** K
                room = margin(envelope.STEP, grown, u, C, y, z, loop.lam)
                assert room / (1 + loop.lam) == (u + loop.lam * (1 - z)) / (1 + loop.lam) - grown


@pytest.mark.parametrize("K", [2, 3, 4])
def test_total_variation_is_within_reach_of_the_inverse_envelope(K: int) -> None:
    lam = Fraction(3, 4 * (K - 1))
    # A rational in place of K^(−1/(K−1)), with the power that the equation asks for.
    z, Z = Fraction(K, K + 1), Fraction(1, K)
    for x in (Fraction(i, 7) for i in range(8)):
        m = 1 - x
        u = (1 + lam) * m - lam * (1 - x**K)
        statement = envelope.VARIATION.state(u, x, z, x**K, Z, Fraction(K), lam)
        assert statement.conclusion / K == lam * (1 - Fraction(1, K)) * z - (m - u)
        slope = margin(envelope.RISING, x ** (K - 1), Fraction(K - 1), lam)
        assert slope == 1 + lam - lam * K * x ** (K - 1)


@pytest.mark.parametrize("K", [2, 3, 4])
def test_beyond_the_threshold_the_inverse_envelope_starts_at_its_root(K: int) -> None:
    y = Fraction(2, 5)
    # The λ that makes 1 − y the root: y + … + y^(K−1) = 1/λ.
    lam = 1 / Fraction(sum(y**i for i in range(1, K)))
    assert (1 + lam) * (1 - y) == lam * (1 - y**K)
    slope = margin(envelope.RISING_BEYOND, y, y ** (K - 1), Fraction(K), lam)
    assert slope == (1 - y) * (1 + lam - lam * K * y ** (K - 1))
    for x in (Fraction(0), Fraction(1, 5), y):
        room = margin(envelope.BEFORE_THE_PEAK, x, y, x**K, y ** (K - 1), Fraction(K))
        assert room == y - y**K - x + x**K


@SMALL
def test_likelihood_ratios_step_as_the_loop_does(n: int, K: int) -> None:
    for loop in loops(n, K):
        before, after = loop.after(1), loop.after(2)
        g, grown = ([a / b for a, b in zip(p, loop.ref, strict=True)] for p in (before, after))
        h = [a / b for a, b in zip(loop.kept(before), before, strict=True)]
        for v, w in combinations(range(n), 2):
            rise = margin(ratios.RATIO, g[v], g[w], h[v], h[w], loop.lam)
            assert rise / (1 + loop.lam) == grown[w] - grown[v]
            a, b = loop.w[v], loop.w[w]
            ceiling = margin(ratios.CEILING, g[v], g[w], h[v], h[w], a, b, a, b, loop.lam)
            assert ceiling / (1 + loop.lam) == grown[v] * b**2 - grown[w] * a**2


@pytest.mark.parametrize("n", [2, 3, 4])
def test_swaps_add_up_to_the_change_of_the_expectation(n: int) -> None:
    loop = loops(n, 3)[0]
    q, weights = loop.ref, loop.w
    g = [Fraction(i * i + 1) for i in range(n)]
    # One opponent is swapped; the other, drawn from another law, has a total of S.
    others = list(zip([Fraction(1, n)] * n, (w + 1 for w in weights), strict=True))

    def expected(w: Fraction, tilted: bool) -> Fraction:
        terms = (
            q[i] * (g[i] if tilted else 1) * chance / (w + weights[i] + S)
            for i in range(n)
            for chance, S in others
        )
        return sum(terms, Fraction(0))

    def pair(x: int, y: int, low: Fraction, high: Fraction) -> Fraction:
        total = Fraction(0)
        for a, S in others:
            for b, T in others:
                point = (low, high, weights[x], weights[y], S, T, g[x], g[y])
                sums = [p + c + s for p in (low, high) for c in point[2:4] for s in (S, T)]
                total += a * b * margin(ratios.SWAP, *point) / math.prod(sums)
        # The core adds the two orders of S and T.
        return q[x] * q[y] * total / 2

    for low, high in combinations(weights, 2):
        change = expected(high, True) * expected(low, False)
        change -= expected(low, True) * expected(high, False)
        assert change > 0
        assert change == sum(pair(x, y, low, high) for x, y in combinations(range(n), 2))


def test_association_adds_up_to_the_covariance() -> None:
    loop = loops(4, 2)[0]
    g = [Fraction(i * i) for i in range(4)]
    p, f = loop.ref, loop.w
    pairs = sum(
        p[x] * p[y] * margin(ratios.ASSOCIATION, g[x], g[y], f[x], f[y])
        for x, y in combinations(range(4), 2)
    )
    means = [sum(a * b for a, b in zip(p, values, strict=True)) for values in (g, f)]
    both = sum(a * b * c for a, b, c in zip(p, g, f, strict=True))
    assert pairs == both - means[0] * means[1]


def test_rounds_at_infinite_K_are_tilts_and_lie_on_the_frontier() -> None:
    loop = loops(3, 2)[0]
    Z = sum(p * w**2 for p, w in zip(loop.ref, loop.w, strict=True))
    tilt = [p * w**2 / Z for p, w in zip(loop.ref, loop.w, strict=True)]
    m = sum(p * w for p, w in zip(tilt, loop.w, strict=True))
    value = 0.0
    q = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 6))
    for i, w in enumerate(loop.w):
        point = (tilt[i], tilt[i] * w / m, loop.ref[i], w**2, w, Z, m)
        assert margin(tilts.TILT, *point) == 0
        r, beta = math.log(w), 0.5
        logs = (math.log(q[i]), math.log(loop.ref[i]), math.log(tilt[i]))
        statement = tilts.GAP.state(float(q[i]), r, *logs, math.log(Z), beta)
        # A handful of operations on numbers below 10.
        assert abs(statement.zero["β log p = β log p0 + r − βz"]) < 1e-13
        value += statement.conclusion
    assert abs(value) < 1e-13


def test_pinsker_is_as_the_second_derivatives_say() -> None:
    for x in (Fraction(0), Fraction(1, 3), Fraction(1), Fraction(9, 4), Fraction(50)):
        assert margin(tilts.CURVATURE, x) == (x + 2) ** 3 - 27 * x
    for y in (0.01, 0.5, 1.0, 1.7, 30.0):
        # The two functions whose second derivatives the core compares; 1e-15: rounding at y = 1.
        assert y * math.log(y) - y + 1 >= 1.5 * (y - 1) ** 2 / (y + 2) - 1e-15


def test_the_fixed_point_with_real_data_is_one() -> None:
    loop = loops(4, 2)[0]
    zeta = loop.w[-1] * Fraction(11, 10)
    lam = sum(p / (1 - w / zeta) for p, w in zip(loop.ref, loop.w, strict=True)) - 1
    p = [a / ((1 + lam) * (1 - w / zeta)) for a, w in zip(loop.ref, loop.w, strict=True)]
    mean = sum(a * w for a, w in zip(p, loop.w, strict=True))
    assert margin(tilts.MEAN, sum(p), mean, sum(loop.ref), zeta, lam) == 0
    assert mean == lam * zeta / (1 + lam)
    for a, ref, w in zip(p, loop.ref, loop.w, strict=True):
        assert a == (ref + lam * a * w / mean) / (1 + lam)
        assert margin(tilts.FIXED_POINT, a, ref, w, zeta, lam) == 0
        top = loop.w[-1]
        room = margin(tilts.OFF_TOP, (1 + lam) * a / zeta, w, top, zeta)
        assert room == ref * top - (1 + lam) * (top - w) * a


def test_means_of_tilts_and_mass_moved_between_them() -> None:
    loop = loops(4, 2)[0]
    moments = [sum(p * w**j for p, w in zip(loop.ref, loop.w, strict=True)) for j in range(6)]
    for j in range(1, 5):
        pairs = sum(
            loop.ref[a] * loop.ref[b] * margin(tilts.TILT_MEANS, w, v, w ** (j - 1), v ** (j - 1))
            for a, w in enumerate(loop.w)
            for b, v in enumerate(loop.w[:a])
        )
        assert pairs == moments[j + 1] * moments[j - 1] - moments[j] ** 2
    # Two rounds at K = ∞: the shares of the tilts before and after, and the means.
    means = [Fraction(moments[j + 1] / moments[j]) for j in range(4)]
    shares, expected = [[Fraction(1), Fraction(0), Fraction(0), Fraction(0)]], []
    for _ in range(3):
        a = sum(b * share for b, share in zip(means, shares[-1], strict=True))
        expected.append(a)
        kept = [shares[-1][j - 1] * means[j - 1] / a for j in range(1, 4)]
        shares.append([1 / (1 + loop.lam), *(loop.lam * k / (1 + loop.lam) for k in kept)])
    moves = [b - a for a, b in zip(shares[2], shares[3], strict=True)]
    a = sum(b * share for b, share in zip(means, shares[3], strict=True))
    assert margin(tilts.MOVED, *means, *moves) == a - expected[2]


@pytest.mark.parametrize("order", [2, 4])
def test_expansions_are_those_of_the_reciprocal(order: int) -> None:
    m, d = Fraction(5), Fraction(-3, 2)
    series = sum((-d) ** i / m ** (i + 1) for i in range(order))
    assert 1 / (m + d) - series == d**order / (m**order * (m + d))
    wrong = expansion.expansion(order).twins[0].state(m, d).conclusion
    assert wrong == 2 * d**order
    assert margin(expansion.expansion(order), m, d) == 0


def test_the_change_from_the_group_mean_to_the_mean() -> None:
    mu, delta, K, b = Fraction(4), Fraction(3), Fraction(5), Fraction(2)
    m = mu + delta / K
    first = expansion.FIRST.twins[0].state(m, mu, delta, K).conclusion
    assert first / (50 * K * m * mu) == 1 / m - 1 / mu + Fraction(51, 50) * delta / (K * m * mu)
    second = expansion.SECOND.twins[0].state(m, mu, delta, K).conclusion
    remainder = 1 / m - 1 / mu + delta / (K * mu**2)
    scale = K * K * mu * mu * m
    assert second / (50 * scale) == remainder - Fraction(51, 50) * delta**2 / scale
    room = margin(expansion.CUBES, mu, m, b) / (b**4 * mu**3 * m**3)
    assert room == 3 * (m - mu) / b**4 - (1 / mu**3 - 1 / m**3)


@pytest.mark.parametrize("K", [2, 3, 4, 5])
def test_tangents_by_induction_are_those_written_out(K: int) -> None:
    for x, z in (
        (Fraction(2), Fraction(5)),
        (Fraction(0), Fraction(1)),
        (Fraction(3), Fraction(1)),
    ):
        step = margin(powers.TANGENT, x, z, x ** (K - 1), z ** (K - 2), Fraction(K - 1))
        assert (
            step
            == margin(powers.literal_tangent(K), x, z)
            == x**K - K * z ** (K - 1) * x + (K - 1) * z**K
        )


@pytest.mark.parametrize("divergence", [lambda x: (x - 1) ** 2, lambda x: abs(x - 1)])
def test_a_lower_curve_has_smaller_divergences(
    divergence: Callable[[Fraction], Fraction],
) -> None:
    loop = loops(4, 3)[0]
    p = sorted(
        zip(loop.after(2), loop.ref, strict=True), key=lambda pair: pair[0] / pair[1], reverse=True
    )
    f, u, increments = Fraction(0), Fraction(0), []
    for _, ref in p:
        u += ref
        value = u
        for _ in range(2):
            value = (u + loop.lam * (1 - (1 - value) ** loop.K)) / (1 + loop.lam)
        increments.append(value - f)
        f = value
    slopes = [a / ref for a, ref in p]
    differences = [e - a for e, (a, _) in zip(increments, p, strict=True)]
    assert margin(envelope.MAJORISATION, *slopes, *differences) >= 0
    of_law = sum(ref * divergence(a / ref) for a, ref in p)
    of_envelope = sum(ref * divergence(e / ref) for e, (_, ref) in zip(increments, p, strict=True))
    assert of_law <= of_envelope
