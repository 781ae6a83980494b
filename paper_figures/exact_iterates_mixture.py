r"""Exact K = 2 iterates of eight Gaussians, pure above mixed (see :mod:`paper_figures.iterates`).

Figure 4 of Ferbach et al. 2024 (arXiv:2407.09499) without training error, with its settings: eight
Gaussians on a ring, pairwise comparisons, the clipped-distance reward around one of the means,
equal parts real and kept in the mixed runs, eight rounds.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from paper_figures import iterates
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim import GaussianMixture
from theory.rewards import ClippedDistance


def draw(results: Results) -> Figure:
    """Four panels in each row."""
    return iterates.draw(
        results,
        shown=(0, 1, 3, 8),
        height=3.6,
        map_height=2.25,
        xticks=[-5, 0, 5],
        yticks=[-5, 0, 5],
        share="best_mode",
    )


FIGURE = PaperFigure(
    name="exact_iterates_mixture",
    caption="Exact loop on eight Gaussians with the reward largest inside the dashed circle. "
    "Retrained on kept samples alone (pure), all mass moves to the favoured mode; with as many "
    "real data mixed in, that mode grows for a few rounds and the others stay.",
    file=Path(__file__),
    parameters=iterates.Parameters(
        data=GaussianMixture(),
        reward=ClippedDistance(gamma=2.0, centre=(5.0, 0.0), radius=0.5),
        K=2,
        lam=1.0,
        rounds=8,
        side=200,
    ),
    compute=iterates.compute,
    draw=draw,
    paper="Figure 4",
    claims=("dominance-pure", "theorem-2.1", "dominance-mixed"),
)
