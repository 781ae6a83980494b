r"""Proof by a chart: coordinates that are non-negative exactly where the assumptions hold.

As many affine assumptions :math:`g_j \ge 0` as there are variables, with :math:`x \mapsto g(x)`
invertible over the integers, are coordinates: every admissible x is :math:`x = \sigma(g)` with
:math:`g \ge 0`. When the conclusion :math:`c(\sigma(g))` has no negative coefficient it is
:math:`\ge 0` there. Where blocks of variables may be permuted — which is checked on the polynomials
— their first entries are ordered first, and the differences of neighbours become assumptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import flint

from theory.evidence.core import Core, Element, State, Statement, Undecided

# A polynomial with integer coefficients (flint.fmpz_mpoly).
Polynomial = Any


@dataclass(frozen=True)
class Affine:
    """An affine function with integer coefficients, in any ring."""

    offset: int
    slopes: tuple[int, ...]

    def at(self, coordinates: Sequence[Element]) -> Element:
        """Its value."""
        return self.offset + sum(a * g for a, g in zip(self.slopes, coordinates, strict=True) if a)


def coordinates(core: Core, state: State) -> list[Affine]:
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


def prove(core: Core, statement: Statement, conclusion: Polynomial) -> str:
    """How the core's chart proves the statement.

    Raises
    ------
    Undecided
        When it does not.
    """
    _check_symmetry(core, statement, conclusion)
    ring = conclusion.context()
    zero = ring.constant(0)
    images = [sigma.at(ring.gens()) + zero for sigma in coordinates(core, lambda *_: statement)]
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
