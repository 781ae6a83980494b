r"""How far t pure rounds can go: never beyond the best of :math:`K^t` samples.

Assumptions
    Pure loop, finite K, any law, any reward, any round :math:`t \ge 1`.
Claim
    For every set A, in nats,

    .. math:: P_t(A) \le 1 - (1 - P_0(A))^{K^t}, \qquad
              D_{\rm KL}(p_t\|p_0) \le t\log K - 1 + K^{-t}
Kind
    Upper bound, tight: selection of the best of K, on an atomless law, reaches both in every round.
Source
    Derived below. Beirami et al. 2024 (arXiv:2401.01879), Theorem 3.1, bound the divergence of
    best-of-n by :math:`\log n - 1 + 1/n`; Ferbach et al. 2024 (arXiv:2407.09499), Section 2,
    have the loop.
Remarks
    A kept sample lies in A only if some candidate does: :math:`C_K(p)(A) \le 1 - (1-p(A))^K`, and
    t rounds compose to the power :math:`N = K^t`. The right side f is concave and increasing in
    :math:`P_0(A)`, so the Lorenz curve of :math:`p_t` against :math:`p_0` lies below it, and every
    f-divergence below that of the density f' on [0, 1]:
    :math:`\int_0^1 f'\log f' = \log N - 1 + 1/N`.

    Since :math:`p_t/p_0` rises with w, the sets that decide are those of the largest weights; they
    are checked for any number of atoms, and all sets where there are few. Extremal instances are
    best-of-K on atoms whose masses are quantiles of the kept law: :math:`1 - m_i = (1-i/n)^3`, so
    that the atoms are fine where the density is large.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.envelope import BEST_OF_ROUNDS
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides

# All 2^n sets of so many atoms; beyond, the sets of largest weights.
ATOMS_WITH_ALL_SETS = 4


def sides(run: Run) -> Iterator[Sides]:
    """Every set, or every set that decides; then the relative entropy."""
    yield from sets(run)
    yield from divergence(run)


def sets(run: Run, product: bool = False) -> Iterator[Sides]:
    """Mass of sets after t rounds, with the power Kt in place of :math:`K^t` for a product."""
    members = _sets(run)
    if len(members) == 0:
        return
    missed = (~members * run.laws[0]).sum(axis=1)
    for t in range(1, run.steps + 1):
        missed_after = (~members * run.laws[t]).sum(axis=1)
        power = int(run.K) * t if product else int(run.K) ** t
        # The bound by complements: small numbers keep their digits in float64.
        yield Sides.at_least("sets", t, missed_after, missed**power, missed_after + missed)


def divergence(
    run: Run,
    constant: Fraction = Fraction(1),
    factor: Fraction = Fraction(1),
    last_term: int = 1,
) -> Iterator[Sides]:
    """Relative entropy to the start against its bound, changed as the twins change it."""
    log_K = run.arithmetic.log(run.number(int(run.K)))
    for t in range(1, run.steps + 1):
        distance = run.kl(run.laws[t], run.laws[0])
        rest = last_term * run.number(Fraction(1, int(run.K) ** t)) - run.number(constant)
        bound = run.number(factor) * (t * log_K + rest)
        yield Sides.at_most("KL to the start", t, distance, bound, condition=1 + distance)


def _sets(run: Run) -> NDArray[np.bool_]:
    """Sets of atoms to check, as rows of members, neither empty nor everything."""
    n = len(run.weights)
    if n <= ATOMS_WITH_ALL_SETS:
        numbers = np.arange(1, 2**n - 1)[:, None]
        return numbers >> np.arange(n) & 1 == 1
    return run.levels <= np.arange(run.level_count - 1)[:, None]


def _best_of_quantiles(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    # Multisets in balls limit the atoms where K is large.
    n = 2**rung * (1 if K > 4 else 2 if K == 4 else 4)
    missed = [round((1 - i / n) ** (3 / int(K)) * 10**6) for i in range(n + 1)]
    masses = [above - below for above, below in pairwise(missed)]
    return Instance.of(masses, [10 ** (6 * i) for i in range(n)][::-1], K=K, lam=lam, steps=1)


PURE = Family(atoms=(2, 3, 5, 8), candidates=(2, 3, 4, 8), steps=6)

never_beyond_the_best = Claim(
    id="best-of-rounds",
    title="t rounds and the best of K^t",
    kind=Kind.UPPER,
    tight=True,
    source="derived in the claim file; compare Beirami et al. 2024 (arXiv:2401.01879), Theorem 3.1",
    statement=(
        r"P_t(A) \le 1-(1-P_0(A))^{K^t}\ \text{for every }A,\qquad "
        r"D_{\mathrm{KL}}(p_t\|p_0) \le t\log K - 1 + K^{-t}"
    ),
    plain=(
        "However the reward is scaled, t rounds of pure curation move no further than picking the "
        "best of K^t samples once: the mass of every set and the divergence stay below its."
    ),
    hypotheses=("the loop is pure (λ = ∞)", "K is finite"),
    sides=sides,
    family=PURE,
    false_twins=(
        FalseTwin(
            name="Kt samples",
            says="The mass of every set stays below that of the best of Kt samples.",
            sides=partial(sets, product=True),
        ),
        FalseTwin(
            name="constant 1.02 in place of 1",
            says="The divergence is at most t log K − 1.02 + K^(−t).",
            sides=partial(divergence, constant=Fraction(51, 50)),
        ),
        FalseTwin(
            name="bound 2 % smaller",
            says="The divergence is at most 0.98 times the bound.",
            sides=partial(divergence, factor=Fraction(49, 50)),
        ),
        FalseTwin(
            name="without the last term",
            says="The divergence is at most t log K − 1.",
            sides=partial(divergence, last_term=0),
        ),
    ),
    extremal=Extremal(part=("KL to the start", "sets"), instance=_best_of_quantiles, rungs=3),
    cores=BEST_OF_ROUNDS,
    machine_checked=(
        "Envelope.best_of_rounds",
        "Best_of_rounds.best_of_rounds_kl",
        "Best_of_rounds.pure_support",
    ),
)
