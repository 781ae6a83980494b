r"""What a check found: statuses, comparisons and verdicts, strongest evidence first."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from theory.evidence.instance import Instance
from theory.evidence.sides import Relation


class Strength(StrEnum):
    """How much a check proves, strongest first: the first two about every law, the others about
    one instance."""

    MACHINE_CHECKED = "machine-checked"
    PROVED = "proved"
    EXACT = "exact"
    CERTIFIED = "certified"
    NUMERIC = "numeric"


INSTANCE_STRENGTHS = (Strength.EXACT, Strength.CERTIFIED, Strength.NUMERIC)


class Status(StrEnum):
    """Outcome of a comparison, worst first."""

    FAILS = "fails"
    UNDECIDED = "undecided"
    OUT_OF_REACH = "out of reach"
    HOLDS = "holds"


WORST_FIRST = list(Status)


def finite_or_none(value: float) -> float | None:
    """The number, or ``None`` where JSON has none."""
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Comparison:
    """One part of a claim at its tightest moment on one instance.

    ``ratio`` is smaller side over larger side where both are positive (1 when they meet), NaN
    otherwise. ``tolerance`` is 0 except in float64. ``moments`` counts the comparisons that this
    one stands for (rounds times atoms).
    """

    part: str
    relation: Relation
    status: Status
    t: int
    left: float
    right: float
    margin: float
    ratio: float
    tolerance: float = 0.0
    moments: int = 1

    def to_json(self) -> dict[str, Any]:
        """A JSON object; what is not a finite number (a bound that overflowed, a ratio that is not
        defined) is ``null``."""
        return {
            "part": self.part,
            "relation": str(self.relation),
            "status": str(self.status),
            "t": self.t,
            "left": finite_or_none(self.left),
            "right": finite_or_none(self.right),
            "margin": finite_or_none(self.margin),
            "ratio": finite_or_none(self.ratio),
            "tolerance": finite_or_none(self.tolerance),
            "moments": self.moments,
        }


@dataclass(frozen=True)
class Verdict:
    """What one strength of evidence says about one instance: the tightest comparison per part."""

    strength: Strength
    instance: Instance | str
    comparisons: tuple[Comparison, ...]
    note: str = ""
    status: Status = field(init=False)

    def __post_init__(self) -> None:
        statuses = {comparison.status for comparison in self.comparisons}
        # A part that this arithmetic cannot decide leaves the others standing.
        if Status.HOLDS in statuses:
            statuses.discard(Status.OUT_OF_REACH)
        worst = next((status for status in WORST_FIRST if status in statuses), Status.OUT_OF_REACH)
        object.__setattr__(self, "status", worst)

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the instance in rationals, or the name of the grid."""
        instance = self.instance
        return {
            "strength": str(self.strength),
            "status": str(self.status),
            "instance": instance if isinstance(instance, str) else instance.to_json(),
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
            "note": self.note,
        }
