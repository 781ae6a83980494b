r"""Families of instances: where a claim is said to hold, and where its twins are hunted.

Draws are on logarithmic scales, for weights, masses and the strength of real data alike: the
instances that decide a sharp constant have rewards nearly equal or worlds apart, never typical.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from theory.choice import Choice
from theory.evidence.instance import Instance
from theory.evidence.separated import FAR_APART

FloatArray = NDArray[np.float64]

# Spreads of rewards and of log-masses are 10^U(low, high).
REWARD_SPREAD = (-2.0, math.log10(6.0))
LOGIT_SPREAD = (-1.0, math.log10(6.0))
# How far an optimiser may carry rewards and log-masses, in nats.
REWARD_BOUND, LOGIT_BOUND = 100.0, 30.0

# Share of the draws that are pure loops, where these belong to a family with a load.
PURE_SHARE = 0.2

# Levels of the instances that imitate best-of-K: a law on n equal atoms falls short of an atomless
# one by about 1/n^2, here 0.4 %. Where K is large their multisets limit the levels. Levels so far
# apart are told by their bounds, without listing the multisets.
BEST_OF_LEVELS = (16, 8, 4, 2)
BEST_OF_TERMS = 30_000


@dataclass(frozen=True)
class Point:
    r"""An instance in coordinates that an optimiser can move: everything on logarithmic scales.

    ``rewards``, ``logits`` and ``start`` (the log-masses of :math:`p_0`) have shape (n,);
    ``log_load`` is the natural logarithm of :math:`\lambda(K-1)`, see :class:`Family`; ``choice``
    stays as it is when the point is moved.
    """

    K: int | float
    steps: int
    rewards: FloatArray
    logits: FloatArray
    start: FloatArray | None
    log_load: float | None
    choice: Choice | None = None

    def vector(self) -> FloatArray:
        """All continuous coordinates in one array."""
        parts = [self.rewards, self.logits]
        if self.start is not None:
            parts.append(self.start)
        if self.log_load is not None:
            parts.append(np.array([self.log_load]))
        return np.concatenate(parts)

    def moved_to(self, vector: FloatArray) -> Point:
        """The point with these continuous coordinates."""
        n = len(self.rewards)
        return replace(
            self,
            rewards=vector[:n],
            logits=vector[n : 2 * n],
            start=None if self.start is None else vector[2 * n : 3 * n],
            log_load=None if self.log_load is None else float(vector[-1]),
        )


@dataclass(frozen=True)
class Family:
    r"""A set of loops to draw instances from.

    Attributes
    ----------
    atoms, candidates
        Choices for n and for K (``math.inf`` allowed).
    steps
        Rounds of every run.
    load
        Range of :math:`\lambda(K-1)` (of :math:`\lambda` where K is 1 or infinite);
        ``None`` for the pure loop.
    free_start
        Whether :math:`p_0` is drawn separately from :math:`p_{\rm ref}`.
    single_candidate, only_real_data
        Whether K = 1 and :math:`\lambda = 0` belong to the family besides the candidates and the
        load, as degenerate cases; only a family with a load has the second.
    pure_loop
        Whether :math:`\lambda = \infty` belongs to a family with a load, besides the load.

    Raises
    ------
    ValueError
        When no loop is in the family.
    """

    atoms: tuple[int, ...] = (2, 3, 5, 8)
    candidates: tuple[int | float, ...] = (2, 3, 4, 8)
    steps: int = 6
    load: tuple[Fraction, Fraction] | None = None
    free_start: bool = False
    single_candidate: bool = True
    only_real_data: bool = True
    pure_loop: bool = False

    def __post_init__(self) -> None:
        if not self.atoms or not self.candidates:
            raise ValueError(
                f"atoms = {self.atoms} and candidates = {self.candidates} leave no loop to draw: "
                "give at least one of each."
            )
        if self.load is not None and not 0 < self.load[0] <= self.load[1]:
            raise ValueError(
                f"load from {self.load[0]} to {self.load[1]} has no logarithmic scale: give "
                "0 < low <= high (λ = 0 is a corner of its own, see only_real_data)."
            )

    def ratio(self, load: Fraction, K: int | float) -> Fraction:
        r""":math:`\lambda` for a given load."""
        return load if K in (1, math.inf) else load / (int(K) - 1)

    def objection(self, instance: Instance) -> str:
        """Why the instance is not in the family, in a few words; empty when it is. Numbers of
        atoms and of rounds are no hypotheses: they say only what is drawn."""
        if instance.K not in self.candidates and not (self.single_candidate and instance.K == 1):
            return f"K = {instance.K} is none of {', '.join(map(str, self.candidates))}"
        if instance.initial is not None and not self.free_start:
            return "p_0 is not p_ref"
        if self.load is None:
            return "" if instance.lam == math.inf else f"λ = {instance.lam} is finite"
        if (self.only_real_data and instance.lam == 0) or self._pure(instance):
            return ""
        low, high = (self.ratio(load, instance.K) for load in self.load)
        if low <= instance.lam <= high:
            return ""
        return f"λ = {instance.lam} is not between {low} and {high}"

    def _pure(self, instance: Instance) -> bool:
        return self.pure_loop and instance.lam == math.inf

    def draw(self, rng: np.random.Generator) -> Point:
        """A random point, log-scale in everything."""
        n = int(rng.choice(self.atoms))
        K = self.candidates[int(rng.integers(len(self.candidates)))]
        rewards = 10 ** rng.uniform(*REWARD_SPREAD) * rng.uniform(-1.0, 0.0, n)
        logits = 10 ** rng.uniform(*LOGIT_SPREAD) * rng.uniform(-1.0, 0.0, n)
        start = 10 ** rng.uniform(*LOGIT_SPREAD) * rng.uniform(-1.0, 0.0, n)
        low, high = self.log_load_range()
        pure = self.load is None or (self.pure_loop and rng.random() < PURE_SHARE)
        return Point(
            K=K,
            steps=self.steps,
            rewards=rewards,
            logits=logits,
            start=start if self.free_start else None,
            log_load=None if pure else float(rng.uniform(low, high)),
        )

    def point(self, instance: Instance) -> Point:
        """The coordinates of an instance."""
        log_load = None
        if self.load is not None and not self._pure(instance):
            if not 0 < instance.lam < math.inf:
                raise ValueError(
                    f"λ = {instance.lam} has no place in a family with λ(K−1) between "
                    f"{self.load[0]} and {self.load[1]}: give a positive, finite λ."
                )
            scale = 1 if instance.K in (1, math.inf) else int(instance.K) - 1
            log_load = math.log(Fraction(instance.lam) * scale)
        start = instance.initial or instance.probabilities
        return Point(
            K=instance.K,
            steps=instance.steps,
            rewards=np.array([_log(weight) for weight in instance.weights]),
            logits=np.array([_log(mass) for mass in instance.probabilities]),
            start=np.array([_log(mass) for mass in start]) if self.free_start else None,
            log_load=log_load,
            choice=instance.choice,
        )

    def bounds(self, point: Point) -> list[tuple[float, float]]:
        """Box for :meth:`Point.vector`, wide around wherever the point is."""
        n = len(point.rewards)
        blocks = [(point.rewards, REWARD_BOUND), (point.logits, LOGIT_BOUND)]
        if point.start is not None:
            blocks.append((point.start, LOGIT_BOUND))
        box = [
            (min(float(block.min()), float(block.max()) - bound), float(block.max()))
            for block, bound in blocks
            for _ in range(n)
        ]
        if point.log_load is not None:
            box.append(self.log_load_range())
        return box

    def log_load_range(self) -> tuple[float, float]:
        """Natural logarithms of the ends of ``load``."""
        if self.load is None:
            return 0.0, 0.0
        return math.log(self.load[0]), math.log(self.load[1])

    def rounded(self, point: Point, digits: int) -> Instance:
        """The point as an instance of rationals with this many significant digits."""
        lam: Fraction | float = math.inf
        if self.load is not None and point.log_load is not None:
            load = _significant(math.exp(point.log_load), digits)
            lam = self.ratio(min(max(load, self.load[0]), self.load[1]), point.K)
        return Instance.of(
            _rounded_exp(point.logits, digits),
            _rounded_exp(point.rewards, digits),
            K=point.K,
            lam=lam,
            steps=point.steps,
            initial=None if point.start is None else _rounded_exp(point.start, digits),
            choice=point.choice,
        )

    def corners(self) -> tuple[Instance, ...]:
        """Named degenerate cases: one atom, constant reward, K = 1, no synthetic data, the ends
        of the load, nearly all mass on one atom, tiny and huge reward ranges; where the start is
        free, one that is a single atom."""
        several = min((K for K in self.candidates if K > 1), default=1)
        loads: list[Fraction | None] = [None]
        if self.load is not None:
            loads = [*dict.fromkeys(self.load)]
            if self.only_real_data:
                loads.append(Fraction(0))
            if self.pure_loop:
                loads.append(None)
        shapes: list[tuple[list[int], list[int], int | float]] = [
            ([1], [1], several),
            ([1, 2, 3], [1, 1, 1], several),
            ([1, 2, 3], [1, 2, 4], 1),
            ([1, 2, 3], [1, 2, 4], several),
            ([1, 1_000_000], [1, 2], several),
            ([1_000_000, 1], [1, 2], several),
            ([1, 1], [1_000_000, 1_000_001], several),
            ([2, 1], [1, 10**12], several),
        ]
        corners = tuple(
            Instance.of(
                masses,
                weights,
                K=K,
                lam=math.inf if load is None else self.ratio(load, K),
                steps=min(self.steps, 3),
                initial=masses[::-1] if self.free_start else None,
            )
            for load in loads
            for masses, weights, K in shapes
            if K > 1 or self.single_candidate or 1 in self.candidates
        )
        if not self.free_start:
            return corners
        # A start may leave atoms out: all of it on the lowest of three weights.
        lowest = (Fraction(1), Fraction(0), Fraction(0))
        single = (replace(c, initial=lowest) for c in corners if len(set(c.weights)) == 3)
        return (*corners, *single)

    def extremes(self) -> tuple[Instance, ...]:
        """Where sharp constants are reached: weights nearly equal (expansions to first order), and
        weights a billion times one another, at which K-choice is best-of-K. For every K > 1 and
        both ends of the load: a constant can be false at one of them only."""
        return tuple(
            Instance.of(masses, weights, K=K, lam=lam, steps=self.steps)
            for K, lam in self.settings()
            for masses, weights in _extreme_shapes(K)
        )

    def settings(self) -> list[tuple[int | float, Fraction | float]]:
        r"""Every K > 1 with the :math:`\lambda` of either end of the load, and with
        :math:`\lambda = \infty` where that belongs to the family."""
        several = [K for K in self.candidates if K > 1]
        settings: list[tuple[int | float, Fraction | float]] = []
        if self.load is not None:
            ends = dict.fromkeys(self.load)
            settings += [(K, self.ratio(load, K)) for K in several for load in ends]
        if self.load is None or self.pure_loop:
            settings += [(K, math.inf) for K in several]
        return settings


def _extreme_shapes(K: int | float) -> list[tuple[list[int], list[int]]]:
    n = next(
        n
        for n in BEST_OF_LEVELS
        if Instance.of([1] * n, range(1, n + 1), K=K).terms <= BEST_OF_TERMS or n == 2
    )
    levels = [FAR_APART**level for level in range(n)]
    return [
        ([1, 1], [999, 1000]),
        ([1] * n, levels),
        ([2**level for level in range(n)], levels[::-1]),
    ]


def _log(value: Fraction) -> float:
    """Logarithm of a rational of any size; masses of 0 go to the edge of the search."""
    if value == 0:
        return -LOGIT_BOUND
    return math.log(value.numerator) - math.log(value.denominator)


def _significant(value: float | Decimal, digits: int) -> Fraction:
    return Fraction(Decimal(f"{value:.{digits - 1}e}"))


def _rounded_exp(logs: FloatArray, digits: int) -> list[Fraction]:
    """exp(logs) over the smallest, each to so many significant digits; of any size."""
    # Three digits more than are kept: float64 would overflow at e^710.
    context = Context(prec=max(digits, 17) + 3)
    return [_significant(Decimal(float(log)).exp(context), digits) for log in logs - logs.min()]
