r"""What a claim is: a statement, its two sides in any arithmetic, and twins known to be false."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from theory.evidence.core import Core
from theory.evidence.family import Family
from theory.evidence.judge import SidesOf
from theory.evidence.loops import Loops
from theory.evidence.subject import Case, Subject
from theory.evidence.verdict import INSTANCE_STRENGTHS, Strength


class Kind(StrEnum):
    """What sort of statement a claim makes."""

    EQUALITY = "equality"
    UPPER = "upper bound"
    LOWER = "lower bound"
    LIMIT = "limit"
    RATE = "rate"
    ORDER = "order"


class Standing(StrEnum):
    """What is known about a statement."""

    THEOREM = "theorem"
    CONJECTURE = "conjecture"
    REFUTED = "refuted"


@dataclass(frozen=True)
class Extremal:
    r"""Instances along which a bound becomes an equality: one ladder per setting of K and
    :math:`\lambda`, on which the ratio of the two sides tends to 1.

    Attributes
    ----------
    part
        The part of the claim whose two sides meet, or several that all meet on these instances.
    instance
        Rung number 1, 2, 3, … with K and :math:`\lambda` to an instance of the claim's family,
        short enough for balls.
    rungs
        How many rungs are checked.
    settings
        Pairs :math:`(K, \lambda)` that have a ladder; ``None`` for every K > 1 of the family with
        both ends of its load. A bound that is reached only as K grows takes one ladder, at
        :math:`K = \infty`, whose rungs have growing K.
    """

    part: str | tuple[str, ...]
    instance: Callable[[int, int | float, Fraction | float], Case]
    rungs: int = 4
    settings: tuple[tuple[int | float, Fraction | float], ...] | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The part or parts, always as a tuple."""
        return (self.part,) if isinstance(self.part, str) else self.part


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
        Where its counterexamples are sought; ``None`` for the claim's own family or subject.
    """

    name: str
    says: str
    sides: SidesOf
    family: Family | Subject | None = None


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
        Run to its comparisons, with + − × ÷ and the run's own functions (exp, log, …) only.
    family
        The loops it speaks about, or a subject of another sort.
    false_twins
        At least two, or :func:`theory.evidence.verify.verify` does not let the claim stand; a
        guess that is only to be attacked needs none.
    exact_family
        The part of the family where rationals and their logarithms say everything, if smaller.
    strengths
        The strengths of evidence on instances that it advertises: it must hold at each.
    extremal
        For a tight claim, the instances that show it, or several sorts of them when different
        parts are reached on different instances; an equality needs none.
    standing
        Theorem, conjecture or refuted.
    cores
        Polynomial statements that prove it for every law, with the step from them to it.
    machine_checked
        Theorems of ``theory/proofs`` that together say the whole statement, as
        ``"File.theorem"``. That it is tight is shown by ``extremal``; a theorem that says this too
        is named last.
    searched
        For a conjecture: what was searched, how many instances, how long, the closest approach.
    counterexample
        For a refuted statement: an instance on which it fails.
    """

    id: str
    title: str
    kind: Kind
    tight: bool
    source: str
    statement: str
    plain: str
    hypotheses: tuple[str, ...]
    sides: SidesOf
    family: Family | Subject
    false_twins: tuple[FalseTwin, ...] = ()
    exact_family: Family | None = None
    strengths: tuple[Strength, ...] = INSTANCE_STRENGTHS
    extremal: Extremal | tuple[Extremal, ...] | None = None
    standing: Standing = Standing.THEOREM
    cores: tuple[Core, ...] = ()
    machine_checked: tuple[str, ...] = ()
    searched: str = ""
    counterexample: Case | None = None

    def __post_init__(self) -> None:
        names = [twin.name for twin in self.false_twins]
        if len(set(names)) < len(names):
            raise ValueError(f"claim {self.id!r} has two false twins of one name: {names}.")
        if self.tight and not self.extremals and self.kind is not Kind.EQUALITY:
            raise ValueError(
                f"claim {self.id!r} says it is tight: give the extremal instances that show it."
            )
        tight_parts = [part for extremal in self.extremals for part in extremal.parts]
        if len(set(tight_parts)) < len(tight_parts):
            raise ValueError(
                f"claim {self.id!r} gives two sorts of extremal instances for one part: "
                f"{tight_parts}; keep the one that shows it at more settings."
            )
        if not self.strengths or not set(self.strengths) <= set(INSTANCE_STRENGTHS):
            raise ValueError(
                f"claim {self.id!r} has strengths {[*map(str, self.strengths)]}: list one or more "
                f"of {', '.join(INSTANCE_STRENGTHS)}; proofs go into cores and machine_checked."
            )
        self._check_standing()

    def _check_standing(self) -> None:
        proofs = self.cores or self.machine_checked
        if self.standing is not Standing.THEOREM and proofs:
            raise ValueError(
                f"claim {self.id!r} has a proof and the standing {self.standing}: call it a "
                "theorem, or make the part that is proved a claim of its own."
            )
        if self.standing is Standing.CONJECTURE and not self.searched:
            raise ValueError(
                f"claim {self.id!r} is a conjecture: say in searched where counterexamples were "
                "looked for, and for how long."
            )
        if (self.standing is Standing.REFUTED) != (self.counterexample is not None):
            raise ValueError(
                f"claim {self.id!r} has the standing {self.standing} and "
                f"{'no' if self.counterexample is None else 'a'} counterexample: a refuted claim "
                "needs one, and no other claim has one."
            )

    @property
    def name(self) -> str:
        """What to call it in a sentence or a legend: "Theorem 2.4, sharp", else its title."""
        numbered = re.fullmatch(r"(theorem|lemma)-(\d+\.\d+)(?:-(\w+))?", self.id)
        if numbered is None:
            return self.title
        sort, number, kind = numbered.groups()
        return f"{sort.capitalize()} {number}" + (f", {kind}" if kind else "")

    @property
    def heading(self) -> str:
        """Its name with a capital, where the first word is one and not a symbol."""
        first, rest = self.name[:1], self.name[1:]
        return (first if rest[:1] == " " else first.upper()) + rest

    @property
    def extremals(self) -> tuple[Extremal, ...]:
        """Every sort of extremal instances, always as a tuple."""
        if self.extremal is None:
            return ()
        return (self.extremal,) if isinstance(self.extremal, Extremal) else self.extremal

    @property
    def advertised(self) -> tuple[Strength, ...]:
        """Every strength of evidence that the claim offers, strongest first."""
        offered = set(self.strengths)
        if self.cores:
            offered.add(Strength.PROVED)
        if self.machine_checked:
            offered.add(Strength.MACHINE_CHECKED)
        return tuple(strength for strength in Strength if strength in offered)

    @property
    def subject(self) -> Subject:
        """What it speaks about, with the ways to check and to attack it there."""
        return _subject(self.family, self.exact_family)

    def twin_subject(self, twin: FalseTwin) -> Subject:
        """Where counterexamples to the twin are sought."""
        return self.subject if twin.family is None else _subject(twin.family)

    @property
    def loops(self) -> Family:
        """The family of loops that it speaks about.

        Raises
        ------
        TypeError
            When it speaks of something else.
        """
        if not isinstance(self.family, Family):
            raise TypeError(f"claim {self.id!r} does not speak of retraining loops on finite laws.")
        return self.family

    def twin_loops(self, twin: FalseTwin) -> Family:
        """The family of loops where counterexamples to the twin are sought.

        Raises
        ------
        TypeError
            When the twin speaks of something else.
        """
        if twin.family is None:
            return self.loops
        if not isinstance(twin.family, Family):
            raise TypeError(
                f"twin {twin.name!r} does not speak of retraining loops on finite laws."
            )
        return twin.family


def _subject(family: Family | Subject, exact_family: Family | None = None) -> Subject:
    return Loops(family, exact_family) if isinstance(family, Family) else family
