r"""Deciding polynomial statements by the signs of coefficients.

Two ways, both in exact integers (python-flint); each can only prove, never refute: where it finds
nothing the statement is *undecided*.

*Chart.* As many affine assumptions :math:`g_j \ge 0` as there are variables, with
:math:`x \mapsto g(x)` invertible over the integers, are coordinates: every admissible x is
:math:`x = \sigma(g)` with :math:`g \ge 0`. When the conclusion :math:`c(\sigma(g))` has no negative
coefficient it is :math:`\ge 0` there. Where blocks of variables may be permuted — which is checked
on the polynomials — their first entries are ordered first, and the differences of neighbours become
assumptions.

*Certificate.* Multipliers :math:`c_\alpha \ge 0` and :math:`q_{e\beta}` of any sign with

.. math:: c = \sum_\alpha c_\alpha\, g^\alpha + \sum_{e,\beta} q_{e\beta}\, x^\beta\, e(x),

products of assumptions and squares, and multiples of the assumed equations :math:`e(x) = 0`
(Handelman; for an identity the second sum alone). Linear programming in floats proposes which
products to use; their multipliers are then solved for in rationals and the identity is expanded, so
that no rounding is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, groupby, pairwise
from math import lcm, prod
from typing import Any

import flint
import numpy as np
from scipy.optimize import linprog

from theory.evidence.core import Core, Element, State, Statement

# A polynomial with integer coefficients (flint.fmpz_mpoly).
Polynomial = Any

# Multipliers below this are taken for rounding in the proposal; the exact solution then decides.
NEGLIGIBLE = 1e-9
# Products printed of a certificate.
SHOWN = 6


@dataclass(frozen=True)
class Decision:
    """Whether the statement is proved, how (or why not), and in how many terms it expands."""

    proved: bool
    how: str
    terms: int


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


@dataclass(frozen=True)
class Affine:
    """An affine function with integer coefficients, in any ring."""

    offset: int
    slopes: tuple[int, ...]

    def at(self, coordinates: Sequence[Element]) -> Element:
        """Its value."""
        return self.offset + sum(a * g for a, g in zip(self.slopes, coordinates, strict=True) if a)


def decide(core: Core, state: State | None = None) -> Decision:
    """Try to prove the core's statement, or a twin's in the same variables and the same way."""
    ring = flint.fmpz_mpoly_ctx.get(core.variables, "degrevlex")
    statement = (state or core.state)(*ring.gens())
    conclusion = ring.constant(0) + statement.conclusion
    try:
        if core.chart:
            how = _by_chart(core, statement, conclusion)
        else:
            how = _by_certificate(core, statement, conclusion)
    except Undecided as reason:
        return Decision(False, f"undecided: {reason}", len(conclusion))
    return Decision(True, how, len(conclusion))


class Undecided(Exception):
    """Neither proved nor refuted, with the reason."""


def chart(core: Core, state: State) -> list[Affine]:
    r"""The variables as functions :math:`\sigma_i` of the chart's coordinates.

    Raises
    ------
    Undecided
        When the chart is not made of assumptions, or not invertible over the integers.
    """
    ring = flint.fmpz_mpoly_ctx.get(core.variables, "degrevlex")
    gens = ring.gens()
    assumed = {**_ordered_blocks(core), **state(*gens).assumed}
    slopes, offsets = [], []
    for label in core.chart:
        if label not in assumed:
            raise Undecided(f"nothing assumes {label}")
        coordinate = ring.constant(0) + assumed[label]
        if coordinate.total_degree() != 1:
            raise Undecided(f"the coordinate {label} is not affine")
        terms = coordinate.to_dict()
        offsets.append([terms.get((0,) * len(gens), 0)])
        slopes.append([terms.get(tuple(int(a == b) for b in gens), 0) for a in gens])
    matrix = flint.fmpq_mat(flint.fmpz_mat(slopes))
    if abs(matrix.det()) != 1:
        raise Undecided("the chart is not invertible over the integers")
    inverse = matrix.inv()
    shift = inverse * flint.fmpq_mat(flint.fmpz_mat(offsets))
    size = range(len(gens))
    return [Affine(-int(shift[i, 0].p), tuple(int(inverse[i, j].p) for j in size)) for i in size]


def _by_chart(core: Core, statement: Statement, conclusion: Polynomial) -> str:
    _check_symmetry(core, statement, conclusion)
    ring = conclusion.context()
    zero = ring.constant(0)
    images = [sigma.at(ring.gens()) + zero for sigma in chart(core, lambda *_: statement)]
    transformed = conclusion.compose(*images, ctx=ring)
    coefficients = transformed.coeffs()
    negative = sum(coefficient < 0 for coefficient in coefficients)
    if negative:
        raise Undecided(f"{negative} of {len(coefficients)} coefficients are negative")
    if core.identity and coefficients:
        raise Undecided(f"expands to {len(coefficients)} terms, not to zero")
    return f"all {len(coefficients)} coefficients positive in {len(core.chart)} coordinates >= 0"


def _ordered_blocks(core: Core) -> dict[str, Polynomial]:
    """Differences of the first entries of neighbouring symmetric blocks."""
    ring = flint.fmpz_mpoly_ctx.get(core.variables, "degrevlex")
    generator = dict(zip(core.variables, ring.gens(), strict=True))
    first = [block[0] for block in core.symmetric]
    return {f"{a} <= {b}": generator[b] - generator[a] for a, b in pairwise(first)}


def _check_symmetry(core: Core, statement: Statement, conclusion: Polynomial) -> None:
    """Swaps of neighbouring blocks, which generate all permutations, must change nothing."""
    ring = conclusion.context()
    assumed = {str(ring.constant(0) + value) for value in statement.assumed.values()}
    generator = dict(zip(core.variables, ring.gens(), strict=True))
    for a, b in pairwise(core.symmetric):
        partner = {**dict(zip(a, b, strict=True)), **dict(zip(b, a, strict=True))}
        swapped = [generator[partner.get(name, name)] for name in core.variables]
        moved = {
            str((ring.constant(0) + value).compose(*swapped, ctx=ring))
            for value in statement.assumed.values()
        }
        if moved != assumed or conclusion.compose(*swapped, ctx=ring) != conclusion:
            raise Undecided(f"not symmetric in {', '.join(a)} and {', '.join(b)}")


def _by_certificate(core: Core, statement: Statement, conclusion: Polynomial) -> str:
    terms = [*_multiples(statement, conclusion)]
    if not core.identity:
        terms += _products(statement, conclusion, core.degree)
    if conclusion == 0:
        return "expands to zero"
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
