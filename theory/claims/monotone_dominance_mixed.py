r"""Open: does every round of the mixed loop dominate the one before it in reward?

Assumptions
    :math:`p_0 = p_{\rm ref}`, any :math:`\lambda`, any K.
Claim
    .. math:: P_{t+1}(w \ge a) \ge P_t(w \ge a) \qquad\text{for every } a
Kind
    Order; a conjecture for :math:`2 \le K < \infty` and three reward levels or more.
Source
    Open question of this project; :math:`p_t` dominates :math:`p_{\rm ref}` by the claim
    dominance-mixed.
Remarks
    Write :math:`f_t = p_t/p_{\rm ref}`, :math:`H_t = H_{p_t}^K` and
    :math:`s = \lambda/(1+\lambda)`, so that :math:`f_{t+1} = (1-s) + s f_t H_t`.

    *K = ∞ is a theorem.* Here :math:`H_t = w/E_t`, :math:`E_t = E_{p_t}[w]`, and
    :math:`f_t = \sum_j c_t(j)\,w^j` with, for :math:`j < t`,

    .. math:: c_t(j) = \frac{(1-s)\,s^j}{E_{t-1}\cdots E_{t-j}}, \qquad
              c_t(t) = \frac{s^t}{E_{t-1}\cdots E_0}.

    If :math:`E_0 \le \dots \le E_t`, then :math:`c_{t+1}(j)/c_t(j)` is
    :math:`E_{t-j}/E_t \le 1` for :math:`j < t` and :math:`(1-s)E_0/E_t \le 1` for :math:`j = t`:
    all coefficients fall but the new one of :math:`w^{t+1}`. So
    :math:`f_{t+1} - f_t = w^{t+1}(c - \sum_{j\le t} d_j w^{j-t-1})` with :math:`c, d_j \ge 0`,
    whose bracket increases in w: it changes sign once, from − to +, and has mean 0 under
    :math:`p_{\rm ref}`. That is dominance, and it gives :math:`E_{t+1} \ge E_t` for the next step.

    *Two levels are a theorem.* Dominance and monotone likelihood ratio are then the same; curation
    preserves the latter (likelihood-ratio) and so does mixing both with :math:`p_{\rm ref}`.

    *The first rounds are a theorem.* :math:`p_1` dominates :math:`p_0 = p_{\rm ref}`, and
    :math:`p_2` dominates :math:`p_1`, for every law and K: :math:`C_K(p_1)` dominates
    :math:`C_K(p_{\rm ref})` (dominance-mixed), and :math:`P_{t+1}(A) - P_t(A)` is
    :math:`s\,(C_K(p_t) - C_K(p_{t-1}))(A)`. That :math:`p_3` dominates :math:`p_2` is proved at
    K = 2 for all laws on three atoms, by the signs of coefficients (``theory.cores.laws``).

    *The likelihood ratio* :math:`p_{t+1}/p_t` *is not monotone*, which refutes the stronger
    conjecture: at K = ∞, :math:`f_2/f_1 = 1 + w\,\frac{s}{1-s}\big(\frac{1-s}{E_1} -
    \frac{1}{E_0}\big) + O(w^2)` falls near w = 0. It is a false twin below.

    *What is missing.* If :math:`p_t` dominates :math:`p_{t-1}` then :math:`H_t \le H_{t-1}` at
    every weight, and

    .. math:: \tfrac{1}{s}\big(P_{t+1} - P_t\big)(A) = \sum_A (p_t - p_{t-1})\,H_{t-1}
              - \sum_A p_t\,(H_{t-1} - H_t),

    gains against losses: the second part below. Dominance would follow from
    :math:`f_{t+1} - f_t` changing sign once, which no run has contradicted. Two conditions that
    would give it are too strong: that :math:`1/H_t - 1/H_{t-1}` falls with w, true at K = ∞, fails
    at finite K, and :math:`C_K` does not preserve dominance (a better loser competes harder).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import numpy as np

from theory.claims.claim import Claim, FalseTwin, Kind, Standing
from theory.evidence.family import Family
from theory.evidence.run import Numbers, Run
from theory.evidence.sides import Sides

ANY_RATIO = (Fraction(1, 100), Fraction(100))


def sides(run: Run) -> Iterator[Sides]:
    """Tails above every level but the lowest, round by round, and what makes them change."""
    for t in range(1, run.steps + 1):
        now, before = _tails(run, run.laws[t]), _tails(run, run.laws[t - 1])
        yield Sides.at_least("tails grow", t, now, before)
        rise, fall = flows(run, t)
        # The terms of gains and losses are shares of p_t H_t and p_{t-1} H_{t-1}, tail by tail.
        size = _tails(run, run.laws[t] * run.factor(t - 1))
        gains, losses = _tails(run, rise), _tails(run, fall)
        yield Sides.at_least("gains outweigh losses", t, gains, losses, condition=size)


def flows(run: Run, t: int) -> tuple[Numbers, Numbers]:
    r"""What round t + 1 adds at each atom because the law has moved, and what it takes because the
    competition has: :math:`(p_t - p_{t-1})H_{t-1}` and :math:`p_t(H_{t-1} - H_t)`, each (n,)."""
    before, now = run.factor(t - 1), run.factor(t)
    return (run.laws[t] - run.laws[t - 1]) * before, run.laws[t] * (before - now)


def _tails(run: Run, masses: Numbers) -> Numbers:
    """Sums over the atoms of rank at most j, for every j but the lowest level's; the whole sum
    where there is one level only."""
    tails = range(max(1, run.level_count - 1))
    return np.array([masses[run.levels <= j].sum() for j in tails])


def _likelihood_ratio(run: Run) -> Iterator[Sides]:
    if run.level_count == 1:
        return
    first = [int(np.argmax(run.levels == j)) for j in range(run.level_count)]
    for t in range(1, run.steps + 1):
        ratio = run.laws[t][first] / run.laws[t - 1][first]
        for higher, lower in pairwise(ratio):
            yield Sides.at_least("ratio of rounds", t, higher, lower)


monotone_dominance = Claim(
    id="monotone-dominance-mixed",
    title="every round dominates the one before, with real data",
    kind=Kind.ORDER,
    tight=False,
    source="open question; K = ∞ and two reward levels are proved in the claim file",
    statement=(
        r"P_{t+1}(w \ge a) \ge P_t(w \ge a)\ \text{ for all } a"
        r"\qquad(p_0 = p_{\mathrm{ref}},\ \lambda < \infty)"
    ),
    plain=(
        "With real data in every round, too, no round lowers the share of samples above any level "
        "of reward."
    ),
    hypotheses=("the loop starts at the reference, p_0 = p_ref",),
    sides=sides,
    family=Family(candidates=(2, 3, 4, 8, math.inf), steps=6, load=ANY_RATIO),
    standing=Standing.CONJECTURE,
    searched=(
        "falsify, 12 and 40 rounds, 3 to 12 atoms, K = 2 to 100, λ(K−1) = 0.001 to 10000: 80520 "
        "instances in 17 minutes, smallest relative margin 5e-14, positive; "
        "12 million runs of 4 to 40 rounds, 3 to 8 atoms, K = 2 to 300, λ = 0.001 to 1000 by an "
        "evolutionary search in float64 for the largest ratio of losses to gains (24 minutes). "
        "The ratio comes as near 1 as one likes where the loop settles within a few rounds; there "
        "balls of 400 bits put every run that was looked at (64) on the right side. In 5.7 "
        "million of the runs the signs of p_{t+1}/p_ref − p_t/p_ref were watched: they changed once"
    ),
    false_twins=(
        FalseTwin(
            name="any start",
            says="Every round dominates the one before it from any p_0, not only from p_ref.",
            sides=sides,
            family=Family(candidates=(2, 3, 4, 8), steps=4, load=ANY_RATIO, free_start=True),
        ),
        FalseTwin(
            name="monotone likelihood ratio",
            says="The ratio p_{t+1}/p_t never falls with the reward.",
            sides=_likelihood_ratio,
        ),
    ),
)
