r"""What runs took: seconds, GPU-hours and operations per second of each phase, from their records.

Operations are counted on the network (:func:`gpu_experiments.unet.flops_per_image`) for the images
that were trained on and sampled; seconds are those that the runs wrote down. The classifier's
training, metrics and files make up the rest, whose operations are not counted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpu_experiments.diffusion import ImageDiffusionSettings
from gpu_experiments.experiment import KNOWN
from gpu_experiments.flow import FlowSettings
from gpu_experiments.solvers import evaluations
from gpu_experiments.unet import Operations, flops_per_image, new_unet
from sim.runs import CONFIG, METRICS, SECONDS, read_lines

__all__ = ["PUBLISHED", "Phase", "costs"]

PUBLISHED = "22 h on one A100-40GB for twenty iterations"
"""What Ferbach et al. 2024 (arXiv:2407.09499) took for CIFAR-10, as they say."""

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


def costs(runs: Iterable[Path]) -> list[Phase]:
    """Seconds and operations of each phase of runs, over all of them.

    Runs that share a pretrained model made it once: the fit of round 0 counts as pretraining in the
    one where it took longest, and as reading a file in the others.

    Raises
    ------
    ValueError
        When there is no run.
    """
    found = [(path, json.loads((path / CONFIG).read_text(encoding="utf-8"))) for path in runs]
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
