"""CIFAR-10 images in runs of several seeds, recorded (:mod:`paper_figures.image_seeds`).

It is Figure 11 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_runs, image_seeds
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Recorded, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_seeds.compute`."""
    return image_seeds.compute(runs)


FIGURE = PaperFigure(
    name="cifar10_independent_runs",
    caption="Independent runs on CIFAR-10, each beside its own prediction and band",
    file=Path(__file__),
    parameters=image_runs.on_record(),
    compute=compute,
    draw=image_seeds.draw,
    record=image_runs.recorded,
    paper="Figure 11",
    claims=("theorem-2.1", "lemma-2.2", "theorem-2.3"),
)
