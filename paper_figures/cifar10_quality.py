"""CIFAR-10 images, distance from real ones, recorded (:mod:`paper_figures.image_quality`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_quality, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Recorded, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_quality.compute`."""
    return image_quality.compute(runs)


FIGURE = PaperFigure(
    name="cifar10_quality",
    caption="Fréchet distance, precision and recall of generated images of CIFAR-10 by "
    "round, for both rewards, without and with real images",
    file=Path(__file__),
    parameters=image_runs.Recorded(image_runs.REWARDS),
    compute=compute,
    draw=image_quality.draw,
    record=image_runs.recorded,
)
