"""CIFAR-10 images against real ones, recorded (:mod:`paper_figures.image_quality`).

It is Figure 8 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_quality, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results

SETTINGS = image_runs.settings(("class",))


def compute(parameters: image_runs.Recorded, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_quality.compute`."""
    return image_quality.compute(runs, SETTINGS)


FIGURE = PaperFigure(
    name="cifar10_quality_class_reward",
    caption="Fréchet distance, precision and recall of generated images of CIFAR-10 under the "
    "class reward by round, without and with real images",
    file=Path(__file__),
    parameters=image_runs.on_record(("class",)),
    compute=compute,
    draw=image_quality.draw,
    record=image_runs.recorded,
    paper="Figure 8",
    claims=("theorem-2.1", "reverse-kl"),
)
