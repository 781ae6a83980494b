r"""No curation: with one candidate the mixed loop forgets its start, and the pure one keeps it.

Assumptions
    K = 1, any reward, any :math:`p_0` on the atoms of :math:`p_{\rm ref}`, any :math:`\lambda`.
Claim
    .. math:: p_t - p_{\rm ref} = \Big(\frac{\lambda}{1+\lambda}\Big)^t (p_0 - p_{\rm ref}),
              \qquad H \equiv 1

    and in the pure loop (:math:`\lambda = \infty`) :math:`p_t = p_0`.
Kind
    Equality.
Source
    The loop of Bertrand et al. 2024 (arXiv:2310.00429) with perfect fits; Ferbach et al. 2024
    (arXiv:2407.09499), Section 2, has K > 1.
Remarks
    The only candidate is kept, so :math:`C_1(p) = p` and the update is an average of p and
    :math:`p_{\rm ref}` with fixed shares. Every norm of the difference shrinks by the same factor,
    total variation among them; and from :math:`p_0 = p_{\rm ref}` nothing moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.claims.claim import Claim, FalseTwin, Kind
from theory.cores.real_data import NO_CURATION
from theory.evidence.family import Family
from theory.evidence.run import Run
from theory.evidence.sides import Sides
from theory.evidence.verdict import Strength


def sides(run: Run, nudge: Fraction = Fraction(1), delay: int = 0) -> Iterator[Sides]:
    r"""Distance to the reference atom by atom; ``nudge`` multiplies :math:`\lambda/(1+\lambda)` and
    ``delay`` is added to the exponent."""
    share = run.number(nudge) * run.synthetic_share
    start = run.laws[0] - run.reference
    shrunk = start
    for _ in range(delay):
        shrunk = shrunk * share
    for t in range(run.steps + 1):
        size = run.laws[0] + run.reference
        yield Sides.equal("difference", t, run.laws[t] - run.reference, shrunk, size)
        yield Sides.equal("kept law", t, run.laws[t] * run.factor(t), run.laws[t], run.laws[t])
        shrunk = shrunk * share


UNCURATED = Family(
    candidates=(1,),
    steps=8,
    load=(Fraction(1, 100), Fraction(100)),
    free_start=True,
    pure_loop=True,
)

mixing_without_curation = Claim(
    id="no-curation",
    title="no curation",
    kind=Kind.EQUALITY,
    tight=True,
    source="Bertrand et al. 2024 (arXiv:2310.00429) with perfect fits; derived in the claim file",
    statement=(
        r"p_t - p_{\mathrm{ref}} = "
        r"\Big(\frac{\lambda}{1+\lambda}\Big)^t (p_0 - p_{\mathrm{ref}})\qquad(K = 1)"
    ),
    plain=(
        "With one candidate nothing is chosen: real data draws the loop back to the reference by "
        "a fixed factor per round, and without real data the law stays where it is."
    ),
    hypotheses=("K = 1",),
    sides=sides,
    family=UNCURATED,
    # Balls can refute an equality and never establish one.
    strengths=(Strength.EXACT, Strength.NUMERIC),
    false_twins=(
        FalseTwin(
            name="factor 2 % larger",
            says="The difference shrinks by 1.02 λ/(1+λ) per round.",
            sides=partial(sides, nudge=Fraction(51, 50)),
        ),
        FalseTwin(
            name="exponent t+1",
            says="After t rounds the difference has shrunk t + 1 times.",
            sides=partial(sides, delay=1),
        ),
        FalseTwin(
            name="two candidates",
            says="The same holds at K = 2.",
            sides=sides,
            family=Family(
                candidates=(2,), steps=4, load=(Fraction(1, 100), Fraction(100)), free_start=True
            ),
        ),
    ),
    cores=NO_CURATION,
    machine_checked=(
        "Density.one_draw",
        "Price_identity.no_curation_mixed",
        "Price_identity.no_curation_pure",
    ),
)
