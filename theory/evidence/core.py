r"""What a core is: a polynomial statement that settles a claim for every law, written once.

A core says: *whatever real numbers satisfy the assumptions satisfy the conclusion*. It is built
with +, − and × only, so that one expression serves polynomials (python-flint), formulas (z3) and
exact numbers (:class:`fractions.Fraction`). What leads from the core to the claim — an average over
the draws, an induction over the rounds — is its ``step``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

# A member of the ring that a statement is written in: it has +, − and × with itself and with int.
Element = Any

# The factor on a constant of a statement as numerator and denominator: none, 2 % more, 2 % less.
Constant = tuple[int, int]
TRUE: Constant = (1, 1)
LARGER: Constant = (51, 50)
SMALLER: Constant = (49, 50)


@dataclass(frozen=True)
class Statement:
    r"""Assumptions and a conclusion over one ring.

    Attributes
    ----------
    assumed
        What is :math:`\ge 0`, by a label that reads as the assumption.
    conclusion
        What is then :math:`\ge 0` (:math:`= 0` in an identity).
    zero
        What is :math:`= 0`, by label.
    squares
        By label: expressions whose squares a proof may use. They assume nothing.
    """

    assumed: Mapping[str, Element]
    conclusion: Element
    zero: Mapping[str, Element] = field(default_factory=dict)
    squares: Mapping[str, Element] = field(default_factory=dict)


State = Callable[..., Statement]


class Undecided(Exception):
    """Neither proved nor refuted, with the reason."""


def without(state: State, label: str) -> State:
    """The statement with one assumption dropped.

    Raises
    ------
    KeyError
        When it makes no assumption of that label.
    """

    def weaker(*values: Element) -> Statement:
        statement = state(*values)
        kept = dict(statement.assumed)
        del kept[label]
        return replace(statement, assumed=kept)

    return weaker


@dataclass(frozen=True)
class FalseCore:
    """A statement one step away from a core, in its variables, and false.

    Attributes
    ----------
    name
        Short, e.g. ``"constant 2 % larger"``.
    state
        As for the core.
    """

    name: str
    state: State


@dataclass(frozen=True)
class Core:
    r"""A polynomial statement about real numbers, and how it proves a claim.

    Attributes
    ----------
    name
        Unique, e.g. ``"gain of one draw, K = 3"``.
    says
        What it asserts, in words and formulas.
    step
        How the claim follows: the averaging or induction step, with the derivation.
    variables
        Names of the real variables, in the order of ``state``'s arguments.
    state
        Values of the variables, in any ring, to the statement about them.
    twins
        Statements one step away that are false: at least one.
    identity
        Whether the conclusion is an equation.
    chart
        Labels of as many affine assumptions as there are variables, to serve as coordinates. Empty:
        a certificate is sought instead (:mod:`theory.evidence.positivity`).
    symmetric
        Blocks of variables that may be permuted; the first ones of the blocks can then be taken to
        increase from block to block, and ``chart`` may use ``"a <= b"`` for neighbours a, b.
    degree
        The largest number of assumptions multiplied together in a certificate.

    Raises
    ------
    ValueError
        When there is no false twin, or the chart has another size than the variables.
    """

    name: str
    says: str
    step: str
    variables: tuple[str, ...]
    state: State
    twins: tuple[FalseCore, ...]
    identity: bool = False
    chart: tuple[str, ...] = ()
    symmetric: tuple[tuple[str, ...], ...] = ()
    degree: int = 3

    def __post_init__(self) -> None:
        if not self.twins:
            raise ValueError(
                f"core {self.name!r} has no false twin: give one, or nothing shows that its check "
                "could fail."
            )
        if self.chart and len(self.chart) != len(self.variables):
            raise ValueError(
                f"core {self.name!r} has {len(self.variables)} variables and a chart of "
                f"{len(self.chart)} coordinates: give as many coordinates as variables."
            )


def admits(statement: Statement) -> bool:
    """Whether exact numbers satisfy the assumptions."""
    return all(value >= 0 for value in statement.assumed.values()) and all(
        value == 0 for value in statement.zero.values()
    )


def breaks(statement: Statement, identity: bool) -> bool:
    """Whether exact numbers satisfy the assumptions and not the conclusion."""
    wrong = statement.conclusion != 0 if identity else statement.conclusion < 0
    return bool(wrong) and admits(statement)
