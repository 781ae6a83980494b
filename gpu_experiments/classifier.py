"""Classifiers of images: VGG11 for 32x32 colour images, a small network for 8x8 digits.

VGG11 (configuration A of Simonyan & Zisserman 2015, arXiv:1409.1556) has batch normalisation after
every convolution and, for 32x32 images, the layout of the paper's: the last map is 1x1 with 512
channels, then 512 - 4096 - 4096 - 10 with dropout 0.5. Its 28 149 514 parameters are the published
28.15 million: 9 220 480 in convolutions, 5 504 in normalisation, 18 923 530 in linear layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from gpu_experiments.calibration import Calibration, calibration, fit_temperature
from gpu_experiments.data import Labelled
from gpu_experiments.images import Images, as_images

# Images classified together: on a GPU enough to fill it, in a few GB; on a CPU the widest map of
# VGG11, 64 of 32x32, then takes 64 MB.
BATCH = {"cuda": 4096, "cpu": 256}


class ImageNetwork(nn.Module):
    """Logits as a small head on features.

    Attributes
    ----------
    shape
        Channels, height and width of the images.
    title
        Name of the features, for people.
    dimension
        Number of features.
    body, head
        Images (n, ...) to features (n, dimension), and those to logits (n, classes).
    """

    shape: tuple[int, int, int]
    title: str
    dimension: int
    body: nn.Module
    head: nn.Module

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes) of images (n, channels, height, width)."""
        logits: torch.Tensor = self.head(self.body(images))
        return logits


class VGG11(ImageNetwork):
    """VGG11 with batch normalisation for 32x32 colour images; see the module.

    Its features are the 512 numbers between convolutions and linear layers. The 4096 of the last
    hidden layer would be more than the images kept in a round: a covariance of lower rank.
    """

    shape = (3, 32, 32)
    title = "VGG11 pooled features"
    dimension = 512

    def __init__(self, classes: int = 10, hidden: int = 4096) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for stage in ((64,), (128,), (256, 256), (512, 512), (512, 512)):
            for width in stage:
                layers += [*_normalised(inputs, width)]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Sequential(
            nn.Linear(512, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(hidden, classes),
        )


class DigitsNetwork(ImageNetwork):
    """Three convolutions and 48 features, for 8x8 grey images: 20 890 parameters."""

    shape = (1, 8, 8)
    title = "digits network features"
    dimension = 48

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_normalised(1, 16),
            *_normalised(16, 32),
            nn.MaxPool2d(2),
            *_normalised(32, 32),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 4, self.dimension),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Linear(self.dimension, classes)


NETWORKS: Mapping[str, type[VGG11] | type[DigitsNetwork]] = {
    "vgg11": VGG11,
    "digits": DigitsNetwork,
}


def make_network(name: str, classes: int, seed: int) -> ImageNetwork:
    """A network of that name with random parameters, the same on every machine.

    Convolutions are as in He et al. 2015. Linear layers have standard deviation 0.01: with He's,
    the 4096 hidden units of VGG11 make its first steps overshoot (measured on CIFAR-10, batches of
    128, peak rate 0.02: in ten steps of the warm-up the loss rose from 2.35 to 8.3).
    """
    if name not in NETWORKS:
        raise ValueError(f"network = {name!r}: give one of {', '.join(NETWORKS)}.")
    # Without memory first: torch's own initialisation would draw from its global stream.
    with torch.device("meta"):
        network = NETWORKS[name](classes)
    network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            elif isinstance(module, nn.Conv2d | nn.Linear):
                convolution = isinstance(module, nn.Conv2d)
                spread = math.sqrt(2 / module.weight[0].numel()) if convolution else 0.01
                module.weight.normal_(0, spread, generator=generator)
                module.bias.zero_()  # type: ignore[union-attr]
    return network


class Classifier:
    """Class probabilities and features of images, by a trained network.

    All is computed in float32 (on a GPU convolutions in TF32, torch's default), in batches, on the
    device of the network, and comes back on the device of the images.

    Parameters
    ----------
    network
        Trained; it is put into its evaluation mode.
    name
        Its name among :data:`NETWORKS`.
    names
        Names of the classes.
    mirrored
        Whether logits are the mean over an image and its mirror image.
    temperature
        Logits are divided by it; see :meth:`calibrate`.
    """

    def __init__(
        self,
        network: ImageNetwork,
        name: str,
        names: Sequence[str],
        mirrored: bool = False,
        temperature: float = 1.0,
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.name = name
        self.names = tuple(names)
        self.mirrored = mirrored
        self.temperature = temperature

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images it takes."""
        return self.network.shape

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.names)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @property
    def features_name(self) -> str:
        """What :meth:`features` are, for figures: every distance says in which features."""
        return f"{self.network.title} ({self.network.dimension})"

    def logits(self, images: Images) -> torch.Tensor:
        """Logarithms of the probabilities up to a constant, shape (n, classes)."""
        return self._batched(self._logits, images, self.classes)

    def probabilities(self, images: Images) -> torch.Tensor:
        """Class probabilities, shape (n, classes), rows of sum 1."""
        return self.logits(images).softmax(dim=1)

    def features(self, images: Images) -> torch.Tensor:
        """Features :attr:`features_name`, shape (n, d); of the images as they are, not mirrored."""
        return self._batched(self.network.body, images, self.network.dimension)

    def report(self, held_out: Labelled) -> Calibration:
        """Accuracy and calibration of the present probabilities on images not trained on."""
        return calibration(self._logits_of(held_out), held_out.labels)

    def calibrate(self, held_out: Labelled) -> float:
        """Take the temperature of largest likelihood on these images, and return it.

        To report what that did, report on other images: these are not held out any more.
        """
        self.temperature *= fit_temperature(self._logits_of(held_out), held_out.labels)
        return self.temperature

    def to(self, device: torch.device | str) -> Classifier:
        """The same classifier, moved to the device."""
        self.network.to(device)
        if torch.device(device).type == "cuda":
            for parameter in self.network.parameters():
                if parameter.ndim == 4:
                    parameter.data = parameter.contiguous(memory_format=torch.channels_last)
        return self

    def state(self) -> Any:
        """Everything that the answers depend on, on the CPU."""
        return {
            "network": self.name,
            "names": list(self.names),
            "mirrored": self.mirrored,
            "temperature": self.temperature,
            "parameters": {
                name: value.detach().to("cpu", copy=True)
                for name, value in self.network.state_dict().items()
            },
        }

    def load(self, state: Any) -> None:
        """From :meth:`state`, of a classifier with the same network and classes."""
        if (state["network"], tuple(state["names"])) != (self.name, self.names):
            raise ValueError(
                f"the state is of network {state['network']!r} for {len(state['names'])} classes "
                f"and the classifier is {self.name!r} for {self.classes}: use "
                "Classifier.from_state."
            )
        self.network.load_state_dict(state["parameters"])
        self.mirrored, self.temperature = bool(state["mirrored"]), float(state["temperature"])

    @classmethod
    def from_state(cls, state: Any, device: torch.device | str = "cpu") -> Classifier:
        """The classifier whose :meth:`state` this is."""
        names = tuple(state["names"])
        made = cls(make_network(state["network"], len(names), seed=0), state["network"], names)
        made.load(state)
        return made.to(device)

    def _logits_of(self, held_out: Labelled) -> torch.Tensor:
        if tuple(held_out.names) != self.names:
            raise ValueError(
                f"the images have classes {', '.join(held_out.names)} and the classifier "
                f"{', '.join(self.names)}: give images of the same classes, in the same order."
            )
        return self.logits(held_out.images)

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images)
        if self.mirrored:
            logits = (logits + self.network(images.flip(3))) / 2
        return logits / self.temperature

    def _batched(
        self, function: Callable[[torch.Tensor], torch.Tensor], images: Images, columns: int
    ) -> torch.Tensor:
        checked = as_images(images, "images to classify", self.shape)
        device = self.device
        found = torch.empty(len(checked), columns, device=checked.device)
        batch = BATCH["cuda" if device.type == "cuda" else "cpu"]
        with (
            torch.no_grad(),
            out_of_memory(batch, "images classified at a time (classifier.BATCH)"),
        ):
            for start in range(0, len(checked), batch):
                part = checked[start : start + batch].to(device, torch.float32)
                if device.type == "cuda":
                    part = part.contiguous(memory_format=torch.channels_last)
                found[start : start + batch] = function(part)
        return found


@contextmanager
def out_of_memory(batch: int, what: str) -> Iterator[None]:
    """Says which batch would fit, where the device's memory does not hold this one.

    Raises
    ------
    MemoryError
        Instead of torch's own error.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(
            f"the device's memory does not hold {batch} {what}: take {max(1, batch // 2)}, or stop "
            "what else runs on the device."
        ) from error


def _normalised(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
