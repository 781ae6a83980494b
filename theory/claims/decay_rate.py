r"""How fast the pure loop sheds the mass off its top: the exact rate, with bounds at every round.

Assumptions
    Pure loop; finitely many reward levels, the two highest of weights :math:`w^* > w_2`.
Claim
    With :math:`m_t = P_t(w < w^*)`, :math:`m_t^{(2)} = P_t(w = w_2)`, :math:`P_t = 1 - m_t` and

    .. math:: F_K(P) = E_J\Big[\frac{K\,w_2}{J w^* + (K-J)\,w_2}\Big],\ J\sim{\rm Bin}(K-1, P),
              \qquad \rho = F_K(1) = \frac{K w_2}{w_2 + (K-1) w^*}

    (K = ∞: :math:`F = w_2/(P w^* + (1-P) w_2)`, :math:`\rho = w_2/w^*`), in every round

    .. math:: F_K(P_t)\,m_t^{(2)} \le m_{t+1}^{(2)}, \qquad m_{t+1} \le F_K(P_t)\,m_t, \qquad
              \rho \le F_K(P) \le \rho + (1-\rho)(1-P);

    likewise :math:`P_{t+1}(w \le b) \le F_K(P_t(w \ge a))\,P_t(w \le b)` for any neighbouring
    weights a > b in place of :math:`w^* > w_2`; and the mass :math:`m^{(j)}` of a lower level
    :math:`w_j < w_2` falls faster: with :math:`w_{\min}` the lowest weight,

    .. math:: \frac{m_{t+1}^{(j)}}{m_t^{(j)}} \le \kappa_j\,\frac{m_{t+1}^{(2)}}{m_t^{(2)}}, \qquad
              \kappa_j = \frac{w_j\,(w_2 + (K-1)w_{\min})}{w_2\,(w_j + (K-1)w_{\min})} < 1

    (K = ∞: equality, :math:`\kappa_j = w_j/w_2`). Therefore :math:`m_{t+1}/m_t \to \rho`, and
    :math:`m_t\,\rho^{-t}` has a positive limit.
Kind
    Rate; tight: both bounds with :math:`F_K` are equalities where there are two levels only.
Source
    Derived below; sharpens Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.1, which has no rate.
Remarks
    From below: an atom of weight :math:`w_2` meets J competitors at the top, binomial, and the
    others are no stronger than itself. From above: with J candidates at the top, one off it is kept
    with probability at most :math:`(K-J)w_2/(Jw^* + (K-J)w_2)`, and in the mean over J, binomial
    with K and :math:`P_t`, a factor K − J moves into the binomial. Nothing else is used of the top
    than that it weighs at least :math:`w^*`, so no law passes any level more slowly than the one
    with that level's two weights only. The denominator in :math:`F_K` is
    linear in J: Jensen's inequality gives :math:`\rho \le F_K`, and the chord from J = 0, where the
    fraction is 1, to J = K − 1, where it is :math:`\rho`, the upper bound. So
    :math:`m_{t+1} \le (\rho + (1-\rho)m_t)\,m_t`, hence :math:`m_t` falls geometrically, the
    :math:`m_t` are summable, and with them the logarithms of :math:`F_K(P_t)/\rho`.

    The factors of two weights against opponents of total S have the ratio
    :math:`w_j(w_2+S)/(w_2(w_j+S))`, which falls with S: it is largest at
    :math:`S=(K-1)w_{\min}`, reached as the lowest level takes all the mass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial

from theory.claims._two_levels import level_masses, level_weights, limit_factor, lower_factor
from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.decay import DECAY_RATE
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Numbers, Run
from theory.evidence.sides import Sides


def sides(run: Run) -> Iterator[Sides]:
    """The two bounds, how their factor tends to the rate, and the lower levels."""
    yield from decay(run)
    yield from rests(run)
    yield from convergence(run)
    yield from lower_levels(run)


def decay(
    run: Run,
    above: Fraction = Fraction(1),
    below: Fraction = Fraction(1),
    rank: int = 1,
    at_the_limit: bool = False,
) -> Iterator[Sides]:
    """Mass off the top and mass of the second level, round by round; ``rank`` is the level whose
    weight sets the factor, and ``at_the_limit`` puts the factor's limit in its place."""
    if run.level_count == 1:
        # Nothing is off the top, before or after: the two sides are 0.
        for t in range(1, run.steps + 1):
            off, off_after = (level_masses(run, s)[1:].sum() for s in (t - 1, t))
            yield Sides.at_most("decay, from above", t, off_after, off)
        return
    top, second = run.top_weight, run.level_weight(rank)
    stated = above == 1 and below == 1 and rank == 1 and not at_the_limit
    for t in range(1, run.steps + 1):
        before, after = level_masses(run, t - 1), level_masses(run, t)
        off, off_after = before[1:].sum(), after[1:].sum()
        factor = (
            limit_factor(run, top, second)
            if at_the_limit
            else lower_factor(run, before[0], off, top, second)
        )
        if stated and run.level_count == 2:
            yield Sides.equal("decay of two levels", t, off_after, factor * off, off)
            continue
        bound = run.number(above) * factor * off
        yield Sides.at_most("decay, from above", t, off_after, bound, off)
        bound = run.number(below) * factor * before[1]
        yield Sides.at_least("decay, from below", t, after[1], bound, before[1])


def rests(run: Run, constant: Fraction = Fraction(1), top_for_all: bool = False) -> Iterator[Sides]:
    """Mass below every level between the top and the lowest, against that of a law on the two
    weights there; ``top_for_all`` takes the largest weight for the upper one."""
    if run.level_count < 3:
        return
    weights = level_weights(run)
    upper, lower = weights[1:-1], weights[2:]
    if top_for_all:
        upper = 0 * upper + run.top_weight
    for t in range(1, run.steps + 1):
        before, after = level_masses(run, t - 1), level_masses(run, t)
        mass, rest = before.cumsum()[1:-1], _from_below(before)
        bound = run.number(constant) * lower_factor(run, mass, rest, upper, lower) * rest
        yield Sides.at_most("rest below a level", t, _from_below(after), bound, rest)


def convergence(run: Run) -> Iterator[Sides]:
    """The factor at every round's mass, between its limit and the chord."""
    if run.level_count == 1:
        return
    top, second = run.top_weight, run.level_weight(1)
    rate = limit_factor(run, top, second)
    for t in range(run.steps + 1):
        masses = level_masses(run, t)
        off = masses[1:].sum()
        factor = lower_factor(run, masses[0], off, top, second)
        chord = rate * masses[0] + off
        if run.K == 2:
            yield Sides.equal("factor of two candidates", t, factor, chord)
            continue
        yield Sides.at_least("factor, from below", t, factor, rate)
        yield Sides.at_most("factor, from above", t, factor, chord)


def lower_levels(run: Run, nudge: Fraction = Fraction(1)) -> Iterator[Sides]:
    """Mass of each level under the second against that of the second, cross-multiplied."""
    if run.level_count < 3:
        return
    weights = level_weights(run)
    second, lower, lowest = weights[1], weights[2:], weights[-1]
    if run.K == math.inf:
        share = lower / second
    else:
        opponents = (int(run.K) - 1) * lowest
        share = lower * (second + opponents) / (second * (lower + opponents))
    for t in range(1, run.steps + 1):
        before, after = level_masses(run, t - 1), level_masses(run, t)
        left = after[2:] * before[1]
        right = run.number(nudge) * share * before[2:] * after[1]
        size = before[2:] * before[1]
        if run.K == math.inf and nudge == 1:
            yield Sides.equal("lower levels, K = ∞", t, left, right, size)
        else:
            yield Sides.at_most("lower levels", t, left, right, size)


def _from_below(masses: Numbers) -> Numbers:
    # Summed from the lowest level: 1 minus the tail would be all rounding in float64.
    rest: Numbers = masses[::-1].cumsum()[::-1][2:]
    return rest


def _hardly_a_third_level(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return Instance.of([1, 100**rung, 100**rung], [1, 2, 4], K=K, lam=lam, steps=1)


PURE = Family(atoms=(2, 3, 4, 5), candidates=(2, 3, 4, 8, math.inf), steps=12)

rate_of_the_pure_loop = Claim(
    id="decay-rate",
    title="decay rate of the pure loop",
    kind=Kind.RATE,
    tight=True,
    source="derived in the claim file; Ferbach et al. 2024, Theorem 2.1, has the limit without it",
    statement=(
        r"F_K(P_t)\,m_t^{(2)} \le m_{t+1}^{(2)},\quad m_{t+1} \le F_K(P_t)\,m_t,\quad "
        r"\rho \le F_K(P) \le \rho+(1-\rho)(1-P),\quad \rho = \frac{K w_2}{w_2+(K-1)w^*}"
    ),
    plain=(
        "In pure curation the mass off the best reward shrinks in the limit by a known factor per "
        "round, set by the two largest weights and K; every round's factor lies between explicit "
        "bounds that meet there."
    ),
    hypotheses=(
        "the loop is pure (λ = ∞)",
        "finitely many reward levels, the top one with positive mass",
    ),
    sides=sides,
    family=PURE,
    false_twins=(
        FalseTwin(
            name="2 % faster",
            says="The mass off the top is multiplied by at most 0.98 F_K(P_t).",
            sides=partial(decay, above=Fraction(49, 50)),
        ),
        FalseTwin(
            name="2 % slower",
            says="The second level is multiplied by at least 1.02 F_K(P_t).",
            sides=partial(decay, below=Fraction(51, 50)),
        ),
        FalseTwin(
            name="the limit rate from the start",
            says="The mass off the top is multiplied by at most ρ in every round.",
            sides=partial(decay, at_the_limit=True),
        ),
        FalseTwin(
            name="lowest weight in the rate",
            says="The rate is that of the lowest weight in place of the second-highest.",
            sides=partial(decay, rank=-1),
        ),
        FalseTwin(
            name="rest below a level 2 % faster",
            says="The mass below a level is multiplied by at most 0.98 F_K(P), for any level.",
            sides=partial(rests, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="top weight above every level",
            says="The bound below a level holds with the largest weight in place of a.",
            sides=partial(rests, top_for_all=True),
        ),
        FalseTwin(
            name="lower levels 2 % faster",
            says="A lower level is multiplied by at most 0.98 κ_j of the second level's factor.",
            sides=partial(lower_levels, nudge=Fraction(49, 50)),
            # At K = ∞ it is an equality, which any nudge breaks.
            family=replace(PURE, candidates=(2, 3, 4, 8)),
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
    extremal=Extremal(
        part=("decay, from above", "decay, from below"), instance=_hardly_a_third_level
    ),
    cores=DECAY_RATE,
)
