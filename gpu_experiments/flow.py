r"""Flow matching on images: a U-Net learns the velocities from noise to images.

The network :math:`v` minimises :math:`E\|v(x_t, t) - (x_1 - x_0)\|^2` with :math:`x_t = (1-t)x_0 +
t x_1`, :math:`x_0` standard normal and :math:`x_1` data, coupled by exact optimal transport within
minibatches; samples are the ends of :math:`\dot x = v(x, t)`. Source: Tong et al. 2024
(arXiv:2302.00482), whose package torchcfm makes the couplings and the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpu_experiments.images import Images, as_images, clamped
from gpu_experiments.solvers import SOLVERS, Solver, evaluations, integrate, require_solver
from gpu_experiments.unet import Shape, require_count
from gpu_experiments.unet_training import (
    Replicas,
    TrainedUNet,
    TrainedUNetSettings,
    spread_times,
)
from sim.generators.reference_coupling import seeded_globals
from sim.protocols import Progress, silent
from sim.streams import torch_generator

# What samplers are compared with: the paper's.
REFERENCE: tuple[Solver, int] = ("euler", 250)


@dataclass(frozen=True)
class FlowSettings(TrainedUNetSettings):
    """A network, its training and the solver; the defaults are those of torchcfm's CIFAR-10.

    Attributes
    ----------
    solver, solver_steps
        See :mod:`gpu_experiments.solvers`; the paper takes 250 steps of Euler's method.

    Raises
    ------
    ValueError
        For a setting out of its range.
    """

    solver: Solver = "euler"
    solver_steps: int = 250

    def __post_init__(self) -> None:
        super().__post_init__()
        require_solver(self.solver)
        require_count("solver_steps", self.solver_steps)

    @classmethod
    def cifar10(cls) -> FlowSettings:
        """The published network (35.7 million parameters) and training for 32 x 32 pixels."""
        return cls()

    @classmethod
    def digits(cls) -> FlowSettings:
        """For 8 x 8 pixels on one core: 272 thousand parameters, the least that groups allow.

        A digit in the mirror is none, hence no flips.
        """
        return cls(
            channels=32,
            channel_mult=(1, 1),
            res_blocks=1,
            attention=(),
            head_channels=32,
            dropout=0.0,
            steps=800,
            rate=5e-3,
            warm_steps=85,
            warm_rate=3e-3,
            rise=0.05,
            fall="cosine",
            beta_2=0.99,
            average=0.999,
            flips=False,
            compile=False,
            in_flight=250,
            solver="adams",
            solver_steps=8,
        )

    @classmethod
    def smoke(cls) -> FlowSettings:
        """To see in a second that everything runs; what it samples is noise."""
        return cls(
            channels=32,
            channel_mult=(1,),
            res_blocks=1,
            attention=(),
            head_channels=32,
            batch=16,
            piece=8,
            steps=4,
            rate=1e-3,
            warm_steps=2,
            warm_rate=1e-3,
            in_flight=64,
            solver="midpoint",
            solver_steps=2,
        )


class ImageFlow:
    """A flow from standard normal noise to images.

    Parameters
    ----------
    settings
        See :class:`FlowSettings`.
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
        settings: FlowSettings,
        shape: Shape,
        device: torch.device | str = "cpu",
        replicas: Replicas | None = None,
        unfinished: Path | None = None,
    ) -> None:
        self.settings = settings
        self.unet = TrainedUNet(settings, shape, device, replicas, unfinished)

    @property
    def evaluations(self) -> int:
        """Evaluations of the network for each batch of samples."""
        return evaluations(self.settings.solver, self.settings.solver_steps)

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Fit to images (n, *shape) in [-1, 1], from the last weights if there are any.

        Returns the loss, mean squared error of a velocity per pixel, and that of no velocity, both
        in mean over the last tenth of the steps; the number of steps.

        Raises
        ------
        ValueError
            For data that are no images, or of another shape.
        DivergedTraining
            Naming the step; the flow is then as before the fit.
        MemoryError
            Naming the batch that may fit.
        """
        images = as_images(data, "images to fit", self.unet.shape).to(self.unet.device)
        return self.unet.fit(images, _lesson(), rng, progress)

    def sample(self, n: int, rng: np.random.Generator) -> Images:
        """n images, (n, *shape) in [-1, 1], on the device."""
        return self.transport(self.noise(n, rng))

    def noise(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """What :meth:`sample` transports, (n, *shape) on the device."""
        return self.unet.latents(n, torch_generator(rng, self.unet.device))

    def transport(
        self, noise: torch.Tensor, solver: Solver | None = None, steps: int | None = None
    ) -> Images:
        """Images at the ends of the trajectories from noise (n, *shape), by the solver of the
        settings or another.

        Raises
        ------
        ValueError
            Before the first fit, and for noise of another shape.
        MemoryError
            Naming the number of images in flight that may fit.
        """
        solver = self.settings.solver if solver is None else solver
        steps = self.settings.solver_steps if steps is None else steps
        return clamped(
            self.unet.in_flight(lambda part: integrate(self.unet, part, solver, steps), noise)
        )

    def state(self) -> Any:
        """The weights, see :meth:`TrainedUNet.state`."""
        return {"kind": "flow", **self.unet.state()}

    def load(self, state: Any) -> None:
        """From :meth:`state` of a flow with the same network and shape.

        Raises ``ValueError`` for any other.
        """
        if state.get("kind") != "flow":
            raise ValueError("the state is not of a flow: load it where it was made.")
        self.unet.load(state)


@dataclass(frozen=True)
class StepQuality:
    """How near a sampler is to the reference.

    Attributes
    ----------
    solver, steps, evaluations
        The sampler, and how often it asks the network.
    squared_difference
        Mean over pixels and images of the squared difference from the images that the reference
        makes from the same noise; pixels are in [-1, 1].
    distance
        Of the samples from what the given function measures them against; ``None`` without one.
    """

    solver: Solver
    steps: int
    evaluations: int
    squared_difference: float
    distance: float | None


def quality_by_steps(
    flow: ImageFlow,
    rng: np.random.Generator,
    *,
    n: int,
    budgets: Sequence[int],
    solvers: Sequence[Solver] = SOLVERS,
    distance: Callable[[Images], float] | None = None,
    reference: tuple[Solver, int] = REFERENCE,
) -> list[StepQuality]:
    """The quality of every solver at every budget of evaluations; the reference comes first.

    Parameters
    ----------
    flow
        A fitted one.
    n
        Images per sampler, all from the same noise.
    budgets
        Evaluations of the network; solvers with two in a step take half as many steps.
    distance
        Of images from data or from other samples, such as a Fréchet distance of their features.

    Raises
    ------
    ValueError
        For a budget that is odd or below 2.
    """
    for budget in budgets:
        require_count("budgets: each", budget)
        if budget % 2:
            raise ValueError(f"budgets has {budget}: give even numbers, for steps of two.")
    noise = flow.noise(n, rng)
    best = flow.transport(noise, *reference)

    def measured(solver: Solver, steps: int, images: Images) -> StepQuality:
        apart = float((images - best).square().mean())
        far = None if distance is None else distance(images)
        return StepQuality(solver, steps, evaluations(solver, steps), apart, far)

    found = [measured(*reference, best)]
    for solver in solvers:
        for budget in budgets:
            steps = budget // evaluations(solver, 1)
            found.append(measured(solver, steps, flow.transport(noise, solver, steps)))
    return found


def _lesson() -> Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    # Imported here: it brings half a dozen packages along.
    from torchcfm import ConditionalFlowMatcher
    from torchcfm.optimal_transport import OTPlanSampler

    planner, matcher = OTPlanSampler(method="exact"), ConditionalFlowMatcher(sigma=0.0)

    def pairs(
        images: torch.Tensor, generator: torch.Generator, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        noise = torch.empty_like(images).normal_(generator=generator)
        times = spread_times(len(images), generator)
        # The plan is a permutation, and every image has its noise. torchcfm's own matcher draws as
        # many pairs from it with replacement, which leaves out a third of the images and doubles
        # the noise of the gradient: digits in the classifier's features are then at a Fréchet
        # distance of 18.1 and 20.7 (two seeds) instead of 14.6 and 15.5.
        partner = planner.get_map(noise, images).argmax(axis=1)
        images = images[torch.from_numpy(partner).to(images.device)]
        with seeded_globals(rng):
            found: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = (
                matcher.sample_location_and_conditional_flow(noise, images, times)
            )
        return found

    return pairs
