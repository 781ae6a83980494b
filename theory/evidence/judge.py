r"""From two sides to one comparison: what exact, ball and float64 evidence have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from theory.evidence.sides import Relation, Sides
from theory.evidence.verdict import WORST_FIRST, Comparison, Status

Judge = Callable[[Sides], Comparison]
# What a claim is, to those who check it: every comparison it makes on one run.
SidesOf = Callable[..., Iterable[Sides]]


def judged(comparisons: Iterable[Sides], judge: Judge) -> Iterator[Comparison]:
    """Each comparison decided by a judge. Empty arrays assert nothing and are left out; a division
    by 0 in the making of a side leaves the statement without a meaning there, so undecided."""
    try:
        for sides in comparisons:
            if np.broadcast(sides.left, sides.right).size > 0:
                yield judge(sides)
    except ZeroDivisionError:
        nowhere = Sides.equal("a side is divided by 0", 0, math.nan, math.nan)
        yield compare(nowhere, Status.UNDECIDED)


def entries(sides: Sides) -> list[Sides]:
    """The comparison entry by entry, when its sides are arrays."""
    left, right = np.broadcast_arrays(
        np.asarray(sides.left, dtype=object), np.asarray(sides.right, dtype=object)
    )
    return [
        replace(sides, left=one, right=other)
        for one, other in zip(left.ravel(), right.ravel(), strict=True)
    ]


def compare(sides: Sides, status: Status, tolerance: float = 0.0) -> Comparison:
    """The record of one comparison of two numbers."""
    left, right, margin = map(_as_float, (sides.left, sides.right, sides.margin))
    if sides.relation is Relation.EQUAL:
        margin = -abs(margin)
    return Comparison(
        part=sides.part,
        relation=sides.relation,
        status=status,
        t=sides.t,
        left=left,
        right=right,
        margin=margin,
        ratio=_ratio(sides.relation, left, right),
        tolerance=tolerance,
    )


def tightest(comparisons: Iterable[Comparison]) -> tuple[Comparison, ...]:
    """For each part, the worst comparison: by status, then by margin relative to its sides."""
    kept: dict[str, Comparison] = {}
    moments: dict[str, int] = {}
    for comparison in comparisons:
        part = comparison.part
        moments[part] = moments.get(part, 0) + comparison.moments
        if part not in kept or _severity(comparison) < _severity(kept[part]):
            kept[part] = comparison
    return tuple(replace(kept[part], moments=moments[part]) for part in kept)


def relative_margin(comparison: Comparison) -> float:
    """Margin over the sum of the sides' sizes: between -1 and 1, and 0 when both vanish."""
    size = abs(comparison.left) + abs(comparison.right)
    return comparison.margin / size if size > 0 else 0.0


def _as_float(value: Any) -> float:
    """For the record only: the decision was made in the number's own arithmetic."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _severity(comparison: Comparison) -> tuple[int, float]:
    return WORST_FIRST.index(comparison.status), relative_margin(comparison)


def _ratio(relation: Relation, left: float, right: float) -> float:
    smaller, larger = (right, left) if relation is Relation.AT_LEAST else (left, right)
    if smaller > 0 and larger > 0 and math.isfinite(larger):
        return smaller / larger
    return math.nan
