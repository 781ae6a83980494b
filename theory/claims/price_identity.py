r"""The Price identity: selection changes a mean by the covariance with the curation factor.

Assumptions
    Any law, any function f of the atom, any K (K = ∞ included).
Claim
    .. math:: E_{C_K(p)}[f] - E_p[f] = {\rm Cov}_p(f, H_p^K), \qquad
              H_p^K(x) = E\Big[\frac{K\,w(x)}{w(x) + W_2 + \dots + W_K}\Big]
Kind
    Equality.
Source
    Price 1970 (Nature 227, 520), Price 1972 (Annals of Human Genetics 35, 485) for selection in
    general; for the curated loop of Ferbach et al. 2024 (arXiv:2407.09499), Section 2, below.
Remarks
    The K candidates are exchangeable, so the kept one is the first of them, conditionally on being
    kept, K times as often: :math:`C_K(p) = p\,H`, and :math:`E_p[H] = 1` turns the difference of
    means into a covariance. Checked here with no such exchange: the left side visits every ordered
    K-tuple of draws, and keeps each of its members with its own probability; at K = ∞ it is
    :math:`E_p[wf]/E_p[w]`. Nothing depends on how the kept one is chosen, as long as the order of
    the candidates does not matter: under another choice model H is that model's. Every f is a
    combination of indicators of atoms, so these settle the identity; r, w, :math:`w^2` and 1/w are
    evaluated besides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np

from theory.claims.claim import Claim, FalseTwin, Kind
from theory.cores.covariance import PRICE_IDENTITY
from theory.evidence.family import Family
from theory.evidence.run import Numbers, Run
from theory.evidence.sides import Sides
from theory.evidence.tuples import few_enough, kept_law
from theory.evidence.verdict import Strength


def sides(
    run: Run, nudge: Fraction = Fraction(1), infinite: bool = False, next_law: bool = False
) -> Iterator[Sides]:
    """Change of a mean, tuple by tuple, against the covariance with the curation factor.

    ``nudge`` multiplies the covariance, ``infinite`` takes the factor of K = ∞ in it, and
    ``next_law`` the loop's next law (with real data) in place of the kept sample's.
    """
    functions = {
        "indicators": np.eye(len(run.weights), dtype=int),
        "w, w², 1/w": np.array([run.weights, run.weights * run.weights, 1 / run.weights]),
        "r": np.array([run.arithmetic.log(run.weights)]),
    }
    for t in range(run.steps):
        law = run.laws[t]
        if next_law:
            kept = run.laws[t + 1]
        elif run.K == math.inf and run.choice is None:
            kept = law * run.weights / run.expected_weight(t)
        elif run.K < math.inf and few_enough(law, int(run.K)):
            kept = kept_law(run, t)
        else:
            continue
        H = run.weights / run.expected_weight(t) if infinite else run.factor(t)
        for name, values in functions.items():
            change = _means(kept, values) - _means(law, values)
            covariance = _means(law * H, values) - _means(law, values) * (law * H).sum()
            size = _means(kept, abs(values)) + _means(law, abs(values))
            yield Sides.equal(name, t, change, run.number(nudge) * covariance, size)


def _means(measure: Numbers, values: Numbers) -> Numbers:
    """Sum of each row of ``values`` against the measure, shape (rows,)."""
    totals: Numbers = values @ measure
    return totals


FEW = Family(atoms=(2, 3, 4), candidates=(2, 3, 4, math.inf), steps=2)

selection_is_covariance = Claim(
    id="price-identity",
    title="Price identity",
    kind=Kind.EQUALITY,
    tight=True,
    source="Price 1970 and 1972; for the loop of Ferbach et al. 2024, Section 2, derived in the "
    "claim file",
    statement=(r"E_{C_K(p)}[f] - E_p[f] = \mathrm{Cov}_p(f, H_p^K)\qquad\text{for every }f"),
    plain=(
        "What curation does to the mean of anything is the covariance of that thing with the "
        "curation factor."
    ),
    hypotheses=("the kept sample is one of K independent draws",),
    sides=sides,
    family=FEW,
    # Balls can refute an equality and never establish one.
    strengths=(Strength.EXACT, Strength.NUMERIC),
    false_twins=(
        FalseTwin(
            name="covariance 2 % larger",
            says="The change is 1.02 times the covariance.",
            sides=partial(sides, nudge=Fraction(51, 50)),
        ),
        FalseTwin(
            name="factor of infinitely many candidates",
            says="The change is the covariance with w/E[w], whatever K.",
            sides=partial(sides, infinite=True),
        ),
        FalseTwin(
            name="the next law, with real data",
            says="With real data too the next law's mean changes by the covariance.",
            sides=partial(sides, next_law=True),
            family=Family(candidates=(2, 3, 4), steps=2, load=(Fraction(1, 100), Fraction(100))),
        ),
    ),
    cores=PRICE_IDENTITY,
    machine_checked=(
        "Price_identity.price_identity",
        "Infinite_candidates.tilted_price_identity",
    ),
)
