r"""What a choice model is, and its curation factor by the definition."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Labels = NDArray[np.intp]
Numbers = NDArray[Any]
Table = tuple[tuple[Fraction, ...], ...]


class LuceArithmetic(Protocol):
    """Numbers of one kind, and the Plackett–Luce curation factor in them."""

    def number(self, value: int | Fraction) -> Any:
        """The rational as a number of this arithmetic."""

    def factor(self, law: Numbers, weights: Sequence[Any], K: int | float) -> Numbers:
        """Plackett–Luce curation factor of the law at its atoms, shape (n,)."""


class Choice(ABC):
    """A choice model. Weights are positive: ``Fraction``, ``int`` or ``float``.

    Attributes
    ----------
    name
        As in JSON.
    ordinal
        Whether only the order of the weights matters, so that rewards can stand for them.
    """

    name: ClassVar[str]
    ordinal: ClassVar[bool] = False

    @property
    def columns(self) -> int | None:
        """Labels that the model's table has, ``None`` for a model without one."""
        return None

    def check(self, K: int | float, labels: int | None = None) -> None:
        """Refuse a number of candidates, or of labels, that the model does not speak about.

        Raises
        ------
        ValueError
            Saying which numbers would do.
        """
        if self.columns is not None and labels not in (None, self.columns):
            raise ValueError(
                f"the choice model {self.name!r} has a table for {self.columns} labels and there "
                f"are {labels} atoms: give one column for each atom."
            )

    @abstractmethod
    def probabilities(
        self, weights: Sequence[Any], labels: Sequence[int] | None = None
    ) -> list[Any]:
        """Probability with which each of K candidates is kept.

        Parameters
        ----------
        weights
            Of the K candidates.
        labels
            Their columns in the model's table, for a model that has one.

        Returns
        -------
        list
            K numbers with sum 1, ``Fraction`` when the weights are rational.
        """

    @abstractmethod
    def factor(
        self, law: Numbers, weights: Sequence[Any], K: int | float, arithmetic: LuceArithmetic
    ) -> Numbers:
        """Curation factor at the atoms of a law, in the law's arithmetic.

        Parameters
        ----------
        law
            n masses; the label of an atom is its index.
        weights
            n weights, ``Fraction`` or ``float``.
        K
            Candidates, ``math.inf`` where the model allows it.
        arithmetic
            Of the masses.

        Returns
        -------
        numpy.ndarray
            Shape (n,).
        """

    @abstractmethod
    def select(
        self, rewards: Any, rng: np.random.Generator, labels: Labels | None = None
    ) -> Labels:
        """Draw the kept candidate of each group.

        Parameters
        ----------
        rewards
            Rewards r of the candidates, shape (groups, K).
        rng
            Source of the draws.
        labels
            The candidates' columns in the model's table, shape (groups, K), for a model with one.

        Returns
        -------
        numpy.ndarray
            Index of the kept candidate in its group, shape (groups,).
        """

    def groups(self, rewards: Any, labels: Labels | None) -> FloatArray:
        """The rewards as a float64 array of shape (groups, K), checked together with the labels."""
        groups = np.asarray(rewards, dtype=np.float64)
        if groups.ndim != 2 or groups.shape[1] == 0:
            raise ValueError(f"rewards have shape {groups.shape}: give K of them for each group.")
        if np.isnan(groups).any() or np.isposinf(groups).any():
            raise ValueError("rewards contain NaN or +inf: give numbers, or -inf for never.")
        self.check(groups.shape[1])
        if self.columns is None:
            return groups
        if labels is None or np.shape(labels) != groups.shape:
            raise ValueError(
                f"the choice model {self.name!r} has a table: give the candidates' labels, "
                f"of shape {groups.shape}."
            )
        outside = (np.asarray(labels) < 0) | (np.asarray(labels) >= self.columns)
        if outside.any():
            raise ValueError(
                f"label {np.asarray(labels)[outside][0]} is outside the table, whose labels are "
                f"0 to {self.columns - 1}."
            )
        return groups

    def labels_of(self, labels: Sequence[int] | None, K: int) -> Sequence[int]:
        """The labels of K candidates; indices that nobody reads for a model without a table."""
        if labels is None:
            if self.columns is not None:
                raise ValueError(
                    f"the choice model {self.name!r} has a table: give the {K} candidates' labels."
                )
            return range(K)
        return labels

    @property
    def parameters(self) -> dict[str, Any]:
        """Fields of the model's dataclass by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """A JSON object: the name, and the parameters with rationals as strings."""
        encoded = {name: _encoded(value) for name, value in self.parameters.items()}
        return {"model": self.name, **encoded}

    def __str__(self) -> str:
        listed = ", ".join(shown(value) for value in self.parameters.values() if value != ())
        return f"{self.name}({listed})" if listed else self.name


def enumerated_factor(
    choice: Choice, law: Sequence[Any], weights: Sequence[Any], K: int
) -> list[Any]:
    r"""Curation factor of any anonymous choice model, rival multiset by rival multiset.

    The definition :math:`H_i = K\,E[P(1 \text{ kept})]` itself, with no use of the model's
    structure: :math:`\binom{n+K-2}{K-1}` terms for each of the n atoms, exact for ``Fraction``.

    Examples
    --------
    >>> from theory.choice import BestOf
    >>> half = Fraction(1, 2)
    >>> print(*enumerated_factor(BestOf(), [half, half], [1, 3], 2))
    1/2 3/2
    """
    factors = []
    for atom in range(len(law)):
        total = law[atom] * 0
        for rivals in combinations_with_replacement(range(len(law)), K - 1):
            labels = [atom, *rivals]
            kept = choice.probabilities([weights[label] for label in labels], labels)[0]
            ways = math.factorial(K - 1)
            mass = law[atom] * 0 + 1
            for rival, copies in Counter(rivals).items():
                ways //= math.factorial(copies)
                mass = mass * law[rival] ** copies
            total = total + mass * (ways * kept)
        factors.append(K * total)
    return factors


def rational(weight: Any) -> Any:
    """The weight, a whole one as a ``Fraction``: int / int would be a rounded float."""
    return Fraction(weight) if isinstance(weight, int) else weight


def check_share(share: Fraction, name: str) -> None:
    """Refuse what is not a probability."""
    if not 0 <= share <= 1:
        raise ValueError(f"{name} = {share} must be a probability between 0 and 1.")


def check_table(table: Table, name: str) -> None:
    """Refuse a table that is not one of positive numbers."""
    if not table or not table[0] or len({len(row) for row in table}) > 1:
        raise ValueError(f"{name} must be rows of one length, one entry for each label.")
    smallest = min(min(row) for row in table)
    if smallest <= 0:
        raise ValueError(f"{name} contain {smallest}: give positive numbers.")


def shown(value: Any) -> str:
    """A parameter in one line of text."""
    if isinstance(value, tuple):
        return "[" + ", ".join(shown(entry) for entry in value) + "]"
    return str(value)


def _encoded(value: Any) -> Any:
    if isinstance(value, Choice):
        return value.to_json()
    if isinstance(value, tuple):
        return [_encoded(entry) for entry in value]
    return str(value) if isinstance(value, Fraction) else value
