r"""Claims about up to three rounds written out in full, for all laws at n atoms.

Masses :math:`p_i \ge 0` (not normalised: every term is homogenised with :math:`\sigma = \sum p_i`),
weights :math:`w_i`. The draws are enumerated as multisets; denominators, the positive sums of
weights, are cleared. Nothing here uses the averaging step of the cores for one draw: an independent
route to the same claims, at small n and K.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement, pairwise
from math import factorial, prod

from theory.cores.powers import power
from theory.evidence.core import (
    LARGER,
    TRUE,
    Constant,
    Core,
    Element,
    FalseCore,
    Statement,
    without,
)

WRITTEN_OUT = (
    "None: margin and conclusion are the same number when Σp = 1, up to the cleared positive "
    "denominators; the draws are summed over, not averaged by an argument."
)


@dataclass(frozen=True)
class Curated:
    r"""The kept sample with denominators cleared.

    Attributes
    ----------
    masses
        :math:`D\,C_K(p)_i` for every atom i.
    scale
        D, the product of the sums of weights over all draws with two or more distinct atoms.
    """

    masses: tuple[Element, ...]
    scale: Element


def curated(masses: Sequence[Element], weights: Sequence[Element], candidates: int) -> Curated:
    """The law of the kept sample of K candidates, times a common denominator."""
    atoms = range(len(masses))
    # Draws of one atom alone keep it for certain: they need no denominator.
    mixed = [draw for draw in _draws(len(masses), candidates) if max(draw) < candidates]
    sums = [sum(count * w for count, w in zip(draw, weights, strict=True)) for draw in mixed]
    scale = prod(sums, start=1)
    kept = [power(mass, candidates) * scale for mass in masses]
    for index, draw in enumerate(mixed):
        ways = factorial(candidates) // prod(factorial(count) for count in draw)
        chance = prod((power(p, c) for p, c in zip(masses, draw, strict=True)), start=ways)
        others = prod((s for j, s in enumerate(sums) if j != index), start=1)
        for i in atoms:
            kept[i] = kept[i] + chance * others * (draw[i] * weights[i])
    return Curated(tuple(kept), scale)


def _draws(atoms: int, candidates: int) -> Iterator[tuple[int, ...]]:
    """How often each atom occurs among the candidates, for every multiset of them."""
    for draw in combinations_with_replacement(range(atoms), candidates):
        yield tuple(draw.count(i) for i in range(atoms))


def _mean(masses: Sequence[Element], values: Sequence[Element]) -> Element:
    return sum(p * x for p, x in zip(masses, values, strict=True))


def gain(atoms: int, candidates: int) -> Core:
    """Lemma 2.2 for all laws at n atoms."""
    p, w = _names("p", atoms), _names("w", atoms)
    return Core(
        name=f"gain of all laws, n = {atoms}, K = {candidates}",
        says="E_C(p)[w] − E_p[w] ≥ ((K−1)/K) Var_p(w)/M for w_i ≤ M, times KM and denominators",
        step=WRITTEN_OUT,
        variables=("M", *p, *w),
        state=partial(_gain, candidates, TRUE),
        symmetric=tuple((b, a) for a, b in zip(p, w, strict=True)),
        chart=(
            *(f"{a} >= 0" for a in p),
            f"{w[0]} >= 0",
            *(f"{a} <= {b}" for a, b in pairwise(w)),
            f"{w[-1]} <= M",
        ),
        twins=(FalseCore("constant 2 % larger", partial(_gain, candidates, LARGER)),),
    )


def _gain(candidates: int, constant: Constant, M: Element, *law: Element) -> Statement:
    part, whole = constant
    p, w = _halves(law)
    K, total = candidates, sum(p)
    after = curated(p, w, K)
    rise = _mean(after.masses, w) - _mean(p, w) * power(total, K - 1) * after.scale
    spread = sum(
        p[i] * p[j] * (w[i] - w[j]) * (w[i] - w[j]) for j in range(len(p)) for i in range(j)
    )
    return Statement(
        assumed={
            **_at_least_zero("p", p),
            **_at_least_zero("w", w),
            **{f"w{i} <= M": M - x for i, x in enumerate(w, 1)},
        },
        conclusion=whole * K * M * rise
        - part * (K - 1) * spread * power(total, K - 2) * after.scale,
    )


def dominance(atoms: int, candidates: int, level: int) -> Core:
    """Dominance at one level, for all laws at n atoms."""
    p, w = _names("p", atoms), _names("w", atoms)
    return Core(
        name=f"dominance of all laws, n = {atoms}, K = {candidates}, from w{level} up",
        says="w_1 ≤ … ≤ w_n ⇒ C_K(p)(w ≥ w_j) ≥ p(w ≥ w_j), denominators cleared",
        step=WRITTEN_OUT,
        variables=(*p, *w),
        state=partial(_dominance, candidates, level, TRUE),
        chart=(
            *(f"{a} >= 0" for a in p),
            f"{w[0]} >= 0",
            *(f"{a} <= {b}" for a, b in pairwise(w)),
        ),
        twins=(
            FalseCore("growth by 2 %", partial(_dominance, candidates, level, LARGER)),
            FalseCore(
                "any order at the level",
                without(partial(_dominance, candidates, level, TRUE), f"w{level - 1} <= w{level}"),
            ),
        ),
    )


def _dominance(candidates: int, level: int, constant: Constant, *law: Element) -> Statement:
    part, whole = constant
    p, w = _halves(law)
    after = curated(p, w, candidates)
    before = sum(p[level - 1 :]) * power(sum(p), candidates - 1) * after.scale
    return Statement(
        assumed={
            **_at_least_zero("p", p),
            **_at_least_zero("w", w),
            **{f"w{i} <= w{i + 1}": w[i] - w[i - 1] for i in range(1, len(w))},
        },
        conclusion=whole * sum(after.masses[level - 1 :]) - part * before,
    )


def price(atoms: int, candidates: int) -> Core:
    """Price's identity for all laws at n atoms and any function of them."""
    return Core(
        name=f"Price's identity of all laws, n = {atoms}, K = {candidates}",
        says="E_C(p)[f] − E_p[f] = E_p[fH] − E_p[f] E_p[H], pH = C_K(p), denominators cleared",
        step=WRITTEN_OUT,
        variables=(*_names("p", atoms), *_names("w", atoms), *_names("f", atoms)),
        state=partial(_price, atoms, candidates, TRUE),
        identity=True,
        twins=(FalseCore("covariance 2 % larger", partial(_price, atoms, candidates, LARGER)),),
    )


def _price(atoms: int, candidates: int, constant: Constant, *values: Element) -> Statement:
    part, whole = constant
    p, w, f = values[:atoms], values[atoms : 2 * atoms], values[2 * atoms :]
    after = curated(p, w, candidates)
    mass = power(sum(p), candidates)
    fH, H, mean = _mean(after.masses, f), sum(after.masses), _mean(p, f)
    # E_p[f] is short of p's degree by K − 1, the covariance's first term by K more.
    change = fH * sum(p) - mean * mass * after.scale
    covariance = fH * sum(p) - mean * H
    return Statement(
        assumed={**_at_least_zero("p", p), **_at_least_zero("w", w)},
        conclusion=whole * change - part * covariance,
    )


def second_round(atoms: int) -> Core:
    """The second round gains at least what the first did, K = 2, for all laws at n atoms."""
    p, w = _names("p", atoms), _names("w", atoms)
    return Core(
        name=f"second round of all laws, n = {atoms}, K = 2",
        says="E_{C_2(p_1)}[w] ≥ E_{C_2(ref)}[w], (1+λ)p_1 = ref + λC_2(ref), denominators cleared",
        step=WRITTEN_OUT + " Both sides are the gains of a round, up to the factor λ/(1+λ).",
        variables=("lam", *p, *w),
        state=partial(_second_round, TRUE),
        symmetric=tuple((b, a) for a, b in zip(p, w, strict=True)),
        chart=(
            "λ >= 0",
            *(f"{a} >= 0" for a in p),
            f"{w[0]} >= 0",
            *(f"{a} <= {b}" for a, b in pairwise(w)),
        ),
        twins=(FalseCore("2 % more", partial(_second_round, LARGER)),),
    )


def _second_round(constant: Constant, lam: Element, *law: Element) -> Statement:
    part, whole = constant
    p, w = _halves(law)
    first = curated(p, w, 2)
    total = sum(p)
    # (1+λ)·D·σ²·p_1, of mass (1+λ)Dσ²
    mixed = [total * first.scale * a + lam * b for a, b in zip(p, first.masses, strict=True)]
    second = curated(mixed, w, 2)
    mass = (1 + lam) * first.scale * total * total
    return Statement(
        assumed={"λ >= 0": lam, **_at_least_zero("p", p), **_at_least_zero("w", w)},
        conclusion=whole * _mean(second.masses, w) * total * total
        - part * _mean(first.masses, w) * mass * mass,
    )


def third_round(atoms: int, level: int) -> Core:
    """Three rounds with real data, K = 2: the third dominates the second at one level, for all laws
    at n atoms."""
    p, w = _names("p", atoms), _names("w", atoms)
    state = partial(_third_round, level)
    return Core(
        name=f"third round of all laws, n = {atoms}, K = 2, from w{level} up",
        says="w_1 ≤ … ≤ w_n ⇒ C_2(p_2)(w ≥ w_j) ≥ C_2(p_1)(w ≥ w_j), denominators cleared",
        step=WRITTEN_OUT + " Mixing with the reference, p_3 dominates p_2, at three atoms only: "
        "whether every round dominates the one before it, for every law, is open.",
        variables=("lam", *p, *w),
        state=partial(state, TRUE),
        chart=(
            "λ >= 0",
            *(f"{a} >= 0" for a in p),
            f"{w[0]} >= 0",
            *(f"{a} <= {b}" for a, b in pairwise(w)),
        ),
        twins=(FalseCore("growth by 2 %", partial(state, LARGER)),),
    )


def _third_round(level: int, constant: Constant, lam: Element, *law: Element) -> Statement:
    part, whole = constant
    p, w = _halves(law)
    total = sum(p)
    first = curated(p, w, 2)
    # These are (1+λ)Dσ²·p_1 and, after one more round, (1+λ)³D³σ⁴·p_2: the squares of their masses
    # have the ratio (1+λ)⁴D⁴σ⁴.
    once = [total * first.scale * a + lam * b for a, b in zip(p, first.masses, strict=True)]
    second = curated(once, w, 2)
    share = power(1 + lam, 2) * power(first.scale * total, 3)
    twice = [share * a + lam * b for a, b in zip(p, second.masses, strict=True)]
    third = curated(twice, w, 2)
    ratio = power((1 + lam) * first.scale * total, 4)
    return Statement(
        assumed={
            "λ >= 0": lam,
            **_at_least_zero("p", p),
            **_at_least_zero("w", w),
            **{f"w{i} <= w{i + 1}": w[i] - w[i - 1] for i in range(1, len(w))},
        },
        conclusion=whole * sum(third.masses[level - 1 :])
        - part * ratio * sum(second.masses[level - 1 :]),
    )


def _names(letter: str, count: int) -> tuple[str, ...]:
    return tuple(f"{letter}{i}" for i in range(1, count + 1))


def _halves(law: Sequence[Element]) -> tuple[Sequence[Element], Sequence[Element]]:
    half = len(law) // 2
    return law[:half], law[half:]


def _at_least_zero(letter: str, values: Sequence[Element]) -> dict[str, Element]:
    return {f"{letter}{i} >= 0": x for i, x in enumerate(values, 1)}


GAIN = tuple(
    gain(n, K) for n, K in ((2, 2), (3, 2), (4, 2), (2, 3), (3, 3), (4, 3), (2, 4), (3, 4))
)
DOMINANCE = tuple(
    dominance(n, K, level)
    for n, K in ((2, 2), (3, 2), (4, 2), (2, 3), (3, 3), (2, 4), (3, 4))
    for level in range(2, n + 1)
)
PRICE = tuple(price(n, K) for n, K in ((2, 2), (3, 2), (2, 3), (2, 4)))
SECOND_ROUND = tuple(second_round(n) for n in (2, 3))
THIRD_ROUND = tuple(third_round(3, level) for level in (2, 3))
