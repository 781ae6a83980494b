r"""Counterexample search: minimise the margin over a whole run, round, and confirm rigorously.

Stages: the instances given, log-scale random draws, the extremes that every family has, L-BFGS-B in
log-scale coordinates from the best of those, dual annealing around the best. A float64 hit counts
for nothing until its rounding to small rationals fails the statement in ball or exact arithmetic.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import dual_annealing, minimize

from theory.evidence import ball
from theory.evidence.family import Family, Point
from theory.evidence.floating import FloatArithmetic
from theory.evidence.instance import Instance
from theory.evidence.judge import SidesOf
from theory.evidence.run import Run, iterate, weight_levels
from theory.evidence.sides import Relation, Sides
from theory.evidence.verdict import Status, Verdict

FloatArray = NDArray[np.float64]

DRAWS = 200
POLISHED = 5
ANNEALING_EVALUATIONS = 5_000
# Relative margins above this are rounding of float64 sums, not hits worth confirming.
HIT = -1e-10
# A hit is rounded as coarsely as it stays one: short rationals make readable counterexamples.
DIGITS = (1, 2, 3, 5, 8, 12)


@dataclass(frozen=True)
class Refutation:
    """A confirmed counterexample, and what finding it took."""

    instance: Instance
    verdict: Verdict
    stage: str
    evaluations: int
    seconds: float


@dataclass(frozen=True)
class Score:
    """Smallest margin of a run, relative to its sides, and the round where it occurs."""

    margin: float
    t: int


def refute(
    sides: SidesOf,
    family: Family,
    rng: np.random.Generator,
    starts: Sequence[Instance] = (),
    deadline: float = 60.0,
) -> Refutation | None:
    """Look for a confirmed counterexample to a statement; ``None`` when there is none in time.

    Parameters
    ----------
    sides
        Run to comparisons; the search minimises their smallest margin over the run.
    family
        Where to look.
    rng
        Source of every random choice.
    starts
        Instances to try first: a claim's extremal ones, for a twin of its constant.
    deadline
        Seconds after which the search gives up.
    """
    began = time.perf_counter()
    search = _Search(sides, family, began + deadline)
    try:
        return _first_confirmed(search, rng, starts, began)
    except TimeoutError:
        return None


def _first_confirmed(
    search: _Search, rng: np.random.Generator, starts: Sequence[Instance], began: float
) -> Refutation | None:
    family = search.family
    for stage, hits in (
        ("given instances", search.at_points(map(family.point, starts))),
        ("random draws", search.at_points(family.draw(rng) for _ in range(DRAWS))),
        ("extremes", search.at_points(map(family.point, family.extremes()))),
        ("L-BFGS-B", search.polished(POLISHED)),
        ("dual annealing", search.annealed(rng)),
    ):
        for point in hits:
            confirmed = search.confirmed(point)
            if confirmed is not None:
                seconds = time.perf_counter() - began
                instance, verdict = confirmed
                return Refutation(instance, verdict, stage, search.evaluations, seconds)
    return None


class _Search:
    """The points tried so far with their scores, and the ways to find better ones."""

    def __init__(self, sides: SidesOf, family: Family, stop_at: float) -> None:
        self.sides = sides
        self.family = family
        self.stop_at = stop_at
        self.evaluations = 0
        self.tried: list[tuple[float, int, Point]] = []

    def score(self, point: Point) -> Score:
        """Smallest relative margin of the run in float64."""
        if time.perf_counter() > self.stop_at:
            raise TimeoutError
        self.evaluations += 1
        with np.errstate(all="ignore"):
            worst = min(
                (_score(sides) for sides in self.sides(_float_run(point))),
                key=lambda score: score.margin,
                default=Score(math.inf, point.steps),
            )
        self.tried.append((worst.margin, self.evaluations, point))
        return worst

    def at_points(self, points: Iterable[Point]) -> Iterator[Point]:
        """Those of the points where the statement fails in float64."""
        for point in points:
            if self.score(point).margin < HIT:
                yield point

    def polished(self, count: int) -> Iterator[Point]:
        """Local minima of the margin, from the best points so far."""
        for _, _, point in sorted(self.tried)[:count]:
            result = minimize(
                self._objective(point),
                point.vector(),
                method="L-BFGS-B",
                bounds=self.family.bounds(point),
                options={"maxiter": 60},
            )
            yield from self.at_points([point.moved_to(result.x)])

    def annealed(self, rng: np.random.Generator) -> Iterator[Point]:
        """A global minimum of the margin in a box around the best point so far."""
        _, _, point = min(self.tried)
        result = dual_annealing(
            self._objective(point),
            bounds=self.family.bounds(point),
            maxfun=ANNEALING_EVALUATIONS,
            rng=rng,
            x0=point.vector(),
        )
        yield from self.at_points([point.moved_to(result.x)])

    def confirmed(self, point: Point) -> tuple[Instance, Verdict] | None:
        """The point rounded to rationals, if it fails the statement rigorously."""
        for digits in DIGITS:
            instance = self.family.rounded(point, digits)
            score = self.score(self.family.point(instance))
            instance = instance.with_steps(score.t)
            if score.margin < HIT and ball.affordable(instance):
                verdict = ball.check(self.sides, instance)
                if verdict.status is Status.FAILS:
                    return instance, verdict
        return None

    def _objective(self, point: Point) -> Callable[[FloatArray], float]:
        def objective(vector: FloatArray) -> float:
            margin = self.score(point.moved_to(vector)).margin
            # An optimiser needs a number where float64 has none; 1 is the worst relative margin.
            return margin if math.isfinite(margin) else 1.0

        return objective


def _float_run(point: Point) -> Run:
    rewards = point.rewards - point.rewards.max()
    weights = np.exp(rewards)
    reference = _softmax(point.logits)
    lam = math.inf
    if point.log_load is not None:
        scale = 1 if point.K in (1, math.inf) else int(point.K) - 1
        lam = math.exp(point.log_load) / scale
    return iterate(
        FloatArithmetic(),
        reference=reference,
        weights=weights,
        exact_weights=weights.tolist(),
        levels=weight_levels(weights.tolist()),
        initial=reference if point.start is None else _softmax(point.start),
        K=point.K,
        lam=lam,
        exact_lam=lam,
        steps=point.steps,
    )


def _softmax(logits: FloatArray) -> FloatArray:
    masses = np.exp(logits - logits.max())
    total: FloatArray = masses / masses.sum()
    return total


def _score(sides: Sides) -> Score:
    left, right = np.asarray(sides.left, dtype=float), np.asarray(sides.right, dtype=float)
    margin = np.asarray(sides.margin, dtype=float)
    if sides.relation is Relation.EQUAL:
        margin = -np.abs(margin)
    size = np.abs(left) + np.abs(right)
    # Sides that vanish together, or overflow, say nothing.
    relative = np.where(size > 0, margin / np.where(size > 0, size, 1.0), 0.0)
    return Score(float(np.nan_to_num(relative, nan=1.0).min()), sides.t)
