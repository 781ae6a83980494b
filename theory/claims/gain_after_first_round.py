r"""With real data the gain in reward never falls below that of the first round.

Assumptions
    :math:`p_0 = p_{\rm ref}`, any :math:`\lambda \ge 0` (∞ included), any K (∞ included).
Claim
    .. math:: E_{p_{t+1}}[w] - E_{\rm ref}[w] \ge \frac{\lambda}{1+\lambda}\,
              \big(E_{C_K(p_{\rm ref})}[w] - E_{\rm ref}[w]\big) \qquad (t \ge 0)
Kind
    Lower bound, tight: an equality at t = 0, and in the limit also later, where hardly any mass is
    low and the low weights are far down.
Source
    Derived below.
Remarks
    :math:`C_K(p_t)` dominates :math:`C_K(p_{\rm ref})` in first order (``dominance-mixed``), so its
    expected weight is at least as large; mix with :math:`p_{\rm ref}`. With Lemma 2.2 for the first
    round, ``theorem-2.3-sharp`` follows at once: this bound depends on the law itself instead of on
    its variance alone, and is never smaller. Whether the expected weight also never falls from one
    round to the next is another question.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.ratios import GAIN_AFTER_FIRST_ROUND
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run, curation_factor
from theory.evidence.sides import Sides


def sides(run: Run, constant: Fraction = Fraction(1), whole_gain: bool = False) -> Iterator[Sides]:
    """Excess over the reference from the second round on, against that of the first."""
    mean = (run.reference * run.weights).sum()
    factor = curation_factor(run.arithmetic, run.reference, run.exact_weights, run.K, run.choice)
    # Deviations from the mean: at nearly equal weights both means would cancel.
    first = (run.reference * factor * (run.weights - mean)).sum()
    share = run.number(1) if whole_gain else run.synthetic_share
    bound = run.number(constant) * share * first
    # At t = 1 the sides are one number by the definition of a round: nothing to decide.
    for t in range(2, run.steps + 1):
        excess = (run.laws[t] * (run.weights - mean)).sum()
        yield Sides.at_least("gain of the first round", t, excess, bound, run.top_weight)


def _low_rewards_rare(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    rare = 100**rung
    return Instance.of([1, rare], [1, rare], K=K, lam=lam, steps=2)


ANY_RATIO = (Fraction(1, 100), Fraction(100))
MIXED = Family(candidates=(2, 3, 4, 8, math.inf), steps=8, load=ANY_RATIO, pure_loop=True)

gain_after_first_round = Claim(
    id="gain-after-first-round",
    title="the gain of the first round stays",
    kind=Kind.LOWER,
    tight=True,
    source="derived in the claim file",
    statement=(
        r"E_{p_{t+1}}[w]-E_{\mathrm{ref}}[w] \ge \tfrac{\lambda}{1+\lambda}"
        r"\big(E_{C_K(p_{\mathrm{ref}})}[w]-E_{\mathrm{ref}}[w]\big)"
    ),
    plain=(
        "With real data in every round, the expected weight never falls below its value after the "
        "first round."
    ),
    hypotheses=("the loop starts at the reference, p_0 = p_ref",),
    sides=sides,
    family=MIXED,
    false_twins=(
        FalseTwin(
            name="2 % more",
            says="From the second round on the gain is at least 1.02 times that of the first.",
            sides=partial(sides, constant=Fraction(51, 50)),
        ),
        FalseTwin(
            name="whole gain",
            says="The gain of curating p_ref survives without the factor λ/(1+λ).",
            sides=partial(sides, whole_gain=True),
        ),
        FalseTwin(
            name="any start",
            says="The bound holds from any p_0, not only from p_ref.",
            sides=sides,
            family=Family(candidates=(2, 3, 4, 8), steps=8, load=ANY_RATIO, free_start=True),
        ),
    ),
    extremal=Extremal(part="gain of the first round", instance=_low_rewards_rare),
    cores=GAIN_AFTER_FIRST_ROUND,
    machine_checked=(
        "Dominance_mixed.gain_after_first_round",
        "Infinite_candidates.pure_gain_after_first_round",
        "Infinite_candidates.tilted_gain_after_first_round",
        "Infinite_candidates.tilted_pure_gain_after_first_round",
    ),
)
