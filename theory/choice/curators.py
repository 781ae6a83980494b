r"""Choice models in which a curator drawn at random chooses in proportion to their own weights."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from theory.choice.model import (
    Choice,
    FloatArray,
    Labels,
    LuceArithmetic,
    Numbers,
    Table,
    check_share,
    check_table,
    equal_if_all_are_zero,
    rational,
    shown,
)


@dataclass(frozen=True)
class Curator:
    r"""One who chooses in proportion to :math:`w^{s} v`: a power of the weight times a table entry.

    Attributes
    ----------
    share
        Probability of being the one who chooses.
    power
        s: 1 by the reward, −1 against it.
    values
        v for each label, or ``None`` for 1.
    """

    share: Fraction
    power: int = 1
    values: tuple[Fraction, ...] | None = None

    def weights(self, weights: Sequence[Any], labels: Sequence[int]) -> list[Any]:
        """The candidates' weights for this curator."""
        if self.power == -1 and 0 in weights:
            # Next to a power of 0 the others are nothing.
            powers = [Fraction(weight == 0) for weight in weights]
        else:
            powers = [rational(w) if self.power == 1 else 1 / rational(w) for w in weights]
        if self.values is None:
            return powers
        return [w * self.values[label] for w, label in zip(powers, labels, strict=True)]

    def rewards(self, rewards: FloatArray, labels: Labels | None) -> FloatArray:
        """The candidates' rewards for this curator."""
        own: FloatArray = self.power * rewards
        if self.values is None:
            return own
        return own + np.array([math.log(value) for value in self.values])[labels]


class RandomCurator(Choice):
    """A choice model in which one of several curators, drawn at random, makes a Luce choice."""

    @abstractmethod
    def curators(self) -> list[Curator]:
        """Those who may choose; their shares sum to 1."""

    @property
    def columns(self) -> int | None:
        """Those of the curators' tables."""
        tables = (curator.values for curator in self.curators())
        return next((len(values) for values in tables if values is not None), None)

    def probabilities(
        self, weights: Sequence[Any], labels: Sequence[int] | None = None
    ) -> list[Any]:
        """Average of the curators' Luce probabilities."""
        columns = self.labels_of(weights, labels)
        weights = equal_if_all_are_zero(weights)
        kept: list[Any] = [Fraction(0)] * len(weights)
        for curator in self.curators():
            own = curator.weights(weights, columns)
            total = sum(own[1:], own[0])
            kept = [k + curator.share * w / total for k, w in zip(kept, own, strict=True)]
        return kept

    def factor(
        self, law: Numbers, weights: Sequence[Any], K: int | float, arithmetic: LuceArithmetic
    ) -> Numbers:
        """Average of the curators' Luce factors."""
        self.check(K, len(law))
        terms = [
            arithmetic.number(curator.share)
            * arithmetic.factor(law, curator.weights(weights, range(len(law))), K)
            for curator in self.curators()
        ]
        total: Numbers = sum(terms[1:], terms[0])
        return total

    def select(
        self, rewards: Any, rng: np.random.Generator, labels: Labels | None = None
    ) -> Labels:
        """Draw the curator of each group, then their choice by the Gumbel-max rule."""
        rewards = self.groups(rewards, labels)
        curators = self.curators()
        shares = np.array([float(curator.share) for curator in curators])
        drawn = rng.choice(len(curators), size=len(rewards), p=shares / shares.sum())
        own = np.stack([curator.rewards(rewards, labels) for curator in curators])
        return _gumbel_max(own[drawn, np.arange(len(rewards))], rng)


@dataclass(frozen=True)
class PlackettLuce(RandomCurator):
    """Keeps each candidate with probability proportional to its weight.

    >>> print(*PlackettLuce().probabilities([1, 3]))
    1/4 3/4
    """

    name: ClassVar[str] = "plackett-luce"

    def curators(self) -> list[Curator]:
        """One, who chooses by the reward."""
        return [Curator(Fraction(1))]


@dataclass(frozen=True)
class AdversarialShare(RandomCurator):
    r"""A share of the curators chooses by −r, the others by r.

    >>> print(*AdversarialShare(Fraction(1, 10)).probabilities([1, 3]))
    3/10 7/10
    """

    share: Fraction
    name: ClassVar[str] = "adversarial"

    def __post_init__(self) -> None:
        check_share(self.share, "share")

    def curators(self) -> list[Curator]:
        """The honest and the adversarial."""
        return [Curator(1 - self.share), Curator(self.share, power=-1)]


@dataclass(frozen=True)
class Heterogeneous(RandomCurator):
    r"""Annotators with rewards of their own: annotator a has the weights :math:`w\,d_a`.

    Attributes
    ----------
    deviations
        :math:`d_a` for each annotator and each label, positive.
    counts
        How many annotators share each row; one each if empty. The product over all annotators of
        :math:`d_a` must be 1 for every label: r is the mean of their rewards.

    Examples
    --------
    >>> twice, half = (Fraction(2), Fraction(1)), (Fraction(1, 2), Fraction(1))
    >>> print(*Heterogeneous((twice, half)).probabilities([1, 1], [0, 1]))
    1/2 1/2
    >>> print(*Heterogeneous((twice, half)).probabilities([1, 3], [0, 1]))
    19/70 51/70
    """

    deviations: Table
    counts: tuple[int, ...] = ()
    name: ClassVar[str] = "heterogeneous"

    def __post_init__(self) -> None:
        check_table(self.deviations, "deviations")
        whole = all(isinstance(count, int) and count >= 1 for count in self.counts)
        if self.counts and (len(self.counts) != len(self.deviations) or not whole):
            raise ValueError(
                f"counts = {shown(self.counts)} must be a positive whole number for each of the "
                f"{len(self.deviations)} rows of deviations."
            )
        for label, column in enumerate(zip(*self.deviations, strict=True)):
            product = math.prod(d**c for d, c in zip(column, self._counts, strict=True))
            if product != 1:
                raise ValueError(
                    f"the deviations of label {label} have the product {product}, not 1: the "
                    "reward must be the mean of the annotators' rewards."
                )

    @property
    def _counts(self) -> tuple[int, ...]:
        return self.counts or (1,) * len(self.deviations)

    def curators(self) -> list[Curator]:
        """The annotators, equal ones together."""
        total = sum(self._counts)
        return [
            Curator(Fraction(count, total), values=row)
            for count, row in zip(self._counts, self.deviations, strict=True)
        ]


@dataclass(frozen=True)
class OneOfSeveral(RandomCurator):
    r"""Chooses by r, or by another reward; which one is drawn anew for every group.

    Attributes
    ----------
    shares
        Probability of each of the other rewards; r has the rest.
    others
        Weights :math:`e^{r_j - r}` relative to w, for each other reward j and each label.
    """

    shares: tuple[Fraction, ...]
    others: Table
    name: ClassVar[str] = "one-of-several"

    def __post_init__(self) -> None:
        check_table(self.others, "others")
        fits = isinstance(self.shares, tuple) and len(self.shares) == len(self.others)
        if not fits or min(self.shares) < 0 or sum(self.shares) > 1:
            raise ValueError(
                f"shares = {shown(self.shares)} must be a number >= 0 for each of the "
                f"{len(self.others)} other rewards, with sum at most 1."
            )

    def curators(self) -> list[Curator]:
        """One for each reward."""
        rest = 1 - sum(self.shares, Fraction(0))
        return [
            Curator(rest),
            *(Curator(s, values=row) for s, row in zip(self.shares, self.others, strict=True)),
        ]


@dataclass(frozen=True)
class SumOfRewards(RandomCurator):
    r"""Chooses by the reward plus another one.

    Attributes
    ----------
    other
        Weight :math:`e^{r_2}` of the other reward, its coefficient included, for each label.
    """

    other: tuple[Fraction, ...]
    name: ClassVar[str] = "sum-of-rewards"

    def __post_init__(self) -> None:
        check_table((self.other,), "other")

    def curators(self) -> list[Curator]:
        """One, who chooses by the sum."""
        return [Curator(Fraction(1), values=self.other)]


def _gumbel_max(rewards: FloatArray, rng: np.random.Generator) -> Labels:
    # One who chooses against the reward picks among candidates of reward -inf, where there are any.
    certain = np.isposinf(rewards)
    among = np.where(certain, 0.0, np.where(certain.any(axis=1, keepdims=True), -np.inf, rewards))
    chosen: Labels = (among + rng.gumbel(size=rewards.shape)).argmax(axis=1)
    return chosen
