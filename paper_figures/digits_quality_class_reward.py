"""Digits against real ones (:mod:`paper_figures.image_quality`).

On CIFAR-10, it is Figure 8 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_quality, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results

SETTINGS = image_runs.settings(("class",))


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_quality.compute`."""
    return image_quality.compute(runs, SETTINGS)


FIGURE = PaperFigure(
    name="digits_quality_class_reward",
    caption="Fréchet distance, precision and recall of generated digits under the class reward: "
    "without real images the distance grows and recall falls to nearly nothing, with them recall "
    "stays",
    file=Path(__file__),
    parameters=image_runs.made(("class",)),
    compute=compute,
    draw=image_quality.draw,
    experiments=image_runs.experiments,
    paper="Figure 8",
    claims=("theorem-2.1", "reverse-kl"),
)
