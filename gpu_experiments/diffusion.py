r"""A diffusion model of images: the flow's U-Net in the place of the noise network of ``sim``.

Its output v gives the noise as :math:`\hat\epsilon = \sqrt{1-\bar\alpha_t}\,x_t +
\sqrt{\bar\alpha_t}\,v`, as in :mod:`sim.generators.noise_network`: v is the target of training,
:math:`\sqrt{\bar\alpha_t}\,\epsilon - \sqrt{1-\bar\alpha_t}\,x_0`, whose squared error is that of
the noise divided by :math:`\bar\alpha_t`. Schedules and samplers are those of
:mod:`sim.generators`. Sources: Ho, Jain, Abbeel 2020 (arXiv:2006.11239); Song, Meng, Ermon 2021
(arXiv:2010.02502); v of Salimans and Ho 2022 (arXiv:2202.00512), section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from gpu_experiments.flow import FlowSettings
from gpu_experiments.images import Images, as_images, clamped
from gpu_experiments.unet import Shape, require_count
from gpu_experiments.unet_training import (
    Replicas,
    TrainedUNet,
    TrainedUNetSettings,
    spread_times,
)
from sim.generators.denoising import Sampler, denoise
from sim.generators.noise_schedule import NoiseSchedule
from sim.protocols import Progress, silent
from sim.streams import torch_generator


@dataclass(frozen=True)
class ImageDiffusionSettings(TrainedUNetSettings):
    """A network, its training, the chain and the sampler.

    Attributes
    ----------
    sampler
        ``"ddim"``, deterministic given the noise, or ``"ddpm"``.
    visited
        Times visited in sampling, at most ``times``: the evaluations of the network.
    times
        Times T of the chain.
    schedule
        ``"cosine"`` or, as first published, ``"linear"``.

    Raises
    ------
    ValueError
        For a setting out of its range.
    """

    sampler: Sampler = "ddim"
    visited: int = 100
    times: int = 1000
    schedule: Literal["cosine", "linear"] = "cosine"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, words in (("sampler", ("ddim", "ddpm")), ("schedule", ("cosine", "linear"))):
            if getattr(self, name) not in words:
                raise ValueError(
                    f"{name} = {getattr(self, name)!r} is neither {words[0]!r} nor {words[1]!r}."
                )
        for name in ("visited", "times"):
            require_count(name, getattr(self, name))
        if self.visited > self.times:
            raise ValueError(
                f"visited = {self.visited} is more than times = {self.times}: visit fewer times or "
                "have more."
            )

    @classmethod
    def like(cls, flow: FlowSettings, **chosen: Any) -> ImageDiffusionSettings:
        """The network and training of a flow, with a chain and sampler for diffusion.

        Parameters
        ----------
        flow
            Such as ``FlowSettings.digits()``.
        chosen
            Settings of this class that shall differ from its defaults or from the flow's.
        """
        shared = {name: getattr(flow, name) for name in TrainedUNetSettings.__dataclass_fields__}
        return cls(**(shared | chosen))

    def chain(self) -> NoiseSchedule:
        """The schedule."""
        return getattr(NoiseSchedule, self.schedule)(self.times)


class ImageDiffusion:
    """A diffusion model of images.

    Parameters
    ----------
    settings
        See :class:`ImageDiffusionSettings`.
    shape
        Channels, height and width of the images.
    device
        Where the network is and samples are made.
    replicas
        The devices that share the training, if there are several.
    unfinished
        Folder of long fits that were interrupted, where the same fit goes on from; by default every
        fit begins at its beginning.

    Raises
    ------
    ValueError
        For a shape that the network cannot take.
    """

    def __init__(
        self,
        settings: ImageDiffusionSettings,
        shape: Shape,
        device: torch.device | str = "cpu",
        replicas: Replicas | None = None,
        unfinished: Path | None = None,
    ) -> None:
        self.settings = settings
        self.unet = TrainedUNet(settings, shape, device, replicas, unfinished)
        self._chain = settings.chain()
        # Square roots of the shares of image and noise at t = 1, …, T, shape (T, 1, 1, 1).
        alpha_bar = torch.as_tensor(self._chain.alpha_bar, device=self.unet.device)
        self._left = alpha_bar.sqrt().float()[:, None, None, None]
        self._mixed = (1 - alpha_bar).sqrt().float()[:, None, None, None]

    @property
    def evaluations(self) -> int:
        """Evaluations of the network for each batch of samples."""
        return self.settings.visited

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Fit to images (n, *shape) in [-1, 1]; as :meth:`gpu_experiments.flow.ImageFlow.fit`, the
        loss being that of v."""
        images = as_images(data, "images to fit", self.unet.shape).to(self.unet.device)
        return self.unet.fit(images, self._lesson, rng, progress)

    def sample(self, n: int, rng: np.random.Generator) -> Images:
        """n images, (n, *shape) in [-1, 1], on the device."""
        generator = torch_generator(rng, self.unet.device)
        return self._denoised(self.unet.latents(n, generator), generator)

    def decode(self, latents: torch.Tensor) -> Images:
        """DDIM's images of latents (n, *shape); standard normal latents give samples.

        Raises ``ValueError`` before the first fit, for latents of another shape, and for DDPM,
        where a latent does not determine its image.
        """
        if self.settings.sampler != "ddim":
            raise ValueError("DDPM adds noise on the way: only sampler='ddim' decodes latents.")
        return self._denoised(latents, None)

    def state(self) -> Any:
        """The weights and the chain that they were made for."""
        chain = {"schedule": self.settings.schedule, "times": self.settings.times}
        return {"kind": "diffusion", **chain, **self.unet.state()}

    def load(self, state: Any) -> None:
        """From :meth:`state` of a model with the same network, shape and chain.

        Raises ``ValueError`` for any other.
        """
        chosen = self.settings
        if state.get("kind") != "diffusion":
            raise ValueError("the state is not of a diffusion model: load it where it was made.")
        # A network of the same size would take the weights and sample from another law.
        if (state["schedule"], state["times"]) != (chosen.schedule, chosen.times):
            raise ValueError(
                f"the state is of a {state['schedule']} chain of {state['times']} times and the "
                f"settings say {chosen.schedule} and {chosen.times}: load it with the settings "
                "that it was made with."
            )
        self.unet.load(state)

    def _lesson(
        self, images: torch.Tensor, generator: torch.Generator, _: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        parts = spread_times(len(images), generator) * self._chain.steps
        place = parts.long().clamp(max=self._chain.steps - 1)
        noise = torch.empty_like(images).normal_(generator=generator)
        left, mixed = self._left[place], self._mixed[place]
        return (place + 1).float(), left * images + mixed * noise, left * noise - mixed * images

    def _denoised(self, latents: torch.Tensor, generator: torch.Generator | None) -> Images:
        def noise_of(samples: torch.Tensor, t: int) -> torch.Tensor:
            v = self.unet(samples, float(t))
            return self._mixed[t - 1] * samples + self._left[t - 1] * v

        def denoised(part: torch.Tensor) -> torch.Tensor:
            return denoise(
                noise_of,
                self._chain,
                part,
                sampler=self.settings.sampler,
                visited=self.settings.visited,
                generator=generator,
            )

        return clamped(self.unet.in_flight(denoised, latents))
