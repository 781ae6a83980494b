"""Digits in runs of several seeds (:mod:`paper_figures.image_seeds`).

On CIFAR-10, it is Figure 11 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_runs, image_seeds
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_seeds.compute`."""
    return image_seeds.compute(runs)


FIGURE = PaperFigure(
    name="digits_independent_runs",
    caption="Three runs on digits from one pretrained model, each beside its own prediction and "
    "band: they agree on what happens under the class reward, and stay below the predicted "
    "confidence",
    file=Path(__file__),
    parameters=image_runs.made(),
    compute=compute,
    draw=image_seeds.draw,
    experiments=image_runs.experiments,
    paper="Figure 11",
    claims=("theorem-2.1", "lemma-2.2", "theorem-2.3"),
)
