r"""Checking the polynomial cores that prove a claim for every law.

A core is *decided* by the signs of coefficients (:mod:`theory.evidence.positivity`), in exact
integers. z3 (:mod:`theory.evidence.smt`) gives a second opinion on the statement as written; when
it gives up that is recorded, and is not agreement. Each false twin must be left undecided
by the first method and refuted by a point at which its assumptions hold and its conclusion fails,
both evaluated in fractions. Last, some point must satisfy a core's assumptions: nothing follows
from a contradiction that is worth having.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from typing import Any

from theory.evidence import chart, positivity, smt
from theory.evidence.core import Core, FalseCore, State, Statement, Undecided, admits, breaks

__all__ = ["Core", "CoreReport", "FalseCore", "Statement", "check"]

# Polynomials with more terms than this are not put to the solver: it spends many
# seconds on reading them before it starts to count its work.
MOST_TERMS_FOR_SOLVER = 400
# Points tried for a counterexample when the solver has none, and the values of coordinates there.
POINTS = 2000
VALUES = (0, 1, 1, 1, 2, 3, 10, 100, 1000, Fraction(1, 2), Fraction(1, 10), Fraction(1, 1000))
# Characters of a fraction that is printed in full; it is decided exactly all the same.
LONGEST_NUMBER = 24

Point = tuple[Fraction, ...]


@dataclass(frozen=True)
class CoreReport:
    r"""What the check of a core found.

    Attributes
    ----------
    name
        The core.
    holds
        Whether it is proved, and the solver does not contradict.
    method
        How it was decided, or why not.
    second_opinion
        What the solver said, and how long it took.
    twins
        Each false twin with its counterexample.
    seconds
        For everything.
    problems
        One sentence each; empty when all is well.
    """

    name: str
    holds: bool
    method: str
    second_opinion: str
    twins: tuple[tuple[str, str], ...]
    seconds: float
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "name": self.name,
            "holds": self.holds,
            "method": self.method,
            "second_opinion": self.second_opinion,
            "twins": [{"name": name, "counterexample": point} for name, point in self.twins],
            "seconds": self.seconds,
            "problems": list(self.problems),
        }


def check(core: Core) -> CoreReport:
    """Decide a core, ask for the second opinion, and refute its twins.

    Parameters
    ----------
    core
        The polynomial statement with its false twins.
    """
    start = time.perf_counter()
    decision = positivity.decide(core)
    problems = [] if decision.proved else [f"{core.name}: {decision.how}."]
    heard = _second_opinion(core, core.state, decision)
    if heard is not None and heard.answer is smt.Answer.DISAGREES:
        point = _written(core, heard.values or ())
        problems.append(f"{core.name}: the solver has a counterexample, {point}.")
    if not _satisfiable(core):
        problems.append(f"{core.name}: no point satisfies the assumptions.")
    holds = not problems
    twins = []
    for twin in core.twins:
        found = _refute(core, twin)
        if isinstance(found, str):
            problems.append(f"{core.name}, twin {twin.name!r}: {found}.")
        else:
            twins.append((twin.name, _counterexample(core, twin, found)))
    return CoreReport(
        name=core.name,
        holds=holds,
        method=decision.how,
        second_opinion=str(heard or f"not asked, {decision.terms} terms"),
        twins=tuple(twins),
        seconds=time.perf_counter() - start,
        problems=tuple(problems),
    )


def _second_opinion(core: Core, state: State, decision: positivity.Decision) -> smt.Opinion | None:
    """The solver's answer, or ``None`` for a statement too long to ask about."""
    if decision.terms > MOST_TERMS_FOR_SOLVER:
        return None
    return smt.opinion(core.variables, state, identity=core.identity)


def _satisfiable(core: Core) -> bool:
    if any(admits(core.state(*point)) for point in _points(core, core.state, 1)):
        return True

    def impossible(*values: Any) -> Statement:
        return replace(core.state(*values), conclusion=-1)

    heard = smt.opinion(core.variables, impossible, identity=False)
    return heard.answer is smt.Answer.DISAGREES


def _refute(core: Core, twin: FalseCore) -> Point | str:
    """A counterexample in fractions, or what is wrong with the twin or its check."""
    decision = positivity.decide(core, twin.state)
    if decision.proved:
        return f"proved, {decision.how}"
    heard = _second_opinion(core, twin.state, decision)
    suggested = (heard.values,) if heard and heard.values else ()
    for point in chain(suggested, _points(core, twin.state, POINTS)):
        if breaks(twin.state(*point), core.identity):
            return point
    return "no counterexample found"


def _points(core: Core, state: State, count: int) -> Iterator[Point]:
    """The point with all coordinates 1, then random ones: by the chart, whose points satisfy its
    assumptions, or else by the variables themselves."""
    generator = random.Random(0)
    size = len(core.variables)
    coordinates: Point = (Fraction(1),) * size
    try:
        images = chart.coordinates(core, state) if core.chart else None
    except Undecided:
        # A twin that drops an assumption of the chart has no such coordinates.
        images = None
    for _ in range(count):
        yield coordinates if images is None else tuple(sigma.at(coordinates) for sigma in images)
        coordinates = tuple(Fraction(generator.choice(VALUES)) for _ in range(size))


def _written(core: Core, point: Point) -> str:
    return ", ".join(f"{name} = {x}" for name, x in zip(core.variables, point, strict=True))


def _counterexample(core: Core, twin: FalseCore, point: Point) -> str:
    value = Fraction(twin.state(*point).conclusion)
    exact = str(value)
    if len(exact) > LONGEST_NUMBER:
        exact = f"about {Decimal(value.numerator) / Decimal(value.denominator):.3g}"
    return f"{_written(core, point)}: {exact} {'!= 0' if core.identity else '< 0'}"
