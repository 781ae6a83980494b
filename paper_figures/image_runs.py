r"""Runs on images as figures read them: made from a preset, or recorded and kept with the code.

A figure of digits reads runs that are made for it (:mod:`paper_figures.trained`); one of CIFAR-10
reads runs that a GPU made, of which ``recorded/cifar10/`` keeps what figures show, with where they
were made (:mod:`paper_figures.keep`). What has not been recorded is not drawn. Both kinds are
folders of the same form, by names like ``class-pure-0``: reward, loop, seed. Runs of one setting
may differ in length: all random numbers of a round are drawn from the seed and the round's number,
so the first rounds of a longer run are a shorter one, and figures of several runs read the rounds
that all have.

**The prediction** is the exact loop on the candidates of the runs' own round 0, their rewards and
predicted classes (:mod:`gpu_experiments.prediction`): nothing in it is fitted to later rounds. In
the mixed loop the same candidates stand for the real images. Trained runs leave it, for three
reasons that its band does not hold:

* *Model error is renewed.* Beside images like those that were selected every refitted model makes
  some that the classifier is unsure of, as the first model did, whereas the prediction loses them
  for good: the mean reward stays below it. Nor does that error strike all classes alike. Where the
  prediction has no differences of reward left to select by, the trained loop has new ones each
  round, and class shares go on to drift.
* *A warm-started model lags.* A short refit goes part of the way from the last law to the new
  training set: what rises does so later than predicted, and what falls too.
* *In the mixed loop real images are not samples of the first model.* They are cleaner: the
  classifier is surer of them than of the candidates that stand for them. That raises the
  confidence reward above the prediction as far as refits follow the real images, against the
  first reason.

A run's distance from the band is what these come to.
"""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gpu_experiments.data import load
from gpu_experiments.experiment import CONTROL, ImageExperiment, Places
from gpu_experiments.prediction import Prediction, Scored, Sizes, predict
from gpu_experiments.presets import CONTROLS, PRESETS
from gpu_experiments.pretrained import FIRST_MODEL
from gpu_experiments.sources.collection import CIFAR10
from paper_figures import labels, style
from paper_figures.results import Results
from sim.recording import SAMPLES, load_samples
from sim.runs import CONFIG, ENVIRONMENT, METRICS, SECONDS, read_lines

RATIOS = ("pure", "mixed")
REWARDS = ("class", "confidence")
RECORDED = Path(__file__).with_name("recorded") / "cifar10"
"""Folder of the recorded runs."""

PROVENANCE = "provenance.json"
"""File of a recorded run that says on what it was made, how many retraining rounds it has and how
many it was to have: ``hardware``, ``rounds``, ``planned``."""


LINE = 66
"""Characters of 7 pt in a line that is one column wide."""


@dataclass(frozen=True)
class Parameters:
    """Runs that are made and read."""

    runs: tuple[ImageExperiment, ...]


@dataclass(frozen=True)
class Recorded:
    """Settings whose recorded runs are read, as ``class-pure``."""

    settings: tuple[str, ...]


def settings(rewards: Sequence[str] = REWARDS, ratios: Sequence[str] = RATIOS) -> tuple[str, ...]:
    """Names of settings: every reward in every loop."""
    return tuple(f"{reward}-{ratio}" for reward in rewards for ratio in ratios)


def made(
    rewards: Sequence[str] = REWARDS, ratios: Sequence[str] = RATIOS, *, controls: bool = False
) -> Parameters:
    """Runs on digits with these rewards in these loops, and the controls if they are asked for.

    They are small enough for a core, and on another device they would be other runs.
    """
    wanted = _wanted(rewards, ratios, controls)
    return Parameters(
        tuple(
            replace(run, places=Places(device="cpu"))
            for name, run in PRESETS["digits-quick"].runs.items()
            if name.rpartition("-")[0] in wanted
        )
    )


def on_record(
    rewards: Sequence[str] = REWARDS, ratios: Sequence[str] = RATIOS, *, controls: bool = False
) -> Recorded:
    """Recorded runs with these rewards in these loops, and the controls if they are asked for."""
    return Recorded(_wanted(rewards, ratios, controls))


def _wanted(rewards: Sequence[str], ratios: Sequence[str], controls: bool) -> tuple[str, ...]:
    return settings(rewards, ratios) + (tuple(CONTROLS) if controls else ())


def experiments(parameters: Parameters) -> dict[str, ImageExperiment]:
    """The runs by name."""
    return {name_of(run.as_json()): run for run in parameters.runs}


def name_of(config: Mapping[str, Any]) -> str:
    """Name of a run: reward, or that it is a control, loop and seed."""
    ratio = "pure" if math.isinf(float(config["lam"])) else "mixed"
    reward = config["reward"] if config["selects"] else CONTROL
    return f"{reward}-{ratio}-{config['seed']}"


def recorded(parameters: Recorded) -> dict[str, Path]:
    """Folders of recorded runs by name; none unless every setting has one."""
    found = {}
    for path in sorted(RECORDED.glob(f"*/{CONFIG}")):
        name = name_of(_read(path))
        if name.rpartition("-")[0] in parameters.settings:
            found[name] = path.parent
    there = {name.rpartition("-")[0] for name in found}
    return found if there == set(parameters.settings) else {}


def chosen(folders: Mapping[str, Path], reward: str, ratio: str) -> list[Path]:
    """Runs of one setting in the order of their seeds.

    Raises
    ------
    ValueError
        When there are none, or they differ in more than their seeds and their lengths.
    """
    pattern = re.compile(rf"{reward}-{ratio}-(\d+)")
    found = {
        int(match[1]): path for name, path in folders.items() if (match := pattern.fullmatch(name))
    }
    paths = [found[seed] for seed in sorted(found)]
    configs = [{**_read(path / CONFIG), "seed": None, "iterations": None} for path in paths]
    if not paths or any(config != configs[0] for config in configs):
        raise ValueError(
            f"the {len(paths)} runs of {reward}-{ratio} are not of one configuration: give some "
            "that differ in their seeds and lengths alone."
        )
    return paths


def config_of(path: Path) -> dict[str, Any]:
    """What a run depends on."""
    return _read(path / CONFIG)


def rounds(paths: Sequence[Path]) -> int:
    """Retraining rounds that all of the runs have."""
    return min(int(_read(path / CONFIG)["iterations"]) for path in paths)


def kept_at(paths: Sequence[Path], t: int) -> list[Path]:
    """Those of the runs that have samples of round t: of recorded ones these are the first and last
    rounds alone, so that of the last round that all have, the shortest runs have them."""
    return [path for path in paths if (path / SAMPLES / f"{t:03d}.npz").exists()]


def seeds(paths: Sequence[Path]) -> NDArray[np.int64]:
    """Roots of the randomness of runs."""
    return np.array([_read(path / CONFIG)["seed"] for path in paths])


def classes(path: Path) -> list[str]:
    """Names of the classes."""
    return list(read_lines(path / METRICS)[0]["shares"])


def statistics(paths: Sequence[Path]) -> NDArray[np.float64]:
    """Class shares, mean reward and mean weight: shape (runs, rounds + 1, classes + 2)."""
    there = rounds(paths) + 1
    return np.array(
        [
            [[*line["shares"].values(), line["reward"], line["weight"]] for line in lines[:there]]
            for lines in (read_lines(path / METRICS) for path in paths)
        ]
    )


def start(paths: Sequence[Path]) -> Scored:
    """Rewards and predicted classes of what the runs generated in round 0, all together."""
    samples = [load_samples(path, 0) for path in paths]
    return Scored(
        np.concatenate([each["rewards"] for each in samples]),
        np.concatenate([each["classes"] for each in samples]),
    )


def predicted(paths: Sequence[Path]) -> Prediction:
    """The exact loop on what the runs generated in round 0, for one more run.

    Of one run alone the band is that of its own later rounds, given these very candidates.
    """
    return predict(start(paths), sizes(paths), len(classes(paths[0])), shared=len(paths) == 1)


def first_model(path: Path) -> float:
    """What the first model of a run is told from others by
    (:data:`gpu_experiments.pretrained.FIRST_MODEL`)."""
    return float(read_lines(path / METRICS)[0]["fit"][FIRST_MODEL])


def sizes(paths: Sequence[Path]) -> Sizes:
    """Of the runs, as far as all of them go."""
    config = _read(paths[0] / CONFIG)
    lam = float(config["lam"])
    data = None if math.isinf(lam) else _real_images(config)
    return Sizes(config["K"], config["kept"], rounds(paths), lam, data, config["selects"])


def _real_images(config: Mapping[str, Any]) -> int:
    """Number of images that the real ones of each round are chosen from."""
    of_digits = config["data"] == "digits"
    there = len(load("digits")) if of_digits else CIFAR10.counts["train"]
    return there if config["limit"] is None else min(there, config["limit"])


def provenance(folders: Mapping[str, Path]) -> Results:
    """``provenance``: where recorded runs were made, by what, in what time, which of them were cut
    short, and from how many first models, if not from one; else empty."""
    paths = list(folders.values())
    if not any((path / PROVENANCE).exists() for path in paths):
        return {"provenance": np.array("")}
    said = [_read(path / PROVENANCE) for path in paths]
    hardware = sorted({each["hardware"] for each in said})
    short = sorted(
        f"{name_of(_read(path / CONFIG))}: {each['rounds']} of {each['planned']} rounds"
        for path, each in zip(paths, said, strict=True)
        if each["rounds"] < each["planned"]
    )
    versions = sorted(
        {
            ", ".join(
                [
                    f"Python {environment['python']}",
                    *([f"CUDA {environment['cuda']}"] if environment.get("cuda") else []),
                    *(
                        # Kept in one line.
                        f"{name}\N{NO-BREAK SPACE}{environment['packages'][name]}"
                        for name in ("torch", "torchcfm", "curated-loops")
                        if name in environment["packages"]
                    ),
                ]
            )
            for environment in (_read(path / ENVIRONMENT) for path in paths)
        }
    )
    seconds = sum(line["all"] for path in paths for line in read_lines(path / SECONDS))
    numbers = ", ".join(map(str, sorted(set(seeds(paths).tolist()))))
    runs = f"{how_many(len(paths))}, seed{'s' if ',' in numbers else ''} {numbers}"
    models = len({first_model(path) for path in paths})
    several = [] if models == 1 else [f"{models} first models"]
    # Kept in one line.
    wall = f"wall time {_minutes(seconds)}".replace(" ", "\N{NO-BREAK SPACE}")
    text = "; ".join([*hardware, *versions, runs, *several, *short, wall])
    return {"provenance": np.array(text)}


def draw_provenance(figure: Figure, results: Results) -> None:
    """Beneath a figure of recorded runs, where they were made."""
    if text := str(results["provenance"]):
        letters = round(LINE * figure.get_figwidth() / style.COLUMN)
        figure.supxlabel(textwrap.fill(text, letters), fontsize=7)


def class_name(name: str) -> str:
    """What a class is called in a label; digits are no names."""
    return f"class {name}" if name.isdigit() else name


def how_many(runs: int) -> str:
    """What the markers of so many runs are called."""
    return "one run" if runs == 1 else f"{runs} runs"


def round_ticks(axes: Axes, last: int) -> None:
    """Some five ticks on the axis of rounds."""
    axes.set_xticks(range(0, last + 1, max(1, last // 5)))
    axes.set_xlabel(labels.axis("round"))


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{seconds:.0f} s"


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
