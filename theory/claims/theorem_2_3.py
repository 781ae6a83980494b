r"""Theorem 2.3: with real data in every round the reward still stays above a fixed gain.

Assumptions
    :math:`p_0 = p_{\rm ref}`, any finite :math:`\lambda > 0`, any K (∞ included),
    :math:`w \le w^*`.
Claim
    .. math:: E_{p_t}[w] \ge E_{\rm ref}[w] +
              \frac{\lambda}{(1+\lambda)^3}\,\frac{K-1}{K}\,\frac{{\rm Var}_{\rm ref}[w]}{w^*}
              \qquad (t \ge 1)
Kind
    Lower bound, not tight: at best reached up to the factor :math:`(1+\lambda)^{-2}`.
Source
    Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.3.
Remarks
    ``theorem-2.3-sharp`` has :math:`\lambda/(1+\lambda)` in place of :math:`\lambda/(1+\lambda)^3`
    and cannot be improved, so the largest ratio of this bound to the gain is
    :math:`(1+\lambda)^{-2}`: near 1 with little synthetic data, 1/4 in equal parts, and 1/10201 at
    the top of the family, :math:`\lambda = 100`, at K = 2 or ∞.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

from theory.claims.claim import Claim, FalseTwin, Kind
from theory.cores.real_data import THEOREM_2_3
from theory.evidence.family import Family
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run, exponent: int = 3, constant: Fraction = Fraction(1)) -> Iterator[Sides]:
    """Excess reward over the reference, every round from the first on."""
    w, ref = run.weights, run.reference
    mean = (ref * w).sum()
    variance = (ref * (w - mean) * (w - mean)).sum()
    gain = run.number(constant) * _share(run, exponent) * run.selectivity
    for t in range(1, run.steps + 1):
        excess = run.expected_weight(t) - mean
        bound = gain * variance / run.top_weight
        yield Sides.at_least("reward above the reference", t, excess, bound, run.top_weight)


def _share(run: Run, exponent: int) -> Any:
    r""":math:`\lambda/(1+\lambda)^n`."""
    share = run.lam
    for _ in range(exponent):
        share = share / (1 + run.lam)
    return share


MIXED = Family(candidates=(2, 3, 4, 8, math.inf), steps=8, load=(Fraction(1, 100), Fraction(100)))

reward_with_real_data = Claim(
    id="theorem-2.3",
    title="reward with real data",
    kind=Kind.LOWER,
    tight=False,
    source="Ferbach et al. 2024, Theorem 2.3",
    statement=(
        r"E_{p_t}[w] \ge E_{\mathrm{ref}}[w] + \frac{\lambda}{(1+\lambda)^3}\,\frac{K-1}{K}\,"
        r"\frac{\mathrm{Var}_{\mathrm{ref}}[w]}{w^*}\qquad(t\ge1)"
    ),
    plain=(
        "Mixing real data into every round costs reward, but from the first round on the expected "
        "weight stays above that of the real data by a fixed amount."
    ),
    hypotheses=(
        "the loop starts at the reference, p_0 = p_ref",
        "λ is finite",
        "the reward is bounded above",
    ),
    sides=sides,
    family=MIXED,
    false_twins=(
        FalseTwin(
            name="2 % above the sharp constant",
            says="The constant is 1.02 λ/(1+λ) in place of λ/(1+λ)³.",
            sides=partial(sides, exponent=1, constant=Fraction(51, 50)),
        ),
        FalseTwin(
            name="λ in place of λ/(1+λ)³",
            says="The gain does not suffer from real data beyond the factor λ.",
            sides=partial(sides, exponent=0),
        ),
        FalseTwin(
            name="any start",
            says="The bound holds from any p_0, not only from p_ref.",
            sides=sides,
            family=Family(
                candidates=(2, 3, 4, 8),
                steps=8,
                load=(Fraction(1, 100), Fraction(100)),
                free_start=True,
            ),
        ),
    ),
    cores=THEOREM_2_3,
    machine_checked=(
        "Theorem_2_3.reward_with_real_data",
        "Infinite_candidates.tilted_reward_with_real_data_sharp",
    ),
)
