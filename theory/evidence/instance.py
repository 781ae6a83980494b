r"""An instance: one retraining loop given by small rational numbers, printable in one line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from theory.choice import Choice, choice_from_json


@dataclass(frozen=True)
class Instance:
    r"""A finite retraining loop :math:`(p_{\rm ref}, w, p_0, K, \lambda)` run for some rounds.

    Attributes
    ----------
    probabilities
        :math:`p_{\rm ref}`: n positive rationals with sum 1.
    weights
        :math:`w_i = e^{r_i}`: n positive rationals.
    K
        Candidates per kept sample: a whole number of at least 1, or ``math.inf``.
    lam
        Synthetic-to-real ratio :math:`\lambda \ge 0`; ``math.inf`` is the pure loop.
    steps
        Rounds of retraining.
    initial
        :math:`p_0`: n rationals :math:`\ge 0` with sum 1, or ``None`` for :math:`p_{\rm ref}`.
    choice
        Who curates, the atoms being the labels 0, …, n − 1; ``None`` for Plackett–Luce.

    Raises
    ------
    ValueError
        Naming the field that is not as above.

    Examples
    --------
    >>> instance = Instance.of([1, 1], [1, 3], K=2, lam=Fraction(1, 2), steps=1)
    >>> print(instance)
    p_ref = [1/2, 1/2], w = [1, 3], K = 2, λ = 1/2, rounds = 1
    >>> Instance.from_json(instance.to_json()) == instance
    True
    """

    probabilities: tuple[Fraction, ...]
    weights: tuple[Fraction, ...]
    K: int | float
    lam: Fraction | float
    steps: int
    initial: tuple[Fraction, ...] | None = None
    choice: Choice | None = None

    def __post_init__(self) -> None:
        n = len(self.probabilities)
        if n == 0 or min(self.probabilities) <= 0 or sum(self.probabilities) != 1:
            raise ValueError(
                f"probabilities = {_listed(self.probabilities)} must be positive with sum 1."
            )
        if len(self.weights) != n or min(self.weights) <= 0:
            raise ValueError(f"weights = {_listed(self.weights)} must be {n} positive numbers.")
        if self.initial is not None and (
            len(self.initial) != n or min(self.initial) < 0 or sum(self.initial) != 1
        ):
            raise ValueError(
                f"initial = {_listed(self.initial)} must be {n} numbers >= 0 with sum 1."
            )
        if self.K != math.inf and (not isinstance(self.K, int) or self.K < 1):
            raise ValueError(f"K = {self.K!r} must be a whole number of at least 1, or inf.")
        if self.lam < 0:
            raise ValueError(f"lam = {self.lam} must be at least 0.")
        if self.steps < 0:
            raise ValueError(f"steps = {self.steps} must be at least 0.")
        if self.choice is not None:
            self.choice.check(self.K, n)

    @classmethod
    def of(
        cls,
        masses: Sequence[int | Fraction],
        weights: Sequence[int | Fraction],
        *,
        K: int | float,
        lam: int | Fraction | float = math.inf,
        steps: int = 1,
        initial: Sequence[int | Fraction] | None = None,
        choice: Choice | None = None,
    ) -> Instance:
        """An instance from masses that are divided by their total."""
        return cls(
            probabilities=_normalised(masses),
            weights=tuple(Fraction(weight) for weight in weights),
            K=K,
            lam=math.inf if lam == math.inf else Fraction(lam),
            steps=steps,
            initial=None if initial is None else _normalised(initial),
            choice=choice,
        )

    @property
    def terms(self) -> int:
        """Terms that one round of enumeration adds up: multisets of opponents times distinct
        weights (times atoms, where a choice model tells atoms of one weight apart)."""
        tabled = self.choice is not None and self.choice.columns is not None
        distinct = len(self.weights) if tabled else len(set(self.weights))
        if self.K == math.inf:
            return len(self.weights)
        return distinct * math.comb(distinct + int(self.K) - 2, int(self.K) - 1)

    def with_steps(self, steps: int) -> Instance:
        """The same loop run for another number of rounds."""
        return replace(self, steps=steps)

    def to_json(self) -> dict[str, Any]:
        """A JSON object; every number that could be rounded is a rational string."""
        return {
            "probabilities": [str(entry) for entry in self.probabilities],
            "weights": [str(entry) for entry in self.weights],
            "initial": None if self.initial is None else [str(entry) for entry in self.initial],
            "K": str(self.K),
            "lam": str(self.lam),
            "steps": self.steps,
            "choice": None if self.choice is None else self.choice.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Instance:
        """Inverse of :meth:`to_json`; unlike :meth:`of` it demands total mass 1. Without a start
        it starts at the reference, without a choice model it is Plackett–Luce."""
        initial, choice = data.get("initial"), data.get("choice")
        return cls(
            probabilities=tuple(Fraction(entry) for entry in data["probabilities"]),
            weights=tuple(Fraction(entry) for entry in data["weights"]),
            K=math.inf if str(data["K"]) == "inf" else _whole("K", data["K"]),
            lam=math.inf if str(data["lam"]) == "inf" else Fraction(data["lam"]),
            steps=_whole("steps", data["steps"]),
            initial=None if initial is None else tuple(Fraction(entry) for entry in initial),
            choice=None if choice is None else choice_from_json(choice),
        )

    def __str__(self) -> str:
        start = "" if self.initial is None else f"p_0 = {_listed(self.initial)}, "
        K = "∞" if self.K == math.inf else self.K
        lam = "∞" if self.lam == math.inf else self.lam
        chosen = "" if self.choice is None else f", choice = {self.choice}"
        return (
            f"p_ref = {_listed(self.probabilities)}, {start}w = {_listed(self.weights)}, "
            f"K = {K}, λ = {lam}, rounds = {self.steps}{chosen}"
        )


def _whole(name: str, value: Any) -> int:
    number = Fraction(value)
    if number.denominator != 1:
        raise ValueError(f"{name} = {value} must be a whole number.")
    return int(number)


def _normalised(masses: Sequence[int | Fraction]) -> tuple[Fraction, ...]:
    total = sum((Fraction(mass) for mass in masses), Fraction(0))
    if total <= 0:
        raise ValueError(f"masses {_listed(masses)} must have a positive total.")
    return tuple(Fraction(mass) / total for mass in masses)


def _listed(numbers: Sequence[int | Fraction]) -> str:
    return "[" + ", ".join(str(number) for number in numbers) + "]"
