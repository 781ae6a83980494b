r"""Stochastic dominance: pure curation moves mass up in reward, whatever the level.

Assumptions
    Pure loop, any law, any K (K = ∞ included).
Claim
    For every level c, every increasing f and every round,

    .. math:: P_{t+1}(r \ge c) \ge P_t(r \ge c), \qquad E_{p_{t+1}}[f(r)] \ge E_{p_t}[f(r)];

    and sharply, for neighbouring weights :math:`a > b` with :math:`P = P_t(w \ge a)`,

    .. math:: P_{t+1}(w \le b) \le F_K(P)\,P_t(w \le b), \qquad F_K(P) =
              E_J\Big[\frac{K\,b}{J a + (K - J)\,b}\Big],\quad J \sim {\rm Bin}(K-1, P)

    (K = ∞: :math:`F = b/(P a + (1-P) b)`), with equality where a and b are the only weights.
Kind
    Order; tight.
Source
    Derived below; Ferbach et al. 2024 (arXiv:2407.09499), Lemma 2.2, has :math:`f(r) = e^r`.
Remarks
    Let j of the K candidates have weight at least a, with total :math:`X \ge ja`, and the others
    total :math:`Y \le (K-j)b`. One of the latter is kept with probability :math:`Y/(X+Y) \le
    (K-j)b/(ja + (K-j)b) \le (K-j)/K`. Averaging over j, binomial with P, gives both statements:
    the mean of :math:`(K-j)/K` is 1 − P, and in the sharp one a factor K − j moves into the
    binomial. So no law climbs more slowly past a level than the one that has that level's two
    weights only. Extremal instances have next to no mass on a third.

    An increasing function is a mixture of indicators :math:`1\{r \ge c\}`, so the tails settle all
    f; r itself, :math:`w^2` and :math:`-1/w` are evaluated besides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.claims._two_levels import level_masses, level_weights, lower_factor
from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Numbers, Run
from theory.evidence.sides import Sides


def sides(run: Run) -> Iterator[Sides]:
    """Tails, tails against two levels, and the means of four increasing functions."""
    yield from tails(run)
    yield from rests(run)
    yield from means(run)


def tails(run: Run, growth: Fraction = Fraction(1)) -> Iterator[Sides]:
    """Mass at or above every level but the lowest, round by round."""
    if run.level_count == 1:
        return
    masses = [level_masses(run, t).cumsum()[:-1] for t in range(run.steps + 1)]
    for t in range(1, run.steps + 1):
        bound = run.number(growth) * masses[t - 1]
        yield Sides.at_least("tails", t, masses[t], bound, masses[t] + masses[t - 1])


def rests(run: Run, constant: Fraction = Fraction(1), top_for_all: bool = False) -> Iterator[Sides]:
    """Mass below every level but the lowest, against that of a law on the two weights there."""
    if run.level_count == 1:
        return
    weights = level_weights(run)
    upper, lower = weights[:-1], weights[1:]
    if top_for_all:
        upper = 0 * upper + run.top_weight
    stated = constant == 1 and not top_for_all
    for t in range(1, run.steps + 1):
        masses = level_masses(run, t - 1)
        mass, rest = masses.cumsum()[:-1], _from_below(masses)
        bound = run.number(constant) * lower_factor(run, mass, rest, upper, lower) * rest
        after = _from_below(level_masses(run, t))
        if stated and run.level_count == 2:
            yield Sides.equal("rest of two levels", t, after, bound, rest)
        else:
            yield Sides.at_most("rest below a level", t, after, bound, rest)


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


def _from_below(masses: Numbers) -> Numbers:
    # Summed from the lowest level: 1 minus the tail would be all rounding in float64.
    rest: Numbers = masses[::-1].cumsum()[::-1][1:]
    return rest


def _hardly_a_third_level(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return Instance.of([1, 100**rung, 100**rung], [1, 2, 4], K=K, lam=lam, steps=1)


PURE = Family(atoms=(2, 3, 5, 8), candidates=(2, 3, 4, 8, math.inf), steps=6)

dominance_in_the_pure_loop = Claim(
    id="dominance-pure",
    title="stochastic dominance, pure loop",
    kind=Kind.ORDER,
    tight=True,
    source="derived in the claim file; Ferbach et al. 2024, Lemma 2.2, is the case f(r) = exp(r)",
    statement=(
        r"P_{t+1}(r\ge c) \ge P_t(r\ge c),\quad E_{p_{t+1}}[f(r)] \ge E_{p_t}[f(r)]"
        r"\ (f\text{ increasing}),\quad P_{t+1}(w\le b) \le F_K(P_t(w\ge a))\,P_t(w\le b)"
    ),
    plain=(
        "Each round of pure curation moves mass up past every reward level, so the mean of every "
        "increasing function of the reward rises; and no law passes a level more slowly than the "
        "one that has only the two weights on either side of it."
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
            name="two-level factor 2 % smaller",
            says="The mass below a level is multiplied by at most 0.98 F_K(P).",
            sides=partial(rests, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="top weight above every level",
            says="The two-level bound holds with the largest weight in place of a.",
            sides=partial(rests, top_for_all=True),
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
    extremal=Extremal(part="rest below a level", instance=_hardly_a_third_level),
)
