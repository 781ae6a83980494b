"""Synthetic data for the retraining loop: samplers whose densities are known exactly.

At this stage the package holds the two-dimensional data sets of the paper (:mod:`sim.datasets`):
each one draws samples, and states its density in closed form or as a one-dimensional integral, so
that the exact loop of :mod:`theory` and any loop with a trained generator start from the same law.
There is no generator and no training here yet; importing the package needs NumPy alone.
"""

from __future__ import annotations

from sim.datasets import GaussianMixture, TwoMoons

__all__ = ["GaussianMixture", "TwoMoons"]
