r"""Reward families: functions of points (n,) or (n, d) that return n rewards, bounded above.

Rewards are in the logarithmic units of the choice model: the weight of a point is
:math:`e^{r(x)}`, and no hidden temperature is applied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.validation import FloatArray


def _check_finite(name: str, value: float, *, positive: bool = False) -> None:
    if not math.isfinite(value) or (positive and value < 0):
        raise ValueError(
            f"{name} = {value} is not a {'finite number >= 0' if positive else 'finite number'}."
        )


def _distance(points: Any, centre: Any) -> FloatArray:
    points = np.asarray(points, dtype=np.float64)
    offset = points - np.asarray(centre, dtype=np.float64)
    return np.abs(offset) if points.ndim == 1 else np.linalg.norm(offset, axis=-1)


@dataclass(frozen=True)
class ClippedDistance:
    r""":math:`r(x) = -\gamma\max(0, \|x-\mu\|_2 - r_{\min})`: flat on a ball, then falling.

    The reward of the two-dimensional experiments of arXiv:2407.09499. With ``radius`` 0 it is a
    single peak. ``gamma`` is per unit length; ``centre`` a number (1-D) or d numbers.
    """

    gamma: float
    centre: Any
    radius: float = 0.0

    def __post_init__(self) -> None:
        _check_finite("gamma", self.gamma, positive=True)
        _check_finite("radius", self.radius, positive=True)

    def __call__(self, points: Any) -> FloatArray:
        """Rewards of the points, shape (n,)."""
        return -self.gamma * np.maximum(0.0, _distance(points, self.centre) - self.radius)


@dataclass(frozen=True)
class Linear:
    r""":math:`r(x) = \langle a, x\rangle`; bounded above only on a bounded set or grid."""

    direction: Any

    def __call__(self, points: Any) -> FloatArray:
        """Rewards of the points, shape (n,)."""
        points, direction = np.asarray(points, dtype=np.float64), np.asarray(self.direction, float)
        return points * direction if points.ndim == 1 else points @ direction


@dataclass(frozen=True)
class Quadratic:
    r""":math:`r(x) = -\tfrac{\gamma}{2}\|x-\mu\|_2^2`, with ``gamma`` per squared unit length."""

    gamma: float
    centre: Any

    def __post_init__(self) -> None:
        _check_finite("gamma", self.gamma, positive=True)

    def __call__(self, points: Any) -> FloatArray:
        """Rewards of the points, shape (n,)."""
        return -0.5 * self.gamma * _distance(points, self.centre) ** 2


@dataclass(frozen=True)
class Tabulated:
    """Rewards by lookup: points are whole numbers that index ``values``."""

    values: tuple[float, ...]

    def __call__(self, points: Any) -> FloatArray:
        """Rewards of the points, shape (n,)."""
        indices = np.asarray(points)
        whole = indices.astype(np.intp)
        if (whole != indices).any() or (whole < 0).any() or (whole >= len(self.values)).any():
            raise ValueError(
                f"a tabulated reward of {len(self.values)} values takes whole numbers from 0 to "
                f"{len(self.values) - 1} as points."
            )
        return np.asarray(self.values, dtype=np.float64)[whole]


@dataclass(frozen=True)
class ClassProbability:
    r""":math:`r(x) = \gamma\,q_c(x)`: the probability of one class (points are q, (n, C))."""

    gamma: float
    index: int

    def __post_init__(self) -> None:
        _check_finite("gamma", self.gamma)

    def __call__(self, points: Any) -> FloatArray:
        """Rewards of the points, shape (n,)."""
        probabilities = np.asarray(points, dtype=np.float64)
        if not 0 <= self.index < probabilities.shape[-1]:
            raise ValueError(
                f"class index {self.index} is outside the {probabilities.shape[-1]} classes."
            )
        return self.gamma * probabilities[..., self.index]


@dataclass(frozen=True)
class Confidence:
    r""":math:`r(x) = \gamma\max_c q_c(x)`: a classifier's confidence (points are q, (n, C))."""

    gamma: float

    def __post_init__(self) -> None:
        _check_finite("gamma", self.gamma)

    def __call__(self, points: Any) -> FloatArray:
        """Rewards of the points, shape (n,)."""
        return self.gamma * np.asarray(points, dtype=np.float64).max(axis=-1)
