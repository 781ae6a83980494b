"""Two moons with flow matching, pure above mixed (see :mod:`paper_figures.trained_iterates`).

Settings of arXiv:2407.09499: noise 0.1, five rounds, 5 000 kept of 10 000 by pairwise comparisons,
minibatch couplings and 250 Euler steps of torchcfm.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from paper_figures import trained_iterates
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def draw(results: Results) -> Figure:
    """Four maps in each row."""
    return trained_iterates.draw(
        results,
        height=4.0,
        map_height=1.45,
        window=(-1.7, 2.7, -1.3, 1.8),
        xticks=[-1, 0, 1, 2],
        yticks=[-1, 0, 1],
        share="upper moon",
        rewards=[-10, -5, 0],
    )


FIGURE = PaperFigure(
    name="trained_moons",
    caption="Flow matching retrained on two moons beside the exact loop: pure above mixed with "
    "real data",
    file=Path(__file__),
    parameters=trained_iterates.Parameters("moons", shown=(0, 1, 2, 5)),
    compute=trained_iterates.compute,
    draw=draw,
    experiments=trained_iterates.experiments,
)
