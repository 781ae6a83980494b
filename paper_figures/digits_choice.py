"""Digits of which one is kept (:mod:`paper_figures.image_choice`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_choice, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_choice.compute`."""
    return image_choice.compute(runs)


FIGURE = PaperFigure(
    name="digits_choice",
    caption="Four generated digits, their rewards, the probabilities of being kept and the one "
    "that was, for the class reward and for confidence",
    file=Path(__file__),
    parameters=image_runs.made(),
    compute=compute,
    draw=image_choice.draw,
    experiments=image_runs.experiments,
    claims=("price-identity",),
)
