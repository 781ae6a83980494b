r"""Preferences between pairs that need not be transitive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from scipy import special

from theory.choice.model import (
    Choice,
    Labels,
    LuceArithmetic,
    Numbers,
    Table,
    check_table,
    equal_if_all_are_zero,
    rational,
)


@dataclass(frozen=True)
class Cyclic(Choice):
    r"""Pairs compared by odds: i is kept over j with probability
    :math:`w_i o_{ij}/(w_i o_{ij} + w_j)`. K = 2 only.

    Attributes
    ----------
    odds
        The matrix :math:`o`, with :math:`o_{ij} o_{ji} = 1`: all ones is Bradley–Terry; odds above
        1 round a cycle are preferences that no reward explains.

    Examples
    --------
    >>> rock_paper_scissors = Cyclic.from_probabilities(
    ...     [["1/2", "1/4", "3/4"], ["3/4", "1/2", "1/4"], ["1/4", "3/4", "1/2"]]
    ... )
    >>> print(*rock_paper_scissors.probabilities([1, 1], [1, 0]))
    3/4 1/4
    """

    odds: Table
    name: ClassVar[str] = "cyclic"

    def __post_init__(self) -> None:
        check_table(self.odds, "odds")
        n = len(self.odds)
        if len(self.odds[0]) != n:
            raise ValueError(f"odds have {n} rows and {len(self.odds[0])} columns: give a square.")
        for i, row in enumerate(self.odds):
            for j in range(i + 1):
                if row[j] * self.odds[j][i] != 1:
                    raise ValueError(
                        f"odds[{i}][{j}] = {row[j]} and odds[{j}][{i}] = {self.odds[j][i]} must "
                        "have the product 1."
                    )

    @classmethod
    def from_probabilities(cls, matrix: Sequence[Sequence[Any]]) -> Cyclic:
        """From the probabilities with which row is preferred to column, strictly between 0 and 1;
        the weights are then all 1."""
        preferred = [[Fraction(entry) for entry in row] for row in matrix]
        for i, row in enumerate(preferred):
            if len(row) != len(preferred):
                raise ValueError(f"row {i} has {len(row)} entries of {len(preferred)}.")
            for j, entry in enumerate(row):
                if not 0 < entry < 1 or entry + preferred[j][i] != 1:
                    raise ValueError(
                        f"the preference of {i} over {j} is {entry} and of {j} over {i} is "
                        f"{preferred[j][i]}: give probabilities in (0, 1) with sum 1."
                    )
        return cls(tuple(tuple(entry / (1 - entry) for entry in row) for row in preferred))

    @property
    def columns(self) -> int:
        """Labels that are compared."""
        return len(self.odds)

    def check(self, K: int | float, labels: int | None = None) -> None:
        """Pairs, of as many labels as the matrix has."""
        if K != 2:
            raise ValueError(f"K = {K}, but {self.name!r} compares pairs: give K = 2.")
        super().check(K, labels)

    def _preference(self, w_i: Any, w_j: Any, i: int, j: int) -> Any:
        ours = rational(w_i) * self.odds[i][j]
        return ours / (ours + w_j)

    def probabilities(
        self, weights: Sequence[Any], labels: Sequence[int] | None = None
    ) -> list[Any]:
        """The preference of either over the other."""
        i, j = self.labels_of(weights, labels)
        first, second = equal_if_all_are_zero(weights)
        return [self._preference(first, second, i, j), self._preference(second, first, j, i)]

    def factor(
        self, law: Numbers, weights: Sequence[Any], K: int | float, arithmetic: LuceArithmetic
    ) -> Numbers:
        r""":math:`H_i = 2\sum_j p_j P(i \succ j)`."""
        n = len(law)
        self.check(K, n)
        rationals = all(isinstance(weight, (int, Fraction)) for weight in weights)
        lift: Any = arithmetic.number if rationals else float
        table = np.array(
            [
                [lift(self._preference(weights[i], weights[j], i, j)) for j in range(n)]
                for i in range(n)
            ]
        )
        factor: Numbers = 2 * (table * law).sum(axis=1)
        return factor

    def select(
        self, rewards: Any, rng: np.random.Generator, labels: Labels | None = None
    ) -> Labels:
        """The first with its probability, else the second."""
        rewards = self.groups(rewards, labels)
        log_odds = np.array([[math.log(entry) for entry in row] for row in self.odds])
        first, second = np.asarray(labels).T
        margin = rewards[:, 0] - rewards[:, 1] + log_odds[first, second]
        chosen = rng.random(len(rewards)) >= special.expit(margin)
        return chosen.astype(np.intp)
