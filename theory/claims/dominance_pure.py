r"""Stochastic dominance: pure curation moves mass up in reward, whatever the level.

Assumptions
    Pure loop, any law, any K (K = ∞ included).
Claim
    For every level c, every increasing f and every round,

    .. math:: P_{t+1}(r \ge c) \ge P_t(r \ge c), \qquad E_{p_{t+1}}[f(r)] \ge E_{p_t}[f(r)]
Kind
    Order; tight: rewards nearly equal, or nearly all mass at the top, leave the tails where they
    are. By how much they must grow otherwise is in the claim decay-rate.
Source
    Derived below; Ferbach et al. 2024 (arXiv:2407.09499), Lemma 2.2, has :math:`f(r) = e^r`.
Remarks
    Let j of the K candidates reach the level, of weight c: their weights total :math:`X \ge jc`,
    the others' :math:`Y \le (K-j)c`. One of the former is kept with probability
    :math:`X/(X+Y) \ge j/K`, and the mean of j/K is :math:`P_t(w \ge c)`.

    An increasing function is a mixture of indicators :math:`1\{r \ge c\}`, so the tails settle all
    f; r itself, w, :math:`w^2` and :math:`-1/w` are evaluated besides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.claims._two_levels import level_masses
from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.levels import DOMINANCE_PURE
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run) -> Iterator[Sides]:
    """Tails, and the means of four increasing functions."""
    yield from tails(run)
    yield from means(run)


def tails(run: Run, growth: Fraction = Fraction(1)) -> Iterator[Sides]:
    """Mass at or above every level but the lowest, round by round."""
    if run.level_count == 1:
        return
    masses = [level_masses(run, t).cumsum()[:-1] for t in range(run.steps + 1)]
    for t in range(1, run.steps + 1):
        bound = run.number(growth) * masses[t - 1]
        yield Sides.at_least("tails", t, masses[t], bound, masses[t] + masses[t - 1])


def means(run: Run, falling: bool = False) -> Iterator[Sides]:
    r"""Means of r, w, :math:`w^2` and :math:`-1/w`; with ``falling``, of 1/w alone."""
    w, reward = run.weights, run.arithmetic.log(run.weights)
    functions = {"E[1/w]": 1 / w} if falling else {"E[w²]": w * w, "E[w]": w, "E[−1/w]": -1 / w}
    for t in range(1, run.steps + 1):
        for name, values in functions.items():
            now, before = run.expectation(values, t), run.expectation(values, t - 1)
            yield Sides.at_least(name, t, now, before, run.expectation(abs(values), t - 1))
        if not falling:
            now, before = run.expectation(reward, t), run.expectation(reward, t - 1)
            yield Sides.at_least("E[r]", t, now, before, run.expectation(abs(reward), t - 1))


def _nearly_equal_weights(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return Instance.of([1, 1], [10**rung, 10**rung + 1], K=K, lam=lam, steps=1)


PURE = Family(atoms=(2, 3, 5, 8), candidates=(2, 3, 4, 8, math.inf), steps=6)

dominance_in_the_pure_loop = Claim(
    id="dominance-pure",
    title="stochastic dominance, pure loop",
    kind=Kind.ORDER,
    tight=True,
    source="derived in the claim file; Ferbach et al. 2024, Lemma 2.2, is the case f(r) = exp(r)",
    statement=(
        r"P_{t+1}(r\ge c) \ge P_t(r\ge c),\qquad "
        r"E_{p_{t+1}}[f(r)] \ge E_{p_t}[f(r)]\quad(f\text{ increasing})"
    ),
    plain=(
        "Each round of pure curation moves mass up past every reward level, so the mean of every "
        "increasing function of the reward rises."
    ),
    hypotheses=("the loop is pure (λ = ∞)",),
    sides=sides,
    family=PURE,
    false_twins=(
        FalseTwin(
            name="tails grow by 2 %",
            says="The mass above every level grows by 2 % in every round.",
            sides=partial(tails, growth=Fraction(51, 50)),
        ),
        FalseTwin(
            name="a falling function",
            says="E[1/w] rises too.",
            sides=partial(means, falling=True),
        ),
        FalseTwin(
            name="real data and any start",
            says="The tails never fall in the loop with real data, from any p_0.",
            sides=tails,
            family=Family(
                candidates=(2, 3, 4, 8),
                steps=4,
                load=(Fraction(1, 100), Fraction(100)),
                free_start=True,
            ),
        ),
    ),
    extremal=Extremal(part="tails", instance=_nearly_equal_weights),
    cores=DOMINANCE_PURE,
    machine_checked=(
        "Dominance.pure_mean_increases",
        "Dominance.pure_dominates",
        "Infinite_candidates.tilted_pure_mean_increases",
        "Infinite_candidates.tilted_pure_dominates",
    ),
)
