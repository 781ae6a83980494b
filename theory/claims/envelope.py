r"""The envelope: the largest mass that the loop can give to a set, at every round.

Assumptions
    :math:`p_0 = p_{\rm ref}`, any :math:`\lambda \ge 0`, any K, any reward, any round, on either
    side of the threshold :math:`\lambda(K-1) = 1`.
Claim
    With :math:`f_0(u) = u` and :math:`f_{t+1}(u) = \frac{u}{1+\lambda} +
    \frac{\lambda}{1+\lambda}\big(1 - (1-f_t(u))^K\big)`, for every set A

    .. math:: P_t(A) \le f_t(P_{\rm ref}(A)),

    so that, with :math:`q_t` the law that gives every set of best atoms the mass
    :math:`f_t(P_{\rm ref})`,

    .. math:: D_{\rm KL}(p_t\|p_{\rm ref}) \le D_{\rm KL}(q_t\|p_{\rm ref})
              \le \int_0^1 f_t'(u)\log f_t'(u)\,du

    (K finite for the last, which holds for every :math:`p_{\rm ref}`).
Kind
    Upper bounds, the first two tight for every :math:`p_{\rm ref}`, K, λ and t: rewards far apart
    reach them. The last is tight for every K, λ and t too: atomless laws reach it.
Source
    Derived below.
Remarks
    A kept sample lies in A only if some candidate does: :math:`C_K(p)(A) \le 1 - (1-p(A))^K`, an
    increasing function of p(A), so induction over t gives the first bound. The Lorenz curve of
    :math:`p_t` against :math:`p_{\rm ref}`, the largest mass of a set of given reference mass,
    therefore lies below that of :math:`q_t`, which is :math:`f_t` joined by chords; a larger Lorenz
    curve means a larger f-divergence, for each convex f and in both directions. Chords lie below
    :math:`f_t`: hence the integral. Of sets only those of best atoms matter, for by
    ``likelihood-ratio`` none of equal reference mass has more; up to four atoms every subset is
    compared all the same. ``theorem-2.4-sharp``, ``total-variation``, ``chi-square`` and
    ``reverse-kl`` take :math:`t \to \infty`. For λ = ∞ the envelope is best-of-:math:`K^t`.

    Machine-checked in ``theory/proofs``, for every finite K, is the bound on the mass of every set
    (``Envelope.mixed_envelope``); the relative entropies are not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.envelope import ENVELOPE
from theory.evidence.best_of import nearly_atomless
from theory.evidence.envelope import by_level, envelope, largest_laws, power, upper_masses
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Numbers, Run
from theory.evidence.sides import Sides

# Up to so many atoms all their sets are compared; beyond, those of best atoms.
ALL_SETS = 4


def sides(run: Run) -> Iterator[Sides]:
    """Masses of sets and relative entropy, every round; the integral at the last."""
    yield from masses(run)
    yield from divergences(run)
    if run.steps > 0 and run.K != math.inf and run.exact_lam != math.inf:
        distance = run.kl(run.laws[-1], run.reference)
        bound = kl_of_envelope(run)
        yield Sides.at_most("KL, any law", run.steps, distance, bound, condition=1 + distance)


def masses(
    run: Run, constant: Fraction = Fraction(1), fewer: int = 0, rounds_less: int = 0
) -> Iterator[Sides]:
    """What sets have gained, against what they can have gained.

    A twin takes ``fewer`` candidates in the envelope, or its value some rounds before.
    """
    u, gains = _gains(run, run.laws)
    if len(u) == 0:
        return
    rest = _set_masses(run, run.reference, complement=True)
    complements = envelope(run, rest, fewer)
    for t in range(1, run.steps + 1):
        complement = complements[max(t - rounds_less, 0)]
        bound = run.number(constant) * (rest - complement)
        yield Sides.at_most("mass of a set", t, gains[t], bound, condition=1 - complement)


def _gains(run: Run, laws: Any) -> tuple[Numbers, list[Numbers]]:
    u = _set_masses(run, run.reference)
    return u, [_set_masses(run, law) - u for law in laws]


def _set_masses(run: Run, law: Numbers, complement: bool = False) -> Numbers:
    """Mass of each set that is compared, or of its complement."""
    if len(law) > ALL_SETS:
        if not complement:
            return upper_masses(run, law)
        lower: Numbers = np.cumsum(by_level(run, law)[:0:-1])[::-1]
        return lower
    sets = [inside for inside in product([True, False], repeat=len(law)) if any(inside)]
    return np.array(
        [law[np.array(inside) ^ complement].sum() for inside in sets if not all(inside)],
        dtype=law.dtype,
    )


def divergences(run: Run, constant: Fraction = Fraction(1)) -> Iterator[Sides]:
    """Relative entropy to the reference against that of the largest law."""
    levels = by_level(run, run.reference)
    largest = largest_laws(run)
    for t in range(1, run.steps + 1):
        distance = run.kl(run.laws[t], run.reference)
        bound = run.number(constant) * run.kl(largest[t], levels)
        yield Sides.at_most("KL, these masses", t, distance, bound, condition=1 + distance)


def kl_of_envelope(run: Run) -> Any:
    r""":math:`\int_0^1 f_t' \log f_t'\,du` in nats at the run's last round, for finite K and λ."""
    if run.K == 1 or run.exact_lam == 0:
        return run.number(0)
    K, share = int(run.K), run.synthetic_share

    def integrand(u: Any, log: Any) -> Any:
        complement, derivative = 1 - u, 1 + 0 * u
        for _ in range(run.steps):
            before = power(complement, K - 1)
            derivative = (1 - share) + share * K * before * derivative
            complement = (1 - share) * (1 - u) + share * before * complement
        return derivative * log(derivative)

    return run.arithmetic.integral(integrand)


def _rewards_far_apart(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return Instance.of([1, 1, 1], [1, 1000**rung, 1000 ** (2 * rung)], K=K, lam=lam, steps=4)


def _many_atoms(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return nearly_atomless(2 ** (rung + 1), K, Fraction(lam), rounds=3)


ANY_RATIO = (Fraction(1, 100), Fraction(100))
MIXED = Family(atoms=(2, 3, 4, 6), candidates=(2, 3, 4, 8, math.inf), steps=6, load=ANY_RATIO)
# The integral is finite for finite K; it is looked at on either side of the threshold as well.
FINITE = replace(MIXED, candidates=(2, 3, 4, 8))
NEAR_THRESHOLD = replace(FINITE, load=(Fraction(1, 2), Fraction(2)))

envelope_of_the_loop = Claim(
    id="envelope",
    title="envelope of the masses that the loop can reach",
    kind=Kind.UPPER,
    tight=True,
    source="derived in the claim file",
    statement=(
        r"P_t(A) \le f_t(P_{\mathrm{ref}}(A)),\quad f_{t+1}(u)=\tfrac{u}{1+\lambda}+"
        r"\tfrac{\lambda}{1+\lambda}\big(1-(1-f_t(u))^K\big);\qquad "
        r"D_{\mathrm{KL}}(p_t\|p_{\mathrm{ref}}) \le \int_0^1 f_t'\log f_t'\,du"
    ),
    plain=(
        "However the reward is chosen, after t rounds no set has more than an explicit mass that "
        "depends on its mass in the real data, K, λ and t alone; so the loop is never further from "
        "the real data than an explicit distance, for every share of synthetic data."
    ),
    hypotheses=("the loop starts at the reference, p_0 = p_ref",),
    sides=sides,
    family=MIXED,
    false_twins=(
        FalseTwin(
            name="gain 2 % smaller",
            says="A set gains at most 0.98 times what the envelope allows.",
            sides=partial(masses, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="KL 2 % smaller",
            says="The distance is at most 0.98 times that of the largest law.",
            sides=partial(divergences, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="one candidate fewer",
            says="The envelope of K − 1 candidates bounds the loop with K.",
            sides=partial(masses, fewer=1),
        ),
        FalseTwin(
            name="one round less",
            says="The envelope of round t − 1 bounds round t.",
            sides=partial(masses, rounds_less=1),
        ),
        FalseTwin(
            name="any start",
            says="The envelope bounds the loop from any p_0.",
            sides=masses,
            family=Family(
                atoms=(2, 3, 4), candidates=(2, 3, 4, 8), steps=4, load=ANY_RATIO, free_start=True
            ),
        ),
    ),
    extremal=(
        Extremal(part=("mass of a set", "KL, these masses"), instance=_rewards_far_apart),
        Extremal(
            part="KL, any law",
            instance=_many_atoms,
            settings=(*FINITE.settings(), *NEAR_THRESHOLD.settings()),
        ),
    ),
    cores=ENVELOPE,
)
