r"""Monotone likelihood ratio: at every round the loop's law over the real data's rises with reward.

Assumptions
    :math:`p_0 = p_{\rm ref}`, any :math:`\lambda \ge 0` (∞ included), any K (∞ included).
Claim
    With :math:`g_t = p_t/p_{\rm ref}`, a function of the weight alone, and weights
    :math:`w \ge v`,

    .. math:: g_t(v) \le g_t(w) \le \big(\tfrac wv\big)^t\,g_t(v)
Kind
    Order; both bounds tight: the lower where two middling rewards lie far from the rest, the upper
    at K = ∞ in the limit of the pure loop, where it is an equality.
Source
    Derived below.
Remarks
    As :math:`w/(w+s)` rises with w and :math:`1/(w+s)` falls, H is non-decreasing in the weight and
    :math:`H/w` non-increasing, whatever the law. Now

    .. math:: g_{t+1} = \frac{1 + \lambda\,g_t H_{p_t}}{1+\lambda}

    is non-decreasing when :math:`g_t` is, and :math:`g_{t+1}/w^{t+1}` is non-increasing when
    :math:`g_t/w^t` is: the constant over :math:`w^{t+1}` falls, :math:`(g_t/w^t)(H/w)` falls.
    First-order dominance (``dominance-mixed``) follows from the lower bound. The ratio of
    consecutive rounds, :math:`p_{t+1}/p_t`, need not be monotone: that is a twin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.ratios import LIKELIHOOD_RATIO
from theory.evidence.envelope import by_level, power
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Numbers, Run
from theory.evidence.sides import Sides


def sides(run: Run, growth: Fraction = Fraction(0), powers_less: int = 0) -> Iterator[Sides]:
    """Likelihood ratios of neighbouring weights, every round, from below and from above."""
    steps_up = _weight_ratios(run)
    for t in range(1, run.steps + 1):
        higher, lower = _neighbours(_likelihood_ratio(run, run.laws[t], run.reference))
        floor = lower * (1 + run.number(growth) * (1 - 1 / steps_up))
        yield Sides.at_least("rises with the weight", t, higher, floor, higher + lower)
        if t > powers_less:
            ceiling = lower * power(steps_up, t - powers_less)
            yield Sides.at_most("rises no faster than its power", t, higher, ceiling, ceiling)


def _consecutive(run: Run) -> Iterator[Sides]:
    """The twin's sides: the ratio of consecutive laws."""
    for t in range(1, run.steps + 1):
        higher, lower = _neighbours(_likelihood_ratio(run, run.laws[t], run.laws[t - 1]))
        yield Sides.at_least("rises with the weight", t, higher, lower)


def _likelihood_ratio(run: Run, law: Numbers, other: Numbers) -> Numbers:
    """Mass over mass of each weight, the largest weight first."""
    ratio: Numbers = by_level(run, law) / by_level(run, other)
    return ratio


def _weight_ratios(run: Run) -> Numbers:
    """Each weight over the next lower one."""
    higher, lower = _neighbours(run.weights[np.unique(run.levels, return_index=True)[1]])
    ratios: Numbers = higher / lower
    return ratios


def _neighbours(by_rank: Numbers) -> tuple[Numbers, Numbers]:
    """Every entry but the last, and those that follow; an only entry with itself."""
    return (by_rank[:-1], by_rank[1:]) if len(by_rank) > 1 else (by_rank, by_rank)


def _far_below_the_rest(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    """Two weights, one twice the other, that only ever meet opponents far above."""
    far = 1000**rung
    return Instance.of([1, 1, far], [1, 2, far], K=K, lam=lam, steps=1)


ANY_RATIO = (Fraction(1, 100), Fraction(100))
MIXED = Family(candidates=(2, 3, 4, 8, math.inf), steps=6, load=ANY_RATIO)
ANY_LOOP = replace(MIXED, pure_loop=True)

likelihood_ratio = Claim(
    id="likelihood-ratio",
    title="monotone likelihood ratio to the real data",
    kind=Kind.ORDER,
    tight=True,
    source="derived in the claim file",
    statement=(
        r"g_t(v) \le g_t(w) \le \big(\tfrac wv\big)^t\,g_t(v)\qquad"
        r"\big(w\ge v,\ g_t=p_t/p_{\mathrm{ref}}\big)"
    ),
    plain=(
        "However much real data is mixed in, at every round better atoms have gained at least as "
        "much as worse ones, relative to the real data, and at most as much as if only their "
        "weight counted."
    ),
    hypotheses=("the loop starts at the reference, p_0 = p_ref",),
    sides=sides,
    family=ANY_LOOP,
    false_twins=(
        FalseTwin(
            name="2 % of the weights' difference more",
            says="The ratio grows by at least 2 % of the relative difference of the weights.",
            sides=partial(sides, growth=Fraction(1, 50)),
        ),
        FalseTwin(
            name="one power of the weight less",
            says="After t rounds the ratio rises no faster than the weight to the power t − 1.",
            sides=partial(sides, powers_less=1),
        ),
        FalseTwin(
            name="from round to round",
            says="The ratio of consecutive laws, p_{t+1}/p_t, rises with the weight too.",
            sides=_consecutive,
        ),
        FalseTwin(
            name="any start",
            says="p_t/p_ref rises with the weight from any p_0.",
            sides=sides,
            family=Family(candidates=(2, 3, 4, 8), steps=4, load=ANY_RATIO, free_start=True),
        ),
    ),
    # Without real data the two low weights gain in proportion to themselves, not alike.
    extremal=Extremal(
        part="rises with the weight", instance=_far_below_the_rest, settings=(*MIXED.settings(),)
    ),
    cores=LIKELIHOOD_RATIO,
    machine_checked=(
        "Likelihood_ratio.mixed_ratio_increasing",
        "Likelihood_ratio.pure_ratio_increasing",
        "Infinite_candidates.tilted_ratio_increasing",
        "Infinite_candidates.tilted_pure_ratio_increasing",
        "Ratio_growth.mixed_ratio_growth",
        "Ratio_growth.pure_ratio_growth",
        "Ratio_growth.tilted_ratio_growth",
        "Ratio_growth.tilted_pure_ratio_growth",
    ),
)
