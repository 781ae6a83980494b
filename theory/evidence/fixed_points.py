r"""Loops that start where they would end: at the fixed point of K = ∞ with real data.

Given :math:`p_{\rm ref}`, the weights and any :math:`\zeta > w^*`, everything about such a loop is
rational:

.. math:: p_0 = \frac{p_{\rm ref}}{(1+\lambda)(1 - w/\zeta)}, \qquad
          1 + \lambda = \sum_i \frac{p_{{\rm ref},i}}{1 - w_i/\zeta}.

So instances are drawn by :math:`\zeta/w^* - 1`, and :math:`\lambda` follows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from theory.evidence.family import Family, FloatArray, Point
from theory.evidence.instance import Instance

# The excess ζ/w* − 1 is 10^U of this range; an optimiser may carry it as far as the second one.
EXCESS_SPREAD = (-4.0, 1.0)
EXCESS_BOUND = (-20.0, 5.0)
# Rounds of the corners: a fixed point that stays for so many stays for good.
CORNER_STEPS = 2


@dataclass(frozen=True)
class FixedPoint(Point):
    r"""A point whose start and :math:`\lambda` follow from ``log_excess``, the natural logarithm of
    :math:`\zeta/w^* - 1`."""

    log_excess: float = 0.0

    def vector(self) -> FloatArray:
        """Rewards, log-masses and the logarithm of the excess."""
        return np.concatenate([self.rewards, self.logits, [self.log_excess]])

    def moved_to(self, vector: FloatArray) -> FixedPoint:
        """The fixed point with these coordinates."""
        n = len(self.rewards)
        return _settled(
            replace(
                self,
                rewards=vector[:n],
                logits=vector[n : 2 * n],
                log_excess=float(vector[-1]),
            )
        )


@dataclass(frozen=True)
class FixedPoints(Family):
    r"""Loops at the fixed point of K = ∞; ``load`` says only at which :math:`\lambda` extremal
    instances are wanted.

    With other ``candidates`` the loops start at that fixed point all the same: material for twins.
    """

    candidates: tuple[int | float, ...] = (math.inf,)
    load: tuple[Fraction, Fraction] | None = (Fraction(1, 100), Fraction(100))
    steps: int = 4
    free_start: bool = True
    single_candidate: bool = False
    only_real_data: bool = False

    def objection(self, instance: Instance) -> str:
        """Why the instance is not in the family; empty when it is."""
        if instance.K not in self.candidates:
            return f"K = {instance.K} is none of {', '.join(map(str, self.candidates))}"
        if not 0 < instance.lam < math.inf:
            return f"λ = {instance.lam} is not positive and finite"
        excess = _excess(instance)
        if excess is None or settled(instance, excess) != instance:
            return "p_0 is not the fixed point of K = ∞"
        return ""

    def draw(self, rng: np.random.Generator) -> FixedPoint:
        """A random fixed point, log-scale in everything."""
        drawn = super().draw(rng)
        return _settled(
            FixedPoint(
                K=drawn.K,
                steps=drawn.steps,
                rewards=drawn.rewards,
                logits=drawn.logits,
                start=None,
                log_load=None,
                log_excess=math.log(10) * rng.uniform(*EXCESS_SPREAD),
            )
        )

    def point(self, instance: Instance) -> FixedPoint:
        """The coordinates of an instance of the family."""
        plain = super().point(instance)
        excess = _excess(instance)
        if excess is None:
            raise ValueError(f"{instance} does not start at the fixed point of K = ∞.")
        return _settled(
            FixedPoint(
                K=plain.K,
                steps=plain.steps,
                rewards=plain.rewards,
                logits=plain.logits,
                start=None,
                log_load=None,
                choice=plain.choice,
                log_excess=math.log(excess.numerator) - math.log(excess.denominator),
            )
        )

    def bounds(self, point: Point) -> list[tuple[float, float]]:
        """Box for :meth:`FixedPoint.vector`."""
        return [*super().bounds(replace(point, start=None, log_load=None)), EXCESS_BOUND]

    def rounded(self, point: Point, digits: int) -> Instance:
        """Masses, weights and the excess to this many digits; the rest follows exactly."""
        if not isinstance(point, FixedPoint):
            raise TypeError(f"{point} is not a fixed point.")
        plain = super().rounded(replace(point, start=None, log_load=None), digits)
        excess = Fraction(f"{math.exp(point.log_excess):.{digits - 1}e}")
        return settled(plain, excess)

    def corners(self) -> tuple[Instance, ...]:
        """One atom, one weight, hardly any or nearly all mass at the top, tiny and huge ranges;
        each just above and far above the top weight."""
        shapes: list[tuple[list[int], list[int]]] = [
            ([1], [1]),
            ([1, 2, 3], [1, 1, 1]),
            ([1, 2, 3], [1, 2, 4]),
            ([1_000_000, 1], [1, 2]),
            ([1, 1_000_000], [1, 2]),
            ([1, 1], [1_000_000, 1_000_001]),
            ([2, 1], [1, 10**12]),
        ]
        return self._loops(shapes, (Fraction(1, 1000), Fraction(10)), CORNER_STEPS)

    def extremes(self) -> tuple[Instance, ...]:
        """The top weight ever rarer in the real data, and just below the zeta it needs."""
        shapes = [([10**power, 10**power, 1], [1, 2, 4]) for power in (1, 3, 6, 9)]
        return self._loops(shapes, (Fraction(1, 10**9), Fraction(1, 10**3)), self.steps)

    def _loops(
        self,
        shapes: Sequence[tuple[list[int], list[int]]],
        excesses: Sequence[Fraction],
        steps: int,
    ) -> tuple[Instance, ...]:
        return tuple(
            settled(Instance.of(masses, weights, K=K, lam=1, steps=steps), excess)
            for K in self.candidates
            for excess in excesses
            for masses, weights in shapes
        )


def settled(instance: Instance, excess: Fraction) -> Instance:
    """The instance with the start and the λ that belong to ζ = (1 + excess) w*."""
    zeta = (1 + excess) * max(instance.weights)
    masses = [
        p / (1 - w / zeta) for p, w in zip(instance.probabilities, instance.weights, strict=True)
    ]
    total = sum(masses, Fraction(0))
    initial = tuple(mass / total for mass in masses)
    return replace(instance, initial=initial, lam=total - 1)


def _excess(instance: Instance) -> Fraction | None:
    """ζ/w* − 1 as the top atom has it; ``None`` where that is not positive."""
    top = max(range(len(instance.weights)), key=instance.weights.__getitem__)
    start = instance.initial or instance.probabilities
    gain = (1 + Fraction(instance.lam)) * start[top] / instance.probabilities[top] - 1
    return 1 / gain if gain > 0 else None


def _settled(point: FixedPoint) -> FixedPoint:
    """The point with the start and the load that its coordinates imply."""
    excess = math.exp(point.log_excess)
    # 1 - w/ζ over the top weight, where nothing cancels near it.
    gap = excess - np.expm1(point.rewards - point.rewards.max())
    masses = np.exp(point.logits - point.logits.max())
    lam = float((masses / masses.sum() * ((1 + excess) / gap - 1)).sum())
    scale = 1 if point.K in (1, math.inf) else int(point.K) - 1
    return replace(point, start=point.logits - np.log(gap), log_load=math.log(lam * scale))
