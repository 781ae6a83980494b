r"""The RLHF reading: at K = ∞ the pure loop solves the KL-regularised alignment problem.

Assumptions
    Pure loop, K = ∞, any law with bounded reward, any round :math:`t \ge 1`.
Claim
    .. math:: p_t = \frac{p_0\,w^t}{E_{p_0}[w^t]}, \qquad
              E_{p_t}[r] - \tfrac1t D_{\rm KL}(p_t\|p_0) = \tfrac1t \log E_{p_0}[w^t]
              = \max_q \big\{E_q[r] - \tfrac1t D_{\rm KL}(q\|p_0)\big\}
Kind
    Equality, in nats.
Source
    Ferbach et al. 2024 (arXiv:2407.09499), Section 2, after Lemma 2.1: the remark on reinforcement
    learning from human feedback. The value of the maximum is Gibbs' variational principle.
Remarks
    One round at K = ∞ multiplies by :math:`w/E_{p_{t-1}}[w]`, and the products of the means are
    :math:`E_{p_0}[w^t]`. Here the maximum is checked against the laws of the loop's other rounds;
    against any law, and at finite K, in the claim tilt-frontier. So t rounds of curation with many
    candidates are fine-tuning with the penalty :math:`\beta = 1/t`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.claims.claim import Claim, FalseTwin, Kind
from theory.cores.tilts import RLHF_TILT
from theory.evidence.family import Family
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run, exponent: int = 0, penalty: Fraction = Fraction(1)) -> Iterator[Sides]:
    r"""The tilt, the value of the regularised reward and its maximality, all times t.

    ``exponent`` is added to t in the tilt; ``penalty`` multiplies :math:`\beta` in the value.
    """
    reward = run.arithmetic.log(run.weights)
    rewards = [run.expectation(reward, t) for t in range(run.steps + 1)]
    sizes = [run.expectation(abs(reward), t) for t in range(run.steps + 1)]
    distances = [run.kl(law, run.laws[0]) for law in run.laws]
    power = run.weights
    for _ in range(exponent):
        power = power * run.weights
    for t in range(1, run.steps + 1):
        partition = run.expectation(power, 0)
        yield Sides.equal("tilt", t, run.laws[t] * partition, run.laws[0] * power)
        best = run.arithmetic.log(partition)
        value = t * rewards[t] - run.number(penalty) * distances[t]
        yield Sides.equal("value", t, value, best, condition=1 + t * sizes[t] + distances[t])
        for s in range(run.steps + 1):
            if s == t:
                continue
            value = t * rewards[s] - run.number(penalty) * distances[s]
            size = 1 + t * sizes[s] + distances[s]
            yield Sides.at_most("maximum", max(s, t), value, best, condition=size)
        power = power * run.weights


TILTS = Family(candidates=(math.inf,), steps=6, single_candidate=False)

tilt_of_many_candidates = Claim(
    id="rlhf-tilt",
    title="the RLHF reading of many candidates",
    kind=Kind.EQUALITY,
    tight=True,
    source="Ferbach et al. 2024, remark after Lemma 2.1; Gibbs' variational principle",
    statement=(
        r"p_t = \frac{p_0 w^t}{E_{p_0}[w^t]},\qquad E_{p_t}[r] - \tfrac1t "
        r"D_{\mathrm{KL}}(p_t\|p_0) = \tfrac1t\log E_{p_0}[w^t] = "
        r"\max_q\big\{E_q[r] - \tfrac1t D_{\mathrm{KL}}(q\|p_0)\big\}"
    ),
    plain=(
        "With infinitely many candidates, t rounds of pure curation tilt the initial law by "
        "exp(t r), which is what maximising the reward with a KL penalty of weight 1/t gives."
    ),
    hypotheses=("the loop is pure (λ = ∞)", "K = ∞"),
    sides=sides,
    family=TILTS,
    false_twins=(
        FalseTwin(
            name="exponent t+1",
            says="The law after t rounds is p_0 w^(t+1) over its total.",
            sides=partial(sides, exponent=1),
        ),
        FalseTwin(
            name="penalty 2 % larger",
            says="The regularised reward with β = 1.02/t has the same value.",
            sides=partial(sides, penalty=Fraction(51, 50)),
        ),
        FalseTwin(
            name="64 candidates",
            says="The same with K = 64 in place of infinitely many.",
            sides=sides,
            family=Family(atoms=(2, 3), candidates=(64,), steps=2),
        ),
        FalseTwin(
            name="with real data",
            says="The same in the loop with real data.",
            sides=sides,
            family=Family(candidates=(math.inf,), steps=4, load=(Fraction(1, 100), Fraction(100))),
        ),
    ),
    cores=RLHF_TILT,
)
