r"""Theorem 2.1: the pure loop converges to the initial law conditioned on the top reward.

Assumptions
    Pure loop; finitely many reward levels; the top level has mass :math:`P_0 > 0`.
Claim
    With :math:`p_* = p_0 1\{r = r^*\}/P_0`, :math:`P_t = P_t(r = r^*)` and the second-highest
    weight :math:`w_2`,

    .. math:: D_{\rm KL}(p_*\|p_t) = -\log P_t, \qquad D_{\rm KL}(p_*\|p_{t+1}) \le
              D_{\rm KL}(p_*\|p_t)

    .. math:: P_{t+1} - P_t \ge (1-\rho)\,P_t\,(1-P_t), \qquad
              \rho = \frac{K w_2}{w_2 + (K-1) w^*}

    (K = ∞: :math:`\rho = w_2/w^*`): the top grows at least as a logistic sequence does, so that
    :math:`P_t \to 1` and :math:`D_{\rm KL}(p_*\|p_t) \to 0`, at the rate
    :math:`1 - P_t \le (1-P_0)\,(1 - (1-\rho)P_0)^t` or better.
Kind
    Limit; tight: the growth is an equality for two levels at K = 2, and for every K it is reached
    as :math:`P_t \to 1`.
Source
    Limit: Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.1. Identity and growth: below.
Remarks
    H depends on the weight only, so :math:`p_t` conditioned on the top never changes: that is the
    identity. The growth is the bound :math:`1-P_{t+1} \le F_K(P_t)(1-P_t)` of the claim decay-rate
    with :math:`F_K(P) \le \rho + (1-\rho)(1-P)`; the exact rate is there as well. Without mass at
    the top (a density with a single peak) the theorem says only that
    :math:`E_{p_t}[w] \to w^*`; finite laws and grids always have a top level.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np

from theory.claims._two_levels import level_masses, limit_factor
from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.decay import THEOREM_2_1
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run) -> Iterator[Sides]:
    """The KL identity, its decrease, and the growth of the top."""
    yield from distance(run)
    yield from growth(run)


def distance(run: Run, rank: int = 0) -> Iterator[Sides]:
    """Relative entropy from the initial law, conditioned on one level, to every round's law."""
    top = run.levels == rank
    limit = np.where(top, run.laws[0], run.number(0)) / run.level_mass(rank, 0)
    distances = [run.kl(limit, law) for law in run.laws]
    for t, value in enumerate(distances):
        mass = run.level_mass(rank, t)
        yield Sides.equal("KL identity", t, value, -run.arithmetic.log(mass), 1 + abs(value))
        if t > 0:
            yield Sides.at_most(
                "KL decreases", t, value, distances[t - 1], condition=1 + abs(distances[0])
            )


def growth(run: Run, constant: Fraction = Fraction(1)) -> Iterator[Sides]:
    """Growth of the top's mass, round by round, against that of a logistic sequence."""
    if run.level_count == 1:
        return
    rate = limit_factor(run, run.top_weight, run.level_weight(1))
    for t in range(1, run.steps + 1):
        before, after = level_masses(run, t - 1), level_masses(run, t)
        off = before[1:].sum()
        # What the top gains, the others lose; their sum is the smaller number, and the exacter one.
        gain = off - after[1:].sum()
        bound = run.number(constant) * (1 - rate) * before[0] * off
        if constant == 1 and run.K == 2 and run.level_count == 2:
            yield Sides.equal("two levels, two candidates", t, gain, bound, condition=off)
        else:
            yield Sides.at_least("top mass grows", t, gain, bound, condition=off)


def _second_level(run: Run) -> Iterator[Sides]:
    if run.level_count > 1:
        yield from distance(run, rank=1)


def _almost_arrived(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return Instance.of([1, 100**rung, 10_000**rung], [1, 2, 4], K=K, lam=lam, steps=1)


PURE = Family(atoms=(2, 3, 4, 5), candidates=(2, 3, 4, 8, math.inf), steps=12)

limit_law = Claim(
    id="theorem-2.1",
    title="limit of the pure loop",
    kind=Kind.LIMIT,
    tight=True,
    source="Ferbach et al. 2024, Theorem 2.1 (limit); identity and growth derived here",
    statement=(
        r"D_{\mathrm{KL}}(p_*\|p_t) = -\log P_t(r=r^*) \downarrow 0,\qquad "
        r"P_{t+1} - P_t \ge (1-\rho)P_t(1-P_t),\quad \rho = \frac{K w_2}{w_2+(K-1)w^*}"
    ),
    plain=(
        "Pure curation converges to the initial law restricted to the best reward. The distance "
        "is minus the log of the mass already there, it never grows, and the mass grows until it "
        "is everything, at least as fast as an explicit logistic sequence."
    ),
    hypotheses=(
        "the loop is pure (λ = ∞)",
        "finitely many reward levels, the top one with positive mass",
    ),
    sides=sides,
    family=PURE,
    false_twins=(
        FalseTwin(
            name="top grows 2 % faster",
            says="The mass of the top grows by at least 1.02 times the bound.",
            sides=partial(growth, constant=Fraction(51, 50)),
        ),
        FalseTwin(
            name="second level in place of the top",
            says="The distance to the initial law conditioned on the second level never grows.",
            sides=_second_level,
        ),
        FalseTwin(
            name="with real data",
            says="The top grows at that pace for finite λ too.",
            sides=growth,
            family=Family(
                atoms=(3, 4, 5),
                candidates=(2, 3, 4, 8),
                steps=8,
                load=(Fraction(1, 100), Fraction(100)),
            ),
        ),
    ),
    extremal=Extremal(part="top mass grows", instance=_almost_arrived),
    cores=THEOREM_2_1,
    machine_checked=(
        "Top_entropy.top_entropy",
        "Top_entropy.top_entropy_decreases",
        "Top_entropy.tilted_top_entropy",
        "Top_entropy.tilted_top_entropy_decreases",
        "Top_limit.top_entropy_vanishes",
        "Top_limit.tilted_top_entropy_vanishes",
        "Theorem_2_1.top_keeps_shape",
        "Theorem_2_1.tilted_top_keeps_shape",
        "Theorem_2_1.top_grows",
        "Theorem_2_1.top_takes_all",
        "Theorem_2_1.tilted_top_grows",
        "Theorem_2_1.tilted_top_takes_all",
    ),
)
