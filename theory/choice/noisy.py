r"""A choice model spoilt by noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from theory.choice.curators import PlackettLuce
from theory.choice.model import Choice, Labels, LuceArithmetic, Numbers, check_share


@dataclass(frozen=True)
class Noisy(Choice):
    """With probability ``epsilon`` keeps a candidate at random, else as ``inner`` does.

    >>> print(*Noisy(Fraction(1, 5)).probabilities([1, 3]))
    3/10 7/10
    """

    epsilon: Fraction
    inner: Choice = PlackettLuce()  # noqa: RUF009 -- frozen
    name: ClassVar[str] = "noisy"

    def __post_init__(self) -> None:
        check_share(self.epsilon, "epsilon")
        if not isinstance(self.inner, Choice):
            raise ValueError(f"inner = {self.inner!s} is no choice model: give one, as BestOf().")

    @property
    def ordinal(self) -> bool:
        """Where the inner model is."""
        return self.inner.ordinal

    @property
    def columns(self) -> int | None:
        """Those of the inner model."""
        return self.inner.columns

    def check(self, K: int | float, labels: int | None = None) -> None:
        """As the inner model."""
        self.inner.check(K, labels)

    def probabilities(
        self, weights: Sequence[Any], labels: Sequence[int] | None = None
    ) -> list[Any]:
        """Average of the inner model's probabilities and equal ones."""
        inner = self.inner.probabilities(weights, labels)
        noise = self.epsilon / len(weights)
        return [(1 - self.epsilon) * kept + noise for kept in inner]

    def factor(
        self, law: Numbers, weights: Sequence[Any], K: int | float, arithmetic: LuceArithmetic
    ) -> Numbers:
        r""":math:`(1-\varepsilon)H + \varepsilon`."""
        inner = self.inner.factor(law, weights, K, arithmetic)
        noise = arithmetic.number(self.epsilon)
        noisy: Numbers = arithmetic.number(1 - self.epsilon) * inner + noise
        return noisy

    def select(
        self, rewards: Any, rng: np.random.Generator, labels: Labels | None = None
    ) -> Labels:
        """The inner model's choice, replaced by a random one where a coin says so."""
        chosen = self.inner.select(rewards, rng, labels)
        groups, K = np.shape(rewards)
        replaced = rng.random(groups) < float(self.epsilon)
        return np.where(replaced, rng.integers(K, size=groups), chosen)
