r"""Laws on the line with exact densities: mixtures of Gaussians, beta laws and gamma laws.

They have the methods of the data sets in the plane (:mod:`sim.datasets`), with samples of shape
(n, 1), so that the loop of one is the loop of the other. Groups are the components of a mixture, or
the halves below and above the median, each of mass 1/2.

Units: coordinates are dimensionless; a density is per unit length.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, betaln, gammainccinv, gammaincinv, gammaln, xlog1py, xlogy

from sim.datasets import centres, check_draw

__all__ = ["Beta", "Gamma", "LineMixture"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class LineMixture:
    r"""A mixture of Gaussians on the line.

    .. math:: p(x) = \sum_j \pi_j \frac{e^{-(x-\mu_j)^2/(2\sigma_j^2)}}{\sqrt{2\pi}\,\sigma_j}

    Parameters
    ----------
    means, stds, weights
        One number each per component; stds positive, weights positive with sum 1.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the lengths differ.
    """

    means: tuple[float, ...] = (-2.0, 2.0)
    stds: tuple[float, ...] = (0.5, 0.5)
    weights: tuple[float, ...] = (0.5, 0.5)

    def __post_init__(self) -> None:
        if not len(self.means) == len(self.stds) == len(self.weights) > 0:
            raise ValueError(
                f"{len(self.means)} means, {len(self.stds)} stds and {len(self.weights)} weights; "
                "give one of each per component"
            )
        if not all(math.isfinite(mean) for mean in self.means):
            raise ValueError(f"means are {self.means!r}; give finite numbers")
        if not all(math.isfinite(std) and std > 0 for std in self.stds):
            raise ValueError(f"stds are {self.stds!r}; give positive, finite numbers")
        if min(self.weights) <= 0 or not math.isclose(math.fsum(self.weights), 1, rel_tol=1e-9):
            raise ValueError(f"weights are {self.weights!r}; give positive numbers of sum 1")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups that :meth:`labels` numbers."""
        return tuple(f"mode {j}" for j in range(len(self.means)))

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw n independent points, shape (n, 1)."""
        check_draw(n, rng)
        component = rng.choice(len(self.means), size=n, p=np.asarray(self.weights))
        noise = rng.standard_normal(n)
        return (np.asarray(self.means)[component] + np.asarray(self.stds)[component] * noise)[
            :, None
        ]

    def density(self, points: ArrayLike) -> FloatArray:
        """Density per unit length at points (n,) or (n, 1), shape (n,); exact to rounding."""
        return self._components(_column(points)).sum(axis=1)

    def labels(self, points: ArrayLike) -> NDArray[np.int64]:
        """The component that is likeliest at points (n,) or (n, 1), shape (n,)."""
        x = _column(points)
        # In logs: far out all densities underflow, and still one component is likeliest.
        scores = -0.5 * self._standardised(x) ** 2 + np.log(self.weights) - np.log(self.stds)
        return np.argmax(scores, axis=1)

    def grid(self, side: int, reach: float = 6.0) -> tuple[FloatArray, ...]:
        """Centres of ``side`` equal cells, ``reach`` standard deviations beyond every mean; at 6
        the mass left out is below 2e-9."""
        ends = np.multiply.outer([-reach, reach], self.stds) + np.asarray(self.means)
        return (centres(ends[0].min(), ends[1].max(), side),)

    def _standardised(self, x: FloatArray) -> FloatArray:
        return (x[:, None] - np.asarray(self.means)) / np.asarray(self.stds)

    def _components(self, x: FloatArray) -> FloatArray:
        heights = np.asarray(self.weights) / (np.asarray(self.stds) * math.sqrt(2 * math.pi))
        return heights * np.exp(-0.5 * self._standardised(x) ** 2)


class _Halves(ABC):
    """Groups of a law on the line: below its median, and from it on."""

    @property
    @abstractmethod
    def median(self) -> float:
        """The point that half of the mass is below."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups that :meth:`labels` numbers."""
        return ("lower half", "upper half")

    def labels(self, points: ArrayLike) -> NDArray[np.int64]:
        """0 below the median and 1 from it on, for points (n,) or (n, 1), shape (n,)."""
        return (_column(points) >= self.median).astype(np.int64)


@dataclass(frozen=True)
class Beta(_Halves):
    r"""The law on (0, 1) with density :math:`x^{a-1}(1-x)^{b-1}/B(a,b)`, for a and b at least 1.

    ``Beta(1, 1)`` is the uniform law; ``Beta(1, 2)``, with the reward log x, is the example of the
    mixed loop that condenses at K = ∞.

    Raises
    ------
    ValueError
        If a parameter is below 1, where the density is unbounded, or not finite.
    """

    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        _check_at_least_one("a", self.a)
        _check_at_least_one("b", self.b)

    @property
    def median(self) -> float:
        """The point that half of the mass is below."""
        return float(betaincinv(self.a, self.b, 0.5))

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw n independent points, shape (n, 1)."""
        check_draw(n, rng)
        return rng.beta(self.a, self.b, size=(n, 1))

    def density(self, points: ArrayLike) -> FloatArray:
        """Density per unit length at points (n,) or (n, 1), shape (n,); 0 outside [0, 1]."""
        x = _column(points)
        inside = (x >= 0) & (x <= 1)
        x = np.where(inside, x, 0.5)
        logs = xlogy(self.a - 1, x) + xlog1py(self.b - 1, -x) - betaln(self.a, self.b)
        return np.where(inside, np.exp(logs), 0.0)

    def grid(self, side: int) -> tuple[FloatArray, ...]:
        """Centres of ``side`` equal cells that tile (0, 1)."""
        return (centres(0.0, 1.0, side),)


@dataclass(frozen=True)
class Gamma(_Halves):
    r"""The law on the half line with density :math:`x^{a-1}e^{-x/s}/(\Gamma(a)s^a)`.

    Parameters
    ----------
    shape
        Shape a, at least 1: below, the density is unbounded at 0. At 1 the law is exponential.
    scale
        Scale s, positive.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    """

    shape: float = 2.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        _check_at_least_one("shape", self.shape)
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"scale is {self.scale!r}; give a positive, finite number")

    @property
    def median(self) -> float:
        """The point that half of the mass is below."""
        return self.scale * float(gammaincinv(self.shape, 0.5))

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw n independent points, shape (n, 1)."""
        check_draw(n, rng)
        return rng.gamma(self.shape, self.scale, size=(n, 1))

    def density(self, points: ArrayLike) -> FloatArray:
        """Density per unit length at points (n,) or (n, 1), shape (n,); 0 below 0."""
        x = _column(points)
        inside = x >= 0
        y = np.where(inside, x, 1.0) / self.scale
        logs = xlogy(self.shape - 1, y) - y - gammaln(self.shape)
        return np.where(inside, np.exp(logs) / self.scale, 0.0)

    def grid(self, side: int, left_out: float = 1e-8) -> tuple[FloatArray, ...]:
        """Centres of ``side`` equal cells from 0 up; ``left_out`` is the mass beyond them."""
        end = self.scale * float(gammainccinv(self.shape, left_out))
        return (centres(0.0, end, side),)


def _check_at_least_one(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 1):
        raise ValueError(f"{name} is {value!r}; give a finite number of 1 or more")


def _column(points: ArrayLike) -> FloatArray:
    x = np.asarray(points, dtype=np.float64)
    if x.ndim == 2 and x.shape[1] == 1:
        x = x[:, 0]
    if x.ndim != 1:
        raise ValueError(f"points have shape {x.shape}; give (n,) or (n, 1)")
    return x
