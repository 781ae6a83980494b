r"""What few-step solvers of the flow are worth on digits, beside the paper's 250 Euler steps.

One flow, the pretrained one of the preset ``digits-quick``, transports the same noise by every
solver of :mod:`gpu_experiments.solvers` at several budgets of network evaluations. Left: how far
the images are from those of the reference, in root mean square over pixels in [-1, 1]. Right: the
Fréchet distance between the pixels of the samples and of the real test images; that of the
reference itself is a line, and so is what as many real training images reach. A solver is good
enough where its distance is the reference's: what is left then is the model's error, which more
steps do not mend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from gpu_experiments.data import load
from gpu_experiments.experiment import ImageExperiment, Places
from gpu_experiments.flow import REFERENCE, ImageFlow, quality_by_steps
from gpu_experiments.frechet import frechet_distance, moments
from gpu_experiments.images import Images
from gpu_experiments.presets import PRESETS
from gpu_experiments.solvers import SOLVERS
from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim.runs import RunFolder
from sim.streams import Streams


def pretraining() -> ImageExperiment:
    """The runs on digits before their first round: their first model, which all of them share."""
    run = PRESETS["digits-quick"].runs["class-pure-0"]
    return replace(run, iterations=0, places=Places(device="cpu"))


@dataclass(frozen=True)
class Parameters:
    """The run whose model is the flow, images per solver, evaluations of the network, root seed."""

    run: ImageExperiment = field(default_factory=pretraining)
    images: int = 300
    budgets: tuple[int, ...] = (2, 4, 8, 16, 32)
    seed: int = 0


def experiments(parameters: Parameters) -> dict[str, ImageExperiment]:
    """The run, by name."""
    return {"pretraining": parameters.run}


def compute(parameters: Parameters, runs: Mapping[str, Path]) -> Results:
    """``solvers`` and ``budgets`` in evaluations; of these shape ``difference`` (rms, pixels) and
    ``distance`` (squared Fréchet, pixels squared); the latter of the reference and of as many real
    training ``images``, ``reference`` and ``real``."""
    train, test = load("digits", split="train"), load("digits", split="test")
    streams = Streams(parameters.seed)
    flow = ImageFlow(replace(parameters.run.model, in_flight=parameters.images), train.shape)
    state = RunFolder(runs["pretraining"], parameters.run.as_json()).state()
    flow.load(state["generator"])
    target = moments(test.images.flatten(1))

    def distance(images: Images) -> float:
        return frechet_distance(moments(images.flatten(1)), target)

    reference, *found = quality_by_steps(
        flow,
        streams("samples"),
        n=parameters.images,
        budgets=parameters.budgets,
        distance=distance,
    )
    shape = (len(SOLVERS), len(parameters.budgets))
    chosen = torch.as_tensor(streams("real").permutation(len(train))[: parameters.images])
    return {
        "solvers": np.array(SOLVERS),
        "budgets": np.array(parameters.budgets),
        "difference": np.sqrt([each.squared_difference for each in found]).reshape(shape),
        "distance": np.array([each.distance for each in found]).reshape(shape),
        "reference": np.array(reference.distance),
        "real": np.array(distance(Images(train.images[chosen]))),
        "images": np.array(parameters.images),
    }


LOOKS: Mapping[str, tuple[str, str, str]] = {
    "euler": ("black", "-", "o"),
    "midpoint": ("orange", "--", "s"),
    "heun": ("vermilion", ":", "^"),
    "adams": ("blue", "-", "D"),
    "exponential": ("green", "-.", "v"),
}


def draw(results: Results) -> Figure:
    """Difference from the reference, and distance from the data, against evaluations."""
    figure = style.new_figure(style.COLUMN, 2.5)
    difference, distance = figure.subplots(1, 2, sharex=True)
    for number, solver in enumerate(results["solvers"]):
        colour, line, marker = LOOKS[str(solver)]
        for axes, values in ((difference, "difference"), (distance, "distance")):
            axes.plot(
                results["budgets"],
                results[values][number],
                line + marker,
                color=style.COLOURS[colour],
                markersize=3,
                label=str(solver),
                **style.OPEN,
            )
    grey = style.COLOURS["grey"]
    solver, steps = REFERENCE
    for value, line, label in (
        ("reference", "-", f"{solver}, {steps}"),
        ("real", ":", f"{int(results['images'])} real images"),
    ):
        distance.axhline(results[value], color=grey, linestyle=line, linewidth=0.9, label=label)
    difference.set_ylabel(labels.in_unit("rms difference from\nthe reference", "difference"))
    words = f"{labels.axis('frechet', unit=False)}\nfrom real images"
    distance.set_ylabel(labels.in_unit(words, "pixel_distance"))
    for axes, letter, title in (
        (difference, "a", "from the reference"),
        (distance, "b", "from the data"),
    ):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(style.PLAIN)
        axes.set_xticks(results["budgets"], labels=[str(b) for b in results["budgets"]])
        axes.set_xlabel("network evaluations")
        style.label_panel(axes, letter, title)
    figure.legend(*distance.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


FIGURE = PaperFigure(
    name="solver_quality",
    caption="Few-step solvers of the flow on digits against 250 Euler steps from the same noise",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    experiments=experiments,
)
