"""Two moons with flow matching, pure above mixed (see :mod:`paper_figures.trained_iterates`).

Figure 5 of Ferbach et al. 2024 (arXiv:2407.09499), with its settings: noise 0.1, five rounds, 5 000
kept of 10 000 by pairwise comparisons, minibatch couplings and 250 Euler steps of torchcfm.
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
        share="upper_moon",
        rewards=[-10, -5, 0],
    )


FIGURE = PaperFigure(
    name="trained_moons",
    caption="Flow matching on two moons, retrained on its own kept samples (pure) and with as many "
    "real data mixed in: samples of one run, and every run beside the exact loop, with the band "
    "that 95 % of runs without training error fall in. The pure loop loses the lower moon, the "
    "mixed one keeps it.",
    file=Path(__file__),
    parameters=trained_iterates.Parameters("moons", shown=(0, 1, 2, 5)),
    compute=trained_iterates.compute,
    draw=draw,
    experiments=trained_iterates.experiments,
    paper="Figure 5",
    claims=("dominance-pure", "theorem-2.1", "dominance-mixed"),
)
