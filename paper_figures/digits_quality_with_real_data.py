"""Digits over many rounds with real images (:mod:`paper_figures.image_quality`).

On CIFAR-10, it is Figure 10 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_quality, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results

SETTINGS = image_runs.settings(ratios=("mixed",))


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_quality.compute`."""
    return image_quality.compute(runs, SETTINGS, whole=True)


FIGURE = PaperFigure(
    name="digits_quality_with_real_data",
    caption="Fréchet distance, precision and recall of generated digits over twenty rounds with "
    "real images: the distance rises at first under either reward, and recall stays, in three "
    "runs for five rounds and, with the confidence reward, one for twenty",
    file=Path(__file__),
    parameters=image_runs.made(ratios=("mixed",)),
    compute=compute,
    draw=image_quality.draw,
    experiments=image_runs.experiments,
    paper="Figure 10",
    claims=("reverse-kl", "envelope"),
)
