"""CIFAR-10 images with the confidence reward, recorded (:mod:`paper_figures.image_rewards`).

It is Figure 3 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_rewards, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Recorded, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_rewards.compute`."""
    return image_rewards.compute(runs, "confidence")


FIGURE = PaperFigure(
    name="cifar10_confidence_reward",
    caption="Rewarding a classifier's confidence in images of CIFAR-10: class shares and mean "
    "reward by round, without and with real images, beside the exact loop's prediction",
    file=Path(__file__),
    parameters=image_runs.on_record(("confidence",)),
    compute=compute,
    draw=image_rewards.draw_confidence,
    record=image_runs.recorded,
    paper="Figure 3",
    claims=("lemma-2.2", "theorem-2.3", "dominance-mixed"),
)
