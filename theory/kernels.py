r"""The two loops over atoms of the two-level quadrature, compiled by numba when it is installed.

Both forms have one contract. An atom of reward r lies at depth :math:`u = top - r`, in fine cell
:math:`\lfloor u/h\rfloor` of width h, at the local coordinate :math:`t \in [-1, 1]`. ``rank`` maps
a coarse cell (``FINE_PER_COARSE`` fine ones) to its place among the occupied ones, or is ``None``
when all are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.validation import FloatArray

try:
    import numba
except ImportError:  # the extra [fast] is optional
    numba = None

Rank = NDArray[np.int64] | None


def _locate(
    rewards: FloatArray, top: float, width: float, rank: Rank, count: int
) -> tuple[NDArray[np.int64], FloatArray]:
    scaled = (top - rewards) * (1 / width)
    cells = scaled.astype(np.int64)
    local = scaled - cells
    local *= 2
    local -= 1
    if rank is not None:
        per_coarse = count // int(rank.max() + 1)
        coarse = cells // per_coarse
        cells += (rank[coarse] - coarse) * per_coarse
    return cells, local


def deposit_numpy(
    masses: FloatArray,
    rewards: FloatArray,
    top: float,
    width: float,
    rank: Rank,
    moments: FloatArray,
) -> None:
    r"""Add :math:`\sum m_i t_i^k` over the atoms of each cell to ``moments`` (cells, powers)."""
    count, terms = moments.shape
    cells, local = _locate(rewards, top, width, rank, count)
    weighted = masses
    for power in range(terms):
        if power:
            weighted = weighted * local
        moments[:, power] += np.bincount(cells, weighted, minlength=count)


def evaluate_numpy(
    tables: FloatArray, rewards: FloatArray, top: float, width: float, rank: Rank
) -> FloatArray:
    """Values at the atoms of the polynomials ``tables`` (cells, powers)."""
    count, terms = tables.shape
    cells, local = _locate(rewards, top, width, rank, count)
    rows = tables.take(cells, axis=0)
    values: FloatArray = rows[:, terms - 1].copy()
    for power in range(terms - 2, -1, -1):
        values *= local
        values += rows[:, power]
    return values


def _deposit_loop(
    masses: Any, rewards: Any, top: float, inverse: float, rank: Any, per: int, moments: Any
) -> None:
    terms = moments.shape[1]
    for i in range(rewards.size):
        scaled = (top - rewards[i]) * inverse
        cell = np.int64(scaled)
        local = 2.0 * (scaled - cell) - 1.0
        if rank.size:
            coarse = cell // per
            cell += (rank[coarse] - coarse) * per
        term = masses[i]
        for power in range(terms):
            moments[cell, power] += term
            term *= local


def _evaluate_loop(
    tables: Any, rewards: Any, top: float, inverse: float, rank: Any, per: int, values: Any
) -> None:
    terms = tables.shape[1]
    for i in range(rewards.size):
        scaled = (top - rewards[i]) * inverse
        cell = np.int64(scaled)
        local = 2.0 * (scaled - cell) - 1.0
        if rank.size:
            coarse = cell // per
            cell += (rank[coarse] - coarse) * per
        value = tables[cell, terms - 1]
        for power in range(terms - 2, -1, -1):
            value = value * local + tables[cell, power]
        values[i] = value


deposit = deposit_numpy
evaluate = evaluate_numpy

if numba is not None:
    _compiled_deposit = numba.njit(cache=True, nogil=True)(_deposit_loop)
    _compiled_evaluate = numba.njit(cache=True, nogil=True)(_evaluate_loop)
    _ALL_KEPT = np.empty(0, dtype=np.int64)

    def deposit_numba(
        masses: FloatArray,
        rewards: FloatArray,
        top: float,
        width: float,
        rank: Rank,
        moments: FloatArray,
    ) -> None:
        """As :func:`deposit_numpy`, in one pass."""
        per = 1 if rank is None else moments.shape[0] // int(rank.max() + 1)
        ranks = _ALL_KEPT if rank is None else rank
        _compiled_deposit(masses, rewards, top, 1 / width, ranks, per, moments)

    def evaluate_numba(
        tables: FloatArray, rewards: FloatArray, top: float, width: float, rank: Rank
    ) -> FloatArray:
        """As :func:`evaluate_numpy`, in one pass."""
        per = 1 if rank is None else tables.shape[0] // int(rank.max() + 1)
        values = np.empty_like(rewards)
        ranks = _ALL_KEPT if rank is None else rank
        _compiled_evaluate(tables, rewards, top, 1 / width, ranks, per, values)
        return values

    deposit = deposit_numba
    evaluate = evaluate_numba
