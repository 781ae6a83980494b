r"""Fixed-step solvers of :math:`\dot x = v(x, t)` from t = 0 to t = 1.

With N steps the error is :math:`O(N^{-1})` for Euler's method, which takes N evaluations of v, and
:math:`O(N^{-2})` for the midpoint method, which takes 2N.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch

Method = Literal["euler", "midpoint"]
METHODS: tuple[str, ...] = get_args(Method)

Velocity = Callable[[torch.Tensor, float], torch.Tensor]


def integrate(velocity: Velocity, x: torch.Tensor, steps: int, method: Method) -> torch.Tensor:
    """End points of the trajectories that start in x (n, d), shape (n, d)."""
    if method not in METHODS:
        raise ValueError(f"method = {method!r}: give one of {', '.join(METHODS)}.")
    step = 1 / steps
    for k in range(steps):
        t = k * step
        if method == "midpoint":
            half = x + 0.5 * step * velocity(x, t)
            x = x + step * velocity(half, t + 0.5 * step)
        else:
            x = x + step * velocity(x, t)
    return x
