"""CIFAR-10 images as generated, recorded (:mod:`paper_figures.image_samples`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_runs, image_samples
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Recorded, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_samples.compute`."""
    return image_samples.compute(runs)


FIGURE = PaperFigure(
    name="cifar10_samples",
    caption="Images of CIFAR-10 generated before retraining and after the last round of each "
    "setting",
    file=Path(__file__),
    parameters=image_runs.on_record(),
    compute=compute,
    draw=image_samples.draw,
    record=image_runs.recorded,
    claims=("theorem-2.1",),
)
