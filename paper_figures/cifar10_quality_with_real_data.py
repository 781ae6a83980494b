"""CIFAR-10 images over many rounds with real images, recorded (:mod:`paper_figures.image_quality`).

It is Figure 10 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_quality, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results

SETTINGS = image_runs.settings(ratios=("mixed",))


def compute(parameters: image_runs.Recorded, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_quality.compute`."""
    return image_quality.compute(runs, SETTINGS, whole=True)


FIGURE = PaperFigure(
    name="cifar10_quality_with_real_data",
    caption="Fréchet distance, precision and recall of generated images of CIFAR-10 by round with "
    "real images, for either reward",
    file=Path(__file__),
    parameters=image_runs.on_record(ratios=("mixed",)),
    compute=compute,
    draw=image_quality.draw,
    record=image_runs.recorded,
    paper="Figure 10",
    claims=("reverse-kl", "envelope"),
)
