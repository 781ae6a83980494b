"""The retraining loop with real generators on samples, held against the exact loop of theory.

The data come from laws that are known exactly: each one draws samples, and states its density in
closed form or as a one-dimensional integral, so that the exact loop of :mod:`theory` and any loop
with a trained generator start from the same law. The loop itself is :mod:`sim.loop`; what is
plugged into it, :mod:`sim.protocols`. Importing this package alone needs NumPy and SciPy, its
modules beyond the data need torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.datasets import GaussianMixture, Rings, TwoMoons
    from sim.lines import Beta, Gamma, LineMixture

__all__ = ["Beta", "Gamma", "GaussianMixture", "LineMixture", "Rings", "TwoMoons"]


def __getattr__(name: str) -> Any:
    """The laws of the data, when they are asked for.

    ``python -m sim`` imports this package before the first line of its own runs, which is there to
    answer Ctrl-C during the long imports: nothing is imported here at once.
    """
    if name in ("Beta", "Gamma", "LineMixture"):
        from sim import lines

        return getattr(lines, name)
    if name in __all__:
        from sim import datasets

        return getattr(datasets, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
