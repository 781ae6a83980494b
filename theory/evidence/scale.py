r"""Statements that depend on the unit of the weights, which the loop itself does not.

All weights times a constant is the same loop, and the search moves among loops. Who forgets to
divide by :math:`w^*` has written a statement about loops *with a unit*; it is searched with its
largest weight held at one value after another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.judge import SidesOf
from theory.evidence.run import Run
from theory.evidence.search import float_score
from theory.evidence.sides import Sides

# Largest weights that are tried in turn: far above 1 and far below, then nearer.
TOPS = (Fraction(1000), Fraction(1, 1000), Fraction(4), Fraction(1, 4))
# Draws on which the two sides are compared in two units, and significant digits of each.
DRAWS, DIGITS = 10, 3


@dataclass(frozen=True)
class AtTop:
    """The statement on the same loop with its weights multiplied so that the largest is ``top``."""

    sides: SidesOf
    top: Fraction

    def __call__(self, run: Run) -> Iterable[Sides]:
        """Its comparisons."""
        largest = max(run.exact_weights)
        # Rationals stay rationals; the search has floats.
        top = self.top if isinstance(largest, Fraction) else float(self.top)
        return self.sides(
            replace(
                run,
                weights=run.weights * (run.number(self.top) / run.top_weight),
                exact_weights=[weight * top / largest for weight in run.exact_weights],
            )
        )


def with_top(instance: Instance, top: Fraction) -> Instance:
    """The same loop with the largest weight ``top``."""
    largest = max(instance.weights)
    return replace(instance, weights=tuple(weight * top / largest for weight in instance.weights))


def matters(sides: SidesOf, family: Family) -> bool:
    """Whether the statement has other margins, relative to its sides, in another unit."""
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        instance = family.rounded(family.draw(rng), DIGITS)
        one, other = (
            float_score(AtTop(sides, top), family, instance).margin
            for top in (Fraction(1), TOPS[0])
        )
        # The margin is relative: what the unit does to it is no matter of rounding.
        if not math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-9):
            return True
    return False
