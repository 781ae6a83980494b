"""CIFAR-10 images and confidence, repeated, recorded (:mod:`paper_figures.image_repeats`).

It is Figure 9 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_repeats, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Recorded, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_repeats.compute`."""
    return image_repeats.compute(runs)


FIGURE = PaperFigure(
    name="cifar10_confidence_repeated",
    caption="The confidence reward on CIFAR-10 in every run: class shares in the last round and "
    "their distance from the start, without and with real images, beside runs without model error",
    file=Path(__file__),
    parameters=image_runs.on_record(("confidence",)),
    compute=compute,
    draw=image_repeats.draw,
    record=image_runs.recorded,
    paper="Figure 9",
    claims=("total-variation", "theorem-2.1"),
)
