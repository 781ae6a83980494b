"""Training of classifiers: one cycle of the learning rate, on augmented images.

The images are on the device once; every batch is one gather from them that shifts and mirrors as it
copies, so an epoch is a permutation of indices and nothing waits for the host. On CUDA the steps
run in bfloat16 with channels last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch

from gpu_experiments.classifier import (
    NETWORKS,
    Classifier,
    ImageNetwork,
    make_network,
    out_of_memory,
)
from gpu_experiments.data import Labelled
from gpu_experiments.images import as_images
from sim.generators.velocity import one_thread
from sim.protocols import DivergedTraining, Progress, silent
from sim.streams import torch_generator

Optimiser = Literal["sgd", "adamw"]

# Steps between two looks at the loss: each makes the host wait for the device.
LOOK = 50


@dataclass(frozen=True)
class ClassifierSettings:
    """Settings of a classifier and its training; by default those for CIFAR-10.

    Attributes
    ----------
    network
        A name of :data:`gpu_experiments.classifier.NETWORKS`.
    epochs, batch
        Passes over the images, and images per step. What is left of an epoch when it is cut into
        batches is not used in that epoch.
    optimiser, rate, decay
        ``"sgd"`` (Nesterov, momentum 0.9) or ``"adamw"``; peak of its rate; weight decay, on
        matrices and kernels alone.
    warm_up
        Share of the steps over which the rate rises linearly from 0 to its peak; it then falls
        linearly to 0.
    smoothing
        Share of the label that is spread over all classes. It costs calibration: the classifier is
        then less sure than it is right, which a temperature mends.
    shift
        Images are moved by up to so many pixels in each direction, mirrored at their edges.
    flips
        Whether images are mirrored left to right in half of the cases.
    mirrored
        Whether the trained classifier averages its logits over an image and its mirror image.
    bfloat16
        Whether steps on CUDA are in bfloat16 (parameters stay float32).
    compiled
        Whether steps on CUDA are compiled. Compilation takes about as long as it could save in one
        training of VGG11, so it pays only where kernels are cached from run to run.

    Raises
    ------
    ValueError
        For a setting out of its range.
    """

    network: str = "vgg11"
    epochs: int = 80
    batch: int = 512
    optimiser: Optimiser = "sgd"
    rate: float = 2e-2
    decay: float = 1e-2
    warm_up: float = 0.2
    smoothing: float = 0.1
    shift: int = 4
    flips: bool = True
    mirrored: bool = True
    bfloat16: bool = True
    compiled: bool = False

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch", 2), ("shift", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least {least}.")
        for name, high in (("decay", math.inf), ("warm_up", 1.0), ("smoothing", 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not (
                isinstance(value, int | float) and 0 <= value < high
            ):
                raise ValueError(
                    f"{name} = {value!r} is not a number from 0 to below "
                    f"{'infinity' if high == math.inf else high}."
                )
        if isinstance(self.rate, bool) or not (
            isinstance(self.rate, int | float) and 0 < self.rate < math.inf
        ):
            raise ValueError(f"rate = {self.rate!r} is not a positive number.")
        for name, allowed in (("network", tuple(NETWORKS)), ("optimiser", get_args(Optimiser))):
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{name} = {value!r}: give one of {', '.join(allowed)}.")
        side = min(NETWORKS[self.network].shape[1:])
        if self.shift >= side:
            raise ValueError(f"shift = {self.shift} is not below the images' side, {side}.")

    @classmethod
    def cifar10(cls) -> ClassifierSettings:
        """VGG11 on CIFAR-10: 7760 steps of 512 images."""
        return cls()

    @classmethod
    def digits(cls) -> ClassifierSettings:
        """The small network on 8x8 digits, which are not alike when mirrored."""
        return cls(
            network="digits",
            epochs=30,
            batch=64,
            optimiser="adamw",
            rate=1e-2,
            decay=1e-2,
            smoothing=0.0,
            shift=1,
            flips=False,
            mirrored=False,
        )


def train_classifier(
    data: Labelled,
    settings: ClassifierSettings,
    rng: np.random.Generator,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> Classifier:
    """A classifier of these images.

    On a CPU it runs in one thread, so that the same stream gives the same parameters whatever the
    number of cores; on a GPU sums may come in another order from run to run.

    Raises
    ------
    ValueError
        For images of another shape or scale than the network's, or fewer than 2 of them.
    DivergedTraining
        When the loss is no number.
    MemoryError
        When the device's memory does not hold a batch.
    """
    device = torch.device(device)
    shape = NETWORKS[settings.network].shape
    checked = as_images(data.images, "training images", shape)
    if len(data) < 2:
        raise ValueError(f"there are {len(data)} training images: give at least 2.")
    seed = int(rng.integers(2**63))
    network = make_network(settings.network, len(data.names), seed)
    classifier = Classifier(network, settings.network, data.names, settings.mirrored).to(device)
    with (
        one_thread() if device.type == "cpu" else nullcontext(),
        _seeded_dropout(device, seed),
        torch.backends.cudnn.flags(enabled=True, benchmark=True),
        out_of_memory(settings.batch, "images per training step"),
    ):
        network.train().requires_grad_(True)
        _train(network, checked.to(device), data.labels.to(device), settings, rng, progress)
        network.eval().requires_grad_(False)
    return classifier


def _train(
    network: ImageNetwork,
    images: torch.Tensor,
    labels: torch.Tensor,
    settings: ClassifierSettings,
    rng: np.random.Generator,
    progress: Progress,
) -> None:
    device = images.device
    cuda = device.type == "cuda"
    batch = min(settings.batch, len(images))
    per_epoch = len(images) // batch
    steps = settings.epochs * per_epoch
    optimiser = _optimiser(network, settings, fused=cuda)
    generator = torch_generator(rng, device)
    model = torch.compile(network) if cuda and settings.compiled else network

    def loss_of(index: torch.Tensor) -> torch.Tensor:
        x = augmented(images, index, settings.shift, settings.flips, generator)
        if cuda:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cuda", torch.bfloat16, enabled=cuda and settings.bfloat16):
            logits = model(x)
        return torch.nn.functional.cross_entropy(
            logits.float(), labels[index], label_smoothing=settings.smoothing
        )

    for step in range(steps):
        place = step % per_epoch
        if place == 0:
            order = torch.randperm(len(images), generator=generator, device=device)
        index = order[place * batch : (place + 1) * batch]
        for group in optimiser.param_groups:
            group["lr"] = settings.rate * one_cycle(step, steps, settings.warm_up)
        loss = loss_of(index)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % LOOK == 0:
            _look(loss, step, steps, progress)
    # No loss has judged the last step: a parameter that is no number makes this one none.
    whole = torch.stack([p.isfinite().all() for p in network.parameters()]).all()
    _look(torch.where(whole, loss, math.nan), steps, steps, progress)


def augmented(
    images: torch.Tensor,
    index: torch.Tensor,
    shift: int,
    flips: bool,
    generator: torch.Generator,
) -> torch.Tensor:
    """The images of this index, each moved by up to ``shift`` pixels and perhaps mirrored.

    Parameters
    ----------
    images
        Shape (n, channels, height, width).
    index
        Shape (m,), on the same device.
    shift
        Largest number of pixels, in each direction; all whole numbers up to it are equally likely.
        Past an edge the image goes on as its own mirror image, without doubling the edge.
    flips
        Whether half of them, at random, are mirrored left to right.
    """
    _, channels, height, width = images.shape
    m, device = len(index), images.device
    moves = torch.randint(-shift, shift + 1, (2, m, 1), generator=generator, device=device)
    rows = torch.arange(height, device=device) + moves[0]
    columns = torch.arange(width, device=device).expand(m, width)
    if flips:
        flipped = torch.rand(m, 1, generator=generator, device=device) < 0.5
        columns = torch.where(flipped, width - 1 - columns, columns)
    columns = columns + moves[1]
    return images[
        index[:, None, None, None],
        torch.arange(channels, device=device)[None, :, None, None],
        _reflected(rows, height)[:, None, :, None],
        _reflected(columns, width)[:, None, None, :],
    ]


def one_cycle(step: int, steps: int, warm_up: float) -> float:
    """Share of the peak rate at step 0, ..., steps - 1; 0 comes just before and just after."""
    rise = warm_up * steps
    return min((step + 1) / (rise + 1), (steps - step) / (steps - rise))


def _reflected(place: torch.Tensor, size: int) -> torch.Tensor:
    """Places from -(size - 1) to 2(size - 1), brought into 0, ..., size - 1 by end mirrors."""
    return (size - 1) - ((size - 1) - place.abs()).abs()


def _optimiser(
    network: ImageNetwork, settings: ClassifierSettings, fused: bool
) -> torch.optim.Optimizer:
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": settings.decay},
        {"params": free, "weight_decay": 0.0},
    ]
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=settings.rate, momentum=0.9, nesterov=True, fused=fused)
    return torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.99), fused=fused)


def _look(loss: torch.Tensor, step: int, steps: int, progress: Progress) -> None:
    current = float(loss.detach())
    if not math.isfinite(current):
        raise DivergedTraining(f"the classifier's loss is {current} after {step} of {steps} steps")
    progress(step / steps, current)


@contextmanager
def _seeded_dropout(device: torch.device, seed: int) -> Iterator[None]:
    """Dropout draws from the device's global stream: seeded here, and afterwards put back."""
    cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if cuda else []):
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        else:
            torch.default_generator.manual_seed(seed)
        yield
