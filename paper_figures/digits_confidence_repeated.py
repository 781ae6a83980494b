"""Digits and confidence, repeated (:mod:`paper_figures.image_repeats`).

On CIFAR-10, it is Figure 9 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_repeats, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_repeats.compute`."""
    return image_repeats.compute(runs)


FIGURE = PaperFigure(
    name="digits_confidence_repeated",
    caption="The confidence reward on digits repeated with other seeds: class shares go from the "
    "start by about what chance takes them, in some runs by more; real images keep them well "
    "below the bound",
    file=Path(__file__),
    parameters=image_runs.made(("confidence",)),
    compute=compute,
    draw=image_repeats.draw,
    experiments=image_runs.experiments,
    paper="Figure 9",
    claims=("total-variation", "theorem-2.1"),
)
