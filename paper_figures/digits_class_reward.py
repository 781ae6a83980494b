"""Digits with the class reward (:mod:`paper_figures.image_rewards`).

On CIFAR-10, it is Figure 2 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

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
    caption="Rewarding a class of digits: its share and the mean reward rise over the rounds, to "
    "nearly all without real images and part of the way with them, as the exact loop predicts",
    file=Path(__file__),
    parameters=image_runs.made(("class",)),
    compute=compute,
    draw=image_rewards.draw_class,
    experiments=image_runs.experiments,
    paper="Figure 2",
    claims=("theorem-2.1", "lemma-2.2", "theorem-2.3"),
)
