r"""Densities on grids that every claim is checked on in float64: one and two dimensions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from theory.law import Law
from theory.rewards import ClippedDistance, Linear, Quadratic
from theory.validation import FloatArray


def _uniform_linear() -> Law:
    x = (np.arange(400) + 0.5) / 400
    return Law.from_density(np.ones_like(x), Linear(2.0), (x,), normalise=True)


def _gaussian_quadratic() -> Law:
    x = np.linspace(-5.0, 5.0, 501)
    return Law.from_density(np.exp(-(x**2) / 2), Quadratic(0.5, 1.0), (x,), normalise=True)


def _two_gaussians_plateau() -> Law:
    x = np.linspace(-4.0, 4.0, 401)
    density = np.exp(-8 * (x - 1) ** 2) + np.exp(-8 * (x + 1) ** 2)
    return Law.from_density(density, ClippedDistance(4.0, 1.0, 0.25), (x,), normalise=True)


def _ring_of_gaussians() -> Law:
    axis = np.linspace(-3.0, 3.0, 61)
    angles = 2 * np.pi * np.arange(8) / 8
    centres = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def density(points: FloatArray) -> FloatArray:
        squares = ((points[:, None, :] - centres) ** 2).sum(axis=2)
        total: FloatArray = np.exp(-10 * squares).sum(axis=1)
        return total

    reward = ClippedDistance(2.0, (2.0, 0.0), 0.5)
    return Law.from_density(density, reward, (axis, axis), normalise=True)


GRIDS: dict[str, Callable[[], Law]] = {
    "uniform density, linear reward, 400 cells": cache(_uniform_linear),
    "Gaussian density, quadratic reward, 501 cells": cache(_gaussian_quadratic),
    "two Gaussians, reward with a plateau, 401 cells": cache(_two_gaussians_plateau),
    "eight Gaussians in the plane, reward with a plateau, 61 x 61 cells": cache(_ring_of_gaussians),
}
