r"""Choice models that look at the order of the weights only: best of K, one of the m best."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from scipy import special

from theory.choice.model import Choice, FloatArray, Labels, LuceArithmetic, Numbers

# Where K times a level's mass is below LIGHT, the slope's polynomial of degree K - 1 is integrated
# over it to about 1e-16 by this many nodes; above, the difference loses at most one digit.
NODES, SHARES = np.polynomial.legendre.leggauss(12)
LIGHT = 0.3


class OrderStatistic(Choice):
    """A choice model that keeps one of the m best candidates, each with the same probability."""

    @property
    def ordinal(self) -> bool:
        """They look at nothing else."""
        return True

    @property
    @abstractmethod
    def places(self) -> int:
        """m."""

    def check(self, K: int | float, labels: int | None = None) -> None:
        """K finite and at least m."""
        if K == math.inf:
            raise ValueError(
                f"the choice model {self.name!r} orders finitely many candidates: give a finite K."
            )
        if self.places > K:
            raise ValueError(
                f"the {self.places} best of K = {K} cannot be kept: give a K of {self.places} "
                "or more."
            )

    def probabilities(
        self, weights: Sequence[Any], labels: Sequence[int] | None = None
    ) -> list[Any]:
        """1/m for the m best; candidates tied for the last places share these evenly."""
        self.labels_of(weights, labels)
        kept: list[Any] = []
        for weight in weights:
            above = sum(other > weight for other in weights)
            tied = sum(other == weight for other in weights)
            left = min(max(self.places - above, 0), tied)
            kept.append(Fraction(left, tied * self.places))
        return kept

    def factor(
        self, law: Numbers, weights: Sequence[Any], K: int | float, arithmetic: LuceArithmetic
    ) -> Numbers:
        """Level by level, from the masses above, at and below it."""
        self.check(K)
        if law.dtype != object:
            distinct, levels = np.unique(np.array(weights, dtype=float), return_inverse=True)
            ascending = np.bincount(levels, weights=law, minlength=distinct.size)
            return self._float_factor(ascending[::-1].astype(float), int(K))[::-1][levels]
        ranks = {weight: rank for rank, weight in enumerate(sorted(set(weights), reverse=True))}
        levels = np.array([ranks[weight] for weight in weights])
        masses = [law[levels == rank].sum() for rank in range(len(ranks))]
        factors = np.empty(len(masses), dtype=object)
        for level in range(len(masses)):
            nothing = arithmetic.number(0)
            above = sum(masses[:level], nothing)
            below = sum(masses[level + 1 :], nothing)
            factors[level] = self._level_factor(above, masses[level], below, int(K))
        per_atom: Numbers = factors[levels]
        return per_atom

    def _level_factor(self, above: Any, tied: Any, below: Any, K: int) -> Any:
        r"""K times the sum, over a stronger and t equal rivals, of their multinomial probability
        times the chance :math:`\min(1, (m-a)/(t+1))/m` of a place among those left."""
        stronger, equal, weaker = (_powers(mass, K) for mass in (above, tied, below))
        total = above * 0
        for a in range(min(self.places, K)):
            for t in range(K - a):
                ways = math.comb(K - 1, a) * math.comb(K - 1 - a, t)
                left = min(self.places - a, t + 1)
                term = stronger[a] * equal[t] * weaker[K - 1 - a - t]
                total = total + term * (ways * left * K) / ((t + 1) * self.places)
        return total

    def _float_factor(self, masses: FloatArray, K: int) -> FloatArray:
        r"""Divided differences of :math:`G(u) = E[\min(B, m)]/m`, B binomial (K, u): the mass that
        the upper set of mass u has after curation. On light levels the mean of
        :math:`G'(u) = \frac Km P(B' < m)`, B' binomial (K − 1, u), which does not cancel."""
        m = self.places
        upper = np.minimum(np.cumsum(masses), 1.0)
        lower = np.append(0.0, upper[:-1])
        counts = np.arange(1, m + 1)[:, None]
        # P(B >= j) is a regularised incomplete beta function.
        reached = special.betainc(counts, K - counts + 1, np.append(0.0, upper))
        gain = np.diff(reached.sum(axis=0)) / m
        points = lower + (NODES[:, None] + 1) / 2 * (upper - lower)
        # P(B' < m); all K are kept, and nothing is selected, where m = K.
        slope = special.betainc(K - m, m, 1 - points) if K > m else np.ones_like(points)
        light = masses * K < LIGHT
        divided = np.divide(gain, masses, out=np.zeros_like(gain), where=~light)
        return np.where(light, K / m * (SHARES / 2 @ slope), divided)

    def select(
        self, rewards: Any, rng: np.random.Generator, labels: Labels | None = None
    ) -> Labels:
        """A place among the best, in the order of the rewards with ties in random order."""
        rewards = self.groups(rewards, labels)
        order = np.lexsort((rng.random(rewards.shape), -rewards), axis=1)
        place = rng.integers(self.places, size=len(rewards))
        chosen: Labels = order[np.arange(len(rewards)), place]
        return chosen


@dataclass(frozen=True)
class BestOf(OrderStatistic):
    """Keeps the best of the K candidates.

    >>> print(*BestOf().probabilities([1, 3, 3]))
    0 1/2 1/2
    """

    name: ClassVar[str] = "best-of-K"

    @property
    def places(self) -> int:
        """1."""
        return 1


@dataclass(frozen=True)
class TopFraction(OrderStatistic):
    """Keeps one of the ``kept`` best of the K candidates, each with the same probability.

    >>> print(*TopFraction(2).probabilities([1, 2, 3]))
    0 1/2 1/2
    """

    kept: int
    name: ClassVar[str] = "top-fraction"

    def __post_init__(self) -> None:
        if isinstance(self.kept, bool) or not isinstance(self.kept, int) or self.kept < 1:
            raise ValueError(f"kept = {self.kept!r} must be a whole number of at least 1.")

    @property
    def places(self) -> int:
        """``kept``."""
        return self.kept


def _powers(mass: Any, count: int) -> list[Any]:
    """Powers 0 to count - 1; the power 0 of 0 is 1."""
    powers = [mass * 0 + 1]
    for _ in range(count - 1):
        powers.append(powers[-1] * mass)
    return powers
