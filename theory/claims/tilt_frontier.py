r"""The reward–KL frontier: no law has a better reward for its divergence than an exponential tilt.

Assumptions
    Any law :math:`p_0` with bounded reward, any law q on its atoms, :math:`\beta = 1/t` with
    t = 1, 2, 3.
Claim
    With the tilt :math:`q_t = p_0 w^t/E_{p_0}[w^t]`, which is :math:`p_t` at K = ∞,

    .. math:: E_q[r] - \beta D_{\rm KL}(q\|p_0) = \beta\log E_{p_0}[e^{r/\beta}]
              - \beta D_{\rm KL}(q\|q_t)

    for every q; so the left side is at most :math:`\beta\log E_{p_0}[e^{r/\beta}]`, short of it by
    at least :math:`\tfrac\beta2 \|q - q_t\|_1^2`. Consequently no q with
    :math:`D_{\rm KL}(q\|p_0) \le D_{\rm KL}(q_t\|p_0)` has :math:`E_q[r] > E_{q_t}[r]`.
Kind
    Upper bound in nats, tight: reached by the tilt alone; the constant of the shortfall is reached
    by laws close to a tilt with one half of its mass on either side.
Source
    Gibbs' variational principle and Pinsker's inequality, derived below; the reading as alignment
    with a KL penalty is that of Ferbach et al. 2024 (arXiv:2407.09499), Section 2.
Remarks
    :math:`\log(q/q_t) = \log(q/p_0) - t r + \log E_{p_0}[w^t]`; its mean under q is the identity,
    and Pinsker's inequality the shortfall. Checked for q arbitrary (the free start of a run) and
    for the laws that K-choice makes of it and of :math:`p_0`, K finite and infinite.

    So the rounds of K = ∞ lie on the frontier, and t rounds at finite K lie on it only if their law
    is a tilt with some real exponent. With two levels of reward every law is one. With infinitely
    many, accumulating at a positive weight, :math:`C_K(p_0)` never is: :math:`H(w)` is analytic, of
    order w at 0 and bounded, hence no multiple of a power. With three levels it usually lies inside
    but need not: for weights 1, 10, 100 it is a tilt where :math:`H(10)^2 = H(1)\,H(100)`, and at
    K = 2 the difference of the two changes sign between the laws proportional to
    (500, 1, 500) and (50, 1, 950).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.tilts import TILT_FRONTIER
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Numbers, Run, curation_factor
from theory.evidence.sides import Sides

EXPONENTS = (1, 2, 3)


def sides(
    run: Run,
    price: Fraction = Fraction(1),
    constant: Fraction = Fraction(1, 2),
    reverse: bool = False,
) -> Iterator[Sides]:
    r"""Regularised reward of q, times t, against the log-partition.

    ``price`` multiplies the divergence, ``reverse`` swaps its arguments, and ``constant`` is that
    of :math:`\|q - q_t\|_1^2` in the shortfall.
    """
    tilts, reward = list(_tilts(run)), run.arithmetic.log(run.weights)
    for t, law in _laws(run):
        mean, size = (law * reward).sum(), (law * abs(reward)).sum()
        cost = run.kl(run.reference, law) if reverse else run.kl(law, run.reference)
        for exponent, tilt, best in tilts:
            value = exponent * mean - run.number(price) * cost
            terms = 1 + exponent * size + cost
            yield Sides.at_most("frontier", t, value, best, terms)
            if price == 1 and not reverse:
                missing = run.kl(law, tilt)
                yield Sides.equal("identity", t, value + missing, best, terms + missing)
                distance = abs(law - tilt).sum()
                bound = run.number(constant) * distance * distance
                yield Sides.at_least("shortfall", t, best - value, bound, terms)


def _laws(run: Run) -> Iterator[tuple[int, Numbers]]:
    """Each law of the run with its round, and what K-choice makes of the reference."""
    yield from enumerate(run.laws)
    if run.steps > 0:
        factor = curation_factor(
            run.arithmetic, run.reference, run.exact_weights, run.K, run.choice
        )
        yield run.steps, run.reference * factor


def _tilts(run: Run) -> Iterator[tuple[int, Numbers, Any]]:
    """Exponent t, the tilt of the reference by it, and the logarithm of its partition function."""
    masses = run.reference
    for exponent in EXPONENTS:
        masses = masses * run.weights
        partition = masses.sum()
        yield exponent, masses / partition, run.arithmetic.log(partition)


def _finite_choice_reaches_it(run: Run) -> Iterator[Sides]:
    reward = run.arithmetic.log(run.weights)
    for exponent, _, best in _tilts(run):
        if exponent <= run.steps:
            cost = run.kl(run.laws[exponent], run.reference)
            value = exponent * run.expectation(reward, exponent) - cost
            yield Sides.at_least("frontier", exponent, value, best)


def _nearly_a_tilt(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    # Tilted once, the reference has one half on either atom.
    start = [10**rung + 1, 10**rung - 1]
    return Instance.of([2, 1], [1, 2], K=K, lam=lam, steps=0, initial=start)


ANY_START = Family(atoms=(2, 3, 5), candidates=(2, 3, 4, math.inf), steps=2, free_start=True)

tilts_are_best = Claim(
    id="tilt-frontier",
    title="tilts are the reward–KL frontier",
    kind=Kind.UPPER,
    tight=True,
    source="Gibbs' variational principle, derived in the claim file; compare Ferbach et al. 2024, "
    "Section 2",
    statement=(
        r"E_q[r] - \beta D_{\mathrm{KL}}(q\|p_0) = \beta\log E_{p_0}[e^{r/\beta}] - "
        r"\beta D_{\mathrm{KL}}(q\|q_t) \le \beta\log E_{p_0}[e^{r/\beta}] - "
        r"\tfrac{\beta}{2}\|q-q_t\|_1^2,\quad \beta = \tfrac1t"
    ),
    plain=(
        "For the divergence it costs, no law earns more reward than an exponential tilt, which is "
        "where infinitely many candidates lead; every other law falls short by its own distance "
        "from the tilt."
    ),
    hypotheses=("q charges atoms of p_0 only", "the reward is bounded"),
    sides=sides,
    family=ANY_START,
    false_twins=(
        FalseTwin(
            name="divergence 2 % cheaper",
            says="The bound holds with 0.98 times the divergence.",
            sides=partial(sides, price=Fraction(49, 50)),
        ),
        FalseTwin(
            name="shortfall 2 % larger",
            says="The shortfall is at least 1.02 times its bound.",
            sides=partial(sides, constant=Fraction(51, 100)),
        ),
        FalseTwin(
            name="divergence the other way",
            says="The bound holds with the divergence of p_0 from q.",
            sides=partial(sides, reverse=True),
        ),
        FalseTwin(
            name="finite K reaches the frontier",
            says="t rounds at finite K attain the maximum at β = 1/t.",
            sides=_finite_choice_reaches_it,
            family=Family(atoms=(2, 3, 5), candidates=(2, 3, 4), steps=2),
        ),
    ),
    extremal=Extremal(part=("shortfall", "frontier"), instance=_nearly_a_tilt),
    cores=TILT_FRONTIER,
)
