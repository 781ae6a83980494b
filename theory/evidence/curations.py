r"""Families of loops under another curator: a claim's own loops, the choice model drawn as well.

The model's parameters are small rationals, drawn with each instance and not moved by optimisers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from fractions import Fraction

import numpy as np

from theory.choice import (
    AdversarialShare,
    BestOf,
    Choice,
    Cyclic,
    Heterogeneous,
    Noisy,
    OneOfSeveral,
    SumOfRewards,
    TopFraction,
)
from theory.evidence.family import Family, Point
from theory.evidence.instance import Instance

# Chances of noise, of an adversary, of another reward; and ratios of weights and odds.
SHARES = (Fraction(1, 10), Fraction(1, 4), Fraction(1, 2))
RATIOS = tuple(
    Fraction(a, b) for a, b in [(1, 20), (1, 5), (1, 2), (1, 1), (2, 1), (5, 1), (20, 1)]
)

# Models tried on each of the extremes that are added for their sake.
MODELS_TRIED = 3

Draw = Callable[[np.random.Generator, int, int | float], Choice]


@dataclass(frozen=True)
class Curation:
    """One column of the table of claims and choice models.

    Attributes
    ----------
    name
        On the command line and in JSON.
    says
        Who curates, in a few words.
    draw
        A model with random parameters, from the generator, the number of atoms and K;
        ``None`` for Plackett–Luce.
    infinite, single
        Whether it has K = ∞, and K = 1.
    pairs
        Whether K = 2 is all that it has.
    """

    name: str
    says: str
    draw: Draw | None
    infinite: bool = True
    single: bool = True
    pairs: bool = False

    def allows(self, K: int | float) -> bool:
        """Whether the model speaks about this number of candidates."""
        if self.pairs:
            return K == 2
        return (self.infinite or K != math.inf) and (self.single or K != 1)


def _share(rng: np.random.Generator) -> Fraction:
    return SHARES[int(rng.integers(len(SHARES)))]


def _ratios(rng: np.random.Generator, n: int) -> tuple[Fraction, ...]:
    return tuple(RATIOS[int(index)] for index in rng.integers(len(RATIOS), size=n))


def _best(rng: np.random.Generator, n: int, K: int | float) -> Choice:
    return BestOf()


def _at_most_half(rng: np.random.Generator, n: int, K: int | float) -> Choice:
    return TopFraction(int(rng.integers(1, max(int(K) // 2, 1) + 1)))


def _more_than_half(rng: np.random.Generator, n: int, K: int | float) -> Choice:
    # Of two candidates both would be kept, and nothing selected: the weakest filter of all.
    return TopFraction(int(rng.integers(int(K) // 2 + 1, max(int(K), 2))) if K > 2 else int(K))


def _noisy(rng: np.random.Generator, n: int, K: int | float) -> Choice:
    return Noisy(_share(rng))


def _adversarial(rng: np.random.Generator, n: int, K: int | float) -> Choice:
    return AdversarialShare(_share(rng))


def _heterogeneous(rng: np.random.Generator, n: int, K: int | float) -> Choice:
    own = _ratios(rng, n)
    return Heterogeneous((own, tuple(1 / ratio for ratio in own)))


def _cyclic(rng: np.random.Generator, n: int, K: int | float) -> Choice:
    odds = [[Fraction(1)] * n for _ in range(n)]
    for i in range(n):
        for j, ratio in enumerate(_ratios(rng, i)):
            odds[i][j], odds[j][i] = ratio, 1 / ratio
    return Cyclic(tuple(map(tuple, odds)))


def _one_of_two(rng: np.random.Generator, n: int, K: int | float) -> Choice:
    return OneOfSeveral((_share(rng),), (_ratios(rng, n),))


def _sum_of_two(rng: np.random.Generator, n: int, K: int | float) -> Choice:
    return SumOfRewards(_ratios(rng, n))


CURATIONS: tuple[Curation, ...] = (
    Curation("plackett-luce", "in proportion to the weight", None),
    Curation("best-of-K", "the best of the K", _best, infinite=False),
    Curation("top-half", "one of the m best, m at most K/2", _at_most_half, infinite=False),
    Curation("top-most", "one of the m best, m above K/2", _more_than_half, infinite=False),
    Curation("noisy", "at random with probability ε", _noisy),
    Curation("adversarial", "a share of them by −r", _adversarial),
    Curation("heterogeneous", "annotators whose mean reward is r", _heterogeneous),
    Curation("cyclic", "pairs, by odds without transitivity", _cyclic, pairs=True),
    Curation("one-of-two", "by r or by another reward", _one_of_two),
    Curation("sum-of-two", "by r plus another reward", _sum_of_two),
)


@dataclass(frozen=True)
class CuratedFamily(Family):
    """The loops of a family under one curation."""

    curation: Curation = CURATIONS[0]

    def draw(self, rng: np.random.Generator) -> Point:
        """A random point, its choice model with it."""
        point = super().draw(rng)
        if self.curation.draw is None:
            return point
        return replace(point, choice=self.curation.draw(rng, len(point.rewards), point.K))

    def extremes(self) -> tuple[Instance, ...]:
        """Those of the family; equal weights, between which only a model's table selects; nearly
        all mass at the top, where only what goes against the reward moves any; and nearly all at
        the bottom, below levels of little mass. Each under a model drawn for it, the same in every
        call."""
        extremes = super().extremes()
        if self.curation.draw is None:
            return extremes
        rng = np.random.default_rng(0)
        shapes = (
            ([1, 1], [1, 1]),
            ([1, 2, 3], [1, 1, 1]),
            ([1, 100], [1, 1000]),
            ([1000, 1, 1, 1], [1, 2, 10, 100]),
        )
        more = tuple(
            Instance.of(masses, weights, K=K, lam=lam, steps=self.steps)
            for K, lam in self.settings()
            for masses, weights in shapes
            for _ in range(MODELS_TRIED)
        )
        return tuple(
            replace(instance, choice=self.curation.draw(rng, len(instance.weights), instance.K))
            for instance in more + extremes
        )


def curated(family: Family, curation: Curation) -> Family | None:
    """The family's loops under a curation, with the K that this has; ``None`` if it has none, or if
    the family is made of something that belongs to Plackett–Luce, such as its fixed points."""
    if type(family) is not Family:
        return family if curation.draw is None else None
    candidates = tuple(K for K in family.candidates if curation.allows(K))
    # The limit K = ∞ is left to claims that speak of nothing else: other models reach it otherwise.
    finite = tuple(K for K in candidates if K != math.inf)
    if curation.draw is not None:
        candidates = finite or candidates
    if not candidates:
        return None
    own = {field.name: getattr(family, field.name) for field in fields(Family)}
    return CuratedFamily(**{**own, "candidates": candidates}, curation=curation)
