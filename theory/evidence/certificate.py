r"""Proof by a certificate: the conclusion as a sum of products of the assumptions.

Multipliers :math:`c_\alpha \ge 0` and :math:`q_{e\beta}` of any sign with

.. math:: c = \sum_\alpha c_\alpha\, g^\alpha + \sum_{e,\beta} q_{e\beta}\, x^\beta\, e(x),

products of assumptions and squares, and multiples of the assumed equations :math:`e(x) = 0`
(Handelman; for an identity the second sum alone). Linear programming in floats proposes which
products to use; their multipliers are then solved for in rationals and the identity is expanded, so
that no rounding is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, groupby
from math import lcm, prod
from typing import Any

import flint
import numpy as np
from scipy.optimize import linprog

from theory.evidence.core import Core, Statement, Undecided

# A polynomial with integer coefficients (flint.fmpz_mpoly).
Polynomial = Any

# Multipliers below this are taken for rounding in the proposal; the exact solution then decides.
NEGLIGIBLE = 1e-9
# Products printed of a certificate.
SHOWN = 6


@dataclass(frozen=True)
class Term:
    """A candidate for a certificate: a product that is non-negative, or zero and then ``free``, by
    the assumptions."""

    factors: tuple[str, ...]
    value: Polynomial
    free: bool = False

    def __str__(self) -> str:
        powers = [(factor, len(list(same))) for factor, same in groupby(self.factors)]
        return "·".join(f if power == 1 else f"{f}^{power}" for f, power in powers) or "1"


def prove(core: Core, statement: Statement, conclusion: Polynomial) -> str:
    """The certificate of the statement, in words.

    Raises
    ------
    Undecided
        When none is found.
    """
    if conclusion == 0:
        return "expands to zero"
    terms = [*_multiples(statement, conclusion)]
    if not core.identity:
        terms += _products(statement, conclusion, core.degree)
    if not terms:
        raise Undecided(f"expands to {len(conclusion)} terms, not to zero")
    chosen = _proposal(terms, conclusion)
    multipliers = _multipliers(chosen, conclusion)
    used = [(m, term) for m, term in zip(multipliers, chosen, strict=True) if m != 0]
    if any(m < 0 and not term.free for m, term in used):
        raise Undecided("the proposed certificate has a negative multiplier")
    scale = lcm(*(int(m.q) for m, _ in used))
    total = sum((int(scale * m) * term.value for m, term in used), conclusion * 0)
    if total != scale * conclusion:
        raise Undecided("the proposed certificate does not expand to the conclusion")
    shown = [str(term) if m == 1 else f"{m}·{term}" for m, term in used[:SHOWN]]
    more = [f"{len(used) - SHOWN} more"] if len(used) > SHOWN else []
    return "certificate: " + " + ".join(shown + more)


def _multiples(statement: Statement, conclusion: Polynomial) -> Iterator[Term]:
    """The assumed equations times monomials, these up to the degree of the conclusion."""
    ring = conclusion.context()
    one = ring.constant(1)
    for degree in range(conclusion.total_degree() + 1):
        for chosen in combinations_with_replacement(ring.gens(), degree):
            monomial = prod(chosen, start=one)
            for label, value in statement.zero.items():
                factors = (str(monomial), f"[{label}]") if chosen else (f"[{label}]",)
                yield Term(factors, monomial * value, free=True)


def _products(statement: Statement, conclusion: Polynomial, degree: int) -> Iterator[Term]:
    """Products of up to ``degree`` assumptions and squares."""
    ring = conclusion.context()
    one = ring.constant(1)
    factors = [Term((f"[{label}]",), one * g) for label, g in statement.assumed.items()]
    factors += [Term((f"[({label})²]",), one * s * s) for label, s in statement.squares.items()]

    def extend(start: int, term: Term, left: int) -> Iterator[Term]:
        yield term
        for index in range(start, len(factors) if left else start):
            factor = factors[index]
            longer = Term(term.factors + factor.factors, term.value * factor.value)
            yield from extend(index, longer, left - 1)

    yield from extend(0, Term((), one), degree)


def _proposal(terms: list[Term], conclusion: Polynomial) -> list[Term]:
    """The terms that a linear program with the smallest sum of multipliers uses."""
    columns = [term.value.to_dict() for term in terms] + [conclusion.to_dict()]
    rows = {m: i for i, m in enumerate(sorted({m for column in columns for m in column}))}
    table = np.zeros((len(rows), len(columns)))
    for j, column in enumerate(columns):
        for monomial, coefficient in column.items():
            table[rows[monomial], j] = float(int(coefficient))
    solution = linprog(
        np.array([0.0 if term.free else 1.0 for term in terms]),
        A_eq=table[:, :-1],
        b_eq=table[:, -1],
        bounds=[(None if term.free else 0.0, None) for term in terms],
        method="highs-ds",
    )
    if solution.x is None:
        raise Undecided(f"no certificate among {len(terms)} products")
    return [term for term, x in zip(terms, solution.x, strict=True) if abs(x) > NEGLIGIBLE]


def _multipliers(terms: list[Term], conclusion: Polynomial) -> list[Any]:
    """Rational multipliers with which the terms add up to the conclusion."""
    columns = [term.value.to_dict() for term in terms] + [conclusion.to_dict()]
    monomials = sorted({monomial for column in columns for monomial in column})
    matrix = flint.fmpq_mat(
        len(monomials),
        len(columns),
        [flint.fmpq(column.get(m, 0)) for m in monomials for column in columns],
    )
    reduced, rank = matrix.rref()
    solution = [flint.fmpq(0)] * len(terms)
    for i in range(rank):
        pivot = next(j for j in range(len(columns)) if reduced[i, j] != 0)
        if pivot == len(terms):
            raise Undecided("the proposed products do not add up to the conclusion")
        solution[pivot] = reduced[i, len(terms)]
    return solution
