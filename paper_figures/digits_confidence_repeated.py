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
    caption="The confidence reward on digits repeated with other seeds: without real images class "
    "shares go further from the start than chance alone would take them, with real images they "
    "stay well below the bound",
    file=Path(__file__),
    parameters=image_runs.made(("confidence",)),
    compute=compute,
    draw=image_repeats.draw,
    experiments=image_runs.experiments,
    paper="Figure 9",
    claims=("total-variation", "theorem-2.1"),
)
