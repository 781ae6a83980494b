"""Digits as generated (:mod:`paper_figures.image_samples`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_runs, image_samples
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_samples.compute`."""
    return image_samples.compute(runs)


FIGURE = PaperFigure(
    name="digits_samples",
    caption="Generated digits before retraining and after five rounds of each setting",
    file=Path(__file__),
    parameters=image_runs.made(),
    compute=compute,
    draw=image_samples.draw,
    experiments=image_runs.experiments,
    claims=("theorem-2.1",),
)
