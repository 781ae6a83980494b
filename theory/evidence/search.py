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
# A margin below this share of the terms it is a difference of is rounding too: a round of the
# quadrature is right to some 1e-14.
ROUNDING = 1e-13
# A hit is rounded as coarsely as it stays one: short rationals make readable counterexamples.
DIGITS = (1, 2, 3, 5, 8, 12)
# Seconds between two reports of progress.
REPORT_EVERY = 0.1


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


@dataclass(frozen=True)
class Progress:
    """Where a search stands: its stage, the runs evaluated, and the smallest relative margin of
    those that fulfil the statement."""

    stage: str
    evaluations: int
    margin: float


@dataclass(frozen=True)
class Hunt:
    """What a search did: its counterexample, if it found one, or else how close it came.

    ``closest`` is the instance of the smallest relative margin that float64 can tell from 0.
    """

    refutation: Refutation | None
    evaluations: int
    seconds: float
    closest: Instance | None
    margin: float


def refute(
    sides: SidesOf,
    family: Family,
    rng: np.random.Generator,
    starts: Sequence[Instance] = (),
    deadline: float = 60.0,
) -> Refutation | None:
    """Look once for a confirmed counterexample to a statement; ``None`` when there is none in time.

    Parameters as for :func:`hunt`.
    """
    return hunt(sides, family, rng, starts, deadline).refutation


def hunt(
    sides: SidesOf,
    family: Family,
    rng: np.random.Generator,
    starts: Sequence[Instance] = (),
    deadline: float = 60.0,
    watch: Callable[[Progress], None] | None = None,
) -> Hunt:
    """Look for a confirmed counterexample to a statement, and say what was searched.

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
    watch
        Called a few times per second with the progress.
    """
    began = time.perf_counter()
    search = _Search(sides, family, began + deadline, watch)
    try:
        found = _first_confirmed(search, rng, starts)
    except TimeoutError:
        found = None
    seconds = time.perf_counter() - began
    refutation = None
    if found is not None:
        instance, verdict = found
        refutation = Refutation(instance, verdict, search.stage, search.evaluations, seconds)
    margin, point = search.closest
    closest = None if point is None else _shortest(sides, family, point, margin)
    return Hunt(refutation, search.evaluations, seconds, closest, margin)


def _shortest(sides: SidesOf, family: Family, point: Point, margin: float) -> Instance:
    """The point in the shortest rationals that keep its margin within a factor of 2."""
    for digits in DIGITS[:-1]:
        instance = family.rounded(point, digits)
        if 0 <= float_score(sides, family, instance).margin <= 2 * margin:
            return instance
    return family.rounded(point, DIGITS[-1])


def _first_confirmed(
    search: _Search, rng: np.random.Generator, starts: Sequence[Instance]
) -> tuple[Instance, Verdict] | None:
    family = search.family
    for stage, hits in (
        ("given instances", search.at_points(map(family.point, starts))),
        ("random draws", search.at_points(family.draw(rng) for _ in range(DRAWS))),
        ("extremes", search.at_points(map(family.point, family.extremes()))),
        ("L-BFGS-B", search.polished(POLISHED)),
        ("dual annealing", search.annealed(rng)),
    ):
        search.stage = stage
        for point in hits:
            confirmed = search.confirmed(point)
            if confirmed is not None:
                return confirmed
    return None


class _Search:
    """The points tried so far with their scores, and the ways to find better ones."""

    def __init__(
        self,
        sides: SidesOf,
        family: Family,
        stop_at: float,
        watch: Callable[[Progress], None] | None = None,
    ) -> None:
        self.sides = sides
        self.family = family
        self.stop_at = stop_at
        self.watch = watch
        self.watch_at = 0.0
        self.stage = ""
        self.evaluations = 0
        self.tried: list[tuple[float, int, Point]] = []
        self.closest: tuple[float, Point | None] = (math.inf, None)

    def score(self, point: Point) -> Score:
        """Smallest relative margin of the run in float64."""
        now = time.perf_counter()
        if now > self.stop_at:
            raise TimeoutError
        self.evaluations += 1
        with np.errstate(all="ignore"):
            worst = min(
                (_score(sides) for sides in self.sides(_float_run(point))),
                key=lambda score: score.margin,
                default=Score(math.inf, point.steps),
            )
        self.tried.append((worst.margin, self.evaluations, point))
        if 0 <= worst.margin < self.closest[0]:
            self.closest = (worst.margin, point)
        if self.watch is not None and now >= self.watch_at:
            self.watch_at = now + REPORT_EVERY
            self.watch(Progress(self.stage, self.evaluations, self.closest[0]))
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
            instance = self._shortened(instance, score.t)
            if score.margin < HIT and ball.affordable(instance):
                verdict = ball.check(self.sides, instance)
                if verdict.status is Status.FAILS:
                    return instance, verdict
        return None

    def _shortened(self, instance: Instance, t: int) -> Instance:
        """The instance without the rounds after t, unless what fails at t looks at a later law."""
        short = instance.with_steps(t)
        fails = float_score(self.sides, self.family, short).margin < HIT
        return short if fails else instance

    def _objective(self, point: Point) -> Callable[[FloatArray], float]:
        def objective(vector: FloatArray) -> float:
            margin = self.score(point.moved_to(vector)).margin
            # An optimiser needs a number where float64 has none; 1 is the worst relative margin.
            return margin if math.isfinite(margin) else 1.0

        return objective


def float_score(sides: SidesOf, family: Family, instance: Instance) -> Score:
    """Smallest relative margin of the instance's run in float64, without the family's bounds."""
    with np.errstate(all="ignore"):
        return min(
            (_score(entry) for entry in sides(_float_run(family.point(instance)))),
            key=lambda found: found.margin,
            default=Score(math.inf, instance.steps),
        )


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
        choice=point.choice,
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
    condition = size if sides.condition is None else np.asarray(sides.condition, dtype=float)
    # Sides that overflow, or differ by rounding alone, say nothing.
    told = (size > 0) & (np.abs(margin) > ROUNDING * condition)
    relative = np.where(told, margin / np.where(size > 0, size, 1.0), np.inf)
    return Score(float(relative.min(initial=np.inf)), sides.t)
