r"""Numeric evidence: float64 runs of :class:`theory.RetrainingLoop` on random laws and on grids.

The tolerance is that of the computation, not of taste. One round of the quadrature is right to
``ROUND_ERROR`` relative to max(1, H), so a sum over atoms with terms of size c (the condition that
the claim states) is off by at most ``ROUND_ERROR`` times c. The claims compare consecutive rounds
or are proved by induction over them, one round's inequality added to the last one's; along a run
with such errors the margin therefore loses at most their sum, t + 1 times as much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from theory.choice import Choice
from theory.curation import curation_factor
from theory.evidence.floating import FloatArithmetic
from theory.evidence.instance import Instance
from theory.evidence.judge import SidesOf, compare, judged, tightest
from theory.evidence.run import Numbers, Run
from theory.evidence.sides import Relation, Sides
from theory.evidence.verdict import Comparison, Status, Strength, Verdict
from theory.law import Law
from theory.loop import RetrainingLoop

# Error of one round over all K up to 10^6 and reward ranges up to 700, relative to max(1, H).
ROUND_ERROR = 3e-13
# Largest weights up to here keep their fourth powers within float64.
LARGEST_UNIT = 10**70


class LawArithmetic(FloatArithmetic):
    """float64 with the curation factor of :func:`theory.curation_factor`."""

    def factor(self, law: Numbers, weights: Sequence[Any], K: int | float) -> Numbers:
        """Curation factor by the library's near-linear quadrature."""
        state = Law.from_weights(law, np.asarray(weights), normalise=True)
        return curation_factor(state, K, method="auto" if K == math.inf else "quadrature")


@dataclass(frozen=True)
class Scenario:
    r"""A loop on a float64 law; ``label`` is an instance or the description of a grid, ``top`` the
    largest weight, the unit of claims that have one."""

    label: Instance | str
    reference: Law
    K: int | float
    lam: Fraction | float
    steps: int
    initial: Law | None = None
    choice: Choice | None = None
    top: float = 1.0

    @classmethod
    def of(cls, instance: Instance) -> Scenario:
        """The instance with its rationals rounded to float64; only ratios of weights matter to the
        loop, and where the weights are near the limits of float64 their unit is dropped."""
        top = max(instance.weights)
        weights = [float(weight / top) for weight in instance.weights]

        def law(masses: Sequence[Fraction]) -> Law:
            return Law.from_weights([float(mass) for mass in masses], weights, normalise=True)

        return cls(
            label=instance,
            reference=law(instance.probabilities),
            K=instance.K,
            lam=instance.lam,
            steps=instance.steps,
            initial=None if instance.initial is None else law(instance.initial),
            choice=instance.choice,
            top=float(top) if 1 / LARGEST_UNIT < top < LARGEST_UNIT else 1.0,
        )


def check(sides: SidesOf, scenario: Scenario) -> Verdict:
    """Evaluate every comparison along a run of the loop, to the stated tolerance."""
    # Constants that overflow are bounds that hold with room to spare; NaN is caught by `judge`.
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        comparisons: list[Comparison] = []
        note = ""
        try:
            comparisons.extend(judged(sides(float_run(scenario)), judge))
        except OverflowError as reason:
            note = f"beyond float64: {reason}"
        return Verdict(Strength.NUMERIC, scenario.label, tightest(comparisons), note)


def float_run(scenario: Scenario) -> Run:
    """The trajectory of the library's loop, on the atoms that the reference charges."""
    loop = RetrainingLoop(
        scenario.reference,
        scenario.K,
        float(scenario.lam),
        scenario.initial,
        arithmetic="float64",
        choice=scenario.choice,
    )
    charged = scenario.reference.probabilities > 0
    rewards = scenario.reference.rewards[charged]
    weights = scenario.top * np.exp(rewards - rewards.max())
    distinct, ascending = np.unique(rewards, return_inverse=True)
    return Run(
        arithmetic=LawArithmetic(),
        reference=scenario.reference.probabilities[charged],
        weights=weights,
        levels=(distinct.size - 1 - ascending).astype(np.int64),
        K=scenario.K,
        lam=float(scenario.lam),
        laws=[law.probabilities[charged] for law in loop.run(scenario.steps).laws],
        exact_lam=scenario.lam,
        exact_weights=weights,
        choice=scenario.choice,
    )


def judge(sides: Sides) -> Comparison:
    """The tightest entry of one comparison, decided up to its tolerance."""
    left, right = np.broadcast_arrays(
        np.asarray(sides.left, dtype=np.float64), np.asarray(sides.right, dtype=np.float64)
    )
    size = np.maximum(np.abs(left), np.abs(right)) if sides.condition is None else sides.condition
    tolerance = np.broadcast_to(ROUND_ERROR * (sides.t + 1) * np.asarray(size), left.shape).ravel()
    left, right = left.ravel(), right.ravel()
    flat = Sides(sides.part, sides.relation, left, right, sides.t)
    margin = -np.abs(flat.margin) if sides.relation is Relation.EQUAL else flat.margin
    # A margin that is not a number, or a tolerance without limit, decides nothing.
    decided = ~np.isnan(margin) & np.isfinite(tolerance)
    excess = margin + tolerance
    fails = decided & (excess < 0)
    total = np.abs(left) + np.abs(right)
    # A bound that overflowed holds with all the room there is, an overflow past its bound fails.
    relative = excess / np.where((total > 0) & np.isfinite(total), total, 1.0)
    relative = np.where(decided, relative, np.inf)
    if fails.any():
        status, worst = Status.FAILS, int(np.argmin(np.where(fails, relative, np.inf)))
    elif not decided.all():
        status, worst = Status.UNDECIDED, int(np.argmin(decided))
    else:
        status, worst = Status.HOLDS, int(np.argmin(relative))
    entry = Sides(sides.part, sides.relation, left[worst], right[worst], sides.t)
    return replace(compare(entry, status, float(tolerance[worst])), moments=left.size)
