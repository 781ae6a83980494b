r"""Theorem 2.1: the pure loop converges to the initial law conditioned on the top reward.

Assumptions
    Pure loop; finitely many reward levels; the top level has mass :math:`P_0 > 0`.
Claim
    With :math:`p_* = p_0 1\{r = r^*\}/P_0`, :math:`P_t = P_t(r = r^*)`, :math:`m_t = 1 - P_t`,
    :math:`m_t^{(2)}` the mass of the second level and :math:`w_2` its weight,

    .. math:: D_{\rm KL}(p_*\|p_t) = -\log P_t, \qquad D_{\rm KL}(p_*\|p_{t+1}) \le
              D_{\rm KL}(p_*\|p_t)

    .. math:: \rho\,m_t^{(2)} \le m_{t+1}^{(2)}, \qquad
              m_{t+1} \le \big(\rho P_t^{K-1} + K(1 - P_t^{K-1})\big)\,m_t, \qquad
              \rho = \frac{K w_2}{w_2 + (K-1) w^*}

    (K = ∞: :math:`\rho = w_2/w^*` and :math:`m_{t+1} \le (\rho/P_t)\,m_t`), and

    .. math:: P_{t+1} \ge P_t\Big(1 + \tfrac12\,(1 - P_t^{K-1})\,
              \frac{w^* - w_2}{(K-1)w^* + w_2}\Big)

    (K = ∞: :math:`P_{t+1} \ge P_t(1 + \tfrac12 m_t(1 - w_2/w^*))`): the top grows until it has all
    the mass, so that :math:`P_t \to 1`, and then the mass off it decays by exactly the factor
    :math:`\rho` per round, lower levels than the second vanishing faster.
Kind
    Equality, order and rate; tight.
Source
    Limit: Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.1. Identity and rate: below.
Remarks
    H depends on the weight only, so :math:`p_t` conditioned on the top never changes: that is the
    identity. An atom of level 2 meets K − 1 top competitors with probability
    :math:`P_t^{K-1}`, and then its factor is :math:`\rho`; no opponents are stronger, and no factor
    exceeds K. An atom of the top that meets any competitor below it, with probability
    :math:`1 - P_t^{K-1}`, has a factor of at least :math:`Kw^*/((K-1)w^* + w_2)`, and never one
    below 1; the half keeps that bound away from equality, which balls could not decide. Without
    mass at the top (a density with a single peak) the theorem says only that
    :math:`E_{p_t}[w] \to w^*`; finite laws and grids always have a top level.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run) -> Iterator[Sides]:
    """The KL identity, its decrease, and the decay of the mass off the top."""
    yield from _distance(run)
    yield from decay(run)
    yield from growth(run)


def _distance(run: Run) -> Iterator[Sides]:
    top = run.levels == 0
    limit = np.where(top, run.laws[0], run.number(0)) / run.level_mass(0, 0)
    distances = [run.kl(limit, law) for law in run.laws]
    for t, distance in enumerate(distances):
        mass = run.level_mass(0, t)
        yield Sides.equal(
            "KL identity", t, distance, -run.arithmetic.log(mass), condition=1 + abs(distance)
        )
        if t > 0:
            yield Sides.at_most(
                "KL decreases", t, distance, distances[t - 1], condition=1 + abs(distances[0])
            )


def decay(
    run: Run, above: Fraction = Fraction(1), below: Fraction = Fraction(1), rank: int = 1
) -> Iterator[Sides]:
    """Mass off the top, round by round; ``rank`` is the level whose weight sets the rate."""
    if run.level_count == 1:
        return
    rate = _rate(run, run.level_weight(rank))
    for t in range(1, run.steps + 1):
        before, after = _mass_off_top(run, t - 1), _mass_off_top(run, t)
        factor = _decay_factor(run, run.number(above) * rate, run.level_mass(0, t - 1))
        yield Sides.at_most("decay, from above", t, after, factor * before, before)
        second_before, second_after = run.level_mass(1, t - 1), run.level_mass(1, t)
        bound = run.number(below) * rate * second_before
        yield Sides.at_least("decay, from below", t, second_after, bound, second_before)


def growth(run: Run, share: Fraction = Fraction(1, 2)) -> Iterator[Sides]:
    """Mass of the top, round by round, against a growth that leaves no rest below 1."""
    if run.level_count == 1:
        return
    gap = run.top_weight - run.level_weight(1)
    for t in range(1, run.steps + 1):
        before, after = run.level_mass(0, t - 1), run.level_mass(0, t)
        if run.K == math.inf:
            gain = _mass_off_top(run, t - 1) * gap / run.top_weight
        else:
            K = int(run.K)
            opposed = 1 - before ** (K - 1)
            gain = opposed * gap / ((K - 1) * run.top_weight + run.level_weight(1))
        bound = before * (1 + run.number(share) * gain)
        yield Sides.at_least("top mass grows", t, after, bound, before)


def _rate(run: Run, weight: Any) -> Any:
    if run.K == math.inf:
        return weight / run.top_weight
    K = int(run.K)
    return K * weight / (weight + (K - 1) * run.top_weight)


def _decay_factor(run: Run, rate: Any, top_mass: Any) -> Any:
    if run.K == math.inf:
        return rate / top_mass
    K = int(run.K)
    unopposed = top_mass ** (K - 1)
    return rate * unopposed + K * (1 - unopposed)


def _mass_off_top(run: Run, t: int) -> Any:
    # Summed, not 1 minus the top: in float64 the difference would be all rounding.
    return run.laws[t][run.levels > 0].sum()


def _almost_arrived(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return Instance.of([1, 100**rung], [1, 2], K=K, lam=lam, steps=1)


PURE = Family(atoms=(3, 4, 5), candidates=(2, 3, 4, 8, math.inf), steps=12)

limit_law = Claim(
    id="theorem-2.1",
    title="limit of the pure loop, with rate",
    kind=Kind.LIMIT,
    tight=True,
    source="Ferbach et al. 2024, Theorem 2.1 (limit); identity and rate derived in the claim file",
    statement=(
        r"D_{\mathrm{KL}}(p_*\|p_t) = -\log P_t(r=r^*) \downarrow 0,\qquad "
        r"\frac{1-P_{t+1}(r=r^*)}{1-P_t(r=r^*)} \to \frac{K w_2}{w_2+(K-1)w^*}"
    ),
    plain=(
        "Pure curation converges to the initial law restricted to the best reward. The distance "
        "is minus the log of the mass already there, it never grows, and the mass elsewhere "
        "shrinks by a known factor per round in the limit."
    ),
    hypotheses=(
        "the loop is pure (λ = ∞)",
        "finitely many reward levels, the top one with positive mass",
    ),
    sides=sides,
    family=PURE,
    false_twins=(
        FalseTwin(
            name="rate 2 % faster",
            says="The mass off the top decays at 0.98 of the rate.",
            sides=partial(decay, above=Fraction(49, 50)),
        ),
        FalseTwin(
            name="rate 2 % slower",
            says="The second level decays no faster than 1.02 of the rate.",
            sides=partial(decay, below=Fraction(51, 50)),
        ),
        FalseTwin(
            name="lowest weight in the rate",
            says="The rate is that of the lowest weight in place of the second-highest.",
            sides=partial(decay, rank=-1),
        ),
        FalseTwin(
            name="top grows 2 % faster",
            says="The mass of the top grows by 1.02 times the bound without its half.",
            sides=partial(growth, share=Fraction(51, 50)),
        ),
        FalseTwin(
            name="with real data",
            says="The mass off the top decays at that rate for finite λ too.",
            sides=decay,
            family=Family(
                atoms=(3, 4, 5),
                candidates=(2, 3, 4, 8),
                steps=8,
                load=(Fraction(1, 100), Fraction(100)),
            ),
        ),
    ),
    extremal=Extremal(part="decay, from below", instance=_almost_arrived),
)
