r"""What a claim is: a statement, its two sides in any arithmetic, and twins known to be false."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides
from theory.evidence.verdict import Strength

SidesOfRun = Callable[[Run], Iterator[Sides]]


class Kind(StrEnum):
    """What sort of statement a claim makes."""

    EQUALITY = "equality"
    UPPER = "upper bound"
    LOWER = "lower bound"
    LIMIT = "limit"
    RATE = "rate"
    ORDER = "order"


@dataclass(frozen=True)
class Extremal:
    r"""Instances along which a bound becomes an equality.

    Attributes
    ----------
    part
        The part of the claim whose two sides meet.
    instance
        Rung number 1, 2, 3, … to an instance; the ratio of the sides tends to 1 with the rungs.
    rungs
        How many rungs are checked.
    """

    part: str
    instance: Callable[[int], Instance]
    rungs: int = 4


@dataclass(frozen=True)
class FalseTwin:
    r"""A statement one step away from a claim, and false: a check that finds no counterexample to
    it is too weak to be trusted with the claim.

    Attributes
    ----------
    name
        Short and unique within the claim, e.g. ``"constant 2 % larger"``.
    says
        What it asserts, in plain words.
    sides
        As for the claim.
    family
        Where its counterexamples are sought; ``None`` for the claim's own family.
    """

    name: str
    says: str
    sides: SidesOfRun
    family: Family | None = None


@dataclass(frozen=True)
class Claim:
    r"""A theorem, lemma or conjecture about the curated retraining loop.

    Attributes
    ----------
    id
        Name on the command line, e.g. ``"theorem-2.1"``.
    title
        A few words.
    kind
        Equality, upper or lower bound, limit, rate, order.
    tight
        Whether no smaller (larger) right side would do.
    source
        Publication with theorem or equation number, or where it is proved.
    statement
        The statement in LaTeX.
    plain
        The statement in plain words.
    hypotheses
        What it assumes, one sentence each.
    sides
        Run to its comparisons, with + − × ÷ and the run's own exp and log only.
    family
        The loops it speaks about.
    false_twins
        At least two.
    exact_family
        The part of the family where rationals and their logarithms say everything, if smaller.
    strengths
        The strengths of evidence that it advertises: it must hold at each.
    extremal
        For a tight claim, the instances that show it.
    """

    id: str
    title: str
    kind: Kind
    tight: bool
    source: str
    statement: str
    plain: str
    hypotheses: tuple[str, ...]
    sides: SidesOfRun
    family: Family
    false_twins: tuple[FalseTwin, ...]
    exact_family: Family | None = None
    strengths: tuple[Strength, ...] = (Strength.EXACT, Strength.CERTIFIED, Strength.NUMERIC)
    extremal: Extremal | None = None

    def __post_init__(self) -> None:
        if len(self.false_twins) < 2:
            raise ValueError(
                f"claim {self.id!r} has {len(self.false_twins)} false twins: give at least two, "
                "or nothing shows that its check could fail."
            )
        names = [twin.name for twin in self.false_twins]
        if len(set(names)) < len(names):
            raise ValueError(f"claim {self.id!r} has two false twins of one name: {names}.")
        if self.tight and self.extremal is None:
            raise ValueError(
                f"claim {self.id!r} says it is tight: give the extremal instances that show it."
            )

    def family_at(self, strength: Strength) -> Family:
        """The loops to draw from for one strength of evidence."""
        return self.exact_family or self.family if strength is Strength.EXACT else self.family

    def twin_family(self, twin: FalseTwin) -> Family:
        """Where counterexamples to the twin are sought."""
        return twin.family or self.family
