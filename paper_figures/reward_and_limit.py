r"""Reward, starting law and predicted limit for the mixture of Gaussians: three heat maps.

Figure 6 of Ferbach et al. 2024 (arXiv:2407.09499), with its data and form of reward: :math:`r(x) =
-\gamma\max(0, \|x-\mu_*\|-r_{\min})`. The reward is flat on a disc that :math:`p_0` charges, so the
pure loop converges to :math:`p_0` restricted to the disc (Theorem 2.1 there). The centre sits
between two modes: the limit keeps a part of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim import GaussianMixture
from theory import Law
from theory.limits import pure_limit
from theory.rewards import ClippedDistance

LEVEL_STEP = 4
"""Reward between neighbouring level lines."""


@dataclass(frozen=True)
class Parameters:
    """Data set, reward (gamma per unit length; centre; plateau radius) and cells per axis."""

    mixture: GaussianMixture = GaussianMixture()
    reward: ClippedDistance = ClippedDistance(gamma=2.0, centre=(4.0, 1.8), radius=2.2)
    side: int = 300


def compute(parameters: Parameters) -> Results:
    """Reward, p_0 and limit density on the grid, and the mass that p_0 gives the plateau.

    ``x`` and ``y``, (side,), and ``centre`` and ``radius`` of the plateau are lengths; ``reward``,
    (side, side), log-odds; ``start`` and ``limit``, (side, side), per unit area; ``gamma`` log-odds
    per unit length; ``plateau_mass`` is a share.
    """
    axes = parameters.mixture.grid(parameters.side)
    law = Law.from_density(parameters.mixture.density, parameters.reward, axes, normalise=True)
    limit = pure_limit(law)
    return {
        "x": axes[0],
        "y": axes[1],
        "reward": law.rewards.reshape(law.shape),
        "start": law.density(),
        "limit": limit.density(),
        "plateau_mass": np.array(law.expectation(law.rewards == law.top_reward)),
        "centre": np.array(parameters.reward.centre),
        "radius": np.array(parameters.reward.radius),
        "gamma": np.array(parameters.reward.gamma),
    }


def draw(results: Results) -> Figure:
    """Three panels in a row, each above its scale, with the edge of the plateau on each.

    The level lines of the reward are also drawn on its scale, which says what they are worth.
    """
    figure = style.new_figure(style.COLUMN, 1.9, images=True)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    x, y = results["x"], results["y"]
    extent = style.cells(x, y)
    fields = ("reward", "start", "limit")
    bars = (labels.in_unit("", "reward"), *[labels.axis("density", symbol=False, lines=2)] * 2)
    ticks = ([-20, -10, 0], [0, 0.03, 0.06], [0, 0.2, 0.4])
    for axes, field, letter, bar, marks in zip(panels, fields, "abc", bars, ticks, strict=True):
        image = axes.imshow(
            results[field].T,
            origin="lower",
            extent=extent,
            cmap="cividis" if field == "reward" else "viridis",
            vmin=None if field == "reward" else 0,
        )
        rim = "black" if field == "reward" else "white"
        style.draw_plateau(axes, results["centre"], results["radius"], rim)
        scale = figure.colorbar(
            image, ax=axes, orientation="horizontal", aspect=14, pad=0.03, label=bar
        )
        scale.set_ticks(
            marks, labels=[f"{mark:g}".replace("-", "\N{MINUS SIGN}") for mark in marks]
        )
        if field == "reward":
            lowest = math.floor(float(results["reward"].min()) / LEVEL_STEP)
            lines = axes.contour(
                x,
                y,
                results["reward"].T,
                levels=LEVEL_STEP * np.arange(lowest, 0),
                colors="white",
                linewidths=0.5,
                linestyles="solid",
            )
            scale.add_lines(lines)
        style.label_panel(axes, letter, labels.axis(field, unit=False))
        axes.set_xlabel(labels.axis("x_1", name=False))
        axes.set_xticks([-5, 0, 5])
        axes.set_yticks([-5, 0, 5])
    panels[0].set_ylabel(labels.axis("x_2", name=False))
    panels[2].text(
        0.05,
        0.05,
        f"$P_0$(disc)\n= {float(results['plateau_mass']):.3f}",
        transform=panels[2].transAxes,
        color="white",
    )
    return figure


FIGURE = PaperFigure(
    name="reward_and_limit",
    caption="A reward that is largest, and flat, inside the dashed circle, the density of eight "
    "Gaussians that the loop starts from, and the limit of retraining on kept samples alone: the "
    f"start restricted to the circle and scaled to mass 1 ({labels.claim('theorem-2.1')}).",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    paper="Figure 6",
    claims=("theorem-2.1",),
)
