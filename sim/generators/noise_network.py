r"""A small network that predicts the noise in a noisy sample."""

from __future__ import annotations

import math

import torch
from torch import nn

from sim.generators.noise_schedule import NoiseSchedule

# Sine and cosine features of time; more only make the fit rougher in it.
WAVES = 4
# Half the log ratio of sample to noise lies in about [-7, 7] for the schedules offered; divided by
# this it is of order 1, and the waves below have periods from 1/2 to 2 of its range.
SPAN = 6.0
FREQUENCY = 1.5


class NoiseNetwork(nn.Module):
    r"""Prediction :math:`\hat\epsilon(x_t, t) = \sqrt{1-\bar\alpha_t}\,x_t +
    \sqrt{\bar\alpha_t}\,v(x_t, t)` with a ReLU network v that is 0 at first.

    The first summand is the best prediction for standard normal data, and all that is left of the
    best prediction for any data as :math:`\bar\alpha_t \to 0`: where the noise drowns the sample
    the network has nothing to learn, and a predicted :math:`x_0 = \sqrt{\bar\alpha_t}\,x_t -
    \sqrt{1-\bar\alpha_t}\,v` divides by nothing small. (Schedulers form it from
    :math:`\hat\epsilon`, which costs float32 about 1e-3 in a single step from T to 0, and less in
    more.)

    Parameters
    ----------
    dimension, width, depth
        Coordinates of a sample; units per hidden layer; hidden layers.
    schedule
        Times t = 1, …, T.
    generator
        Draws the weights, uniform within ± 1/√(inputs).
    """

    def __init__(
        self,
        dimension: int,
        width: int,
        depth: int,
        schedule: NoiseSchedule,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        alpha_bar = torch.as_tensor(schedule.alpha_bar)
        phase = (torch.log(alpha_bar / (1 - alpha_bar)) / (2 * SPAN))[:, None]
        waves = FREQUENCY * phase * torch.arange(1, WAVES + 1)
        time = torch.cat([phase, waves.sin(), waves.cos()], dim=1)
        # Rebuilt from the schedule, so not part of the state.
        for name, table in (
            ("time", time),
            ("left", alpha_bar.sqrt()[:, None]),
            ("noise", (1 - alpha_bar).sqrt()[:, None]),
        ):
            self.register_buffer(name, table.float(), persistent=False)
        self.of_sample = _linear(dimension, width, generator)
        self.of_time = _linear(time.shape[1], width, generator, bias=False)
        self.hidden = nn.ModuleList(_linear(width, width, generator) for _ in range(depth - 1))
        self.last = _linear(width, dimension, generator)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, samples: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        """Noise in samples (n, d) at times (n,) or (1,), counted from 1; shape (n, d)."""
        place = times - 1
        return self.noise[place] * samples + self.left[place] * self.learnt(samples, times)

    def learnt(self, samples: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        """The network v at the same, whose best value is E[√ᾱ ε − √(1−ᾱ) x_0 | x_t]."""
        h = torch.relu(self.of_sample(samples) + self.of_time(self.time[times - 1]))
        for layer in self.hidden:
            h = torch.relu(layer(h))
        return self.last(h)


def _linear(inputs: int, outputs: int, generator: torch.Generator, bias: bool = True) -> nn.Linear:
    # Without PyTorch's own initialisation, which draws from its global stream.
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias)
    bound = 1 / math.sqrt(inputs)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer
