"""CIFAR-10 images of which one is kept, recorded (:mod:`paper_figures.image_choice`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_choice, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Recorded, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_choice.compute`."""
    return image_choice.compute(runs)


FIGURE = PaperFigure(
    name="cifar10_choice",
    caption="Generated images of CIFAR-10 that one is kept of, their rewards and probabilities, "
    "for the class reward and for confidence",
    file=Path(__file__),
    parameters=image_runs.on_record(),
    compute=compute,
    draw=image_choice.draw,
    record=image_runs.recorded,
    claims=("price-identity",),
)
