r"""Stochastic dominance with real data: the first round's gain is never lost, at any reward level.

Assumptions
    :math:`p_0 = p_{\rm ref}`, any :math:`\lambda \ge 0` (∞ included), any K (∞ included).
Claim
    For every level :math:`\rho` and :math:`t \ge 1`

    .. math:: P_t(r \ge \rho) - P_{\rm ref}(r \ge \rho) \ge
              \frac{\lambda}{1+\lambda}\,\big(C_K(p_{\rm ref})(r \ge \rho) -
              P_{\rm ref}(r \ge \rho)\big) \ge 0,

    that is, in first order, :math:`C_K(p_t) \succeq C_K(p_{\rm ref})` and
    :math:`p_t \succeq p_1 \succeq p_{\rm ref}`; so :math:`E_{p_t}[f(r)] \ge E_{p_1}[f(r)] \ge
    E_{\rm ref}[f(r)]` for every non-decreasing f, here f(r) = r.
Kind
    Order, tight: no larger share of the first round's gain is kept in general, at any level.
Source
    Derived below.
Remarks
    :math:`g = p_t/p_{\rm ref}` rises with the weight (``likelihood-ratio``), so
    :math:`p_t \succeq p_{\rm ref}`. Curation keeps this order of likelihood ratios, though not
    first-order dominance: the ratio of :math:`C_K(g q)` to :math:`C_K(q)` is g times that of the
    expectations of :math:`1/(w+S)` over the opponents' sum S. Draw one opponent X from g q in place
    of q: the expectation is multiplied by the mean of g(X) under the weighing by
    :math:`1/(w+X+S')`, and a larger w weighs by a further :math:`(v+X+S')/(w+X+S')`, which is
    increasing. As :math:`1/(w+x+s)` is log-supermodular, X and S' are positively associated under
    that weighing, so the mean of g(X) rises with w. One opponent at a time, then: the ratio of
    :math:`C_K(p_t)` to :math:`C_K(p_{\rm ref})` rises with the weight; mixing both with
    :math:`p_{\rm ref}` gives the claim at t + 1. Tight where hardly any mass is low and the low
    rewards are far down: one round clears them out, and later rounds find nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.ratios import DOMINANCE_MIXED
from theory.evidence.envelope import upper_masses
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run, curation_factor
from theory.evidence.sides import Sides


def sides(run: Run, constant: Fraction = Fraction(1), whole_gain: bool = False) -> Iterator[Sides]:
    """Masses above each level, and the expected reward, every round from the first on."""
    reference = upper_masses(run, run.reference)
    factor = curation_factor(run.arithmetic, run.reference, run.exact_weights, run.K, run.choice)
    kept = run.reference * factor
    share = run.number(1) if whole_gain else run.synthetic_share
    first = run.number(constant) * share * (upper_masses(run, kept) - reference)
    reward = run.arithmetic.log(run.weights)
    for t in range(1, run.steps + 1):
        if run.level_count > 1:
            gain = upper_masses(run, run.laws[t]) - reference
            yield Sides.at_least("mass above a level", t, gain, run.number(0), reference)
        # At t = 1 the two are one number, by the definition of a round.
        if run.level_count > 1 and t > 1:
            yield Sides.at_least("gain of the first round", t, gain, first, reference)
        change = ((run.laws[t] - run.reference) * reward).sum()
        size = (run.reference * abs(reward)).sum()
        yield Sides.at_least("expected reward", t, change, run.number(0), size)


def _low_rewards_rare(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    rare = 100**rung
    return Instance.of([1, rare], [1, rare], K=K, lam=lam, steps=2)


ANY_RATIO = (Fraction(1, 100), Fraction(100))
MIXED = Family(candidates=(2, 3, 4, 8, math.inf), steps=6, load=ANY_RATIO, pure_loop=True)

dominance_with_real_data = Claim(
    id="dominance-mixed",
    title="stochastic dominance with real data",
    kind=Kind.ORDER,
    tight=True,
    source="derived in the claim file",
    statement=(
        r"P_t(r\ge\rho)-P_{\mathrm{ref}}(r\ge\rho) \ge \tfrac{\lambda}{1+\lambda}"
        r"\big(C_K(p_{\mathrm{ref}})(r\ge\rho)-P_{\mathrm{ref}}(r\ge\rho)\big) \ge 0"
    ),
    plain=(
        "At every round the loop puts at least as much mass above each reward level as after its "
        "first round, and after its first round at least as much as the real data: every "
        "increasing function of the reward gains on average."
    ),
    hypotheses=("the loop starts at the reference, p_0 = p_ref",),
    sides=sides,
    family=MIXED,
    false_twins=(
        FalseTwin(
            name="2 % more",
            says="The gain at each level is at least 1.02 times that of the first round.",
            sides=partial(sides, constant=Fraction(51, 50)),
        ),
        FalseTwin(
            name="whole gain",
            says="The gain at each level is that of curating p_ref, without the factor λ/(1+λ).",
            sides=partial(sides, whole_gain=True),
        ),
        FalseTwin(
            name="any start",
            says="The loop dominates p_ref from any p_0.",
            sides=sides,
            family=Family(candidates=(2, 3, 4, 8), steps=4, load=ANY_RATIO, free_start=True),
        ),
    ),
    extremal=Extremal(part="gain of the first round", instance=_low_rewards_rare),
    cores=DOMINANCE_MIXED,
    machine_checked=(
        "Dominance_mixed.gain_after_first_round",
        "Dominance_mixed.kept_mixed_dominates",
        "Dominance.kept_dominates",
        "Infinite_candidates.gain_nonnegative",
        "Infinite_candidates.pure_gain_after_first_round",
        "Infinite_candidates.tilted_gain_after_first_round",
        "Infinite_candidates.tilted_pure_gain_after_first_round",
        "Infinite_candidates.tilted_gain_nonnegative",
    ),
)
