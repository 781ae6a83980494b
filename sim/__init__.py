"""The retraining loop with real generators on samples, held against the exact loop of theory.

The data come from laws that are known exactly: each one draws samples, and states its density in
closed form or as a one-dimensional integral, so that the exact loop of :mod:`theory` and any loop
with a trained generator start from the same law. The loop itself is :mod:`sim.loop`; what is
plugged into it, :mod:`sim.protocols`. Importing this package alone needs NumPy and SciPy, its
modules beyond the data need torch.
"""

from __future__ import annotations

from sim.datasets import GaussianMixture, Rings, TwoMoons
from sim.lines import Beta, Gamma, LineMixture

__all__ = ["Beta", "Gamma", "GaussianMixture", "LineMixture", "Rings", "TwoMoons"]
