"""Eight Gaussians with flow matching, pure above mixed (see :mod:`paper_figures.trained_iterates`).

Settings of arXiv:2407.09499: eight rounds, 5 000 kept of 10 000 by pairwise comparisons, minibatch
couplings and 250 Euler steps of torchcfm.
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
        height=4.5,
        map_height=1.9,
        window=(-8, 8, -8, 8),
        xticks=[-5, 0, 5],
        yticks=[-5, 0, 5],
        share="best mode",
        rewards=[-10, -5, 0],
    )


FIGURE = PaperFigure(
    name="trained_mixture",
    caption="Flow matching retrained on the mixture of Gaussians beside the exact loop: pure above "
    "mixed with real data",
    file=Path(__file__),
    parameters=trained_iterates.Parameters("mixture"),
    compute=trained_iterates.compute,
    draw=draw,
    experiments=trained_iterates.experiments,
)
