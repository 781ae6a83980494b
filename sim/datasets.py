r"""Two-dimensional data sets with exact densities: Gaussians on a ring, two moons, and rings.

Each data set is one frozen description that both samples from its law and evaluates its density, so
a histogram of the samples and the density can be held against each other. Groups (``labels``) name
the mode, moon or ring a point belongs to; their shares are what the loop amplifies. Laws on a line,
with the same methods, are in :mod:`sim.lines`.

Units: coordinates are dimensionless; a density is per unit area.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import i0e

__all__ = ["GaussianMixture", "Rings", "TwoMoons"]

_CHUNK = 1 << 21
"""Largest points x components table held at once (16 MiB of float64)."""


@dataclass(frozen=True)
class GaussianMixture:
    r"""Equal-weight isotropic Gaussians with means evenly spaced on a circle about the origin.

    .. math:: p(x) = \frac1m \sum_{j<m} \frac{e^{-\|x-\mu_j\|^2/(2\sigma^2)}}{2\pi\sigma^2},
              \qquad \mu_j = R\,(\cos(2\pi j/m), \sin(2\pi j/m)).

    Parameters
    ----------
    modes
        Number m of Gaussians, at least 1.
    radius
        Radius R of the circle of means, at least 0.
    std
        Standard deviation sigma of each Gaussian, in each coordinate; positive.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    """

    modes: int = 8
    radius: float = 5.0
    std: float = 0.5

    def __post_init__(self) -> None:
        if isinstance(self.modes, bool) or not isinstance(self.modes, int) or self.modes < 1:
            raise ValueError(f"modes is {self.modes!r}; give the number of Gaussians, 1 or more")
        if not (math.isfinite(self.radius) and self.radius >= 0):
            raise ValueError(f"radius is {self.radius!r}; give a finite radius of 0 or more")
        if not (math.isfinite(self.std) and self.std > 0):
            raise ValueError(f"std is {self.std!r}; give a positive, finite standard deviation")

    @property
    def means(self) -> NDArray[np.float64]:
        """Means of the Gaussians, shape (modes, 2), counter-clockwise from the positive x axis."""
        angles = 2 * math.pi * np.arange(self.modes) / self.modes
        return self.radius * np.column_stack([np.cos(angles), np.sin(angles)])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups that :meth:`labels` numbers."""
        return tuple(f"mode {j}" for j in range(self.modes))

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw n independent points, shape (n, 2), from the mixture.

        Raises ``ValueError`` if n is negative, ``TypeError`` if rng is not a NumPy Generator.
        """
        check_draw(n, rng)
        component = rng.integers(self.modes, size=n)
        return self.means[component] + self.std * rng.standard_normal((n, 2))

    def density(self, points: ArrayLike) -> NDArray[np.float64]:
        """Density per unit area at points (n, 2), shape (n,); exact to rounding."""
        x = _check_points(points)
        scale = 2 * math.pi * self.std**2 * self.modes
        return _kernel_sum(x, self.means, np.ones(self.modes), self.std) / scale

    def labels(self, points: ArrayLike) -> NDArray[np.int64]:
        """Index of the nearest mean for points (n, 2), shape (n,); the lower index on a tie."""
        x = _check_points(points)
        out = np.empty(len(x), dtype=np.int64)
        for part in _parts(len(x), self.modes):
            out[part] = np.argmin(_squared_distances(x[part], self.means), axis=1)
        return out

    def grid(self, side: int, reach: float = 5.0) -> tuple[NDArray[np.float64], ...]:
        """Square grid of cell centres about the ring: two coordinate arrays of length ``side``.

        ``reach`` standard deviations are kept beyond the ring; at 5 the mass left out is below
        1.2e-6.
        """
        half = self.radius + reach * self.std
        return (centres(-half, half, side), centres(-half, half, side))


@dataclass(frozen=True)
class TwoMoons:
    r"""Two interleaved half circles of radius 1, blurred by isotropic Gaussian noise.

    A point is drawn on one of the half circles, each with probability 1/2, uniformly in angle, and
    noise of standard deviation sigma is added to both coordinates:

    .. math:: p(x) = \frac{1}{2\pi} \sum_{a \in \{0,1\}} \int_0^\pi
              \frac{e^{-\|x-c_a(\theta)\|^2/(2\sigma^2)}}{2\pi\sigma^2}\, d\theta,

    with :math:`c_0(\theta) = (\cos\theta, \sin\theta)` and :math:`c_1(\theta) = (1-\cos\theta,
    \tfrac12-\sin\theta)`, the usual placement of this data set. The integrand is entire in theta,
    so Gauss-Legendre nodes converge geometrically and their number, which grows like 1/sigma,
    leaves only rounding: an error below 2e-15/sigma^2 of the peak density.

    Parameters
    ----------
    noise
        Standard deviation sigma of the noise in each coordinate, from 0.005 up.

    Raises
    ------
    ValueError
        If the noise is out of its range: without noise there is no density.
    """

    noise: float = 0.1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.noise) and self.noise >= 0.005):
            raise ValueError(
                f"noise is {self.noise!r}; give a finite standard deviation of 0.005 or more, "
                "since without noise the moons have no density"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups that :meth:`labels` numbers."""
        return ("upper moon", "lower moon")

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw n independent points, shape (n, 2), from the blurred moons.

        Raises ``ValueError`` if n is negative, ``TypeError`` if rng is not a NumPy Generator.
        """
        check_draw(n, rng)
        moon = rng.integers(2, size=n)
        angle = rng.uniform(0.0, math.pi, size=n)
        centres = np.where((moon == 0)[:, None], _upper(angle), _lower(angle))
        return centres + self.noise * rng.standard_normal((n, 2))

    def density(self, points: ArrayLike) -> NDArray[np.float64]:
        """Density per unit area at points (n, 2), shape (n,); error as stated for the class."""
        x = _check_points(points)
        centres, weights = self._rule
        scale = 2 * math.pi * (2 * math.pi * self.noise**2)
        return _kernel_sum(x, centres, weights, self.noise) / scale

    def labels(self, points: ArrayLike) -> NDArray[np.int64]:
        """Nearer half circle for points (n, 2), shape (n,): 0 upper, 1 lower; 0 on a tie."""
        x = _check_points(points)
        to_upper = _arc_distance(x)
        # The lower moon is the upper one turned by half a circle about (1/2, 1/4).
        to_lower = _arc_distance(np.array([1.0, 0.5]) - x)
        return (to_lower < to_upper).astype(np.int64)

    def grid(self, side: int, reach: float = 5.0) -> tuple[NDArray[np.float64], ...]:
        """Grid of cell centres about both moons: two coordinate arrays of length ``side``.

        ``reach`` standard deviations are kept beyond the half circles; at 5 the mass left out is
        below 1.2e-6.
        """
        pad = reach * self.noise
        return (centres(-1.0 - pad, 2.0 + pad, side), centres(-0.5 - pad, 1.0 + pad, side))

    @cached_property
    def _rule(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points on both half circles and their quadrature weights for the angle integral."""
        # In theta the integrand is about exp(-theta^2 / (2 sigma^2)): 24 + 9/sigma nodes resolve it
        # to rounding on (0, pi) (checked in the tests against adaptive integration).
        nodes, weights = np.polynomial.legendre.leggauss(24 + math.ceil(9 / self.noise))
        angle = (nodes + 1) * math.pi / 2
        weight = weights * math.pi / 2
        return np.concatenate([_upper(angle), _lower(angle)]), np.concatenate([weight, weight])


@dataclass(frozen=True)
class Rings:
    r"""Concentric circles about the origin, equally likely, blurred by isotropic Gaussian noise.

    .. math:: p(x) = \frac1m \sum_j \frac{1}{2\pi\sigma^2}\,
              e^{-(\|x\|^2+R_j^2)/(2\sigma^2)}\, I_0\big(\|x\| R_j/\sigma^2\big),

    with the modified Bessel function :math:`I_0`: the integral of the noise over the angle.

    Parameters
    ----------
    radii
        Radii R of the circles, strictly increasing, each at least 0.
    noise
        Standard deviation sigma of the noise in each coordinate; positive.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    """

    radii: tuple[float, ...] = (1.0, 2.0, 3.0)
    noise: float = 0.1

    def __post_init__(self) -> None:
        radii = np.asarray(self.radii, dtype=np.float64)
        if radii.ndim != 1 or radii.size == 0 or not np.isfinite(radii).all() or radii[0] < 0:
            raise ValueError(f"radii are {self.radii!r}; give one or more finite radii >= 0")
        if (np.diff(radii) <= 0).any():
            raise ValueError(f"radii are {self.radii!r}; give them in strictly increasing order")
        if not (math.isfinite(self.noise) and self.noise > 0):
            raise ValueError(f"noise is {self.noise!r}; give a positive standard deviation")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups that :meth:`labels` numbers, from the inside."""
        return tuple(f"ring {j}" for j in range(len(self.radii)))

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw n independent points, shape (n, 2), from the blurred circles.

        Raises ``ValueError`` if n is negative, ``TypeError`` if rng is not a NumPy Generator.
        """
        check_draw(n, rng)
        radius = np.asarray(self.radii)[rng.integers(len(self.radii), size=n)]
        angle = rng.uniform(0.0, 2 * math.pi, size=n)
        circle = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        return circle + self.noise * rng.standard_normal((n, 2))

    def density(self, points: ArrayLike) -> NDArray[np.float64]:
        """Density per unit area at points (n, 2), shape (n,); exact to rounding."""
        x = _check_points(points)
        distance = np.hypot(x[:, 0], x[:, 1])[:, None]
        radii, variance = np.asarray(self.radii), self.noise**2
        # i0e(z) = e^{-z} I_0(z) leaves the exponent a square, which does not overflow.
        rings = np.exp(-((distance - radii) ** 2) / (2 * variance)) * i0e(
            distance * radii / variance
        )
        return rings.mean(axis=1) / (2 * math.pi * variance)

    def labels(self, points: ArrayLike) -> NDArray[np.int64]:
        """Index of the nearest circle for points (n, 2), shape (n,); the inner one on a tie."""
        x = _check_points(points)
        gaps = np.abs(np.hypot(x[:, 0], x[:, 1])[:, None] - np.asarray(self.radii))
        return np.argmin(gaps, axis=1)

    def grid(self, side: int, reach: float = 5.0) -> tuple[NDArray[np.float64], ...]:
        """Square grid of cell centres about the rings: two coordinate arrays of length ``side``.

        ``reach`` standard deviations are kept beyond the largest circle; at 5 the mass left out is
        below 1.2e-6.
        """
        half = self.radii[-1] + reach * self.noise
        return (centres(-half, half, side), centres(-half, half, side))


def _upper(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _lower(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([1 - np.cos(angle), 0.5 - np.sin(angle)])


def _arc_distance(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (n,) from points (n, 2) to the upper half of the unit circle."""
    to_circle = np.abs(np.hypot(x[:, 0], x[:, 1]) - 1)
    to_end = np.hypot(np.abs(x[:, 0]) - 1, x[:, 1])
    return np.where(x[:, 1] >= 0, to_circle, to_end)


def _squared_distances(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances, shape (len(x), len(y)), by differences: no cancellation near zero."""
    return (x[:, 0, None] - y[:, 0]) ** 2 + (x[:, 1, None] - y[:, 1]) ** 2


def _kernel_sum(
    x: NDArray[np.float64],
    centres: NDArray[np.float64],
    weights: NDArray[np.float64],
    std: float,
) -> NDArray[np.float64]:
    r"""Sum over centres of weight times :math:`e^{-\|x-c\|^2/(2\sigma^2)}`, shape (len(x),)."""
    out = np.empty(len(x))
    for part in _parts(len(x), len(centres)):
        table = _squared_distances(x[part], centres)
        table /= -2 * std**2
        out[part] = np.exp(table, out=table) @ weights
    return out


def _parts(n: int, width: int) -> list[slice]:
    """Slices of range(n) whose tables of the given width stay under the memory limit."""
    step = max(1, _CHUNK // width)
    return [slice(start, start + step) for start in range(0, n, step)]


def centres(low: float, high: float, side: int) -> NDArray[np.float64]:
    """Centres of ``side`` equal cells that tile the interval from low to high."""
    if side < 1:
        raise ValueError(f"side is {side!r}; give the number of cells per axis, 1 or more")
    return low + (high - low) * (np.arange(side) + 0.5) / side


def check_draw(n: int, rng: np.random.Generator) -> None:
    """Refuse a negative number of samples, and a random source that is not a Generator."""
    if n < 0:
        raise ValueError(f"n is {n!r}; give the number of samples, 0 or more")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng is a {type(rng).__name__}; give a NumPy Generator, as numpy.random.default_rng(0)"
        )


def _check_points(points: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(points, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"points have shape {x.shape}; give one row of two coordinates per point")
    return x
