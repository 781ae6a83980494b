r"""No condensate while real data hold the top; from which ratio on there is one is open.

Assumptions
    :math:`p_0 = p_{\rm ref}`, any K.
Claim
    .. math:: P_t(w = w^*)\,\big(1 + \lambda - \lambda H_{p_{\rm ref}}^K(w^*)\big) \le
              P_{\rm ref}(w = w^*) \qquad (t \ge 1)

    so that a law without an atom at the top gets none, in any round or in the limit, while
    :math:`\lambda \le \lambda_0 := 1/(H_{p_{\rm ref}}^K(w^*) - 1)`; :math:`\lambda_0` is at least
    :math:`1/(K-1)`, the threshold of theorem-2.4, since :math:`H < K`.
Kind
    Upper bound, tight: for two levels as the mass of the top vanishes and t grows.
Source
    Derived below; the threshold itself is an open question of this project. K = ∞: Kingman,
    J. Appl. Prob. 15 (1978).
Remarks
    :math:`p_t` dominates :math:`p_{\rm ref}` (dominance-mixed) and :math:`1/(w^* + S)` falls with
    every competitor, so that :math:`H_{p_t}(w^*) \le H_{p_{\rm ref}}(w^*)`; then
    :math:`f_t = P_t(w^*)/P_{\rm ref}(w^*)` obeys
    :math:`(1+\lambda) f_{t+1} \le 1 + \lambda f_t H_{p_{\rm ref}}(w^*)` from :math:`f_0 = 1`, and
    the bound is the fixed point of that.

    *Where the threshold is.* For a density without an atom at the top, the critical ratio is the
    fixed point :math:`\lambda_c(K) = \int p_{\rm ref}\,h/(1-h)` with :math:`h = H_p/H_p(w^*)` and
    :math:`p \propto p_{\rm ref}/(1-h)`; ``theory.condensation`` computes it to some 11 digits and
    proves :math:`\max(\lambda_c(\infty), \lambda_0) \le \lambda_c(K) \le \Lambda(K)`, with the same
    two bounds on the condensate's mass. So finite K never condenses sooner than K = ∞, and whether
    there is a finite threshold at all does not depend on K. For the density 2(1 − w) on (0, 1), and
    for the reward :math:`-5\|x\|` with x uniform in the unit ball of d dimensions (none in d = 1):

    ====  ===========================  ========  ========
    K     density 2(1 − w), in bounds  d = 2     d = 3
    ====  ===========================  ========  ========
    2     3.23617 in [1.834, 5.132]    1.43440   1.18466
    3     2.09389 in [1.145, 2.936]    0.78518   0.62112
    5     1.53145 in [1.000, 1.895]    0.45607   0.33723
    20    1.10701 in [1.000, 1.166]    0.19334   0.11071
    ∞     1                            0.12835   0.05170
    ====  ===========================  ========  ========

    That :math:`\lambda_c(K)` falls with K is a conjecture; both bounds do. Open as well: that the
    loop from :math:`p_{\rm ref}` reaches its fixed point at finite K, which the threshold takes for
    granted and the claim above does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.ratios import CONDENSATION_THRESHOLD
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run, curation_factor
from theory.evidence.sides import Sides


def sides(
    run: Run, constant: Fraction = Fraction(1), average_rivals: bool = False
) -> Iterator[Sides]:
    """Mass of the top times what is left of the real data's hold on it, every round."""
    top = int((run.levels == 0).argmax())
    ref = run.reference
    # By K = ∞ rivals count by their mean only; at finite K their spread helps the top.
    if average_rivals and run.K != math.inf:
        K, mean = int(run.K), (ref * run.weights).sum()
        factor = K * run.top_weight / (run.top_weight + (K - 1) * mean)
    else:
        factor = curation_factor(run.arithmetic, ref, run.exact_weights, run.K, run.choice)[top]
    hold = 1 + run.lam - run.lam * factor
    mass = ref[run.levels == 0].sum()
    bound = run.number(constant) * mass
    for t in range(1, run.steps + 1):
        left = run.level_mass(0, t) * hold
        yield Sides.at_most("mass of the top", t, left, bound, (1 + run.lam) * run.level_mass(0, t))


def _rare_top(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return Instance.of([100 ** (2 * rung), 1], [9, 10], K=K, lam=lam, steps=6 * rung)


UP_TO_TWO = (Fraction(1, 100), Fraction(2))
MIXED = Family(candidates=(2, 3, 4, 8, math.inf), steps=8, load=UP_TO_TWO)

no_condensate = Claim(
    id="condensation-threshold",
    title="no condensate while real data hold the top",
    kind=Kind.UPPER,
    tight=True,
    source="derived in the claim file; K = ∞: Kingman 1978",
    statement=(
        r"P_t(w=w^*)\,\big(1+\lambda-\lambda H_{p_{\mathrm{ref}}}^K(w^*)\big) \le "
        r"P_{\mathrm{ref}}(w=w^*)"
    ),
    plain=(
        "While λ is below 1/(H(w*) − 1), H(w*) being what curation makes of the best reward among "
        "real data, no mass gathers at the top that was not there: there is no condensate."
    ),
    hypotheses=("the loop starts at the reference, p_0 = p_ref",),
    sides=sides,
    family=MIXED,
    searched=(
        "that λ_c(K) falls with K: 688 random densities of the depth at K = 2, 3, 4, 5, 6, 8, 12, "
        "20, 50, 200, ∞, one minute; it fell in all 6880 steps, at least by the factor 0.9949, and "
        "stayed within its bounds"
    ),
    false_twins=(
        FalseTwin(
            name="bound 2 % smaller",
            says="The mass of the top stays below 0.98 of the bound.",
            sides=partial(sides, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="rivals at their mean",
            says="The bound holds with every competitor at the mean weight of the real data.",
            sides=partial(sides, average_rivals=True),
        ),
        FalseTwin(
            name="any start",
            says="The bound holds from any p_0, not only from p_ref.",
            sides=sides,
            family=Family(candidates=(2, 3, 4, 8), steps=4, load=UP_TO_TWO, free_start=True),
        ),
    ),
    extremal=Extremal(part="mass of the top", instance=_rare_top),
    cores=CONDENSATION_THRESHOLD,
)
