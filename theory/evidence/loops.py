r"""Loops on finite laws as the subject of a claim: which cases, checked and attacked how."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from theory.evidence import ball, numeric, rational, search
from theory.evidence.family import Family
from theory.evidence.grids import GRIDS
from theory.evidence.instance import Instance
from theory.evidence.judge import SidesOf
from theory.evidence.numeric import Scenario
from theory.evidence.subject import Setting
from theory.evidence.verdict import Strength, Verdict

# Significant digits of random rational instances: enough to be generic, short enough to print.
DIGITS = 3
# Bounds for exact runs on random instances: on the growth of denominators, and on that times the
# terms of a round, which the time follows.
BRIEF_GROWTH, BRIEF_WORK = 100, 20_000
# A random run keeps this many rounds at least: claims compare rounds.
FEWEST_ROUNDS = 2
# Draws in search of an affordable instance before the family is called unaffordable.
PATIENCE = 1_000


@dataclass(frozen=True)
class Loops:
    """The loops of a family; for exact evidence those of a part of it, if one is given."""

    family: Family
    exact_family: Family | None = None

    def named(self, strength: Strength) -> Sequence[Instance | Scenario]:
        """Degenerate cases; in balls the extremes too, whose weights, a billion times one another,
        make rationals too long and rewards further apart than float64 tells; in float64 grids."""
        family = self._family_at(strength)
        if strength is Strength.NUMERIC:
            return [*map(Scenario.of, family.corners()), *_grids(family)]
        if strength is Strength.EXACT:
            return family.corners()
        # Bounds see most of what they show, and the rest must be within reach of listing.
        extremes = (shortened(instance, ball.listable, 1) for instance in family.extremes())
        return [*family.corners(), *filter(ball.listable, extremes)]

    def draw(self, strength: Strength, rng: np.random.Generator) -> Instance:
        """A random instance, its run shortened until it is affordable."""
        family = self._family_at(strength)
        affordable = {
            Strength.EXACT: _brief,
            Strength.CERTIFIED: ball.affordable,
            Strength.NUMERIC: _always,
        }[strength]
        for _ in range(PATIENCE):
            drawn = family.rounded(family.draw(rng), DIGITS)
            instance = shortened(drawn, affordable, FEWEST_ROUNDS)
            if affordable(instance):
                return instance
        raise ValueError(
            f"none of {PATIENCE} instances of {family} was affordable: give it fewer atoms or "
            "a smaller K."
        )

    def check(self, sides: SidesOf, case: Instance | Scenario, strength: Strength) -> Verdict:
        """Exact, in balls or in float64, on an instance; on a grid in float64 only."""
        if strength is Strength.NUMERIC:
            return numeric.check(sides, case if isinstance(case, Scenario) else Scenario.of(case))
        if not isinstance(case, Instance):
            raise TypeError(f"{case} is a float64 scenario: {strength} evidence needs rationals.")
        return (rational if strength is Strength.EXACT else ball).check(sides, case)

    def refute(
        self, sides: SidesOf, rng: np.random.Generator, starts: Sequence[Instance]
    ) -> search.Refutation | None:
        """A counterexample from the family, found in float64 and confirmed rigorously."""
        return search.refute(sides, self.family, rng, starts)

    def objection(self, case: Instance) -> str:
        """Why the loop is not one of the family; empty when it is."""
        return self.family.objection(case)

    def trivial(self, case: Instance | Scenario) -> bool:
        """Whether no round changes the law: K = 1, no synthetic data, or one weight."""
        if case.K == 1 or case.lam == 0:
            return True
        return isinstance(case, Instance) and len(set(case.weights)) == 1

    def settings(self) -> Sequence[Setting]:
        """Every K > 1 with both ends of the load."""
        return self.family.settings()

    def _family_at(self, strength: Strength) -> Family:
        return (strength is Strength.EXACT and self.exact_family) or self.family


def shortened(instance: Instance, affordable: Callable[[Instance], bool], fewest: int) -> Instance:
    """The instance with as many of its rounds as are affordable, at least the fewest."""
    while instance.steps > fewest and not affordable(instance):
        instance = instance.with_steps(instance.steps - 1)
    return instance


def _brief(instance: Instance) -> bool:
    """Whether an exact run takes about a tenth of a second: there are dozens of them."""
    growth = rational.growth(instance)
    short = growth <= BRIEF_GROWTH and growth * instance.terms <= BRIEF_WORK
    return short and rational.affordable(instance)


def _always(instance: Instance) -> bool:
    return True


def _grids(family: Family) -> Iterator[Scenario]:
    """Each density at the smallest and largest K of the family, with the ends of its load."""
    loads: list[Fraction | None] = [] if family.load is None else list(family.load)
    if family.load is None or family.pure_loop:
        loads.append(None)
    for name, law in GRIDS.items():
        for K in sorted({min(family.candidates), max(family.candidates)}):
            for load in loads:
                lam = math.inf if load is None else family.ratio(load, K)
                yield Scenario(
                    label=f"{name}; K = {K}, λ = {lam}, rounds = {family.steps}",
                    reference=law(),
                    K=K,
                    lam=lam,
                    steps=family.steps,
                )
