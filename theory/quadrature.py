r"""The curation factor by quadrature, at a cost near-linear in the number of atoms.

With :math:`1/S = \int_0^\infty e^{-sS}ds` and :math:`s = e^y` the factor is one integral for any K,

.. math:: H(w) = K w \int_{-\infty}^{\infty} e^{y} e^{-e^y w}\, \varphi(e^y)^{K-1}\, dy,
          \qquad \varphi(s) = E_p[e^{-s w}].

**Trapezoid rule.** Expanding :math:`\varphi^{K-1}` over the draws makes the integrand a positive
mixture of :math:`S e^{y - e^y S}`, so the rule's relative error is at most that of each term,
:math:`2\sum_{m\ge1}|\Gamma(1 + 2\pi i m/\Delta)|`: 1.8e-16 at step :math:`\Delta = 1/4`, whatever
the law and K.
Cutting the line at :math:`-38 - \log K` below and 4 above the smallest weight's scale removes
relative parts :math:`e^{-38}` and :math:`e^{-e^4}` of each term.

**Two levels.** Write :math:`u = r_{\max} - r`. Seen from a fixed y, the kernel
:math:`e^{-e^{y-u}}` is analytic for :math:`|\Im u| < \pi/2`, and :math:`\log H` for
:math:`|\Im u| < \pi`: both are polynomials to rounding on short cells.

1. *deposit*: the law becomes moments of low degree on fine cells of width 1/512;
2. *restrict*: the moments become masses on 32 Chebyshev nodes in each coarse cell of width 1/2;
3. *solve* the integral at the nodes, in logarithms;
4. *prolong*: :math:`\log H` becomes a polynomial on each fine cell, evaluated at each atom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from theory import kernels
from theory.threads import over_parts
from theory.validation import FloatArray

STEP = 0.25  # trapezoid step in y
COARSE = 0.5  # width of a coarse cell in reward; a multiple of STEP, so that cells share one table
STEPS_PER_CELL = round(COARSE / STEP)
NODES = 32  # Chebyshev nodes in a coarse cell: room for factors as steep as e^{-45u}
FINE_PER_COARSE = 256
FINE = COARSE / FINE_PER_COARSE
# Powers on a fine cell. One round sees only the kernel and log H: degree 3 errs by (2π 512)^-4.
# Factors gathered over m rounds are at most as steep as e^{-mu}: up to m = MOST_ROUNDS, degree 6 on
# a fine cell errs by (45/1024)^7 / (2^6 7!) = 1e-15, and the last Chebyshev coefficient on a coarse
# cell is e^{-45/4} I_32(45/4) = 4e-17.
ONE_ROUND_TERMS = 4
MANY_ROUNDS_TERMS = 7
MOST_ROUNDS = 45
LOWER = -38.0  # e^-38 = 3e-17
UPPER = 4.0  # exp(-e^4) = 2e-24
WIDEST = 10_000.0  # its tables take 30 MB
VANISH = UPPER + COARSE  # likewise exp(-e^4) for every node of a cell


def plain_log_factor(
    log_probabilities: FloatArray, rewards: FloatArray, K: int, block: int = 4096
) -> FloatArray:
    r"""Log of the curation factor by the trapezoid rule at every atom: O(atoms × nodes).

    The direct route that the two-level one is tested against. Arrays of shape (n,); rewards
    finite. ``block`` atoms at a time are held against all quadrature nodes.
    """
    depth = rewards.max() - rewards
    y = np.arange(
        math.floor((LOWER - math.log(K)) / STEP), math.ceil((depth.max() + UPPER) / STEP) + 1
    )
    y = y * STEP
    deficit = np.zeros_like(y)
    transform = np.zeros_like(y)
    blocks = [slice(start, start + block) for start in range(0, depth.size, block)]
    with np.errstate(over="ignore", under="ignore"):
        for part in blocks:
            exponent = -np.exp(y - depth[part, None])
            masses = np.exp(log_probabilities[part])
            transform += masses @ np.exp(exponent)
            deficit -= masses @ np.expm1(exponent)
        log_integrand = (
            y if K == 1 else y + (K - 1) * _log_transform(transform, deficit, _half_way(deficit))
        )
        factors = np.empty_like(depth)
        for part in blocks:
            terms = log_integrand - np.exp(y - depth[part, None])
            factors[part] = logsumexp(terms, axis=1)
    return factors - depth + math.log(K * STEP)


def _half_way(deficit: FloatArray) -> int:
    """First index where 1 - φ has reached 1/2. It increases, but for rounding on its plateaus, so
    whether a later value is above 1/2 must not be asked again."""
    reached = deficit >= 0.5
    return int(reached.argmax()) if reached.any() else deficit.size


def _log_transform(transform: FloatArray, deficit: FloatArray, half: int) -> FloatArray:
    """log φ: from 1 - φ before index ``half``, where φ is near 1, and from φ beyond."""
    with np.errstate(divide="ignore"):  # φ = 0 has logarithm -inf
        return np.concatenate(
            (np.log1p(-deficit[:half]), np.log(np.maximum(transform[half:], 0.0)))
        )


def _chebyshev_points(count: int) -> FloatArray:
    return -np.cos((np.arange(count) + 0.5) * np.pi / count)


def _lagrange(nodes: FloatArray, points: FloatArray) -> FloatArray:
    """Values of the Lagrange polynomials of Chebyshev ``nodes`` at ``points``, (points, nodes)."""
    count = nodes.size
    theta_nodes, theta_points = np.arccos(nodes), np.arccos(np.clip(points, -1, 1))
    degree = np.arange(count)
    scale = np.where(degree == 0, 1.0, 2.0) / count
    return np.cos(np.outer(theta_points, degree)) * scale @ np.cos(np.outer(degree, theta_nodes))


def _transfer(terms: int) -> FloatArray:
    """Table (fine cell, power, node): local monomial coefficients, in t in [-1, 1], of the
    polynomial through values at a coarse cell's nodes."""
    nodes = _chebyshev_points(terms)
    to_monomials = np.linalg.inv(np.vander(nodes, increasing=True))
    centres = (np.arange(FINE_PER_COARSE)[:, None] + (nodes + 1) / 2) / FINE_PER_COARSE * 2 - 1
    values = _lagrange(_chebyshev_points(NODES), centres.ravel())
    table: FloatArray = np.einsum(
        "kp,spj->skj", to_monomials, values.reshape(FINE_PER_COARSE, terms, NODES)
    )
    # Constants are transferred exactly: K - 1 factors multiply any error in the total mass of a
    # level, so each row's sum is made 1 for the constant term and 0 for the others.
    table -= table.mean(axis=2, keepdims=True)
    table[:, 0] += 1 / NODES
    return table


NODE_OFFSETS = (_chebyshev_points(NODES) + 1) / 2 * COARSE


@cache
def _restriction(terms: int) -> FloatArray:
    return np.ascontiguousarray(_transfer(terms).reshape(-1, NODES))


@cache
def _prolongation(terms: int) -> FloatArray:
    return np.ascontiguousarray(_transfer(terms).reshape(-1, NODES).T)


def _blocks(part: slice, size: int) -> Iterator[slice]:
    for start in range(part.start, part.stop, size):
        yield slice(start, min(start + size, part.stop))


class RewardGrid:
    """The cells that a vector of finite rewards occupies, and transfers between atoms and nodes.

    Depends on the rewards alone, so one grid serves every law of a retraining loop.

    Attributes
    ----------
    coarse_cells
        Numbers of the occupied coarse cells, counted down from the largest reward.
    depth_of_nodes
        Depth u below the largest reward at every node, shape (cells, NODES).
    """

    def __init__(self, rewards: FloatArray) -> None:
        self._rewards = rewards
        top = float(rewards.max())
        span = top - float(rewards.min())
        if span > WIDEST:
            raise ValueError(
                f"finite rewards span {span:.6g}: at finite K at most {WIDEST:g} is supported; "
                "give atoms that far below the top reward -inf (never kept against a finite one)."
            )
        last = math.floor((top - float(rewards.min())) / COARSE)
        self.coarse_cells = np.arange(last + 1)
        rank = np.empty(0, dtype=np.int64)
        if last >= 64:  # drop the empty cells of laws with few atoms or far apart
            self.coarse_cells = self._occupied(top, last)
            if self.coarse_cells.size <= last:
                rank = np.zeros(last + 1, dtype=np.int64)
                rank[self.coarse_cells] = np.arange(self.coarse_cells.size)
        self._cells = kernels.Cells(top, 1 / FINE, FINE_PER_COARSE, rank)
        self._fine_cells = self.coarse_cells.size * FINE_PER_COARSE
        # Temporaries stay in cache; no block is so short that clearing the cells dominates.
        self._block = max(kernels.BLOCK, 2 * self._fine_cells)
        self.depth_of_nodes: FloatArray = self.coarse_cells[:, None] * COARSE + NODE_OFFSETS

    def _occupied(self, top: float, last: int) -> NDArray[np.intp]:
        occupied = np.zeros(last + 1, dtype=bool)
        for part in _blocks(slice(0, self._rewards.size), 1 << 16):
            cells = ((top - self._rewards[part]) / COARSE).astype(np.intp)
            occupied[cells] = True
        return np.flatnonzero(occupied)

    def deposit(self, log_probabilities: FloatArray, terms: int = MANY_ROUNDS_TERMS) -> FloatArray:
        """Masses on the nodes, shape (cells, NODES), that integrate smooth functions of the
        reward as the law does; their sum is the law's total mass on these atoms."""

        def moments_of(part: slice) -> FloatArray:
            moments = np.zeros((self._fine_cells, terms))
            for block in _blocks(part, self._block):
                masses = np.exp(log_probabilities[block])
                kernels.deposit(masses, self._rewards[block], self._cells, moments)
            return moments

        parts = over_parts(self._rewards.size, moments_of)
        moments = sum(parts[1:], parts[0])
        return moments.reshape(self.coarse_cells.size, -1) @ _restriction(terms)

    def prolong(
        self,
        functions: Sequence[FloatArray],
        receive: Callable[..., None],
        terms: int = MANY_ROUNDS_TERMS,
    ) -> None:
        """Call ``receive(block, values, ...)`` for consecutive blocks of atoms, in any order, with
        the values there of the functions known on the nodes, one fresh array for each."""
        tables = [self._tables(values, terms) for values in functions]

        def evaluate(part: slice) -> None:
            for block in _blocks(part, self._block):
                rewards = self._rewards[block]
                receive(block, *(kernels.evaluate(table, rewards, self._cells) for table in tables))

        over_parts(self._rewards.size, evaluate)

    def _tables(self, values: FloatArray, terms: int) -> FloatArray:
        # Each cell's mean is kept out of the product, so that it rounds with the cell's variation.
        means = values.mean(axis=1, keepdims=True)
        tables = ((values - means) @ _prolongation(terms)).reshape(self._fine_cells, terms)
        tables[:, 0] += np.repeat(means[:, 0], FINE_PER_COARSE)
        return tables

    def at_atoms(self, values: FloatArray, terms: int = MANY_ROUNDS_TERMS) -> FloatArray:
        """The function known on the nodes, at every atom, shape (n,)."""
        result = np.empty_like(self._rewards)

        def receive(block: slice, block_values: FloatArray) -> None:
            result[block] = block_values

        self.prolong([values], receive, terms)
        return result

    def interpolation(self, depth: float) -> tuple[FloatArray, int]:
        """Weights, shape (NODES,), and coarse cell that interpolate node values at one depth."""
        cell = math.floor(depth / COARSE)
        point = np.array([2 * (depth / COARSE - cell) - 1])
        place = int(np.searchsorted(self.coarse_cells, cell))
        return _lagrange(_chebyshev_points(NODES), point)[0], place


class NodeSolver:
    """Solves the integral on a grid's nodes for one K, from one kernel table for all cells."""

    def __init__(self, grid: RewardGrid, K: int) -> None:
        cells = grid.coarse_cells
        self._depth = grid.depth_of_nodes
        self._K = K
        first = math.floor((LOWER - math.log(K)) / STEP)
        last = math.ceil((self._depth.max() + UPPER) / STEP)
        self._y = np.arange(first, last + 1) * STEP
        # Cell c sees y through z = y - c COARSE: one table in z serves every cell, which reads it
        # from its offset on, and up to its stop in y, where its kernel has vanished.
        low = first - STEPS_PER_CELL * int(cells[-1])
        high = min(round(VANISH / STEP), last - STEPS_PER_CELL * int(cells[0]))
        exponent = -np.exp(np.arange(low, high + 1) * STEP - NODE_OFFSETS[:, None])
        self._kernel, self._deficit = np.exp(exponent), -np.expm1(exponent)
        self._offsets = (first - low) - STEPS_PER_CELL * cells
        self._stops = np.minimum(self._y.size, high - low + 1 - self._offsets)

    def log_factor(self, masses: FloatArray, mass_at_minus_infinity: float = 0.0) -> FloatArray:
        """log H at the nodes, shape (cells, NODES), for a law given by its masses on the nodes and
        the mass of its atoms of reward -inf."""
        deficit = self._transform(masses, self._deficit, 0)
        vanished = np.bincount(self._stops, masses.sum(axis=1), minlength=self._y.size + 1)
        deficit += vanished.cumsum()[: self._y.size]
        half = _half_way(deficit)  # φ itself is needed only beyond
        transform = self._transform(masses, self._kernel, half)
        transform += mass_at_minus_infinity
        log_integrand = self._y + (self._K - 1) * _log_transform(transform, deficit, half)
        # The integrand's logarithm grows at most like y, so its largest value before a cell's stop
        # is within e^VANISH of the values that the kernel keeps: nothing underflows.
        largest = np.maximum.accumulate(log_integrand)[self._stops - 1][:, None]
        factors = np.empty_like(self._depth)
        for part in self._chunks():
            scaled = np.exp(np.minimum(log_integrand - largest[part], 0.0))
            shifted = np.zeros((scaled.shape[0], self._kernel.shape[1]))
            for row, values, offset, stop in self._windows(part, scaled):
                shifted[row, offset : offset + stop] = values[:stop]
            factors[part] = shifted @ self._kernel.T
        return np.log(factors) + largest + (math.log(self._K * STEP) - self._depth)

    def _transform(self, masses: FloatArray, table: FloatArray, start: int) -> FloatArray:
        """Sum over the nodes of mass times table, at every y from index ``start`` on."""
        total = np.zeros_like(self._y)
        for part in self._chunks():
            first = int(self._offsets[part].min()) + start
            if first >= table.shape[1]:
                continue
            products = masses[part] @ table[:, first:]
            for _, row, offset, stop in self._windows(part, products):
                if stop > start:
                    total[start:stop] += row[offset + start - first : offset + stop - first]
        return total

    def _chunks(self) -> Iterator[slice]:
        # A chunk's products take at most a few MB.
        return _blocks(slice(0, self._offsets.size), max(1, 400_000 // self._kernel.shape[1]))

    def _windows(self, part: slice, rows: FloatArray) -> Iterator[tuple[int, FloatArray, int, int]]:
        offsets, stops = self._offsets[part].tolist(), self._stops[part].tolist()
        yield from zip(range(len(offsets)), rows, offsets, stops, strict=True)
