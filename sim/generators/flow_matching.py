r"""Flow matching along optimal-transport paths: a law as the end of a flow from Gaussian noise.

The network :math:`v` minimises :math:`E\|v(x_t, t) - (x_1 - x_0)\|^2` with :math:`x_t = (1-t)x_0 +
t x_1`, :math:`x_0` standard normal, :math:`x_1` data, and the pair coupled close to optimal
transport; samples are the ends of :math:`\dot x = v(x, t)`.

Source: Tong et al. 2024 (arXiv:2302.00482), which the package torchcfm comes from. Its exact
minibatch coupling is there as ``coupling="torchcfm"``; the default couples all data at once
(:mod:`sim.generators.coupling`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch

from sim.generators.coupling import SwapCoupling
from sim.generators.ode import METHODS, Method, integrate
from sim.generators.reference_coupling import MinibatchCoupling
from sim.generators.single_precision import in_single_precision
from sim.generators.velocity import Adam, VelocityNetwork, one_thread
from sim.protocols import DivergedTraining, Progress, silent
from sim.streams import torch_generator

Coupling = Literal["swaps", "torchcfm"]

# Fewest pairs coupled at a time: fewer data are taken several times, each time with other noise.
POOL = 4096
# Minibatches that torchcfm prepares between two looks at the loss.
REFERENCE_BATCHES = 16
# Samples in flight together: their hidden layers stay in the processor's cache.
CHUNK = 2048
# A loss of this many times the variance of the velocities is no longer a fit: predicting 0 gives 1.
BLOWN_UP = 10.0

# Times, points and velocities on the paths: (m, 1), (m, d), (m, d), m a multiple of the batch.
Block = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class FlowSettings:
    """Settings of the network, its training and the solver.

    Attributes
    ----------
    width, depth
        Units per hidden layer, and hidden layers.
    batch
        Pairs per training step.
    steps, rate
        Steps of a first fit, and the peak of its cosine schedule.
    warm_steps, warm_rate
        The same for fits that start from the last parameters.
    coupling
        ``"swaps"`` couples all data at once, ``"torchcfm"`` each batch exactly.
    method, ode_steps
        Solver of the flow and its steps. Four midpoint steps (eight evaluations) give the law of
        250 Euler steps, which the paper takes.

    Raises
    ------
    ValueError
        For a setting out of its range.
    """

    width: int = 64
    depth: int = 3
    batch: int = 128
    steps: int = 1000
    rate: float = 2e-2
    warm_steps: int = 300
    warm_rate: float = 7e-3
    coupling: Coupling = "swaps"
    method: Method = "midpoint"
    ode_steps: int = 4

    def __post_init__(self) -> None:
        for name in ("width", "depth", "batch", "steps", "warm_steps", "ode_steps"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least 1.")
        for name in ("rate", "warm_rate"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 < value < math.inf):
                raise ValueError(f"{name} = {value!r} is not a positive number.")
        for name, allowed in (("coupling", get_args(Coupling)), ("method", METHODS)):
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{name} = {value!r}: give one of {', '.join(allowed)}.")


class FlowMatching:
    """A flow from standard normal noise, fitted to vectors; see the module.

    Data are centred and divided by their root mean square deviation, one number for all coordinates
    so that distances keep their meaning. Later fits keep the first fit's units.

    Parameters
    ----------
    settings
        By default those of :class:`FlowSettings`.
    """

    def __init__(self, settings: FlowSettings | None = None) -> None:
        self.settings = FlowSettings() if settings is None else settings
        self.network: VelocityNetwork | None = None
        self.centre = torch.zeros(0)
        self.scale = 1.0

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        r"""Fit to data (n, d), n and d at least 1, from the last parameters if there are any.

        Returns the loss, the mean of :math:`\|v - u\|^2` over the last coupling's pairs, and the
        mean squared transport cost of these pairs; both in the units of the scaled data.

        Raises
        ------
        ValueError
            For data that are not (n, d) finite numbers, too far from 0 for single precision (see
            :mod:`sim.generators.single_precision`), or of another d than before.
        DivergedTraining
            When the loss blows up or is no number; the generator is then as before the fit.
        """
        x = self._checked(data)
        settings = self.settings
        with one_thread(), torch.no_grad():
            warm = self.network is not None
            before = self.state()
            if self.network is None:
                # In double precision, where no square overflows.
                wide = x.double()
                self.centre = wide.mean(dim=0).float()
                self.scale = float((wide - wide.mean(dim=0)).square().mean().sqrt()) or 1.0
                self.network = VelocityNetwork(x.shape[1], settings.width, settings.depth)
                self.network.initialise(rng)
            steps = settings.warm_steps if warm else settings.steps
            draw = self._source((x - self.centre) / self.scale, steps, rng)
            rate = settings.warm_rate if warm else settings.rate
            try:
                return _train(self.network, draw, steps, rate, settings.batch, progress)
            except DivergedTraining:
                self.load(before)
                raise

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n samples, shape (n, d), float32."""
        if self.network is None:
            raise ValueError("the flow has not been fitted: call fit or load first.")
        settings = self.settings
        noise = torch.empty(n, len(self.centre)).normal_(generator=torch_generator(rng, "cpu"))
        with one_thread(), torch.no_grad():
            ends = [
                integrate(self.network, part, settings.ode_steps, settings.method)
                for part in noise.split(CHUNK)
            ]
            return torch.cat(ends) * self.scale + self.centre

    def state(self) -> Any:
        """Parameters and units; no parameters before the first fit."""
        network = self.network
        return {
            "sizes": [] if network is None else list(network.sizes),
            "parameters": torch.zeros(0) if network is None else network.parameters.clone(),
            "centre": self.centre.clone(),
            "scale": self.scale,
        }

    def load(self, state: Any) -> None:
        """From :meth:`state` of a flow with the same width and depth."""
        sizes = list(state["sizes"])
        if not sizes:
            self.network = None
        else:
            hidden = [self.settings.width] * self.settings.depth
            if sizes[1:-1] != hidden:
                raise ValueError(
                    f"the state has hidden layers {sizes[1:-1]} and the settings say {hidden}: "
                    "give the width and depth it was made with."
                )
            self.network = VelocityNetwork(sizes[-1], self.settings.width, self.settings.depth)
            self.network.parameters.copy_(state["parameters"])
        self.centre, self.scale = state["centre"].clone(), float(state["scale"])

    def _checked(self, data: torch.Tensor) -> torch.Tensor:
        x = in_single_precision(data)
        if self.network is not None and x.shape[1] != len(self.centre):
            raise ValueError(
                f"data have {x.shape[1]} coordinates and the flow has {len(self.centre)}: make a "
                "new one."
            )
        return x

    def _source(self, x: torch.Tensor, steps: int, rng: np.random.Generator) -> Callable[[], Block]:
        """What draws blocks from the coupling of the settings."""
        batch = self.settings.batch
        if self.settings.coupling == "torchcfm":
            reference = MinibatchCoupling(x, batch, rng)
            return lambda: reference.draw(REFERENCE_BATCHES)
        # Whole copies of few data; of data that would not all be seen, as many as will be.
        x = x.repeat(-(-max(POOL, batch) // len(x)), 1)
        if len(x) > steps * batch:
            x = x[torch.as_tensor(rng.choice(len(x), steps * batch, replace=False))]
        coupling = SwapCoupling(x, rng)
        generator = torch_generator(rng, "cpu")
        return lambda: _along(*coupling.pairs(), batch, generator)


def _along(x_0: torch.Tensor, x_1: torch.Tensor, batch: int, generator: torch.Generator) -> Block:
    """Points on the paths of the pairs in random order, less the remainder of whole batches."""
    batches = len(x_0) // batch
    order = torch.randperm(len(x_0), generator=generator)[: batches * batch]
    x_0, x_1 = x_0[order], x_1[order]
    # One time in each of ``batch`` equal parts of the unit interval, per batch.
    t = (torch.arange(batch) / batch).repeat(batches)[:, None]
    t = t + torch.rand(t.shape, generator=generator) / batch
    u = x_1 - x_0
    return t, x_0 + t * u, u


def _train(
    network: VelocityNetwork,
    draw: Callable[[], Block],
    steps: int,
    rate: float,
    batch: int,
    progress: Progress,
) -> dict[str, float]:
    adam = Adam(len(network.parameters), steps, rate)
    done = 0
    cost = loss = 0.0
    while done < steps:
        t, x_t, u = draw()
        inputs = torch.cat([x_t, 2 * t - 1], dim=1)
        residual = torch.empty_like(u)
        stop = min(len(u), (steps - done) * batch)
        for start in range(0, stop, batch):
            part = slice(start, start + batch)
            network.descend(inputs[part], u[part], residual[part])
            adam.step(network.parameters, network.gradient)
        done += stop // batch
        # Once a block: a look at every step's loss would cost a fair part of the step.
        cost = float(u[:stop].square().sum(dim=1).mean())
        loss = float(residual[:stop].square().sum(dim=1).mean())
        _refuse_blown_up(loss, cost, done, steps)
        progress(done / steps, loss)
    # No loss has judged the last step yet: the last batch does, once more.
    network.descend(inputs[part], u[part], residual[part])
    _refuse_blown_up(float(residual[part].square().sum(dim=1).mean()), cost, steps, steps)
    return {"loss": loss, "transport_cost": cost}


def _refuse_blown_up(loss: float, cost: float, done: int, steps: int) -> None:
    if not loss <= BLOWN_UP * max(cost, 1.0):
        raise DivergedTraining(f"the loss is {loss:.3g} after {done} of {steps} steps")
