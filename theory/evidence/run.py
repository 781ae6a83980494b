r"""A run of the loop in some arithmetic: the state that a claim reads its two sides from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from theory.choice import Choice
from theory.evidence.instance import Instance

Numbers = NDArray[Any]


class OutOfReach(ArithmeticError):
    """An arithmetic was asked for a number that it cannot represent."""


class Arithmetic(Protocol):
    """The numbers a claim is evaluated in; besides these, only + - * / and sums of arrays."""

    def number(self, value: int | Fraction) -> Any:
        """The rational as a number of this arithmetic."""

    def array(self, values: Sequence[Fraction]) -> Numbers:
        """Rationals as an array, shape (n,)."""

    def log(self, value: Any) -> Any:
        """Natural logarithm, entry by entry on arrays."""

    def exp(self, value: Any) -> Any:
        """Exponential, entry by entry on arrays."""

    def hypergeometric(self, a: Any, b: Any, c: Any, z: Any) -> Any:
        r"""Gauss's :math:`{}_2F_1(a, b; c; z)`."""

    def digamma(self, value: Any) -> Any:
        r"""The digamma function :math:`\psi`."""

    def euler(self) -> Any:
        r"""Euler's constant :math:`\gamma`."""

    def between(self, low: Fraction, high: Fraction) -> Any:
        """A number of which only two rational bounds are known."""

    def integral(self, integrand: Callable[[Any, Callable[[Any], Any]], Any]) -> Any:
        r""":math:`\int_0^1` of ``integrand(u, log)``, made of + - * / and the given log."""

    def is_zero(self, values: Numbers) -> NDArray[np.bool_]:
        """Where the entries are known to be exactly 0."""

    def factor(self, law: Numbers, weights: Sequence[Any], K: int | float) -> Numbers:
        """Plackett–Luce curation factor of the law at its atoms, shape (n,); the weights as
        given."""


@dataclass(frozen=True)
class Run:
    r"""The laws :math:`p_0, \dots, p_T` of one loop, and what claims ask of them.

    Attributes
    ----------
    arithmetic
        The arithmetic of every number below.
    reference, weights
        :math:`p_{\rm ref}` and :math:`w = e^r`, shape (n,).
    levels
        Rank of each atom's weight among the distinct ones, 0 for the largest, shape (n,), int.
    K
        Candidates, or ``math.inf``.
    lam
        :math:`\lambda` as a number of the arithmetic; ``math.inf`` for the pure loop.
    laws
        :math:`p_0, \dots, p_T`, each of shape (n,).
    exact_lam, exact_weights
        :math:`\lambda` and w as they were given: to tell special values apart, and equal sums.
    choice
        Who curates; ``None`` for Plackett–Luce.
    """

    arithmetic: Arithmetic
    reference: Numbers
    weights: Numbers
    levels: NDArray[np.int64]
    K: int | float
    lam: Any
    laws: Sequence[Numbers]
    exact_lam: Fraction | float
    exact_weights: Sequence[Any]
    choice: Choice | None = None

    @property
    def steps(self) -> int:
        """Rounds that were run."""
        return len(self.laws) - 1

    def number(self, value: int | Fraction) -> Any:
        """The rational as a number of the run's arithmetic."""
        return self.arithmetic.number(value)

    @property
    def top_weight(self) -> Any:
        r"""The largest weight :math:`w^*`."""
        return self.level_weight(0)

    def level_weight(self, rank: int) -> Any:
        """The weight of the given rank, 0 for the largest; negative ranks count from the lowest."""
        rank = rank if rank >= 0 else self.level_count + rank
        return self.weights[int(np.argmax(self.levels == rank))]

    @property
    def level_count(self) -> int:
        """Number of distinct weights."""
        return int(self.levels.max()) + 1

    def level_mass(self, rank: int, t: int) -> Any:
        r"""Mass that :math:`p_t` gives to the weight of the given rank."""
        return self.laws[t][self.levels == rank].sum()

    @property
    def synthetic_share(self) -> Any:
        r"""Share of synthetic data in the training set, :math:`\lambda/(1+\lambda)`."""
        if self.exact_lam == math.inf:
            return self.number(1)
        return self.lam / (1 + self.lam)

    @property
    def selectivity(self) -> Any:
        r""":math:`(K-1)/K`, which is 1 at :math:`K = \infty`."""
        if self.K == math.inf:
            return self.number(1)
        return self.number(Fraction(int(self.K) - 1, int(self.K)))

    def factor(self, t: int) -> Numbers:
        r"""Curation factor :math:`H_{p_t}^K` at the atoms, shape (n,)."""
        return curation_factor(
            self.arithmetic, self.laws[t], self.exact_weights, self.K, self.choice
        )

    def expectation(self, values: Numbers, t: int) -> Any:
        r""":math:`E_{p_t}` of one number per atom."""
        return (self.laws[t] * values).sum()

    def expected_weight(self, t: int) -> Any:
        r""":math:`E_{p_t}[w]`."""
        return self.expectation(self.weights, t)

    def weight_variance(self, t: int) -> Any:
        r""":math:`{\rm Var}_{p_t}[w]`, as the mean squared deviation."""
        # As a product: a power of a ball around 0 goes through logarithms and is not a number.
        deviation = self.weights - self.expected_weight(t)
        return self.expectation(deviation * deviation, t)

    def kl(self, p: Numbers, q: Numbers) -> Any:
        r""":math:`D_{\rm KL}(p\|q)` in nats; atoms that p does not charge contribute nothing."""
        charged = ~self.arithmetic.is_zero(p)
        p, q = p[charged], q[charged]
        return (p * self.arithmetic.log(p / q)).sum()


def run_loop(instance: Instance, arithmetic: Arithmetic) -> Run:
    r"""Run an instance in the given arithmetic.

    Raises
    ------
    OutOfReach
        When the arithmetic cannot represent a number that is needed.
    ValueError
        When the curation factor would take too long to enumerate.
    """
    reference = arithmetic.array(instance.probabilities)
    pure = instance.lam == math.inf
    return iterate(
        arithmetic,
        reference=reference,
        weights=arithmetic.array(instance.weights),
        exact_weights=instance.weights,
        levels=weight_levels(instance.weights),
        initial=reference if instance.initial is None else arithmetic.array(instance.initial),
        K=instance.K,
        lam=math.inf if pure else arithmetic.number(Fraction(instance.lam)),
        exact_lam=instance.lam,
        steps=instance.steps,
        choice=instance.choice,
    )


def iterate(
    arithmetic: Arithmetic,
    *,
    reference: Numbers,
    weights: Numbers,
    exact_weights: Sequence[Any],
    levels: NDArray[np.int64],
    initial: Numbers,
    K: int | float,
    lam: Any,
    exact_lam: Fraction | float,
    steps: int,
    choice: Choice | None = None,
) -> Run:
    r"""Iterate :math:`p_{t+1} = (p_{\rm ref} + \lambda\,p_t H_{p_t}^K)/(1+\lambda)`."""
    laws = [initial]
    for _ in range(steps):
        law = laws[-1] * curation_factor(arithmetic, laws[-1], exact_weights, K, choice)
        laws.append(law if exact_lam == math.inf else (reference + lam * law) / (1 + lam))
    return Run(
        arithmetic=arithmetic,
        reference=reference,
        weights=weights,
        levels=levels,
        K=K,
        lam=lam,
        laws=laws,
        exact_lam=exact_lam,
        exact_weights=exact_weights,
        choice=choice,
    )


def curation_factor(
    arithmetic: Arithmetic,
    law: Numbers,
    weights: Sequence[Any],
    K: int | float,
    choice: Choice | None = None,
) -> Numbers:
    """Curation factor of the law at its atoms under a choice model (``None``: Plackett–Luce)."""
    if choice is None:
        return arithmetic.factor(law, weights, K)
    return choice.factor(law, weights, K, arithmetic)


def weight_levels(weights: Sequence[Any]) -> NDArray[np.int64]:
    """Rank of each weight among the distinct ones, 0 for the largest, shape (n,)."""
    rank = {weight: index for index, weight in enumerate(sorted(set(weights), reverse=True))}
    return np.array([rank[weight] for weight in weights], dtype=np.int64)


def infinite_factor(law: Numbers, weights: Numbers) -> Numbers:
    r"""Curation factor at :math:`K = \infty`: :math:`w / E[w]`."""
    factor: Numbers = weights / (law * weights).sum()
    return factor
