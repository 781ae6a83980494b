r"""The report on one claim: what was found, and what it amounts to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theory.evidence import standards
from theory.evidence.findings import RIGOROUS, Findings
from theory.evidence.sides import Relation
from theory.evidence.verdict import (
    INSTANCE_STRENGTHS,
    Comparison,
    Status,
    Strength,
    Verdict,
    finite_or_none,
)

if TYPE_CHECKING:
    from theory.claims.claim import Claim


@dataclass(frozen=True)
class Report:
    """Everything about one claim that the table and the JSON document show.

    Attributes
    ----------
    id, kind, standing
        Of the claim.
    findings
        What was found.
    strongest
        The strongest evidence for the whole claim.
    tightest
        Largest ratio of the two sides over all cases where something moves, of the part with
        extremal instances if the claim has one, and the least of these where it has several; NaN
        where no ratio is defined.
    problems
        Each reason why the claim does not stand, in one sentence.
    notes
        What a reader of the verdict should know, though it is no fault of the claim.
    seconds
        Wall time.
    """

    id: str
    kind: str
    standing: str
    findings: Findings
    strongest: Strength | None
    tightest: float
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float

    @classmethod
    def of(cls, claim: Claim, findings: Findings, seconds: float) -> Report:
        """The report on a claim."""
        return cls(
            id=claim.id,
            kind=str(claim.kind),
            standing=str(claim.standing),
            findings=findings,
            strongest=standards.strongest(claim, findings),
            tightest=_tightest(findings, [p for e in claim.extremals for p in e.parts]),
            problems=tuple(standards.problems(claim, findings)),
            notes=tuple(standards.notes(findings)),
            seconds=seconds,
        )

    @property
    def holds(self) -> bool:
        """Whether the claim stands as what it says it is."""
        return not self.problems

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts on all cases."""
        return tuple(entry.verdict for entry in self.findings.evidence)

    @property
    def decided(self) -> int:
        """Number of cases that were decided."""
        found = self.findings.counterexample
        verdicts = self.verdicts if found is None else (found,)
        return sum(verdict.status is not Status.OUT_OF_REACH for verdict in verdicts)

    def rate(self, strengths: Sequence[Strength] = INSTANCE_STRENGTHS) -> float:
        """Cases checked per second of checking, at these strengths; NaN if there were none."""
        spent = [e.seconds for e in self.findings.evidence if e.verdict.strength in strengths]
        return len(spent) / sum(spent) if sum(spent) > 0 else math.nan

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every verdict, proof and counterexample."""
        found = self.findings
        return {
            "id": self.id,
            "kind": self.kind,
            "standing": self.standing,
            "holds": self.holds,
            "problems": list(self.problems),
            "notes": list(self.notes),
            "strongest": None if self.strongest is None else str(self.strongest),
            "tightest": finite_or_none(self.tightest),
            "open_parts": list(found.open_parts),
            "ladders": [ladder.to_json() for ladder in found.ladders],
            "cores": [core.to_json() for core in found.cores],
            "machine_checked": None if found.rocq is None else found.rocq.to_json(),
            "counterexample": found.counterexample and found.counterexample.to_json(),
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
            "twins": [twin.to_json() for twin in found.twins],
            "instances_per_second": {
                str(strength): finite_or_none(round(self.rate([strength]), 1))
                for strength in INSTANCE_STRENGTHS
                if found.statuses(strength)
            },
            "seconds": round(self.seconds, 4),
        }


def _tightest(findings: Findings, parts: Sequence[str]) -> float:
    """The least over the parts, of those that have a ratio; over everything without any part."""
    if not parts:
        return _largest(findings, None)
    largest = [_largest(findings, part) for part in parts]
    return min((ratio for ratio in largest if not math.isnan(ratio)), default=math.nan)


def _largest(findings: Findings, part: str | None) -> float:
    """From rigorous evidence where there is any, since rounding can carry a ratio past 1."""

    def ratios(strengths: Sequence[Strength]) -> list[float]:
        return [
            comparison.ratio
            for entry in findings.evidence
            if entry.verdict.strength in strengths and not entry.trivial
            for comparison in entry.verdict.comparisons
            if _tells(comparison, part)
        ]

    return max(ratios(RIGOROUS) or ratios([Strength.NUMERIC]), default=math.nan)


def _tells(comparison: Comparison, part: str | None) -> bool:
    return (
        comparison.relation is not Relation.EQUAL
        and part in (None, comparison.part)
        and not math.isnan(comparison.ratio)
    )
