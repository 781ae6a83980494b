r"""Fixed-step solvers of the flow :math:`\dot x = v(x, t)` from noise, t = 0, to images, t = 1.

With N steps of length h = 1/N:

``euler``
    :math:`O(h)`, N evaluations of v. The paper takes 250.
``midpoint``, ``heun``
    :math:`O(h^2)`, 2N evaluations; Heun's last one is at t = 1, where the flow is least smooth.
``adams``
    Adams and Bashforth's second method, :math:`O(h^2)` with N evaluations: the last velocity is
    extrapolated by the one before it. The first step is Euler's.
``exponential``
    The same order and number of evaluations, from what the network says of the image rather than
    of the velocity: with :math:`D(x, t) = x + (1-t) v(x, t)`, the mean of the images that x may end
    in, the flow is :math:`\dot x = (D - x)/(1 - t)`, which for D linear in t, from the last two
    values, is solved exactly. With s = 1 - t at the step's beginning and s' at its end,

    .. math:: x' = \frac{s'}{s} x + \Big(1 - \frac{s'}{s}\Big) D
                   + \Big(s - s' - s' \ln\frac{s}{s'}\Big) \dot D

    and :math:`x' = D + s \dot D` at the end, s' = 0; the error is :math:`O(h^2 \ln(1/h))`. It is
    the data prediction of DPM-Solver++ (Lu et al. 2022, arXiv:2211.01095), whose steps are in
    :math:`\ln(t/(1-t))`: there both ends are infinite, and its correction is lost in the first two
    steps and the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch

from gpu_experiments.unet import require_count

Solver = Literal["euler", "midpoint", "heun", "adams", "exponential"]
SOLVERS: tuple[Solver, ...] = get_args(Solver)

ORDER: dict[Solver, int] = {
    "euler": 1,
    "midpoint": 2,
    "heun": 2,
    "adams": 2,
    "exponential": 2,
}
"""The error after N steps is of order N to minus this, for ``"exponential"`` times ln N."""

# From x of shape (n, ...) and t in [0, 1] to velocities of the same shape.
Velocity = Callable[[torch.Tensor, float], torch.Tensor]


def require_solver(solver: str) -> None:
    """Refuse a word that is no solver.

    Raises
    ------
    ValueError
        Naming those there are.
    """
    if solver not in SOLVERS:
        raise ValueError(f"solver = {solver!r}: give one of {', '.join(SOLVERS)}.")


def evaluations(solver: Solver, steps: int) -> int:
    """Evaluations of the velocity in that many steps: what sampling costs."""
    require_solver(solver)
    require_count("solver_steps", steps)
    return 2 * steps if solver in ("midpoint", "heun") else steps


def integrate(velocity: Velocity, x: torch.Tensor, solver: Solver, steps: int) -> torch.Tensor:
    """Ends, at t = 1, of the trajectories that start in x (n, ...) at t = 0; same shape.

    Raises
    ------
    ValueError
        For another solver or fewer steps than one.
    """
    require_solver(solver)
    require_count("solver_steps", steps)
    if solver == "adams":
        return _adams(velocity, x, steps)
    if solver == "exponential":
        return _exponential(velocity, x, steps)
    h = 1 / steps
    for k in range(steps):
        t = k * h
        v = velocity(x, t)
        if solver == "midpoint":
            v = velocity(x + h / 2 * v, t + h / 2)
        elif solver == "heun":
            # t + h would be a rounding above 1 for some steps.
            v = (v + velocity(x + h * v, (k + 1) / steps)) / 2
        x = x + h * v
    return x


def _adams(velocity: Velocity, x: torch.Tensor, steps: int) -> torch.Tensor:
    h = 1 / steps
    before: torch.Tensor | None = None
    for k in range(steps):
        v = velocity(x, k * h)
        x = x + h * (v if before is None else 1.5 * v - 0.5 * before)
        before = v
    return x


def _exponential(velocity: Velocity, x: torch.Tensor, steps: int) -> torch.Tensor:
    before: torch.Tensor | None = None
    for k in range(steps):
        s, after = 1 - k / steps, 1 - (k + 1) / steps
        image = x + s * velocity(x, k / steps)
        share = after / s
        x = share * x + (1 - share) * image
        if before is not None:
            # s' ln s' tends to 0 at the end.
            gain = s - after + (after * math.log(share) if after > 0 else 0.0)
            x = x + gain * steps * (image - before)
        before = image
    return x
