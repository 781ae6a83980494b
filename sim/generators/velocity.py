r"""The velocity network v(x, t), its gradient written out, and its optimiser.

At this size (ten thousand parameters, batches of a hundred) the cost of a training step is the
number of operations, not the arithmetic: parameters, gradient and Adam's moments are one flat
vector each, the layers are views of it, and every operation writes where its result is wanted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch

from sim.streams import torch_generator

# The field of a law of several modes has sharp edges where its basins meet: first weights of this
# gain make features that sharp from the start. Measured on eight Gaussians, width 48, eight
# seeds of 20 000 data: squared energy distance 0.91e-3 with gain 1 and 0.74e-3 with 3.
FIRST_GAIN = 3.0

BETA_1, BETA_2, EPSILON = 0.9, 0.99, 1e-8
"""Of Adam. The second moment forgets in 100 steps, since a fit has a few hundred."""

WARM_UP = 0.05
"""Share of the steps over which the rate rises to its peak."""


@contextmanager
def one_thread() -> Iterator[None]:
    """One intra-op thread: work this small is slowed by more, above all beside other processes, and
    sums come in an order that does not depend on the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class VelocityNetwork:
    """A perceptron of (x, 2t - 1) with SiLU units, in float32.

    Parameters
    ----------
    dim
        Coordinates d of x.
    width, depth
        Units per hidden layer, and hidden layers.
    """

    def __init__(self, dim: int, width: int, depth: int) -> None:
        self.sizes = [dim + 1, *[width] * depth, dim]
        count = sum((m + 1) * n for m, n in pairwise(self.sizes))
        self.parameters = torch.zeros(count)
        self.gradient = torch.zeros(count)
        self._layers = self._views(self.parameters)
        self._slopes = self._views(self.gradient)
        self._batch = 0

    def initialise(self, rng: np.random.Generator) -> None:
        """Random parameters, with a small last layer: the flow starts near the identity."""
        generator = torch_generator(rng, "cpu")
        last = len(self._layers) - 1
        for i, (weight, bias) in enumerate(self._layers):
            gain = FIRST_GAIN if i == 0 else 0.1 if i == last else math.sqrt(2)
            weight.normal_(0, gain / math.sqrt(len(weight)), generator=generator)
            bias.zero_()
            if i == 0:
                bias.normal_(generator=generator)

    def __call__(self, x: torch.Tensor, t: float) -> torch.Tensor:
        """Velocities at x (n, d) and time t, shape (n, d)."""
        h = torch.cat([x, torch.full((len(x), 1), 2 * t - 1)], dim=1)
        for weight, bias in self._layers[:-1]:
            h = torch.nn.functional.silu(torch.addmm(bias, h, weight), inplace=True)
        weight, bias = self._layers[-1]
        return torch.addmm(bias, h, weight)

    def descend(self, inputs: torch.Tensor, u: torch.Tensor, residual: torch.Tensor) -> None:
        r"""The gradient of the mean of :math:`\|v - u\|^2` over a batch.

        Parameters
        ----------
        inputs
            Rows (x, 2t - 1), shape (batch, d + 1).
        u
            Velocities to learn, shape (batch, d).
        residual
            Where v - u is written, shape (batch, d).

        :attr:`gradient` is replaced.
        """
        self._prepare(len(inputs))
        last = len(self._layers) - 1
        h = inputs
        # Operations that write to given memory, which the public names of these two do not offer.
        ops = torch.ops.aten
        for (weight, bias), z, unit in zip(self._layers, self._z, self._h, strict=False):
            torch.addmm(bias, h, weight, out=z)
            h = ops.silu.out(z, out=unit)
        weight, bias = self._layers[last]
        torch.sub(torch.addmm(bias, h, weight), u, out=residual)
        delta = residual * (2 / len(inputs))
        for i in range(last, -1, -1):
            slope, offset = self._slopes[i]
            torch.mm((self._h[i - 1] if i else inputs).T, delta, out=slope)
            torch.sum(delta, dim=0, out=offset)
            if i:
                below = torch.mm(delta, self._layers[i][0].T, out=self._delta[i - 1])
                delta = ops.silu_backward.grad_input(below, self._z[i - 1], grad_input=below)

    def _prepare(self, batch: int) -> None:
        if batch != self._batch:
            hidden = self.sizes[1:-1]
            self._z, self._h, self._delta = (
                [torch.empty(batch, width) for width in hidden] for _ in range(3)
            )
            self._batch = batch

    def _views(self, flat: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        layers, start = [], 0
        for m, n in pairwise(self.sizes):
            weight = flat[start : start + m * n].view(m, n)
            start += m * n
            layers.append((weight, flat[start : start + n]))
            start += n
        return layers


class Adam:
    """Adam on one flat vector, with a rate that rises linearly and falls as a cosine to 0.

    Parameters
    ----------
    steps
        Steps of the whole fit.
    peak
        Highest rate.
    """

    def __init__(self, count: int, steps: int, peak: float) -> None:
        self._mean, self._square, self._root = (torch.zeros(count) for _ in range(3))
        self._steps, self._peak, self._k = steps, peak, 0

    def step(self, parameters: torch.Tensor, gradient: torch.Tensor) -> None:
        """Move the parameters."""
        rate = self._peak * schedule(self._k, self._steps)
        self._k += 1
        self._mean.lerp_(gradient, 1 - BETA_1)
        self._square.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
        # Both biases go into the rate and into epsilon.
        unbias = math.sqrt(1 - BETA_2**self._k)
        torch.sqrt(self._square, out=self._root).add_(EPSILON * unbias)
        parameters.addcdiv_(self._mean, self._root, value=-rate * unbias / (1 - BETA_1**self._k))


def schedule(k: int, steps: int) -> float:
    """Share of the peak rate at step k of 0, ..., steps - 1."""
    rise = min(1.0, (k + 1) / max(1.0, WARM_UP * steps))
    return rise * 0.5 * (1 + math.cos(math.pi * k / steps))
