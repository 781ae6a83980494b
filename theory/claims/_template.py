r"""Name: one line that says what is claimed.

To add a claim, copy this file to a new name in this folder and fill it in; nothing else needs
editing. The statement below is a true one, so the copy works before you change it.

Assumptions
    Pure loop, any law, any K.
Claim
    .. math:: E_{p_{t+1}}[w] \ge E_{p_t}[w]
Kind
    Lower bound (say whether tight, and where it is reached).
Source
    Publication with theorem or equation number, or "derived below" with the derivation under
    Remarks.
Remarks
    Where the difficulty lies, closed forms, extremal instances.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run) -> Iterator[Sides]:
    """The claim's two sides, at every round that it speaks about.

    Numbers come from ``run`` or from ``run.number(Fraction(...))``; use + − × ÷ on them, and
    ``run.arithmetic.log`` and ``exp``. ``condition`` is the size of the terms that the sides are
    summed or subtracted from.
    """
    for t in range(1, run.steps + 1):
        now, before = run.expected_weight(t), run.expected_weight(t - 1)
        yield Sides.at_least("expected weight", t, now, before, condition=run.top_weight)


def _twin_faster(run: Run) -> Iterator[Sides]:
    for t in range(1, run.steps + 1):
        now, before = run.expected_weight(t), run.expected_weight(t - 1)
        yield Sides.at_least("expected weight", t, now, run.number(Fraction(51, 50)) * before)


def _extremal(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    """Instances along which the two sides meet; leave out where the claim is not tight."""
    return Instance.of([1, 1], [10**rung, 10**rung + 1], K=K, lam=lam, steps=1)


template = Claim(
    id="template",
    title="a few words",
    kind=Kind.LOWER,
    tight=True,
    source="where it comes from",
    statement=r"E_{p_{t+1}}[w] \ge E_{p_t}[w]",
    plain="Pure curation never lowers the expected weight.",
    hypotheses=("the loop is pure (λ = ∞)",),
    sides=sides,
    family=Family(steps=4),
    false_twins=(
        FalseTwin(
            name="2 % per round",
            says="Each round raises the expected weight by at least 2 %.",
            sides=_twin_faster,
        ),
        FalseTwin(
            name="with real data",
            says="The same from any start in a loop with real data.",
            sides=sides,
            family=Family(steps=4, load=(Fraction(1, 100), Fraction(1)), free_start=True),
        ),
    ),
    extremal=Extremal(part="expected weight", instance=_extremal),
)
