r"""Theorem 2.3, sharpened: with real data the reward still stays above a fixed gain.

Assumptions
    :math:`p_0 = p_{\rm ref}`, any :math:`\lambda \ge 0` (∞ included), any K, :math:`w \le w^*`.
Claim
    .. math:: E_{p_t}[w] - E_{\rm ref}[w] \ge
              \frac{\lambda}{1+\lambda}\,\frac{K-1}{K}\,\frac{{\rm Var}_{\rm ref}[w]}{w^*}
              \qquad (t \ge 1)
Kind
    Lower bound, tight: reached to first order at t = 1 when all mass sits just under :math:`w^*`.
Source
    Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.3, has :math:`\lambda/(1+\lambda)^3`; the gain
    of :math:`(1+\lambda)^2` is derived below.
Remarks
    :math:`p_t \ge p_{\rm ref}/(1+\lambda)` gives :math:`{\rm Var}_{p_t} \ge
    {\rm Var}_{\rm ref}/(1+\lambda)`; with Lemma 2.2 the excess :math:`x_t` obeys
    :math:`x_{t+1} \ge \frac{\lambda}{1+\lambda}(x_t + \frac{cV}{1+\lambda})` from
    :math:`x_1 \ge \frac{\lambda}{1+\lambda} cV`, and the bound is a fixed point of that.
    A second road: the gain never falls below that of the first round
    (``gain-after-first-round``), and Lemma 2.2 bounds that one.

    Machine-checked in ``theory/proofs`` is, besides the bound, that no larger constant would do for
    any finite K > 1 and finite λ > 0 (``Optimality.theorem_2_3_optimal``: for every c > 1 two atoms
    whose first round gains less than c times the bound), and in the pure loop, whose first round is
    that of Lemma 2.2 (``Optimality.lemma_2_2_optimal``); at K = ∞ the extremal instances alone show
    that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.real_data import THEOREM_2_3_SHARP
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run, constant: Fraction = Fraction(1), whole_gain: bool = False) -> Iterator[Sides]:
    """Excess reward over the reference, every round from the first on."""
    w, ref = run.weights, run.reference
    mean = (ref * w).sum()
    variance = (ref * (w - mean) * (w - mean)).sum()
    share = run.number(1) if whole_gain else run.synthetic_share
    bound = run.number(constant) * share * run.selectivity * variance / run.top_weight
    for t in range(1, run.steps + 1):
        excess = run.expected_weight(t) - mean
        yield Sides.at_least("reward above the reference", t, excess, bound, run.top_weight)


def _just_below_the_top(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return Instance.of([1, 1], [10**rung - 1, 10**rung], K=K, lam=lam, steps=1)


ANY_RATIO = (Fraction(1, 100), Fraction(100))
MIXED = Family(candidates=(2, 3, 4, 8, math.inf), steps=8, load=ANY_RATIO, pure_loop=True)

reward_with_real_data = Claim(
    id="theorem-2.3-sharp",
    title="reward with real data, sharpened",
    kind=Kind.LOWER,
    tight=True,
    source="sharpens Ferbach et al. 2024, Theorem 2.3, by (1+λ)²; derived in the claim file",
    statement=(
        r"E_{p_t}[w] \ge E_{\mathrm{ref}}[w] + \frac{\lambda}{1+\lambda}\,\frac{K-1}{K}\,"
        r"\frac{\mathrm{Var}_{\mathrm{ref}}[w]}{w^*}\qquad(t\ge1)"
    ),
    plain=(
        "Mixing real data into every round costs reward, but from the first round on the expected "
        "weight stays above that of the real data by a fixed, best possible amount."
    ),
    hypotheses=("the loop starts at the reference, p_0 = p_ref", "the reward is bounded above"),
    sides=sides,
    family=MIXED,
    false_twins=(
        FalseTwin(
            name="constant 2 % larger",
            says="The excess is at least 1.02 times the bound.",
            sides=partial(sides, constant=Fraction(51, 50)),
        ),
        FalseTwin(
            name="any start",
            says="The bound holds from any p_0, not only from p_ref.",
            sides=sides,
            family=Family(candidates=(2, 3, 4, 8), steps=8, load=ANY_RATIO, free_start=True),
        ),
        FalseTwin(
            name="λ/(1+λ) to the power 0",
            says="The gain of the pure loop, without the factor λ/(1+λ), survives real data.",
            sides=partial(sides, whole_gain=True),
        ),
    ),
    extremal=Extremal(part="reward above the reference", instance=_just_below_the_top),
    cores=THEOREM_2_3_SHARP,
    machine_checked=(
        "Theorem_2_3.reward_with_real_data_sharp",
        "Infinite_candidates.pure_reward_with_real_data_sharp",
        "Infinite_candidates.tilted_reward_with_real_data_sharp",
        "Infinite_candidates.tilted_pure_reward_with_real_data_sharp",
        "Optimality.theorem_2_3_optimal",
        "Optimality.lemma_2_2_optimal",
    ),
)
