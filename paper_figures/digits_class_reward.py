"""Digits with the class reward (:mod:`paper_figures.image_rewards`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_rewards, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_rewards.compute`."""
    return image_rewards.compute(runs, "class")


FIGURE = PaperFigure(
    name="digits_class_reward",
    caption="Rewarding a class of digits: its share and the mean reward rise over the "
    "rounds, to nearly all without real images and part of the way with them, "
    "beside the exact loop's prediction",
    file=Path(__file__),
    parameters=image_runs.made("class"),
    compute=compute,
    draw=image_rewards.draw_class,
    experiments=image_runs.experiments,
)
