"""Eight Gaussians with flow matching, pure above mixed (see :mod:`paper_figures.trained_iterates`).

Figure 4 of Ferbach et al. 2024 (arXiv:2407.09499), with its settings: eight rounds, 5 000 kept of
10 000 by pairwise comparisons, minibatch couplings and 250 Euler steps of torchcfm.
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
        share="best_mode",
        rewards=[-10, -5, 0],
    )


FIGURE = PaperFigure(
    name="trained_mixture",
    caption="Flow matching on eight Gaussians, retrained on its own kept samples (pure) and with "
    "as many real data mixed in: samples of one run, and every run beside the exact loop, with the "
    "band that 95 % of runs without training error fall in. The pure loop ends in one mode, the "
    "mixed one keeps all.",
    file=Path(__file__),
    parameters=trained_iterates.Parameters("mixture"),
    compute=trained_iterates.compute,
    draw=draw,
    experiments=trained_iterates.experiments,
    paper="Figure 4",
    claims=("dominance-pure", "theorem-2.1", "dominance-mixed"),
)
