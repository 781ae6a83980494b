r"""A second opinion on polynomial statements, from a solver that shares nothing with the first.

z3 (nonlinear real arithmetic) is given the assumptions and the negation of the conclusion as
written: no ordering, no coordinates, no certificate. *unsat* is agreement; a model is disagreement;
giving up is no opinion, and is never counted as agreement. Each question gets a fresh context and a
limit on the solver's own count of work, so the answer depends neither on what was asked before nor
on how busy the machine is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

import z3

from theory.evidence.core import State

# Where the solver gives up, in its own units of work: about a second on an idle core.
EFFORT = 6_000_000
# Digits to which the algebraic numbers of a model are read.
MODEL_DIGITS = 30


class Answer(StrEnum):
    """What the solver says of a statement."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    NO_OPINION = "no opinion"


@dataclass(frozen=True)
class Opinion:
    """The answer, the seconds and units of work it took and, in disagreement, the variables' values
    (irrational ones rounded)."""

    answer: Answer
    seconds: float
    work: int
    values: tuple[Fraction, ...] | None = None

    def __str__(self) -> str:
        if self.answer is Answer.NO_OPINION:
            return f"no opinion within {self.seconds:.2f} s"
        return f"{self.answer} in {self.seconds:.2f} s"


def opinion(
    variables: Sequence[str], state: State, *, identity: bool, effort: int = EFFORT
) -> Opinion:
    r"""Ask whether anything satisfies the assumptions and not the conclusion.

    Parameters
    ----------
    variables
        Names of the real variables.
    state
        Values to the statement.
    identity
        Whether the conclusion is an equation.
    effort
        The solver's units of work (its ``rlimit``) after which it gives up.
    """
    context = z3.Context()
    symbols = [z3.Real(name, context) for name in variables]
    statement = state(*symbols)
    solver = z3.Solver(ctx=context)
    solver.set("rlimit", effort)

    def formula(value: Any) -> Any:
        return z3.RealVal(value, context) if isinstance(value, int) else value

    solver.add(*(formula(value) >= 0 for value in statement.assumed.values()))
    solver.add(*(formula(value) == 0 for value in statement.zero.values()))
    conclusion = formula(statement.conclusion)
    solver.add(conclusion != 0 if identity else conclusion < 0)
    start = time.perf_counter()
    outcome = solver.check()
    seconds = time.perf_counter() - start
    work = solver.statistics().get_key_value("rlimit count")
    if outcome == z3.unsat:
        return Opinion(Answer.AGREES, seconds, work)
    if outcome == z3.unknown:
        return Opinion(Answer.NO_OPINION, seconds, work)
    model = solver.model()
    values = tuple(_value(model.eval(symbol, model_completion=True)) for symbol in symbols)
    return Opinion(Answer.DISAGREES, seconds, work, values)


def _value(number: Any) -> Fraction:
    rational = number.approx(MODEL_DIGITS) if z3.is_algebraic_value(number) else number
    return Fraction(rational.as_fraction())
