r"""How far samples are from a law on a grid: relative entropy on cells, energy distance, sliced W.

All three compare samples with the *law*, not with other samples: the law's side has no sampling
error. What is left of it at the samples' side is stated with each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.signal import fftconvolve
from scipy.spatial.distance import cdist, pdist

from sim.generators.exact import cell_ends
from theory import Law

FloatArray = NDArray[np.float64]

# Samples expected in each cell, at least, so that the chi-square law of the divergence holds.
EXPECTED = 5.0
# Samples whose mutual distances are taken: the pairs of 4000 are 8 million (64 MB).
PAIRED = 4000
DIRECTIONS = 16
# Intervals on which two distribution functions are held against each other.
INTERVALS = 4096


@dataclass(frozen=True)
class CellDivergence:
    r"""Relative entropy of samples against a law on cells, in nats.

    Attributes
    ----------
    plain
        :math:`\sum_c \hat q_c\log(\hat q_c/p_c)`, at least 0.
    corrected
        Less :math:`(c_{>0}-1)/(2m)` for m samples in :math:`c_{>0}` cells: the bias to order 1/m
        (Miller and Madow). It may fall below 0.
    cells
        Number c of cells. Samples of the law itself have 2 m times the plain value near a
        chi-square law of c − 1 degrees of freedom, for independent samples.
    """

    plain: float
    corrected: float
    cells: int


class Ruler:
    r"""Distances from samples to one law on an evenly spaced grid in one or two dimensions.

    Parameters
    ----------
    law
        The law, made by ``Law.from_density``.
    blocks
        Cells per axis for the relative entropy, each a block of the grid's; by default 24 in the
        plane and 100 on the line.

    Raises
    ------
    ValueError
        For a law without a grid, an uneven grid, or more blocks than grid cells.
    """

    def __init__(self, law: Law, blocks: int | None = None) -> None:
        if law.grid is None:
            raise ValueError("the law has no grid: give one made by Law.from_density.")
        for axis in law.grid:
            gaps = np.diff(axis)
            if not np.allclose(gaps, gaps[0], rtol=1e-6):
                raise ValueError("the grid is not evenly spaced: give equal cells.")
        self.law = law
        self.axes = law.grid
        self.steps = [float(axis[-1] - axis[0]) / (len(axis) - 1) for axis in law.grid]
        self.blocks = {1: 100, 2: 24}[len(law.grid)] if blocks is None else blocks
        if not 1 <= self.blocks <= min(law.shape):
            raise ValueError(f"{self.blocks} blocks do not fit a grid of {law.shape} cells.")
        self._masses = law.probabilities.reshape(law.shape)
        self._potential = self._potential_of_law()
        # Mean distance of two independent draws of the law.
        self._within = float((self._masses * self._potential).sum())

    def divergence(self, samples: Any) -> CellDivergence:
        r"""Relative entropy of the samples' law against this law, on cells.

        Cells are blocks of the grid; those in which fewer than ``EXPECTED`` of the samples are
        expected are made one, which also takes what lies outside the grid, so that the value is
        finite, at most :math:`\log(m/5)`. By data processing it estimates a lower bound of the
        divergence between the laws.
        """
        points = self._points(samples)
        m = len(points)
        block = np.zeros(m, dtype=np.int64)
        outside = np.zeros(m, dtype=bool)
        for k, axis in enumerate(self.axes):
            owner = self._owners(axis)
            low, high = cell_ends(axis)
            cell = np.searchsorted(high, points[:, k]).clip(0, len(axis) - 1)
            outside |= (points[:, k] < low[0]) | (points[:, k] > high[-1])
            block = block * self.blocks + owner[cell]
        p = self._in_blocks(self._masses)
        order = np.argsort(p)
        # The smallest cells, until together they expect enough.
        enough = np.searchsorted(np.cumsum(p[order]), EXPECTED / m)
        rest = np.zeros(len(p), dtype=bool)
        rest[order[: enough + 1]] = True
        rest |= p < EXPECTED / m
        counts = np.bincount(block[~outside], minlength=len(p)).astype(np.float64)
        q = np.append(counts[~rest], m - counts[~rest].sum()) / m
        p = np.append(p[~rest], p[rest].sum())
        seen = q > 0
        plain = float((q[seen] * np.log(q[seen] / p[seen])).sum())
        return CellDivergence(plain, plain - (int(seen.sum()) - 1) / (2 * m), len(p))

    def energy(self, samples: Any) -> float:
        r"""Squared energy distance :math:`2E|X-Y|-E|X-X'|-E|Y-Y'|`, in units of length.

        Of the first ``PAIRED`` samples X and the law of Y; unbiased for independent samples, so
        that it may fall below 0. Error of the grid: below :math:`10^{-4}` of the spread at 200
        cells per axis. Samples off the grid are held against the blocks' centres of mass, to a
        relative error of the square of a block's size over its distance.
        """
        points = self._points(samples)[:PAIRED]
        m = len(points)
        if m < 2:
            raise ValueError(f"{m} samples have no mutual distances: give two or more.")
        place = np.stack(
            [(x - a[0]) / h for x, a, h in zip(points.T, self.axes, self.steps, strict=True)]
        )
        ends = np.array(self.law.shape)[:, None] - 1.0
        inside = place.clip(0.0, ends)
        across = map_coordinates(self._potential, inside, order=3, mode="nearest")
        outside = (place != inside).any(axis=0)
        masses, centres = self._barycentres
        across[outside] = cdist(points[outside], centres) @ masses
        return 2 * float(across.mean()) - float(pdist(points).mean()) - self._within

    def sliced(self, samples: Any) -> float:
        r"""Sliced Wasserstein distance: the mean of :math:`W_1` over projections on directions.

        ``DIRECTIONS`` evenly spaced ones in the plane, the one there is on the line. In units of
        length; samples of the law itself have a mean of order :math:`m^{-1/2}`, not 0. Distribution
        functions are compared on ``INTERVALS`` intervals of the range of law and samples together:
        the error is a fraction of the length of one.
        """
        points = self._points(samples)
        if len(self.axes) == 1:
            return self._transport(np.ones(1), points)
        angles = (np.arange(DIRECTIONS) + 0.5) * math.pi / DIRECTIONS
        return float(
            np.mean([self._transport(np.array([np.cos(a), np.sin(a)]), points) for a in angles])
        )

    def _transport(self, direction: FloatArray, points: FloatArray) -> float:
        """W_1 on the line between projections: the integral of |F - G|."""
        drawn = np.sort(points @ direction)
        centres = np.zeros(1)
        for axis, component in zip(self.axes, direction, strict=True):
            centres = (centres[..., None] + component * axis).reshape(-1)
        widths = [abs(c) * h for c, h in zip(direction, self.steps, strict=True)]
        reach = sum(widths)
        low = min(centres.min() - reach, drawn[0])
        high = max(centres.max() + reach, drawn[-1])
        step = (high - low) / INTERVALS
        cell = np.minimum((centres - low) / step, INTERVALS - 1).astype(np.int64)
        masses = np.bincount(cell, self._masses.ravel(), minlength=INTERVALS)
        # Each cell's mass is spread evenly over it: its projection is a box for each axis.
        for width in widths:
            length = 2 * round(width / (2 * step)) + 1
            masses = np.convolve(masses, np.full(length, 1 / length), mode="same")
        edges = low + step * (np.arange(INTERVALS) + 1)
        found = np.searchsorted(drawn, edges, side="right") / len(drawn)
        return float(np.abs(found - np.cumsum(masses)).sum() * step)

    def _owners(self, axis: FloatArray) -> NDArray[np.int64]:
        """Block of each cell along an axis."""
        return np.arange(len(axis)) * self.blocks // len(axis)

    def _in_blocks(self, masses: FloatArray) -> FloatArray:
        """Sums over blocks of values on the grid, flat."""
        for k, axis in enumerate(self.axes):
            starts = np.searchsorted(self._owners(axis), np.arange(self.blocks))
            masses = np.add.reduceat(masses, starts, axis=k)
        return masses.ravel()

    @cached_property
    def _barycentres(self) -> tuple[FloatArray, FloatArray]:
        """Masses and centres of mass, shape (n, d), of the blocks that have mass."""
        masses = self._in_blocks(self._masses)
        charged = masses > 0
        moments = np.stack(
            [
                self._in_blocks(self._masses * coordinate)
                for coordinate in np.meshgrid(*self.axes, indexing="ij")
            ],
            axis=-1,
        )
        return masses[charged], moments[charged] / masses[charged, None]

    def _potential_of_law(self) -> FloatArray:
        """Mean distance of the law from the centre of each cell, of the grid's shape."""
        offsets = [
            h * np.arange(1 - len(a), len(a)) for a, h in zip(self.axes, self.steps, strict=True)
        ]
        distances = np.sqrt(sum(o**2 for o in np.meshgrid(*offsets, indexing="ij")))
        # Within a cell: the mean distance of its points from its centre.
        fine = (np.arange(64) + 0.5) / 64 - 0.5
        spread = np.meshgrid(*[h * fine for h in self.steps], indexing="ij")
        distances[tuple(len(a) - 1 for a in self.axes)] = np.sqrt(sum(x**2 for x in spread)).mean()
        return fftconvolve(self._masses, distances, mode="full")[
            tuple(slice(len(a) - 1, 2 * len(a) - 1) for a in self.axes)
        ]

    def _points(self, samples: Any) -> FloatArray:
        points = np.asarray(samples, dtype=np.float64)
        if points.ndim == 1:
            points = points[:, None]
        if points.ndim != 2 or points.shape[1] != len(self.axes) or len(points) == 0:
            raise ValueError(
                f"samples have shape {points.shape}: give (m, {len(self.axes)}), m >= 1."
            )
        if not np.isfinite(points).all():
            raise ValueError("samples contain numbers that are not finite: mend the generator.")
        return points
