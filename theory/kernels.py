r"""The two loops over atoms of the two-level quadrature, compiled by numba when it is installed.

Both forms have one contract. An atom of reward r lies at depth :math:`u = top - r`, in fine cell
:math:`\lfloor u\,s\rfloor` for s cells per unit of reward, at the local coordinate
:math:`t \in [-1, 1]`. ``rank`` maps a coarse cell, which holds ``per_coarse`` fine ones, to its
place among the occupied ones; an empty ``rank`` keeps all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.validation import FloatArray

HAVE_NUMBA = find_spec("numba") is not None  # the extra [fast] is optional


@dataclass(frozen=True)
class Cells:
    """Where atoms lie: largest reward, fine cells per unit of reward and per coarse cell, ranks."""

    top: float
    per_unit: float
    per_coarse: int
    rank: NDArray[np.int64]

    def locate(self, rewards: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
        """Fine cell and local coordinate of each atom."""
        scaled = (self.top - rewards) * self.per_unit
        cells = scaled.astype(np.int64)
        local = scaled - cells
        local *= 2
        local -= 1
        if self.rank.size:
            coarse = cells // self.per_coarse
            cells += (self.rank[coarse] - coarse) * self.per_coarse
        return cells, local


def deposit_numpy(
    masses: FloatArray, rewards: FloatArray, cells: Cells, moments: FloatArray
) -> None:
    r"""Add :math:`\sum m_i t_i^k` over the atoms of each cell to ``moments`` (cells, powers)."""
    count, terms = moments.shape
    places, local = cells.locate(rewards)
    weighted = masses
    for power in range(terms):
        if power:
            weighted = weighted * local
        moments[:, power] += np.bincount(places, weighted, minlength=count)


def evaluate_numpy(tables: FloatArray, rewards: FloatArray, cells: Cells) -> FloatArray:
    """Values at the atoms, shape (n,), of the polynomials ``tables`` (cells, powers)."""
    places, local = cells.locate(rewards)
    rows = tables.take(places, axis=0)
    values: FloatArray = rows[:, -1].copy()
    for power in range(tables.shape[1] - 2, -1, -1):
        values *= local
        values += rows[:, power]
    return values


@cache
def _compiled(terms: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """Compiled loops for a fixed number of powers, which the compiler unrolls."""
    import numba  # imported late: it takes a second, and only large laws profit

    def deposit(
        masses: Any, rewards: Any, top: float, scale: float, per: int, rank: Any, moments: Any
    ) -> None:
        for i in range(rewards.size):
            scaled = (top - rewards[i]) * scale
            cell = np.int64(scaled)
            local = 2.0 * (scaled - cell) - 1.0
            if rank.size:
                coarse = cell // per
                cell += (rank[coarse] - coarse) * per
            term = masses[i]
            for power in range(terms):
                moments[cell, power] += term
                term *= local

    def evaluate(
        tables: Any, rewards: Any, top: float, scale: float, per: int, rank: Any, values: Any
    ) -> None:
        for i in range(rewards.size):
            scaled = (top - rewards[i]) * scale
            cell = np.int64(scaled)
            local = 2.0 * (scaled - cell) - 1.0
            if rank.size:
                coarse = cell // per
                cell += (rank[coarse] - coarse) * per
            value = tables[cell, terms - 1]
            for power in range(terms - 1):
                value = value * local + tables[cell, terms - 2 - power]
            values[i] = value

    return numba.njit(cache=True, nogil=True)(deposit), numba.njit(cache=True, nogil=True)(evaluate)


def deposit_numba(
    masses: FloatArray, rewards: FloatArray, cells: Cells, moments: FloatArray
) -> None:
    """As :func:`deposit_numpy`, in one pass."""
    _compiled(moments.shape[1])[0](
        masses, rewards, cells.top, cells.per_unit, cells.per_coarse, cells.rank, moments
    )


def evaluate_numba(tables: FloatArray, rewards: FloatArray, cells: Cells) -> FloatArray:
    """As :func:`evaluate_numpy`, in one pass."""
    values = np.empty_like(rewards)
    _compiled(tables.shape[1])[1](
        tables, rewards, cells.top, cells.per_unit, cells.per_coarse, cells.rank, values
    )
    return values


# Atoms handled at a time: the NumPy forms make many temporaries, the compiled ones hardly any.
NUMPY_BLOCK = 1 << 15
BLOCK = 1 << 17 if HAVE_NUMBA else NUMPY_BLOCK

# Below this many atoms the arrays are too short for compiled loops to pay for their start.
NUMBA_FROM = 20_000


def deposit(masses: FloatArray, rewards: FloatArray, cells: Cells, moments: FloatArray) -> None:
    """Deposit by the faster form available."""
    compiled = HAVE_NUMBA and rewards.size >= NUMBA_FROM
    (deposit_numba if compiled else deposit_numpy)(masses, rewards, cells, moments)


def evaluate(tables: FloatArray, rewards: FloatArray, cells: Cells) -> FloatArray:
    """Evaluate by the faster form available."""
    compiled = HAVE_NUMBA and rewards.size >= NUMBA_FROM
    return (evaluate_numba if compiled else evaluate_numpy)(tables, rewards, cells)
