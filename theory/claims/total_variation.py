r"""Total variation: the largest share of the mass that the loop can move away from the real data.

Assumptions
    :math:`p_0 = p_{\rm ref}`, any finite :math:`\lambda`, any K > 1, any reward, any round.
Claim
    With :math:`\kappa = K^{-1/(K-1)}` and :math:`m_0` the positive root of
    :math:`(1+\lambda)m = \lambda(1-(1-m)^K)`,

    .. math:: {\rm TV}(p_t, p_{\rm ref}) \le \begin{cases}
              \lambda\,\kappa\,(1 - 1/K) & \text{where } (1 + \lambda(1-1/K))^{K-1} \le K,\\
              m_0 & \text{beyond,}\end{cases}

    K = ∞: :math:`\lambda/(1+\lambda)`; and at each round at most
    :math:`{\rm TV}(q_t, p_{\rm ref})`, :math:`q_t` as in ``envelope``.
Kind
    Upper bounds, tight for every K and λ: two atoms with rewards far apart reach the first as
    :math:`t \to \infty`.
Source
    Derived below.
Remarks
    :math:`{\rm TV} = \max_A\,(P_t(A) - P_{\rm ref}(A)) \le \sup_u\,(f(u) - u) =
    \sup_{m > m_0}\,(m - u(m))` with the limit envelope f and its inverse
    :math:`u(m) = (1+\lambda)m - \lambda(1-(1-m)^K)`. With x = 1 − m that is
    :math:`\lambda(x - x^K)`, largest at :math:`x = \kappa`. While :math:`1 - \kappa \ge m_0` that
    point is within reach, which is the condition above (K = 2: :math:`\lambda \le 2`, where the
    threshold of Theorem 2.4 is 1); beyond, the supremum is at :math:`u \to 0`: a set with hardly
    any real data takes the mass :math:`m_0`. The first bound is valid for every λ, but not the best
    one beyond. K = 2: :math:`\lambda/4`, then :math:`1 - 1/\lambda`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.envelope import TOTAL_VARIATION
from theory.evidence.best_of import inverse_envelope
from theory.evidence.envelope import by_level, largest_laws, limit_edge, total_variation
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run) -> Iterator[Sides]:
    """Total variation every round, against the bound of the round and that of every round."""
    yield from at_round(run)
    yield from ever(run)


def at_round(run: Run, constant: Fraction = Fraction(1)) -> Iterator[Sides]:
    """The distance against that of the largest law."""
    levels = by_level(run, run.reference)
    largest = largest_laws(run)
    for t in range(1, run.steps + 1):
        distance = total_variation(run.laws[t], run.reference)
        bound = run.number(constant) * total_variation(largest[t], levels)
        yield Sides.at_most("TV at a round", t, distance, bound, condition=run.number(1))


def ever(run: Run, constant: Fraction = Fraction(1), always_two: bool = False) -> Iterator[Sides]:
    """The distance against the sharp bound."""
    bound = run.number(constant) * (run.lam / 4 if always_two else sharp_bound(run))
    for t in range(1, run.steps + 1):
        distance = total_variation(run.laws[t], run.reference)
        yield Sides.at_most("TV", t, distance, bound, condition=run.number(1))


def sharp_bound(run: Run) -> Any:
    """The bound for every round, for finite λ."""
    if run.K == 1 or run.exact_lam == 0:
        return run.number(0)
    if run.K == math.inf or beyond_interior(Fraction(run.exact_lam), int(run.K)):
        return 1 - limit_edge(run)
    return run.lam * _best_rest(run) * run.selectivity


def beyond_interior(lam: Fraction, K: int) -> bool:
    r"""Whether :math:`(1 + \lambda(1-1/K))^{K-1} > K`: the supremum is at sets of no real data."""
    return (1 + lam * Fraction(K - 1, K)) ** (K - 1) > K


def _best_rest(run: Run) -> Any:
    r""":math:`\kappa = K^{-1/(K-1)}`."""
    K = int(run.K)
    if K == 2:
        return run.number(Fraction(1, 2))
    return run.arithmetic.exp(-run.arithmetic.log(run.number(K)) / (K - 1))


def _two_atoms(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    """The best atom has the reference mass where f(u) − u is largest, or hardly any."""
    lam = Fraction(lam)
    if K == math.inf or beyond_interior(lam, int(K)):
        u = Fraction(1, 10 ** (rung + 1))
    else:
        kappa = Fraction(round(int(K) ** (-1 / (int(K) - 1)), 6))
        u = inverse_envelope(1 - kappa, K, lam)
    return Instance.of([1 - u, u], [1, 100 ** (rung + 1)], K=K, lam=lam, steps=30)


MIXED = Family(
    atoms=(2, 3, 4, 6),
    candidates=(2, 3, 4, 8, math.inf),
    steps=8,
    load=(Fraction(1, 100), Fraction(100)),
)
THRESHOLD = replace(MIXED, load=(Fraction(1), Fraction(1)))

largest_move = Claim(
    id="total-variation",
    title="total variation to the real data, sharp",
    kind=Kind.UPPER,
    tight=True,
    source="derived in the claim file",
    statement=(
        r"\mathrm{TV}(p_t,p_{\mathrm{ref}}) \le \lambda K^{-1/(K-1)}\big(1-\tfrac1K\big)"
        r"\ \text{ if }\big(1+\lambda(1-\tfrac1K)\big)^{K-1}\le K,\ \text{else } m_0"
    ),
    plain=(
        "The loop never moves more than an explicit share of the mass away from the real data, "
        "whatever the reward and however many rounds; the share is the best possible one."
    ),
    hypotheses=("the loop starts at the reference, p_0 = p_ref", "λ is finite"),
    sides=sides,
    family=MIXED,
    exact_family=replace(MIXED, candidates=(2, math.inf)),
    false_twins=(
        FalseTwin(
            name="constant 2 % smaller",
            says="The distance is at most 0.98 times the bound for every round.",
            sides=partial(ever, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="2 % smaller at a round",
            says="The distance is at most 0.98 times that of the largest law.",
            sides=partial(at_round, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="K = 2 for every K",
            says="The bound λ/4 of K = 2 holds for every K.",
            sides=partial(ever, always_two=True),
        ),
        FalseTwin(
            name="any start",
            says="The bounds hold from any p_0, not only from p_ref.",
            sides=sides,
            family=Family(
                atoms=(2, 3, 4),
                candidates=(2, 3, 4, 8),
                steps=4,
                load=(Fraction(1, 100), Fraction(100)),
                free_start=True,
            ),
        ),
    ),
    extremal=Extremal(
        part=("TV", "TV at a round"),
        instance=_two_atoms,
        settings=(*MIXED.settings(), *THRESHOLD.settings()),
    ),
    cores=TOTAL_VARIATION,
)
