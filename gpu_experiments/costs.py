r"""What runs took: seconds, GPU-hours and operations per second of each phase, from their records.

Operations are counted on the network (:func:`gpu_experiments.unet.flops_per_image`) for the images
that were trained on and sampled; seconds are those that the runs wrote down. The classifier's
training, metrics and files make up the rest, whose operations are not counted.

Runs do not record how many devices shared them: hours are those of one unless more are given, and
operations per second those of all devices together.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpu_experiments.diffusion import ImageDiffusionSettings
from gpu_experiments.experiment import KNOWN
from gpu_experiments.flow import FlowSettings
from gpu_experiments.solvers import evaluations
from gpu_experiments.unet import Operations, flops_per_image, new_unet
from sim.runs import CONFIG, ENVIRONMENT, METRICS, SECONDS, read_lines

__all__ = ["PUBLISHED", "Phase", "Published", "Setting", "as_json", "costs", "settings"]


@dataclass(frozen=True)
class Published:
    """What the paper's loop took.

    Attributes
    ----------
    data
        On which data.
    hours, device
        GPU-hours, and on what.
    rounds
        For so many retraining rounds.
    source
        Where it is said.
    """

    data: str
    hours: float
    device: str
    rounds: int
    source: str


PUBLISHED = Published("cifar10", 22.0, "A100-40GB", 20, "arXiv:2407.09499")
"""What Ferbach et al. 2024 took, as they say."""

HOUR = 3600.0
"""Seconds."""

PRETRAINING, REFITS, SAMPLING, REST = "pretraining", "refits", "sampling", "the rest"


@dataclass(frozen=True)
class Phase:
    """One phase of all runs together.

    Attributes
    ----------
    name
        Of the phase.
    seconds
        Wall time.
    images
        Images that went through the network, once for each evaluation or step.
    flops
        Operations, 0 where they are not counted.
    """

    name: str
    seconds: float
    images: int
    flops: float

    @property
    def achieved(self) -> float:
        """Operations per second."""
        return self.flops / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Setting:
    """Retraining rounds of runs that differ in seeds and lengths alone, on one kind of device.

    Attributes
    ----------
    name
        That of the runs without the seed.
    data
        What they learn.
    gpu
        The GPU that they name; empty if they name none.
    runs
        Their number.
    rounds, seconds
        Retraining rounds of all of them, from round 1 on, and their wall time: fit, sampling,
        metrics and files. Round 0, with the pretraining, is left out.
    """

    name: str
    data: str
    gpu: str
    runs: int
    rounds: int
    seconds: float

    def hours(self, rounds: int = PUBLISHED.rounds) -> float:
        """Wall time of so many retraining rounds if each takes the mean of those measured."""
        return rounds * self.seconds / self.rounds / HOUR


def settings(runs: Iterable[Path]) -> list[Setting]:
    """Retraining rounds by setting, in the order of the runs; none of runs without such rounds."""
    found: dict[str, list[tuple[str, str, str, list[float]]]] = defaultdict(list)
    for path in runs:
        config = _read(path / CONFIG)
        gpu = _gpu(path)
        complete = len(read_lines(path / METRICS))
        took = [line["all"] for line in read_lines(path / SECONDS)[1:complete]]
        if took:
            alike = json.dumps([{**config, "seed": None, "iterations": None}, gpu])
            name = re.sub(r"-\d+$", "", path.name)
            found[alike].append((name, config["data"], gpu, took))
    return [
        Setting(
            *group[0][:3],
            runs=len(group),
            rounds=sum(len(took) for *_, took in group),
            seconds=sum(sum(took) for *_, took in group),
        )
        for group in found.values()
    ]


def as_json(runs: Iterable[Path], devices: int = 1) -> dict[str, Any]:
    """All of it: ``phases`` and ``settings``, with the ``hardware`` that the runs name.

    Parameters
    ----------
    runs
        Folders of the runs.
    devices
        How many shared each run.
    """
    runs = list(runs)
    phases = costs(runs)
    total = sum(phase.seconds for phase in phases)
    return {
        "hardware": sorted({_gpu(path) for path in runs}),
        "devices": devices,
        "phases": [
            {
                "name": phase.name,
                "seconds": phase.seconds,
                "device_hours": devices * phase.seconds / HOUR,
                "share": phase.seconds / total if total else 0.0,
                "images": phase.images,
                "flops": phase.flops,
                "flops_per_second": phase.achieved,
            }
            for phase in phases
        ],
        "settings": [
            {
                "name": each.name,
                "data": each.data,
                "gpu": each.gpu,
                "runs": each.runs,
                "rounds": each.rounds,
                "seconds": each.seconds,
                "extrapolated_rounds": PUBLISHED.rounds,
                "extrapolated_device_hours": devices * each.hours(),
                "published_device_hours": PUBLISHED.hours if each.data == PUBLISHED.data else None,
            }
            for each in settings(runs)
        ],
        "published": asdict(PUBLISHED),
    }


def costs(runs: Iterable[Path]) -> list[Phase]:
    """Seconds and operations of each phase of runs, over all of them.

    Runs that share a pretrained model made it once: the fit of round 0 counts as pretraining in the
    one where it took longest, and as reading a file in the others.

    Raises
    ------
    ValueError
        When there is no run.
    """
    found = [(path, _read(path / CONFIG)) for path in runs]
    if not found:
        raise ValueError("there is no run to add up: name a folder of runs.")
    for path, config in found:
        if config.get("data") not in (*KNOWN,):
            raise ValueError(f"{path} is no run on images: name a folder of such runs alone.")
    first: dict[str, list[tuple[float, Operations, Mapping[str, Any], Mapping[str, Any]]]]
    first = defaultdict(list)
    seconds, images, flops = (defaultdict(float) for _ in range(3))
    for path, config in found:
        operations = _operations(config)
        sampled = config["K"] * config["kept"] * _evaluations(config)
        times = {line["t"]: line for line in read_lines(path / SECONDS)}
        for line in read_lines(path / METRICS):
            spent = times[line["t"]]
            fit, sample = spent.get("fit", 0.0), spent.get("sample", 0.0)
            seconds[SAMPLING] += sample
            images[SAMPLING] += sampled
            flops[SAMPLING] += sampled * operations.forward
            seconds[REST] += spent["all"] - fit - sample
            if line["t"] == 0:
                shared = [config[name] for name in ("data", "limit", "pretraining", "model")]
                first[json.dumps(shared)].append((fit, operations, config, line))
                continue
            trained = line["fit"]["steps"] * config["model"]["batch"]
            seconds[REFITS] += fit
            images[REFITS] += trained
            flops[REFITS] += trained * operations.training
    for group in first.values():
        fit, operations, config, line = max(group, key=lambda each: each[0])
        trained = line["fit"]["steps"] * config["model"]["batch"]
        seconds[PRETRAINING] += fit
        images[PRETRAINING] += trained
        flops[PRETRAINING] += trained * operations.training
        seconds[REST] += sum(each[0] for each in group) - fit
    return [
        Phase(name, seconds[name], int(images[name]), flops[name])
        for name in (PRETRAINING, REFITS, SAMPLING, REST)
    ]


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _gpu(run: Path) -> str:
    return str(_read(run / ENVIRONMENT).get("gpu", ""))


def _settings(config: Mapping[str, Any]) -> FlowSettings | ImageDiffusionSettings:
    kind = FlowSettings if config["generator"] == "flow" else ImageDiffusionSettings
    return kind(**config["model"])


def _operations(config: Mapping[str, Any]) -> Operations:
    shape, _ = KNOWN[config["data"]]
    # Without memory or arithmetic.
    network = new_unet(_settings(config), shape, np.random.default_rng(0)).to("meta")
    return flops_per_image(network, shape)


def _evaluations(config: Mapping[str, Any]) -> int:
    settings = _settings(config)
    if isinstance(settings, FlowSettings):
        return evaluations(settings.solver, settings.solver_steps)
    return settings.visited
