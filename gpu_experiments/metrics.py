r"""What is measured of a round of images: classes, rewards, weights, and distance to the real data.

:func:`measured` gives the metrics of a round as a dictionary ready for JSON, with the keys of
:mod:`sim.recording` (``shares`` being those of the classes that the classifier predicts) and these:

=============================  ================================================================
``kept_shares``                share of each class among the kept, in all rounds but the last
``quality``                    a list, one entry for each kind of features, of the following
``features``                   in which features
``real``, ``generated``        numbers of images that the Fréchet distance compares
``frechet``, ``frechet_floor`` that distance, and what it would be for as many images of the real
                               data's own law: the floor measured on halves of the real images, in
                               proportion to 1/n + 1/m
``precision``, ``recall``      in balls to the k-th neighbour, of ``compared`` images each
``along_axes``                 moments along the principal axes of the real images
                               (:mod:`gpu_experiments.feature_axes`)
=============================  ================================================================

Numbers in different features cannot be compared, and those in a classifier's features are not FID.
Where the classifier was trained on the real images they are further from new images in its features
than images of the same law need be; real images that it never saw are the better reference.

Statistics are taken on the device of the samples; of each round only sums reach the host.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from gpu_experiments.feature_axes import principal_axes, to_json
from gpu_experiments.frechet import frechet_distance, halves, halves_floor, moments
from gpu_experiments.images import Images, as_images, to_bytes
from gpu_experiments.precision_recall import against, manifold, precision_recall
from sim.loop import Round

# Images that the Inception network takes together.
INCEPTION_BATCH = 256


class Features(Protocol):
    """Functions of images in which their laws are compared."""

    @property
    def name(self) -> str:
        """What they are, for people: it is said with every number."""

    def __call__(self, images: Images) -> torch.Tensor:
        """Features of images (n, ...), shape (n, d)."""


class Classifies(Protocol):
    """What is needed of a classifier."""

    @property
    def features_name(self) -> str:
        """What :meth:`features` are."""

    def features(self, images: Images) -> torch.Tensor:
        """Features of images, shape (n, d)."""

    def logits(self, images: Images) -> torch.Tensor:
        """Logarithms of class probabilities up to a constant, shape (n, classes)."""


class ClassifierFeatures:
    """The features of a classifier."""

    def __init__(self, classifier: Classifies) -> None:
        self.classifier = classifier

    @property
    def name(self) -> str:
        """The classifier's name of them."""
        return self.classifier.features_name

    def __call__(self, images: Images) -> torch.Tensor:
        """Features of images (n, ...), shape (n, d)."""
        return self.classifier.features(images)


class InceptionFeatures:
    """The 2048 pooled features of the Inception network that FID is defined by, of colour images.

    Parameters
    ----------
    weights
        File of the network's parameters for torch-fidelity; nothing is downloaded.
    device
        Where the network runs.

    Raises
    ------
    ImportError
        Where torch-fidelity is not there, or does not work with the torch that is.
    FileNotFoundError
        Where the file is not there.
    """

    name = "Inception v3 pooled features (2048, torch-fidelity)"

    def __init__(self, weights: Path, device: torch.device | str) -> None:
        if not weights.is_file():
            raise FileNotFoundError(f"{weights} is no file: Inception features need its weights.")
        try:
            # By name and here, since it imports torchvision, which fails on a torch without CUDA,
            # and not with an ImportError.
            library = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
        except (ImportError, RuntimeError, OSError) as error:
            raise ImportError(
                f"torch-fidelity cannot be imported ({error}): install it beside a torchvision "
                "that fits the torch, or leave Inception features out."
            ) from error
        network = library.FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(weights)
        )
        self.network = network.to(device).eval()
        self.device = torch.device(device)

    def __call__(self, images: Images) -> torch.Tensor:
        """Features of images (n, 3, height, width), shape (n, 2048)."""
        checked = as_images(images, "images for Inception")
        if checked.shape[1] != 3:
            raise ValueError(
                f"images have {checked.shape[1]} channels and Inception takes 3: use the "
                "classifier's features."
            )
        found = []
        with torch.no_grad():
            for part in checked.split(INCEPTION_BATCH):
                pixels = to_bytes(Images(part.to(self.device))).permute(0, 3, 1, 2).contiguous()
                found.append(self.network(pixels)[0].float())
        return torch.cat(found)


def features_for(
    classifier: Classifies, weights: Path | None, device: torch.device | str
) -> list[Features]:
    """The classifier's features and, before them, Inception's where its weights are given; raises
    as :class:`InceptionFeatures`."""
    found: list[Features] = [ClassifierFeatures(classifier)]
    if weights is not None:
        found.insert(0, InceptionFeatures(weights, device))
    return found


class Reference:
    """Real images in some features, prepared once for comparisons in every round.

    Parameters
    ----------
    features
        In which features.
    images
        Real images: all of them for the Fréchet distance, a random part for precision and recall.
    rng
        Draws that part, and the halves of the noise floors.
    k
        Neighbours of precision and recall.
    most
        Images compared in precision and recall, at most; the cost is quadratic.
    device
        Where statistics are taken, by default where the features come out.

    Attributes
    ----------
    floor, floor_deviation
        Fréchet distance of two random halves of the real images: mean and standard deviation over
        some ways of cutting them.
    axes
        Principal axes of the real images.
    ceiling
        Precision and recall of two disjoint random parts of the real images, as large as halves and
        ``most`` allow: what samples of the very law reach.

    Raises
    ------
    ValueError
        For fewer than 2 k + 2 images.
    """

    def __init__(
        self,
        features: Features,
        images: Images,
        rng: np.random.Generator,
        *,
        k: int = 3,
        most: int = 10_000,
        device: torch.device | str | None = None,
    ) -> None:
        if len(images) < 2 * k + 2 or most <= k:
            raise ValueError(
                f"{len(images)} real images, {most} of them at most compared, are too few for "
                f"k = {k} neighbours: give at least {2 * k + 2} and compare more than {k}."
            )
        self.features, self.k = features, k
        real = features(as_images(images, "real images"))
        self.device = real.device if device is None else torch.device(device)
        real = real.to(self.device)
        self.moments = moments(real)
        self.axes = principal_axes(self.moments)
        self.floor, self.floor_deviation = halves_floor(real, rng)
        self.ceiling = precision_recall(*halves(real, rng, most), k)
        chosen = torch.as_tensor(rng.permutation(len(real))[:most], device=self.device)
        self._real = real[chosen]
        self._manifold = manifold(self._real, k)

    def compare(self, images: Images) -> dict[str, Any]:
        """An entry of ``quality`` about images, more than k of them; see the module.

        Of images beyond the number of real ones that precision and recall compare, the first are
        compared: candidates come in no order. Of fewer images, as many real ones are.
        """
        return self.compare_features(self.features(as_images(images, "generated images")))

    def compare_features(self, found: torch.Tensor) -> dict[str, Any]:
        """The same from their features, shape (n, d)."""
        found = found.to(self.device)
        compared = min(len(found), len(self._real))
        balls = self._manifold
        if compared < len(self._real):
            balls = manifold(self._real[:compared], self.k)
        precision, recall = against(balls, manifold(found[:compared], self.k))
        n, m, law = self.moments.n, len(found), moments(found)
        return {
            "features": self.features.name,
            "real": n,
            "generated": m,
            "frechet": frechet_distance(self.moments, law),
            # The halves have n/2 each.
            "frechet_floor": self.floor * (1 / n + 1 / m) / (4 / n),
            "compared": compared,
            "k": self.k,
            "precision": precision,
            "recall": recall,
            "along_axes": to_json(self.axes.along(law)),
        }

    def coordinates(self, images: Images) -> torch.Tensor:
        """Of images (n, ...) along the axes, shape (n, k), float64."""
        found = self.features(as_images(images, "generated images"))
        return self.axes.coordinates(found.to(self.device))

    def as_json(self) -> dict[str, Any]:
        """What the real images are like among themselves."""
        return {
            "features": self.features.name,
            "real": self.moments.n,
            "dimension": self.moments.dimension,
            "rank": len(self.moments.spectrum),
            "axes_variances": self.axes.variances.tolist(),
            "axes_share": self.axes.share,
            "frechet_halves": self.floor,
            "frechet_halves_deviation": self.floor_deviation,
            "precision_halves": self.ceiling[0],
            "recall_halves": self.ceiling[1],
            "compared_halves": min(self.moments.n // 2, len(self._real)),
            "k": self.k,
        }


def predicted(classifier: Classifies, images: Images) -> torch.Tensor:
    """The most probable class of each image, shape (n,), on their device."""
    return classifier.logits(images).argmax(dim=1)


def measured(
    found: Round,
    labels: torch.Tensor,
    names: Sequence[str],
    references: Sequence[Reference] = (),
) -> dict[str, Any]:
    """The metrics of a round; see the module.

    Parameters
    ----------
    found
        The round, of images.
    labels
        Predicted classes of its candidates, shape (n,), on their device.
    names
        Names of the classes.
    references
        Real images, one entry of ``quality`` for each.

    Raises
    ------
    ValueError
        For labels of another shape or beyond the classes, and for rewards whose weights are beyond
        float64.
    """
    n, classes = len(found.rewards), len(names)
    if labels.shape != (n,) or int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise ValueError(
            f"labels have shape {tuple(labels.shape)} for {n} candidates of {classes} classes: "
            "give the number of a class for each."
        )
    rewards = found.rewards.detach().double()
    (reward, reward_se), (weight, weight_se) = _means(torch.stack([rewards, rewards.exp()]))
    if not math.isfinite(weight):
        raise ValueError(
            f"rewards of samples of p_{found.t} go up to {float(rewards.max()):.6g}, too far for "
            "their weights: lower gamma."
        )
    shares = _shares(labels, classes)
    kept: dict[str, Any] = {}
    if found.kept is not None:
        kept["kept_reward"] = float(rewards[found.kept].mean())
        kept["kept_shares"] = dict(zip(names, _shares(labels[found.kept], classes), strict=True))
    return {
        "t": found.t,
        "candidates": n,
        "reward": reward,
        "reward_se": reward_se,
        "weight": weight,
        "weight_se": weight_se,
        **kept,
        "shares": dict(zip(names, shares, strict=True)),
        "shares_se": {
            name: math.sqrt(p * (1 - p) / n) for name, p in zip(names, shares, strict=True)
        },
        "quality": [one.compare(Images(found.candidates)) for one in references],
        "fit": {name: float(value) for name, value in found.fit.items()},
    }


def _shares(labels: torch.Tensor, classes: int) -> list[float]:
    counts: list[int] = torch.bincount(labels, minlength=classes).tolist()
    return [count / len(labels) for count in counts]


def _means(values: torch.Tensor) -> list[tuple[float, float | None]]:
    """Mean of each row and its standard error, which one value does not have."""
    n = values.shape[1]
    means = values.mean(dim=1).tolist()
    if n == 1:
        return [(mean, None) for mean in means]
    errors = (values.std(dim=1) / math.sqrt(n)).tolist()
    return list(zip(means, errors, strict=True))
