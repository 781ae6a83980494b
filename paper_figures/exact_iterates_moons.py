r"""Exact K = 2 iterates of two moons, pure above mixed (see :mod:`paper_figures.iterates`).

Figure 5 of Ferbach et al. 2024 (arXiv:2407.09499) without training error, with its settings: noise
0.1, pairwise comparisons, five rounds, equal parts real and kept in the mixed runs. The reward's
centre is the top of the upper moon, so curation favours that moon.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from paper_figures import iterates
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim import TwoMoons
from theory.rewards import ClippedDistance


def draw(results: Results) -> Figure:
    """Four panels in each row."""
    return iterates.draw(
        results,
        shown=(0, 1, 3, 5),
        height=3.2,
        map_height=1.85,
        xticks=[-1, 0, 1, 2],
        yticks=[0, 1],
        share="upper_moon",
    )


FIGURE = PaperFigure(
    name="exact_iterates_moons",
    caption="Exact loop on two moons with the reward largest inside the dashed circle. Retrained "
    "on kept samples alone (pure), the lower moon vanishes; with as many real data mixed in, both "
    "moons stay.",
    file=Path(__file__),
    parameters=iterates.Parameters(
        data=TwoMoons(),
        reward=ClippedDistance(gamma=10.0, centre=(0.0, 1.0), radius=0.2),
        K=2,
        lam=1.0,
        rounds=5,
        side=200,
    ),
    compute=iterates.compute,
    draw=draw,
    paper="Figure 5",
    claims=("dominance-pure", "theorem-2.1", "dominance-mixed"),
)
