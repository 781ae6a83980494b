r"""Lemma 2.2: curation raises the expected weight by a share of its variance.

Assumptions
    Pure loop (:math:`\lambda = \infty`), any law, any K; :math:`w = e^r \le w^*`.
Claim
    .. math:: E_{p_{t+1}}[w] - E_{p_t}[w]
              = E\Big[\frac{\sum_{i<j}(W_i - W_j)^2}{K \sum_i W_i}\Big]
              \ge \frac{K-1}{K}\,\frac{{\rm Var}_{p_t}[w]}{w^*}

    with :math:`W_1, \dots, W_K` drawn independently from :math:`p_t`; at K = ∞ the middle is
    :math:`{\rm Var}_{p_t}[w]/E_{p_t}[w]`.
Kind
    Equality for the gain; lower bound, tight: the constant is best possible.
Source
    Ferbach et al. 2024 (arXiv:2407.09499), Lemma 2.2; the equality and the constant's optimality
    follow from Lagrange's identity and :math:`\sum_i W_i \le K w^*`.
Remarks
    Extremal instances put all mass just under :math:`w^*`, where :math:`\sum_i W_i` is nearly
    :math:`K w^*`. The equality is evaluated by visiting every multiset of K draws, so only where
    they are few.

    Machine-checked in ``theory/proofs`` are the equality and the bound, and for every finite K > 1
    that no larger constant would do (``Optimality.lemma_2_2_optimal``: for every c > 1 two atoms
    whose gain is less than c times the bound); at K = ∞ the extremal instances alone show that.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from itertools import combinations, combinations_with_replacement
from typing import Any

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.gain import LEMMA_2_2
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides

# A visit costs about K^2 operations: a few milliseconds in balls.
MULTISETS_VISITED = 200


def sides(run: Run, constant: Fraction = Fraction(1), below_mean: bool = False) -> Iterator[Sides]:
    """Gain per round against its closed form and against its lower bound."""
    for t in range(1, run.steps + 1):
        gain = run.expected_weight(t) - run.expected_weight(t - 1)
        ceiling = run.expected_weight(t - 1) if below_mean else run.top_weight
        bound = run.number(constant) * run.selectivity * run.weight_variance(t - 1) / ceiling
        yield Sides.at_least("gain, from below", t, gain, bound, condition=run.top_weight)
        if constant != 1 or below_mean:
            continue
        if run.K == math.inf:
            quotient = run.weight_variance(t - 1) / run.expected_weight(t - 1)
            yield Sides.equal("gain, exactly, K = ∞", t, gain, quotient, condition=run.top_weight)
        elif _multisets(run) <= MULTISETS_VISITED:
            pairs = _pairwise_gain(run, t - 1)
            yield Sides.equal("gain, exactly", t, gain, pairs, condition=run.top_weight)


def _multisets(run: Run) -> int:
    return math.comb(len(run.weights) + int(run.K) - 1, int(run.K))


def _pairwise_gain(run: Run, t: int) -> Any:
    r""":math:`E[\sum_{i<j}(W_i - W_j)^2 / (K \sum_i W_i)]`, one multiset of draws at a time."""
    K, law, weights = int(run.K), run.laws[t], run.weights
    total = run.number(0)
    for draws in combinations_with_replacement(range(len(law)), K):
        probability = run.number(math.factorial(K))
        for atom, copies in Counter(draws).items():
            probability = probability * law[atom] ** copies / math.factorial(copies)
        drawn = [weights[atom] for atom in draws]
        pairs = sum(((a - b) * (a - b) for a, b in combinations(drawn, 2)), run.number(0))
        total = total + probability * pairs / (K * sum(drawn[1:], drawn[0]))
    return total


def _just_below_the_top(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return Instance.of([1, 1], [10**rung - 1, 10**rung], K=K, lam=lam, steps=1)


reward_increase = Claim(
    id="lemma-2.2",
    title="reward increase",
    kind=Kind.LOWER,
    tight=True,
    source="Ferbach et al. 2024, Lemma 2.2; equality and best constant derived in the claim file",
    statement=(
        r"E_{p_{t+1}}[w] - E_{p_t}[w] = "
        r"E\Big[\frac{\sum_{i<j}(W_i-W_j)^2}{K\sum_i W_i}\Big] \ge "
        r"\frac{K-1}{K}\,\frac{\mathrm{Var}_{p_t}[w]}{w^*}"
    ),
    plain=(
        "Each round of pure curation raises the expected weight by at least (K−1)/K times its "
        "variance over the largest weight; the gain has an exact formula, and no larger constant "
        "is true."
    ),
    hypotheses=("the loop is pure (λ = ∞)", "the reward is bounded above"),
    sides=sides,
    family=Family(atoms=(2, 3, 5, 8), candidates=(2, 3, 4, 8, math.inf), steps=8),
    false_twins=(
        FalseTwin(
            name="constant 2 % larger",
            says="The gain is at least 1.02 (K−1)/K Var[w]/w*.",
            sides=partial(sides, constant=Fraction(51, 50)),
        ),
        FalseTwin(
            name="mean in place of the largest weight",
            says="The gain is at least (K−1)/K Var[w]/E[w].",
            sides=partial(sides, below_mean=True),
            family=Family(atoms=(2, 3, 5, 8), candidates=(2, 3, 4, 8), steps=8),
        ),
    ),
    extremal=Extremal(part="gain, from below", instance=_just_below_the_top),
    cores=LEMMA_2_2,
    machine_checked=(
        "Lemma_2_2.gain_equality",
        "Lemma_2_2.reward_increase",
        "Infinite_candidates.tilted_gain",
        "Infinite_candidates.tilted_reward_increase",
        "Optimality.lemma_2_2_optimal",
    ),
)
