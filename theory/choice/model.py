r"""What a choice model is, and its curation factor by the definition."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from fractions import Fraction
from itertools import combinations_with_replacement
from numbers import Integral, Real
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
    r"""A choice model. Weights are ``Fraction``, ``int`` or ``float``, positive; for a group of
    candidates also 0, the weight of reward :math:`-\infty`. A group of zeros is one of equals.

    Attributes
    ----------
    name
        As in JSON.
    """

    name: ClassVar[str]

    @property
    def ordinal(self) -> bool:
        """Whether only the order of the weights matters, so that rewards can stand for them."""
        return False

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
        """The rewards as a float64 array of shape (groups, K), checked together with the labels.

        A group of rewards -inf alone is one of equal rewards, whatever they are: here 0.
        """
        groups = np.asarray(rewards, dtype=np.float64)
        if groups.ndim != 2 or groups.shape[1] == 0:
            raise ValueError(f"rewards have shape {groups.shape}: give K of them for each group.")
        if np.isnan(groups).any() or np.isposinf(groups).any():
            raise ValueError("rewards contain NaN or +inf: give numbers, or -inf for never.")
        self.check(groups.shape[1])
        groups = np.where(np.isneginf(groups).all(axis=1, keepdims=True), 0.0, groups)
        if self.columns is None:
            return groups
        if labels is None or np.shape(labels) != groups.shape:
            raise ValueError(
                f"the choice model {self.name!r} has a table: give the candidates' labels, "
                f"of shape {groups.shape}."
            )
        self._check_labels(np.ravel(labels).tolist(), self.columns)
        return groups

    def labels_of(self, weights: Sequence[Any], labels: Sequence[int] | None) -> Sequence[int]:
        """The labels of the candidates, checked together with their weights; indices that nobody
        reads for a model without a table."""
        K = len(weights)
        if K == 0:
            raise ValueError("there are no candidates: give the weight of at least one.")
        self.check(K)
        for weight in weights:
            number = isinstance(weight, Real) and (weight == weight)
            if not number or not (self.ordinal or 0 <= weight < math.inf):
                raise ValueError(f"the weight {weight!r} is no finite number of at least 0.")
        if self.columns is None:
            return range(K)
        if labels is None or len(labels) != K:
            raise ValueError(
                f"the choice model {self.name!r} has a table: give the {K} candidates' labels."
            )
        self._check_labels(labels, self.columns)
        return labels

    def _check_labels(self, labels: Sequence[int], columns: int) -> None:
        for label in labels:
            if not isinstance(label, Integral) or not 0 <= label < columns:
                raise ValueError(
                    f"label {label} is outside the table, whose labels are 0 to {columns - 1}."
                )

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


def equal_if_all_are_zero(weights: Sequence[Any]) -> list[Any]:
    """The weights, or ones in place of zeros alone: what is left of equal weights that vanish."""
    return [*weights] if any(weights) else [1] * len(weights)


def rational(weight: Any) -> Any:
    """The weight, a whole one as a ``Fraction``: int / int would be a rounded float."""
    return Fraction(weight) if isinstance(weight, int) else weight


def check_share(share: Fraction, name: str) -> None:
    """Refuse what is not a probability."""
    if not isinstance(share, Real) or not 0 <= share <= 1:
        raise ValueError(f"{name} = {shown(share)} must be a probability between 0 and 1.")


def check_table(table: Table, name: str) -> None:
    """Refuse a table that is not one of positive numbers."""
    rows = isinstance(table, tuple) and all(isinstance(row, tuple) for row in table)
    if not rows or not table or not table[0] or len({len(row) for row in table}) > 1:
        raise ValueError(
            f"{name} must be rows of one length, tuples with one entry for each label."
        )
    for entry in (entry for row in table for entry in row):
        if not isinstance(entry, Real) or not 0 < entry < math.inf:
            raise ValueError(f"{name} contain {entry!s}: give positive numbers.")


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
