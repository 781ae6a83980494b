r"""Two sides of a statement at one moment of a run, before anyone decides whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Relation(StrEnum):
    """How the left side is said to compare with the right side."""

    EQUAL = "="
    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True)
class Sides:
    r"""One comparison ``left (relation) right``, in whatever arithmetic the run was computed.

    Attributes
    ----------
    part
        Name of the part of the claim, e.g. ``"decay from above"``.
    relation
        ``=``, ``≤`` or ``≥``.
    left, right
        Numbers of the run's arithmetic, or arrays of them compared entry by entry.
    t
        Last round that the comparison reads: the laws :math:`p_0, \dots, p_t` decide it.
    condition
        Size of the terms whose sum or difference makes the two sides, in the same unit. Only
        float64 evidence reads it, as the condition of the computation; ``None`` means the size of
        the sides themselves.
    """

    part: str
    relation: Relation
    left: Any
    right: Any
    t: int
    condition: Any = None

    @classmethod
    def equal(cls, part: str, t: int, left: Any, right: Any, condition: Any = None) -> Sides:
        """The statement ``left = right``."""
        return cls(part, Relation.EQUAL, left, right, t, condition)

    @classmethod
    def at_most(cls, part: str, t: int, left: Any, right: Any, condition: Any = None) -> Sides:
        """The statement ``left <= right``."""
        return cls(part, Relation.AT_MOST, left, right, t, condition)

    @classmethod
    def at_least(cls, part: str, t: int, left: Any, right: Any, condition: Any = None) -> Sides:
        """The statement ``left >= right``."""
        return cls(part, Relation.AT_LEAST, left, right, t, condition)

    @property
    def margin(self) -> Any:
        """What the statement has to spare: an inequality holds when this is at least 0 and an
        equality when it is 0."""
        if self.relation is Relation.AT_MOST:
            return self.right - self.left
        return self.left - self.right
