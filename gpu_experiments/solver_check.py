r"""Whether a run's few-step solver changes what the loop sees, against the paper's 250 Euler steps.

The pretrained flow transports the same noise by both solvers. What one round of the loop takes from
the images is compared pair by pair: their rewards, the shares of the classes, and the mean reward
after a choice of one in K, given the candidates
(:math:`\sum_k r_k e^{r_k} / \sum_k e^{r_k}`, averaged over groups of K). Differences come with the
standard error of a mean of pairs, or of groups; they say what the solver does and not what noise
does, which both share. The Fréchet distances from held-out real images are of both sets.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from gpu_experiments.experiment import ImageExperiment
from gpu_experiments.flow import REFERENCE, FlowSettings
from gpu_experiments.metrics import predicted
from gpu_experiments.pretrained import Pretrained
from gpu_experiments.sources import digits
from gpu_experiments.sources.collection import CIFAR10
from sim.streams import Streams

__all__ = ["solver_check"]

CLASSES = {"digits": digits.NAMES, "cifar10": CIFAR10.names}


def solver_check(experiment: ImageExperiment, images: int) -> dict[str, Any]:
    """A run's solver beside the reference, on its pretrained model; ready for JSON.

    Parameters
    ----------
    experiment
        The run; its classifier and pretrained flow are trained if they are not kept from before.
    images
        Images from each solver, a multiple of K.

    Returns
    -------
    dict
        ``solver``, ``steps``, ``reference``, ``reference_steps``, ``images``; ``rms``, root mean
        square difference of pixels in [-1, 1]; ``quality``, of the run's solver and of the
        reference (:meth:`gpu_experiments.metrics.Reference.compare`); and for ``reward``,
        ``kept_reward`` and each of ``shares`` the two values (``here``, ``there``) with their
        ``difference`` and its standard error ``se``.

    Raises
    ------
    ValueError
        For a model that is no flow, or a number of images that does not divide into groups.
    """
    model = experiment.model
    if not isinstance(model, FlowSettings):
        raise ValueError(f"the model {model.sampler} has no solver to compare: give a flow.")
    if images < 2 * experiment.K or images % experiment.K:
        raise ValueError(
            f"images = {images} do not divide into groups of K = {experiment.K}: give a multiple "
            "of K, of two groups or more."
        )
    loop = experiment.loop()
    first = loop.generator
    assert isinstance(first, Pretrained)
    streams = Streams(experiment.seed)
    first.fit(first.data, streams("solver check", 0))
    flow = first.generator.generator  # the flow itself, not its share of a team
    noise = flow.noise(images, streams("solver check", 1))
    here = flow.transport(noise, model.solver, model.solver_steps)
    there = flow.transport(noise, *REFERENCE)
    solver, steps = REFERENCE
    labels = [predicted(experiment.judges, each) for each in (here, there)]
    rewards = [experiment.judge(each).double() for each in (here, there)]
    return {
        "solver": model.solver,
        "steps": model.solver_steps,
        "reference": solver,
        "reference_steps": steps,
        "images": images,
        "rms": math.sqrt(float((here - there).square().mean())),
        "quality": [experiment.references[0].compare(each) for each in (here, there)],
        "reward": _pair(*rewards),
        "kept_reward": _pair(*(_kept(each, experiment.K) for each in rewards)),
        "shares": {
            name: _pair(*((each == number).double() for each in labels))
            for number, name in enumerate(CLASSES[experiment.data])
        },
    }


def _kept(rewards: torch.Tensor, K: int) -> torch.Tensor:
    """Expected reward of the one that is kept of every K."""
    groups = rewards.reshape(-1, K)
    return (groups * groups.softmax(dim=1)).sum(dim=1)


def _pair(here: torch.Tensor, there: torch.Tensor) -> dict[str, float]:
    """Means of both, and of their differences with its standard error."""
    apart = here - there
    return {
        "here": float(here.mean()),
        "there": float(there.mean()),
        "difference": float(apart.mean()),
        "se": float(apart.std()) / math.sqrt(len(apart)),
    }
