r"""What a claim can be about, as far as checking it goes.

Most claims speak of loops on finite laws (:class:`theory.evidence.loops.Loops`). Whoever provides
these few methods for something else, parametric families say, has its claims checked by the same
:func:`theory.evidence.verify.verify`, with the same meta-rules: corners, random cases, a ladder of
extremal cases, confirmed counterexamples to the twins.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from theory.evidence.judge import SidesOf
from theory.evidence.verdict import Strength, Verdict

# K (or whatever discrete setting the subject has) and the synthetic-to-real ratio.
Setting = tuple[int | float, Fraction | float]


class Case(Protocol):
    """One thing that a claim can be checked on; ``str`` prints it in one line."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object that the case can be made from again."""


class Counterexample(Protocol):
    """A case on which a statement fails, and what finding it took."""

    @property
    def instance(self) -> Case:
        """The case."""

    @property
    def verdict(self) -> Verdict:
        """The rigorous verdict that the statement fails there."""

    @property
    def stage(self) -> str:
        """The stage of the search that found it."""

    @property
    def evaluations(self) -> int:
        """How many cases the search evaluated."""

    @property
    def seconds(self) -> float:
        """Seconds the search took."""


class Subject(Protocol):
    """A set of cases that a claim speaks about, and the ways to check and to attack it there."""

    def named(self, strength: Strength) -> Sequence[Any]:
        """Degenerate and extreme cases, and grids: the same in every run, each one affordable."""

    def draw(self, strength: Strength, rng: np.random.Generator) -> Any:
        """A random case that this strength can afford.

        Raises
        ------
        ValueError
            When hardly any case is affordable.
        """

    def check(self, sides: SidesOf, case: Any, strength: Strength) -> Verdict:
        """What this strength of evidence says of the statement on the case."""

    def refute(
        self, sides: SidesOf, rng: np.random.Generator, starts: Sequence[Any]
    ) -> Counterexample | None:
        """A rigorously confirmed counterexample to the statement, if one is found."""

    def objection(self, case: Any) -> str:
        """Why the case lies outside the hypotheses; empty when it does not."""

    def trivial(self, case: Any) -> bool:
        """Whether nothing moves there, so that bounds may well be equalities."""

    def settings(self) -> Sequence[Setting]:
        """The settings at which a bound is to be shown tight."""
