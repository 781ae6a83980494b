"""Generators by name, with settings for quick runs and for runs as published.

Published, for flows: minibatch couplings of torchcfm and 250 Euler steps (arXiv:2407.09499); for
diffusion models: all times of the chain in DDPM (arXiv:2006.11239), a tenth of them in DDIM
(arXiv:2010.02502). The quick settings are the defaults of each generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from sim.comparison import Setting
from sim.generators.diffusion import Diffusion, DiffusionSettings
from sim.generators.exact import EmpiricalLaw, ExactSampler
from sim.generators.exponential_family import ExponentialFamily
from sim.generators.flow_matching import FlowMatching, FlowSettings
from sim.generators.gaussian import Gaussian
from sim.generators.kernel import KernelDensity
from sim.protocols import Generator
from theory import RetrainingLoop

Preset = Literal["quick", "paper"]
Make = Callable[[], Generator]


@dataclass(frozen=True)
class NoSettings:
    """A generator without settings."""


@dataclass(frozen=True)
class KernelSettings:
    """Settings of :class:`sim.generators.kernel.KernelDensity`."""

    bandwidth: Literal["silverman", "cross-validation"] | float = "silverman"

    def __post_init__(self) -> None:
        KernelDensity(self.bandwidth)


@dataclass(frozen=True)
class FamilySettings:
    """Settings of :class:`sim.generators.exponential_family.ExponentialFamily`."""

    family: str = "normal"

    def __post_init__(self) -> None:
        ExponentialFamily(self.family)


@dataclass(frozen=True)
class Model:
    """A kind of generator.

    Attributes
    ----------
    says
        What it is, for the list.
    quick, paper
        Its settings in the two presets, of the same class.
    make
        From settings, the loop it is for and the device, what makes fresh generators.
    any_device
        Whether it runs elsewhere than on the CPU.
    keeps
        Whether it must be kept from round to round (``warm_start``).
    """

    says: str
    quick: Any
    paper: Any
    make: Callable[[Any, Setting, str], Make]
    any_device: bool = False
    keeps: bool = False

    def settings(self, preset: Preset) -> Any:
        """The settings of a preset."""
        return self.paper if preset == "paper" else self.quick


def _exact(settings: NoSettings, setting: Setting, device: str) -> Make:
    # The ratio that whole numbers of samples give.
    lam = setting.loop.kept / setting.loop.real if setting.loop.real else math.inf
    laws = RetrainingLoop(setting.law(), setting.K, lam).run(setting.loop.iterations).laws
    return lambda: ExactSampler(laws)


def _diffusion(settings: DiffusionSettings, setting: Setting, device: str) -> Make:
    return lambda: Diffusion(settings, device)


_FLOW = FlowSettings()
_DDIM = DiffusionSettings(sampler="ddim")
_DDPM = replace(_DDIM, sampler="ddpm")

MODELS: dict[str, Model] = {
    "flow": Model(
        "flow matching with optimal-transport couplings",
        _FLOW,
        replace(_FLOW, coupling="torchcfm", method="euler", ode_steps=250),
        lambda settings, setting, device: lambda: FlowMatching(settings),
    ),
    "ddpm": Model(
        "diffusion model, denoised at random",
        _DDPM,
        replace(_DDPM, visited=_DDPM.times),
        _diffusion,
        any_device=True,
    ),
    "ddim": Model(
        "diffusion model, denoised deterministically",
        _DDIM,
        replace(_DDIM, visited=_DDIM.times // 10),
        _diffusion,
        any_device=True,
    ),
    "gaussian": Model(
        "one Gaussian, by maximum likelihood",
        NoSettings(),
        NoSettings(),
        lambda settings, setting, device: Gaussian,
    ),
    "exponential-family": Model(
        "independent coordinates from one family, by maximum likelihood",
        FamilySettings(),
        FamilySettings(),
        lambda settings, setting, device: lambda: ExponentialFamily(settings.family),
    ),
    "kernel": Model(
        "kernel density estimate",
        KernelSettings(),
        KernelSettings(),
        lambda settings, setting, device: lambda: KernelDensity(settings.bandwidth),
    ),
    "empirical": Model(
        "the training set itself, drawn with replacement",
        NoSettings(),
        NoSettings(),
        lambda settings, setting, device: EmpiricalLaw,
    ),
    "exact": Model(
        "the exact law of each round, from a grid",
        NoSettings(),
        NoSettings(),
        _exact,
        keeps=True,
    ),
}
