r"""How long a preset takes, from one training step and one sampling pass measured on the device.

Each time is set against the device's own rate of matrix products, the best that any program reaches
on it: with F operations counted (:func:`gpu_experiments.unet.flops_per_image`) and the rate R, no
program is faster than the floor F/R, and floor over time is the share of the rate that is reached.

What is timed is what a run does: training by ``fit`` with its couplings, optimiser and moving
average, sampling by ``sample``. Compilation and the choice of kernels come before, and are told
apart. Devices work on their own: no clock is read before they have done what they were given.
"""

from __future__ import annotations

import math
import platform
import resource
import statistics
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from gpu_experiments.classifier import make_network
from gpu_experiments.classifier_training import LOOK, ClassifierSettings, train_classifier
from gpu_experiments.data import Labelled
from gpu_experiments.diffusion import ImageDiffusion, ImageDiffusionSettings
from gpu_experiments.experiment import KNOWN, ImageExperiment
from gpu_experiments.flow import FlowSettings, ImageFlow
from gpu_experiments.images import Images
from gpu_experiments.sources.collection import CIFAR10
from gpu_experiments.unet import flops_per_image, new_unet
from gpu_experiments.unet_training import BLOCK
from sim.generators.velocity import one_thread

# Training images of each data set.
TRAINING = {"digits": 1442, "cifar10": CIFAR10.counts["train"]}
# Sides of the matrices by which a device's rate is measured: enough to fill it.
SIDE = {"cuda": 8192, "cpu": 1024}
# Share of the rate by which the number of steps is chosen that fill the time asked for.
GUESS = 0.35
# Steps that are timed at least, and at most.
FEWEST, MOST = 2, 2_000


@dataclass(frozen=True)
class Timing:
    """One kind of work.

    Attributes
    ----------
    what
        In words.
    images
        Images that it is done to at once.
    seconds
        That it takes once everything is compiled.
    first
        Seconds of the first time, which compiles, over that.
    flops
        Operations that it takes.
    rate
        Operations per second of matrix products on the device.
    peak_bytes
        Most memory at a time: on a GPU the device's, on a CPU that of the process so far.
    """

    what: str
    images: int
    seconds: float
    first: float
    flops: float
    rate: float
    peak_bytes: int

    @property
    def images_per_second(self) -> float:
        """Throughput."""
        return self.images / self.seconds

    @property
    def achieved(self) -> float:
        """Operations per second."""
        return self.flops / self.seconds

    @property
    def share(self) -> float:
        """Of the rate."""
        return self.achieved / self.rate

    @property
    def floor(self) -> float:
        """Seconds below which no program gets, at the rate."""
        return self.flops / self.rate

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        derived = ("images_per_second", "achieved", "share", "floor")
        return {**asdict(self), **{name: getattr(self, name) for name in derived}}


@dataclass(frozen=True)
class Profile:
    """A device and a preset's work on it.

    Attributes
    ----------
    device
        Its name.
    rate, precision
        Operations per second of matrix products, and in which numbers.
    training, sampling, classifier
        One training step of the generator, one pass of sampling (all evaluations for the images in
        flight), and one step of the classifier's training.
    phases
        Estimated seconds of each phase of all runs of the preset: compilation, the classifier, the
        pretraining, refits and sampling. Reading of data, metrics and files are not among them.
    """

    device: str
    rate: float
    precision: str
    training: Timing
    sampling: Timing
    classifier: Timing
    phases: Mapping[str, float]

    @property
    def total(self) -> float:
        """Estimated seconds of all phases."""
        return sum(self.phases.values())

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        timings = {name: getattr(self, name).as_json() for name in ("training", "sampling")}
        return {
            "device": self.device,
            "rate": self.rate,
            "precision": self.precision,
            **timings,
            "classifier": self.classifier.as_json(),
            "phases": dict(self.phases),
            "total": self.total,
        }


def profile(
    runs: Mapping[str, ImageExperiment], device: torch.device | str, seconds: float = 10.0
) -> Profile:
    """Measure on a device what runs with one generator and one classifier are made of.

    Parameters
    ----------
    runs
        Of a preset.
    device
        Where.
    seconds
        About how long each of the four kinds of work is timed, after its compilation.

    Raises
    ------
    ValueError
        For runs that differ in generator, classifier or data, for seconds that are not positive,
        and when the device is too slow for one training step in a hundred times as long.
    """
    device = torch.device(device)
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"seconds = {seconds} is not a positive number.")
    each = list(runs.values())
    one = each[0]
    if any(
        (other.data, other.limit, other.model, other.classifier)
        != (one.data, one.limit, one.model, one.classifier)
        for other in each
    ):
        raise ValueError("the runs differ in data, generator or classifier: profile them apart.")
    with one_thread() if device.type == "cpu" else nullcontext():
        rate, precision = matrix_rate(device, seconds)
        _refuse_too_slow(one, rate, seconds)
        training = _training(one, device, rate, seconds)
        sampling = _sampling(one, device, rate, seconds)
        classifier = _classifier(one, device, rate, seconds)
    return Profile(
        _name(device),
        rate,
        precision,
        training,
        sampling,
        classifier,
        estimate(each, training, sampling, classifier),
    )


def estimate(
    runs: list[ImageExperiment], training: Timing, sampling: Timing, classifier: Timing
) -> dict[str, float]:
    """Seconds of each phase of all the runs, which share a classifier and a first generator."""
    one = runs[0]
    images = TRAINING[one.data] if one.limit is None else min(one.limit, TRAINING[one.data])
    batch = min(one.classifier.batch, images)
    steps, passes = 0, 0
    for run in runs:
        steps += run.iterations * (run.model.warm_steps if run.warm_start else run.model.steps)
        passes += (run.iterations + 1) * math.ceil(run.K * run.kept / run.model.in_flight)
    # Pretrained for other roots of randomness, the first model is another.
    models = len({run.pretraining for run in runs})
    return {
        "compilation": training.first + sampling.first + classifier.first,
        "classifier": models * one.classifier.epochs * (images // batch) * classifier.seconds,
        "pretraining": models * one.model.steps * training.seconds,
        "refits": steps * training.seconds,
        "sampling": passes * sampling.seconds,
    }


def matrix_rate(device: torch.device, seconds: float) -> tuple[float, str]:
    """Operations per second of a product of square matrices of random numbers, the median over
    repetitions, and in which numbers: bfloat16 on a GPU, float32 on a CPU."""
    side = SIDE[device.type]
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    # Several pairs: one alone might stay in a cache.
    pairs = [
        tuple(torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
        for _ in range(3)
    ]
    out = torch.empty(side, side, device=device, dtype=kind)
    for left, right in pairs:
        torch.mm(left, right, out=out)
    found: list[float] = []
    _wait(device)
    began = time.perf_counter()
    # As many products at a time as take a GPU some milliseconds, so that no launch is waited for.
    while len(found) < 5 or time.perf_counter() - began < min(1.0, seconds):
        before = time.perf_counter()
        for left, right in pairs:
            torch.mm(left, right, out=out)
        _wait(device)
        found.append((time.perf_counter() - before) / len(pairs))
    return 2 * side**3 / statistics.median(found), str(kind).removeprefix("torch.")


def _training(one: ImageExperiment, device: torch.device, rate: float, seconds: float) -> Timing:
    flops = _operations(one)[1] * one.model.batch
    data = _noise(one, max(2 * one.model.batch, 64), device)

    def fit(steps: int) -> float:
        """Seconds per step, once the fit has begun."""
        clock = _Clock(device)
        _generator(replace(one.model, steps=steps), one, device).fit(
            data, np.random.default_rng(0), clock
        )
        # Where there are several looks, what comes before the first one is left out.
        if steps > BLOCK:
            return (clock.marks[-1] - clock.marks[1]) / (steps - BLOCK)
        return (clock.marks[-1] - clock.marks[0]) / steps

    _forget_peak(device)
    first = FEWEST * fit(FEWEST)
    steps = _steps(seconds, flops / rate)
    each = fit(2 * BLOCK if BLOCK < steps < 2 * BLOCK else steps)
    return Timing(
        "training step",
        one.model.batch,
        each,
        max(0.0, first - FEWEST * each),
        flops,
        rate,
        _peak(device),
    )


def _sampling(one: ImageExperiment, device: torch.device, rate: float, seconds: float) -> Timing:
    generator = _generator(replace(one.model, steps=1), one, device)
    n, rng = one.model.in_flight, np.random.default_rng(0)
    generator.fit(_noise(one, max(2 * one.model.batch, 64), device), rng)
    flops = _operations(one)[0] * n * generator.evaluations

    def once() -> float:
        _wait(device)
        began = time.perf_counter()
        generator.sample(n, rng)
        _wait(device)
        return time.perf_counter() - began

    _forget_peak(device)
    first = once()
    passes = max(1, min(100, round(seconds * GUESS * rate / flops)))
    each = statistics.median(once() for _ in range(passes))
    return Timing(
        f"sampling, {generator.evaluations} evaluations",
        n,
        each,
        max(0.0, first - each),
        flops,
        rate,
        _peak(device),
    )


def _classifier(one: ImageExperiment, device: torch.device, rate: float, seconds: float) -> Timing:
    settings: ClassifierSettings = one.classifier
    shape, classes = KNOWN[one.data]
    flops = _classifier_operations(settings.network, shape, classes) * settings.batch
    data = Labelled(
        _noise(one, settings.batch, torch.device("cpu")),
        torch.arange(settings.batch) % classes,
        tuple(str(k) for k in range(classes)),
        "noise",
    )

    def train(steps: int) -> tuple[float, float]:
        """Seconds until the first step is done, and of each later one."""
        clock = _Clock(device)
        # One batch is an epoch.
        train_classifier(
            data, replace(settings, epochs=steps), np.random.default_rng(0), device, clock
        )
        return clock.marks[1] - clock.marks[0], (clock.marks[-1] - clock.marks[1]) / (steps - 1)

    _forget_peak(device)
    first, _ = train(FEWEST)
    steps = _steps(seconds, flops / rate)
    _, each = train(max(steps, LOOK) if device.type == "cuda" else steps)
    return Timing(
        "classifier step",
        settings.batch,
        each,
        max(0.0, first - each),
        flops,
        rate,
        _peak(device),
    )


class _Clock:
    """A progress that notes the time: at its making, and whenever it is told, which is after the
    device has been waited for."""

    def __init__(self, device: torch.device) -> None:
        _wait(device)
        self.marks = [time.perf_counter()]

    def __call__(self, done: float, loss: float | None) -> None:
        self.marks.append(time.perf_counter())


def _steps(seconds: float, floor: float) -> int:
    return max(FEWEST, min(MOST, round(seconds * GUESS / floor)))


def _generator(
    settings: FlowSettings | ImageDiffusionSettings, one: ImageExperiment, device: torch.device
) -> ImageFlow | ImageDiffusion:
    shape, _ = KNOWN[one.data]
    if isinstance(settings, FlowSettings):
        return ImageFlow(settings, shape, device)
    return ImageDiffusion(settings, shape, device)


def _operations(one: ImageExperiment) -> tuple[int, int]:
    """Operations per image of an evaluation of the generator's network, and of its training."""
    shape, _ = KNOWN[one.data]
    # Without memory or arithmetic.
    network = new_unet(one.model, shape, np.random.default_rng(0)).to("meta")
    found = flops_per_image(network, shape)
    return found.forward, found.training


def _classifier_operations(name: str, shape: tuple[int, int, int], classes: int) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    network = make_network(name, classes, seed=0).to("meta")
    with FlopCounterMode(display=False) as found:
        # Two, since one image has no variance to normalise by.
        network(torch.zeros(2, *shape, device="meta")).sum().backward()
    return found.get_total_flops() // 2


def _noise(one: ImageExperiment, n: int, device: torch.device) -> Images:
    """Images that are quick to make; it is not on them what arithmetic takes."""
    shape, _ = KNOWN[one.data]
    return Images(torch.rand(n, *shape, device=device) * 2 - 1)


def _refuse_too_slow(one: ImageExperiment, rate: float, seconds: float) -> None:
    floor = _operations(one)[1] * one.model.batch / rate
    if floor > 100 * seconds:
        raise ValueError(
            f"one training step takes at least {floor:.0f} s on this device: profile a smaller "
            "preset, or give more seconds."
        )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # In kilobytes, but on macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()}, one core"
