"""Digits and their distance from real ones (:mod:`paper_figures.image_quality`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_quality, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_quality.compute`."""
    return image_quality.compute(runs)


FIGURE = PaperFigure(
    name="digits_quality",
    caption="Fréchet distance, precision and recall of generated digits by round: without "
    "real images the distance grows and recall falls, with them both are held back",
    file=Path(__file__),
    parameters=image_runs.made(*image_runs.REWARDS),
    compute=compute,
    draw=image_quality.draw,
    experiments=image_runs.experiments,
)
