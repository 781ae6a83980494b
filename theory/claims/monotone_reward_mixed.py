r"""Open: does the expected weight rise in every round of the mixed loop?

Assumptions
    :math:`p_0 = p_{\rm ref}`, any :math:`\lambda`, any K.
Claim
    .. math:: E_{p_{t+1}}[w] \ge E_{p_t}[w]
Kind
    Order; a conjecture for :math:`2 \le K < \infty`.
Source
    Open question of this project. The pure loop has Lemma 2.2; for the mixed loop the literature
    compares :math:`p_t` with :math:`p_{\rm ref}` only (Ferbach et al. 2024, arXiv:2407.09499,
    Theorem 2.3).
Remarks
    The claim follows wherever monotone-dominance-mixed holds, in particular at :math:`K = \infty`
    and for two reward levels, where it is proved. With :math:`H_t = H_{p_t}^K`,

    .. math:: \tfrac{1+\lambda}{\lambda}\big(E_{p_{t+1}}[w] - E_{p_t}[w]\big)
              = \sum w\,(p_t - p_{t-1})\,H_{t-1} - \sum w\,p_t\,(H_{t-1} - H_t):

    what the better samples gain against what stiffer competition takes from everyone. The second
    part below compares the two; it says the same as the first, but in the unit of the change
    itself, so that a search sees it also where the loop has all but settled.

    Near a fixed point the loop cannot oscillate: its linear part there is
    :math:`\tfrac{\lambda}{1+\lambda}` times
    :math:`{\rm diag}(H) + K(K-1)\,{\rm diag}(pw)\,G` with
    :math:`G_{ij} = E[1/(w_i + w_j + S_{K-2})]`, a positive semi-definite kernel (a Laplace
    transform), so all its eigenvalues are real and not negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from theory.claims.claim import Claim, FalseTwin, Kind, Standing
from theory.claims.monotone_dominance_mixed import ANY_RATIO, flows
from theory.evidence.family import Family
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run) -> Iterator[Sides]:
    """Expected weight, round by round, and what makes it change."""
    for t in range(1, run.steps + 1):
        now, before = run.expected_weight(t), run.expected_weight(t - 1)
        yield Sides.at_least("expected weight rises", t, now, before, run.top_weight)
        rise, fall = flows(run, t)
        gain, loss = (run.weights * rise).sum(), (run.weights * fall).sum()
        yield Sides.at_least("gains outweigh losses", t, gain, loss, run.top_weight)


def _gains(run: Run) -> Iterator[tuple[int, object, object]]:
    means = [run.expected_weight(t) for t in range(run.steps + 1)]
    for t in range(2, run.steps + 1):
        yield t, means[t] - means[t - 1], means[t - 1] - means[t - 2]


def _gains_never_grow(run: Run) -> Iterator[Sides]:
    for t, gain, last in _gains(run):
        yield Sides.at_most("next gain", t, gain, last, run.top_weight)


def _gains_shrink_slowly(run: Run) -> Iterator[Sides]:
    for t, gain, last in _gains(run):
        yield Sides.at_least("next gain", t, gain, run.synthetic_share * last, run.top_weight)


monotone_reward = Claim(
    id="monotone-reward-mixed",
    title="expected weight rises every round, with real data",
    kind=Kind.ORDER,
    tight=False,
    source="open question; K = ∞ and two reward levels are proved in the claim file",
    statement=r"E_{p_{t+1}}[w] \ge E_{p_t}[w]\qquad(p_0 = p_{\mathrm{ref}},\ \lambda < \infty)",
    plain="With real data in every round, too, no round lowers the expected weight.",
    hypotheses=("the loop starts at the reference, p_0 = p_ref",),
    sides=sides,
    family=Family(candidates=(2, 3, 4, 8, math.inf), steps=6, load=ANY_RATIO),
    standing=Standing.CONJECTURE,
    searched=(
        "falsify, 12 rounds, 3 to 12 atoms, K = 2 to 100, λ(K−1) = 0.001 to 10000: 91131 "
        "instances in 10 minutes, smallest relative margin 2e-14, positive; "
        "12 million runs of 4 to 40 rounds, 3 to 8 atoms, K = 2 to 300, λ = 0.001 to 1000 by an "
        "evolutionary search in float64 for the largest ratio of losses to gains (24 minutes). "
        "The ratio comes as near 1 as one likes where the loop settles within a few rounds; there "
        "balls of 400 bits put every run that was looked at (64) on the right side. With "
        "all weights within a factor e^1.5 it stays below 0.70 at K = 2 and 0.82 at K = 300 (5 "
        "million runs)"
    ),
    false_twins=(
        FalseTwin(
            name="any start",
            says="The expected weight rises from any p_0, not only from p_ref.",
            sides=sides,
            family=Family(candidates=(2, 3, 4, 8), steps=4, load=ANY_RATIO, free_start=True),
        ),
        FalseTwin(
            name="gains never grow",
            says="No round gains more than the one before it.",
            sides=_gains_never_grow,
        ),
        FalseTwin(
            name="gains shrink by λ/(1+λ) at most",
            says="Every round gains at least λ/(1+λ) times what the one before it did.",
            sides=_gains_shrink_slowly,
        ),
    ),
)
