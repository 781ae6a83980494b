r"""A diffusion model: noise is predicted by a network and taken out step by step (DDPM, DDIM).

Training minimises :math:`E\,\|\hat\epsilon(x_t, t) - \epsilon\|^2 / (\bar\alpha_t d)` over data
:math:`x_0`, noise :math:`\epsilon` and uniform times, with :math:`x_t = \sqrt{\bar\alpha_t}\,x_0 +
\sqrt{1-\bar\alpha_t}\,\epsilon`. Without the weight :math:`1/\bar\alpha_t` of the published loss
the times of much noise, which decide the shares of the modes, count for little: on eight Gaussians
the energy distance after the same training is three times as large. Sources: Ho, Jain, Abbeel 2020
(arXiv:2006.11239), Algorithms 1 and 2, eq. (14); Song, Meng, Ermon 2021 (arXiv:2010.02502),
eq. (12).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from sim.generators.denoising import Sampler, denoise
from sim.generators.noise_network import NoiseNetwork
from sim.generators.noise_schedule import NoiseSchedule
from sim.generators.single_precision import in_single_precision
from sim.protocols import DivergedTraining, Progress, silent
from sim.streams import torch_generator

# Steps whose random numbers are drawn at once, and after which the loss is looked at.
BLOCK = 50
# The rate rises over the first steps: Adam's second moments know nothing yet.
RISE = 20
# Samples denoised at once: their hidden layers fit the cache.
CHUNK = 4096


@dataclass(frozen=True)
class DiffusionSettings:
    """What a diffusion model is made of; the defaults are for one or two dimensions.

    Attributes
    ----------
    sampler
        ``"ddim"``, deterministic given the latents, or ``"ddpm"``.
    visited
        Times visited in sampling, at most ``times``.
    times
        Times T of the chain.
    schedule
        ``"cosine"`` or, as first published, ``"linear"``.
    width, depth
        Units per hidden layer, hidden layers.
    steps, warm_steps
        Training steps of the first fit, and of every later one.
    rate, warm_rate
        Adam's largest step size, from which it falls to 0 along half a cosine.
    batch
        Samples per training step.

    Raises
    ------
    ValueError
        For a word or number out of its range.
    """

    sampler: Sampler = "ddim"
    visited: int = 100
    times: int = 1000
    schedule: Literal["cosine", "linear"] = "cosine"
    width: int = 64
    depth: int = 3
    steps: int = 1200
    warm_steps: int = 300
    rate: float = 1e-2
    warm_rate: float = 5e-3
    batch: int = 1024

    def __post_init__(self) -> None:
        for name, words in (("sampler", ("ddim", "ddpm")), ("schedule", ("cosine", "linear"))):
            if getattr(self, name) not in words:
                raise ValueError(
                    f"{name} = {getattr(self, name)!r} is neither {words[0]!r} nor {words[1]!r}."
                )
        for name in ("visited", "times", "width", "depth", "steps", "warm_steps", "batch"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least 1.")
        for name in ("rate", "warm_rate"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 < value < math.inf):
                raise ValueError(f"{name} = {value!r} is not a positive number.")
        if self.visited > self.times:
            raise ValueError(
                f"visited = {self.visited} is more than times = {self.times}: visit fewer times or "
                "have more."
            )
        self.chain()

    def chain(self) -> NoiseSchedule:
        """The schedule."""
        return getattr(NoiseSchedule, self.schedule)(self.times)


class Diffusion:
    """A diffusion model of vectors, in float32.

    Data are shifted and scaled, coordinate by coordinate, to mean 0 and variance 1 of those that
    it was first fitted to; later fits keep that scale, since the network was made in it.

    Parameters
    ----------
    settings
        See :class:`DiffusionSettings`.
    device
        Where the network is and samples are made.
    """

    def __init__(
        self,
        settings: DiffusionSettings = DiffusionSettings(),
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings = settings
        self.device = torch.device(device)
        self._chain = settings.chain()
        self._network: NoiseNetwork | None = None
        self._shift = torch.zeros(0)
        self._scale = torch.zeros(0)

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Fit to data (n, d); the loss is the weighted squared error, in mean over the last tenth
        of the steps.

        Raises
        ------
        ValueError
            For data of another shape, that are not finite, or too far from 0 for single precision
            (see :mod:`sim.generators.single_precision`).
        DivergedTraining
            When the loss or a weight is no longer a number; the model is then as before the fit.
        """
        data = in_single_precision(data, self.device)
        if self._network is not None and data.shape[1] != len(self._scale):
            raise ValueError(
                f"data have {data.shape[1]} coordinates and the model {len(self._scale)}: fit a "
                "new one."
            )
        generator = torch_generator(rng, self.device)
        cold = self._network is None
        shift, scale = self._shift, self._scale
        if cold:
            # In double precision, where no square overflows and equal numbers have their mean.
            wide = data.double()
            shift, scale = wide.mean(dim=0).float(), wide.std(dim=0, correction=0).float()
            # A coordinate that does not vary keeps its unit.
            scale = torch.where(scale > 0, scale, torch.ones_like(scale))
            network = self._new_network(data.shape[1], torch_generator(rng, "cpu"))
        else:
            # A fit that fails leaves the model as it was.
            network = copy.deepcopy(self._network)
        chosen = self.settings
        steps, rate = (chosen.steps, chosen.rate) if cold else (chosen.warm_steps, chosen.warm_rate)
        loss = self._train(network, (data - shift) / scale, steps, rate, generator, progress)
        self._network, self._shift, self._scale = network, shift, scale
        return {"loss": loss, "steps": steps}

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n samples, shape (n, d).

        Raises ``ValueError`` before the first fit.
        """
        self._fitted()
        generator = torch_generator(rng, self.device)
        latents = torch.randn(n, len(self._scale), generator=generator, device=self.device)
        return self._denoised(latents, generator)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """DDIM's samples of these latents, both (n, d); standard normal latents give samples.

        Raises
        ------
        ValueError
            Before the first fit, for latents of another shape, and for DDPM, where a latent does
            not determine its sample.
        """
        self._fitted()
        latents = torch.as_tensor(latents, dtype=torch.float32, device=self.device)
        if self.settings.sampler != "ddim":
            raise ValueError("DDPM adds noise on the way: only sampler='ddim' decodes latents.")
        if latents.ndim != 2 or latents.shape[1] != len(self._scale):
            raise ValueError(
                f"latents have shape {tuple(latents.shape)}: give (n, {len(self._scale)})."
            )
        return self._denoised(latents, None)

    def state(self) -> Any:
        """Weights, scale and their chain, on the CPU; without weights before the first fit."""
        weights = {} if self._network is None else self._network.state_dict()
        return {
            "weights": {name: value.detach().cpu().clone() for name, value in weights.items()},
            "shift": self._shift.cpu().clone(),
            "scale": self._scale.cpu().clone(),
            "schedule": self.settings.schedule,
            "times": self.settings.times,
        }

    def load(self, state: Any) -> None:
        """From :meth:`state`.

        Raises
        ------
        ValueError
            When the state is of a network of another size, or for another chain.
        """
        chosen = self.settings
        # A network of the same size would take the weights and sample from another law.
        if (state["schedule"], state["times"]) != (chosen.schedule, chosen.times):
            raise ValueError(
                f"the state is of a {state['schedule']} chain of {state['times']} times and the "
                f"settings say {chosen.schedule} and {chosen.times}: load it with the settings "
                "that it was made with."
            )
        network = None
        if state["weights"]:
            # Its first weights are replaced: drawn from a generator of their own all the same, so
            # that PyTorch's global one is left alone.
            network = self._new_network(len(state["scale"]), torch.Generator())
            try:
                network.load_state_dict(state["weights"])
            except RuntimeError as fault:
                raise ValueError(
                    f"the state is not of a network of width {self.settings.width} and depth "
                    f"{self.settings.depth}: load it with the settings that it was made with."
                ) from fault
        self._network = network
        self._shift = state["shift"].to(self.device, copy=True)
        self._scale = state["scale"].to(self.device, copy=True)

    def _new_network(self, d: int, generator: torch.Generator) -> NoiseNetwork:
        size = (d, self.settings.width, self.settings.depth)
        return NoiseNetwork(*size, self._chain, generator).to(self.device)

    def _train(
        self,
        network: NoiseNetwork,
        data: torch.Tensor,
        steps: int,
        rate: float,
        generator: torch.Generator,
        progress: Progress,
    ) -> float:
        adam = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99), fused=True)
        losses: list[float] = []
        for start in range(0, steps, BLOCK):
            block = min(BLOCK, steps - start)
            times, noisy, wanted = self._training_pairs(network, data, block, generator)
            found = []
            for k in range(block):
                step = start + k
                rise = min(1.0, (step + 1) / RISE)
                adam.param_groups[0]["lr"] = rate * rise * math.cos(math.pi * step / steps / 2) ** 2
                loss = (network.learnt(noisy[k], times[k]) - wanted[k]).square().mean()
                adam.zero_grad()
                loss.backward()
                adam.step()
                found.append(loss.detach())
            losses += torch.stack(found).tolist()
            if not math.isfinite(sum(losses[-block:])) or not all(
                bool(torch.isfinite(weight).all()) for weight in network.parameters()
            ):
                raise DivergedTraining(
                    f"training diverged within {start + block} of {steps} steps at rate {rate}: "
                    "lower the rate."
                )
            progress((start + block) / steps, losses[-1])
        last = losses[-max(1, steps // 10) :]
        return sum(last) / len(last)

    def _training_pairs(
        self,
        network: NoiseNetwork,
        data: torch.Tensor,
        block: int,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Times (block, batch), noisy samples and what v should be (block, batch, d)."""
        batch, drawn = self.settings.batch, {"generator": generator, "device": self.device}
        rows = torch.randint(len(data), (block, batch), **drawn)
        # One time in each of batch equal parts: uniform each, and together of less variance.
        parts = torch.arange(batch, device=self.device) + torch.rand(block, batch, **drawn)
        times = (parts / batch * self._chain.steps).long().clamp(max=self._chain.steps - 1) + 1
        noise = torch.randn(block, batch, data.shape[1], **drawn)
        left, mixed = network.left[times - 1], network.noise[times - 1]
        noisy = left * data[rows] + mixed * noise
        # The weight makes the squared error of the noise that of the network inside.
        return times, noisy, left * noise - mixed * data[rows]

    @torch.no_grad()
    def _denoised(self, latents: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
        network = self._network

        def noise_of(samples: torch.Tensor, t: int) -> torch.Tensor:
            return network(samples, torch.tensor([t], device=self.device))

        parts = [
            denoise(
                noise_of,
                self._chain,
                part,
                sampler=self.settings.sampler,
                visited=self.settings.visited,
                generator=generator,
            )
            for part in latents.split(CHUNK)
        ]
        return self._shift + self._scale * torch.cat(parts)

    def _fitted(self) -> None:
        if self._network is None:
            raise ValueError("the model has not been fitted: there is nothing to sample from.")
