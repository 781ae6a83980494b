r"""From a confirmed counterexample to the smallest one near it, by Hypothesis's shrinker.

The counterexample is written as whole numbers (atoms, K, rounds, numerator and denominator of
:math:`\lambda`, a mass and a weight per atom) and handed to Hypothesis as a failing case that it
has seen before: it then makes the list shorter and its entries smaller, as long as the statement
still fails. Every step that is accepted fails it rigorously, not only in float64. Weights far apart
are first written as the ratios of successive ones: 1, 40, 1600 is simpler than it looks.
"""

from __future__ import annotations

import math
import operator
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate

from hypothesis import Phase, Verbosity, find, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes
from hypothesis.errors import HypothesisException

from theory.evidence import ball
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.judge import SidesOf
from theory.evidence.search import HIT, float_score
from theory.evidence.verdict import Status, Verdict

# Under this name the shrinker finds the counterexample that it starts from.
KEY = b"counterexample"
# Largest weight over smallest, above which weights are written as ratios first.
RATIOS_ABOVE = 10**5
# Coarser scales that are tried in turn.
SCALES = 200


def shrink(
    sides: SidesOf, family: Family, instance: Instance, deadline: float = 20.0
) -> tuple[Instance, Verdict]:
    """A counterexample at most as large as the given one, with the verdict that it fails.

    Parameters
    ----------
    sides
        The statement.
    family
        Where it is said to hold: what is returned belongs to it, perhaps with fewer atoms.
    instance
        A confirmed counterexample.
    deadline
        Seconds after which the smallest one so far is returned.

    Raises
    ------
    ValueError
        When the statement does not fail on the instance.
    """
    began = ball.check(sides, instance)
    if began.status is not Status.FAILS:
        raise ValueError(f"the statement {began.status} on {instance}: nothing to shrink.")
    judge = _Judge(sides, family, time.perf_counter() + deadline)
    smallest = instance
    for as_ratios in (True, False):
        if as_ratios == (max(smallest.weights) > RATIOS_ABOVE * min(smallest.weights)):
            smallest = _smallest(judge, _Layout(family, smallest, as_ratios)) or smallest
    coarser = _coarser(judge, smallest)
    if coarser != smallest:
        smallest = _smallest(judge, _Layout(family, coarser, as_ratios=False)) or coarser
    return smallest, judge.fails.get(smallest) or began


def _coarser(judge: _Judge, instance: Instance) -> Instance:
    """The instance with weights, then masses, on the coarsest scale on which it still fails: the
    shrinker lowers numbers one or two at a time, and never 119 : 116 to 26 : 25."""
    weights = _whole(instance.weights)
    for scaled in _rescaled(weights):
        candidate = replace(instance, weights=tuple(map(Fraction, scaled)))
        if judge(candidate):
            instance = candidate
            break
    for scaled in _rescaled(_whole(instance.probabilities)):
        total = sum(scaled)
        candidate = replace(instance, probabilities=tuple(Fraction(m, total) for m in scaled))
        if judge(candidate):
            return candidate
    return instance


def _rescaled(numbers: Sequence[int]) -> Iterator[list[int]]:
    """The numbers in about the same ratios, the largest from 1 upwards to what it is."""
    largest = max(numbers)
    for scale in range(1, min(largest, SCALES)):
        yield [max(1, round(Fraction(number * scale, largest))) for number in numbers]


def _smallest(judge: _Judge, layout: _Layout) -> Instance | None:
    """The smallest failing instance of the layout, ``None`` if it cannot express the first one."""
    database = InMemoryExampleDatabase()
    # One number more than is drawn: what was seen exactly as it stands would not be shrunk again.
    database.save(KEY, choices_to_bytes([*layout.choices(), 0]))
    profile = settings(
        database=database,
        deadline=None,
        derandomize=False,
        phases=(Phase.reuse, Phase.shrink),
        verbosity=Verbosity.quiet,
    )
    try:
        with _nothing_left_behind():
            return find(layout.strategy(), judge, settings=profile, database_key=KEY)
    except HypothesisException:
        return None


@contextmanager
def _nothing_left_behind() -> Iterator[None]:
    """Hypothesis's folder of caches in a place that goes away, not where the user happens to be."""
    with tempfile.TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


class _Judge:
    """Whether the statement fails rigorously on an instance; every answer is remembered."""

    def __init__(self, sides: SidesOf, family: Family, stop_at: float) -> None:
        self.sides = sides
        self.family = family
        self.stop_at = stop_at
        self.fails: dict[Instance | None, Verdict | None] = {None: None}

    def __call__(self, instance: Instance | None) -> bool:
        if instance not in self.fails:
            # After the deadline every new candidate is refused, which ends the shrinking.
            late = time.perf_counter() > self.stop_at
            self.fails[instance] = None if late or instance is None else self._failure(instance)
        return self.fails[instance] is not None

    def _failure(self, instance: Instance) -> Verdict | None:
        if self.family.objection(instance) or not ball.affordable(instance):
            return None
        try:
            return self._verdict(instance)
        except Exception:
            # Fewer rounds or atoms than the statement counts on: it says nothing there.
            return None

    def _verdict(self, instance: Instance) -> Verdict | None:
        # Most candidates are refused here, at a hundredth of the price of balls; λ = 0 has no
        # logarithm, and goes to the balls at once.
        if instance.lam > 0 and float_score(self.sides, self.family, instance).margin >= HIT:
            return None
        verdict = ball.check(self.sides, instance)
        return verdict if verdict.status is Status.FAILS else None


class _Layout:
    """Instances no larger than a given one as lists of whole numbers that shrink towards 0."""

    def __init__(self, family: Family, instance: Instance, as_ratios: bool) -> None:
        self.instance = instance
        self.as_ratios = as_ratios
        self.candidates = sorted({*(K for K in family.candidates if K <= instance.K), instance.K})
        ascending = sorted(range(len(instance.weights)), key=lambda i: instance.weights[i])
        order = ascending if as_ratios else range(len(instance.weights))
        self.masses = _whole([instance.probabilities[i] for i in order])
        self.weights = _whole([instance.weights[i] for i in order])
        if as_ratios:
            below = [1, *self.weights[:-1]]
            self.weights = [w // v for w, v in zip(self.weights, below, strict=True)]
        self.start = None
        if instance.initial is not None:
            self.start = _whole([instance.initial[i] for i in order])
        self.pure = instance.lam == math.inf
        self.lam = Fraction(0) if self.pure else Fraction(instance.lam)

    def choices(self) -> list[int]:
        """The instance itself, in the order in which :meth:`strategy` draws."""
        instance = self.instance
        head = [len(instance.weights) - 1, len(self.candidates) - 1, instance.steps]
        if not self.pure:
            head += [self.lam.numerator, self.lam.denominator]
        columns = [self.masses, self.weights, *([] if self.start is None else [self.start])]
        return [*head, *(entry for atom in zip(*columns, strict=True) for entry in atom)]

    def strategy(self) -> st.SearchStrategy[Instance | None]:
        """Draws of instances, ``None`` where the numbers make none."""
        columns = [
            st.integers(1, max(self.masses)),
            st.integers(1, max(self.weights)),
            *([] if self.start is None else [st.integers(0, max(self.start))]),
        ]

        @st.composite
        def instances(draw: st.DrawFn) -> Instance | None:
            n = 1 + draw(st.integers(0, len(self.weights) - 1))
            K = self.candidates[draw(st.integers(0, len(self.candidates) - 1))]
            steps = draw(st.integers(0, self.instance.steps))
            lam: Fraction | float = math.inf
            if not self.pure:
                numerator = draw(st.integers(0, self.lam.numerator))
                lam = Fraction(numerator, draw(st.integers(1, self.lam.denominator)))
            atoms = [draw(st.tuples(*columns)) for _ in range(n)]
            weights = [atom[1] for atom in atoms]
            if self.as_ratios:
                weights = [*accumulate(weights, operator.mul)]
            start = None if self.start is None else [atom[2] for atom in atoms]
            if start is not None and sum(start) == 0:
                return None
            return Instance.of(
                [atom[0] for atom in atoms],
                weights,
                K=K,
                lam=lam,
                steps=steps,
                initial=start,
            )

        return instances()


def _whole(numbers: Sequence[Fraction]) -> list[int]:
    """The numbers in the ratio of whole ones without a common factor."""
    common = math.lcm(*(number.denominator for number in numbers))
    whole = [int(number * common) for number in numbers]
    divisor = math.gcd(*whole)
    return [number // divisor for number in whole]
