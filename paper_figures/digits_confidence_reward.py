"""Digits with the confidence reward (:mod:`paper_figures.image_rewards`).

On CIFAR-10, it is Figure 3 of Ferbach et al. 2024 (arXiv:2407.09499).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_rewards, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_rewards.compute`."""
    return image_rewards.compute(runs, "confidence")


FIGURE = PaperFigure(
    name="digits_confidence_reward",
    caption="Rewarding a classifier's confidence in digits: class shares drift apart and the "
    "reward rises without real images, both less with them; refitted models make images of low "
    "reward anew",
    file=Path(__file__),
    parameters=image_runs.made(("confidence",)),
    compute=compute,
    draw=image_rewards.draw_confidence,
    experiments=image_runs.experiments,
    paper="Figure 3",
    claims=("lemma-2.2", "theorem-2.3", "dominance-mixed"),
)
