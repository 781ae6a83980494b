r"""What checking a claim has found, before anyone says whether that is enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from theory.evidence.rocq import RocqReport
from theory.evidence.subject import Counterexample
from theory.evidence.verdict import Comparison, Status, Strength, Verdict, finite_or_none

if TYPE_CHECKING:
    from theory.evidence.proof import CoreReport

# How close the last extremal instance must bring the two sides: twins are nudged by 2 %.
TIGHT_ENOUGH = 0.98
# The gap must about halve from rung to rung: one that shrinks ever more slowly may never close.
SHRINKING = 0.6
# Strengths that no rounding can deceive.
RIGOROUS = (Strength.EXACT, Strength.CERTIFIED)


@dataclass(frozen=True)
class Evidence:
    """One verdict, how its case was come by, and what it took.

    ``random`` tells random cases from degenerate and extreme ones; in ``trivial`` cases nothing
    moves, so that bounds are equalities of no interest.
    """

    verdict: Verdict
    random: bool
    trivial: bool
    seconds: float


@dataclass(frozen=True)
class Ladder:
    r"""Ratios of the two sides of one part along its extremal instances of one
    :math:`(K, \lambda)`.

    ``objection`` says why an instance may not serve; empty when all may.
    """

    part: str
    K: int | float
    lam: Fraction | float
    ratios: tuple[float, ...]
    objection: str = ""

    @property
    def reaches_one(self) -> bool:
        """Whether every rung leaves at most ``SHRINKING`` of the last one's gap to 1, and the last
        one a gap of at most ``1 - TIGHT_ENOUGH``."""
        gaps = [1 - ratio for ratio in self.ratios]
        return (
            len(gaps) > 1
            and self.ratios[-1] >= TIGHT_ENOUGH
            and all(after <= SHRINKING * before for before, after in pairwise(gaps))
        )

    def __str__(self) -> str:
        listed = ", ".join(f"{ratio:.6g}" for ratio in self.ratios)
        return (
            f"ratios {listed} of {self.part!r} along the extremal instances at K = {self.K}, "
            f"λ = {self.lam}"
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "part": self.part,
            "K": str(self.K),
            "lam": str(self.lam),
            "ratios": [finite_or_none(ratio) for ratio in self.ratios],
            "objection": self.objection,
        }


@dataclass(frozen=True)
class TwinReport:
    """What became of one false twin; ``objection`` says why a counterexample may not serve."""

    name: str
    says: str
    refutation: Counterexample | None
    objection: str = ""

    @property
    def refuted(self) -> bool:
        """Whether a counterexample is confirmed with no rounding left to doubt."""
        return self.refutation is not None and not self.objection

    def to_json(self) -> dict[str, Any]:
        """A JSON object; ``counterexample`` is ``null`` for a twin that was not refuted."""
        found = self.refutation
        return {
            "name": self.name,
            "says": self.says,
            "refuted": self.refuted,
            "counterexample": None if found is None else found.instance.to_json(),
            "verdict": None if found is None else found.verdict.to_json(),
            "stage": None if found is None else found.stage,
            "evaluations": None if found is None else found.evaluations,
            "seconds": None if found is None else round(found.seconds, 4),
        }


@dataclass(frozen=True)
class Findings:
    """Everything found about one claim.

    Attributes
    ----------
    wanted
        The advertised strengths that were asked for.
    evidence
        What the cases showed.
    ladders
        How the two sides meet along the extremal instances.
    twins
        What became of the false twins.
    cores, rocq
        What became of the proofs; ``rocq`` is ``None`` where none was asked for.
    counterexample
        The verdict on the counterexample of a refuted claim.
    mishap
        The error that ended the checking, in one sentence; empty if none did.
    """

    wanted: tuple[Strength, ...]
    evidence: tuple[Evidence, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    twins: tuple[TwinReport, ...] = ()
    cores: tuple[CoreReport, ...] = ()
    rocq: RocqReport | None = None
    counterexample: Verdict | None = None
    mishap: str = ""

    def statuses(self, strength: Strength) -> set[Status]:
        """The outcomes of all cases at one strength."""
        return {e.verdict.status for e in self.evidence if e.verdict.strength is strength}

    def holds_at(self, strength: Strength) -> bool:
        """Whether there are cases at this strength, and all of them hold or are out of reach."""
        statuses = self.statuses(strength)
        return Status.HOLDS in statuses and statuses <= {Status.HOLDS, Status.OUT_OF_REACH}

    def comparisons(
        self, strength: Strength | None = None, *, random_only: bool = False
    ) -> Iterator[Comparison]:
        """The comparisons of all cases, or of those at one strength, or of the random ones."""
        for entry in self.evidence:
            if strength in (None, entry.verdict.strength) and (entry.random or not random_only):
                yield from entry.verdict.comparisons

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the claim's parts, in the order of their first appearance."""
        return tuple(dict.fromkeys(c.part for c in self.comparisons()))

    @property
    def open_parts(self) -> tuple[str, ...]:
        """Parts that no rigorous strength has established on any random case."""
        settled = {
            comparison.part
            for strength in RIGOROUS
            for comparison in self.comparisons(strength, random_only=True)
            if comparison.status is Status.HOLDS
        }
        return tuple(part for part in self.parts if part not in settled)


def confirms(verdict: Verdict) -> bool:
    """Whether a verdict shows with no rounding that a statement fails."""
    return verdict.status is Status.FAILS and verdict.strength in RIGOROUS
