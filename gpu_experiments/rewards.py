r"""Rewards of images: by a classifier's probabilities, and learnt from comparisons.

The paper's are :math:`\gamma q_c(x)` for a class c and :math:`\gamma\max_i q_i(x)` for confidence.
A learnt one is Bradley and Terry's (Luce's for K > 2) on the classifier's features. Each is
computed in batches on the classifier's device, and says which number it does not exceed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from gpu_experiments.classifier import Classifier
from gpu_experiments.images import Images
from sim.preferences import Comparisons, compare
from sim.protocols import Curator, Progress, Reward, silent
from sim.reward_models import LinearReward, NetworkReward

RIDGE = 1e-3
"""Of the linear reward, on standardised features: with more features than upsets the likelihood
alone has no maximum. Parameters of norm 1 cost 0.0005 nats per comparison."""


class ClassReward:
    r""":math:`\gamma q_c(x)`: the probability of one class, from 0 to :math:`\gamma`.

    Parameters
    ----------
    classifier
        Gives the probabilities q.
    index
        The class c, from 0.
    gamma
        Largest reward, positive.
    """

    def __init__(self, classifier: Classifier, index: int, gamma: float) -> None:
        if isinstance(index, bool) or not isinstance(index, int):
            raise ValueError(f"index = {index!r} is not a whole number.")
        if not 0 <= index < classifier.classes:
            raise ValueError(
                f"index = {index} is no class: give 0 to {classifier.classes - 1} "
                f"({', '.join(classifier.names)})."
            )
        self.classifier = classifier
        self.index = index
        self.gamma = _positive(gamma)

    @property
    def infimum(self) -> float:
        """No reward is below it."""
        return 0.0

    @property
    def supremum(self) -> float:
        """No reward is above it."""
        return self.gamma

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Rewards of images (n, channels, height, width), shape (n,), on their device."""
        return self.gamma * self.classifier.probabilities(Images(samples))[:, self.index]


class ConfidenceReward:
    r""":math:`\gamma\max_i q_i(x)`, how sure the classifier is: at least :math:`\gamma` over the
    number of classes, at most :math:`\gamma`.

    Parameters
    ----------
    classifier
        Gives the probabilities q.
    gamma
        Largest reward, positive.
    """

    def __init__(self, classifier: Classifier, gamma: float) -> None:
        self.classifier = classifier
        self.gamma = _positive(gamma)

    @property
    def infimum(self) -> float:
        """No reward is below it, but for rounding."""
        return self.gamma / self.classifier.classes

    @property
    def supremum(self) -> float:
        """No reward is above it."""
        return self.gamma

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Rewards of images (n, channels, height, width), shape (n,), on their device."""
        return self.gamma * self.classifier.probabilities(Images(samples)).amax(dim=1)


class LearntReward:
    """A reward of the classifier's features, learnt from comparisons of images.

    It is fitted on the CPU, to the features of all images at once, and evaluated on the device of
    the classifier. Features are standardised by the images of the fit. Beyond those images the
    reward is a guess, and it must be bounded: it is cut at the largest reward that any image of the
    fit has, :attr:`supremum`.

    Parameters
    ----------
    classifier
        Gives the features.
    model
        ``"linear"`` (with ``ridge``) or ``"network"``, those of :mod:`sim.reward_models`.
    ridge
        Of the linear model; 0 is maximum likelihood.
    """

    def __init__(self, classifier: Classifier, model: str = "linear", ridge: float = RIDGE) -> None:
        if model not in ("linear", "network"):
            raise ValueError(f"model = {model!r}: give linear or network.")
        self.classifier = classifier
        self.model: LinearReward | NetworkReward = (
            LinearReward(_as_they_are, ridge) if model == "linear" else NetworkReward()
        )
        self.centre = torch.zeros(0)
        self.scale = torch.zeros(0)
        self._supremum = math.nan

    @property
    def supremum(self) -> float:
        """No reward is above it."""
        self._refuse_unfitted()
        return self._supremum

    def fit(
        self, comparisons: Comparisons, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Learn from comparisons of images; the figures are the model's, with its ``loss``.

        Raises
        ------
        ValueError
            Where the features of all images are the same, or the likelihood has no maximum.
        """
        features = self.classifier.features(Images(comparisons.samples)).cpu()
        spread = features.std(dim=0)
        # A unit that is off for all of the images is the same for all of them.
        centre, scale = features.mean(dim=0), torch.where(spread > 0, spread, 1.0)
        groups = ((features - centre) / scale).unflatten(0, (len(comparisons), comparisons.K))
        _move(self.model, torch.device("cpu"))
        found = self.model.fit(Comparisons(groups, comparisons.chosen.cpu()), rng, progress)
        self._supremum = float(self.model(groups.flatten(0, 1)).max())
        self.centre, self.scale = centre, scale
        self._settle()
        return found

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Rewards of images (n, channels, height, width), shape (n,), on their device."""
        self._refuse_unfitted()
        features = self.classifier.features(Images(samples)).to(self.centre.device)
        rewards = self.model((features - self.centre) / self.scale)
        return rewards.clamp(max=self._supremum).to(samples.device)

    def state(self) -> Any:
        """Everything but the classifier that the rewards depend on."""
        return {
            "centre": self.centre.cpu(),
            "scale": self.scale.cpu(),
            "supremum": self._supremum,
            "model": _on_the_cpu(self.model.state()),
        }

    def load(self, state: Any) -> None:
        """From :meth:`state`, of a reward with the same classifier and model."""
        self.centre, self.scale = state["centre"].clone(), state["scale"].clone()
        self._supremum = float(state["supremum"])
        self.model.load(state["model"])
        self._settle()

    def _settle(self) -> None:
        device = self.classifier.device
        self.centre, self.scale = self.centre.to(device), self.scale.to(device)
        _move(self.model, device)

    def _refuse_unfitted(self) -> None:
        if math.isnan(self._supremum):
            raise ValueError("this reward has not learnt from comparisons yet: call fit first.")


def learn_reward(
    classifier: Classifier,
    images: Images,
    true: Reward,
    curator: Curator,
    rng: np.random.Generator,
    model: str = "linear",
    ridge: float = RIDGE,
    progress: Progress = silent,
) -> LearntReward:
    """Show consecutive groups of K images to a curator who goes by the true reward, and learn it
    from the answers.

    Parameters
    ----------
    classifier, model, ridge
        Of the :class:`LearntReward`.
    images
        A multiple of K images, in random order.
    true, curator
        Who answers.
    rng
        Of the answers, and of the fit.
    """
    learnt = LearntReward(classifier, model, ridge)
    learnt.fit(compare(images, true, curator, rng), rng, progress)
    return learnt


def _positive(gamma: float) -> float:
    if isinstance(gamma, bool) or not isinstance(gamma, int | float):
        raise ValueError(f"gamma = {gamma!r} is not a number.")
    if not (math.isfinite(gamma) and gamma > 0):
        raise ValueError(f"gamma = {gamma} is not a positive finite number.")
    return float(gamma)


def _as_they_are(features: torch.Tensor) -> torch.Tensor:
    return features


def _move(model: LinearReward | NetworkReward, device: torch.device) -> None:
    """The fitted numbers of the model onto the device; it then takes samples there."""
    if isinstance(model, LinearReward):
        model.theta = model.theta.to(device)
        return
    model.centre, model.scale = model.centre.to(device), model.scale.to(device)
    if model.network is not None:
        model.network.to(device)


def _on_the_cpu(state: Any) -> Any:
    if isinstance(state, dict):
        return {name: _on_the_cpu(value) for name, value in state.items()}
    return state.cpu() if isinstance(state, torch.Tensor) else state
