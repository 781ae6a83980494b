r"""Exact iterates of the loop in two dimensions: the computation and drawing two figures share.

The loop runs on the density itself (its cell masses on a grid), with the exact curation factor: no
sampling and no training. Upper row, pure: :math:`p_{t+1} = C_K(p_t)`. Lower row, mixed:
:math:`p_{t+1} = \frac{1}{1+\lambda}p_{\rm ref} + \frac{\lambda}{1+\lambda}C_K(p_t)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from paper_figures import style
from paper_figures.results import Results
from sim import GaussianMixture, TwoMoons
from theory import Law, RetrainingLoop
from theory.rewards import ClippedDistance

DECADES = 4
"""Range of the colour scale below the highest density shown, in powers of ten."""


@dataclass(frozen=True)
class Parameters:
    """Data set, reward, comparisons K, synthetic-to-real ratio, rounds shown, cells per axis."""

    data: GaussianMixture | TwoMoons
    reward: ClippedDistance
    K: int
    lam: float
    rounds: tuple[int, ...]
    side: int


def compute(parameters: Parameters) -> Results:
    """Densities of both loops at the rounds shown, and statistics of every round up to the last.

    ``pure`` and ``mixed`` have shape (rounds shown, side, side); the expected rewards (rounds + 1,)
    and the shares of the groups (rounds + 1, groups) start at round 0.
    """
    axes = parameters.data.grid(parameters.side)
    law = Law.from_density(parameters.data.density, parameters.reward, axes, normalise=True)
    labels = parameters.data.labels(law.atoms)
    results: Results = {
        "x": axes[0],
        "y": axes[1],
        "rounds": np.array(parameters.rounds),
        "lam": np.array(parameters.lam),
        "K": np.array(parameters.K),
        "centre": np.array(parameters.reward.centre),
        "radius": np.array(parameters.reward.radius),
    }
    for name, lam in (("pure", math.inf), ("mixed", parameters.lam)):
        trajectory = RetrainingLoop(law, parameters.K, lam).run(max(parameters.rounds))
        results[name] = np.stack([trajectory.laws[t].density() for t in parameters.rounds])
        results[f"{name}_reward"] = np.asarray(trajectory.expected_reward)
        results[f"{name}_shares"] = trajectory.shares(labels)[1]
    return results


def draw(
    results: Results,
    *,
    height: float,
    xticks: Sequence[float],
    yticks: Sequence[float],
    share: str,
) -> Figure:
    """Pure row above mixed row, one logarithmic colour scale for all panels.

    Above each panel: the mean reward, and the share of the favoured group, called ``share``.
    The dashed circle is the edge of the reward's plateau.
    """
    rounds = results["rounds"]
    figure = style.new_figure(style.PAGE, height, images=True)
    panels = figure.subplots(2, len(rounds), sharex=True, sharey=True, squeeze=False)
    top = max(results["pure"].max(), results["mixed"].max())
    norm = LogNorm(vmin=top * 10.0**-DECADES, vmax=top, clip=True)
    x, y = results["x"], results["y"]
    half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    extent = (x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y)
    favoured = results["pure_shares"][-1].argmax()
    for row, name in enumerate(("pure", "mixed")):
        for column, t in enumerate(rounds):
            axes = panels[row, column]
            image = axes.imshow(
                np.maximum(results[name][column].T, norm.vmin),
                origin="lower",
                extent=extent,
                norm=norm,
            )
            note = (
                rf"$E[r]$ = {_minus(results[f'{name}_reward'][t])}" + "\n"
                f"{share} {results[f'{name}_shares'][t, favoured]:.2f}"
            )
            axes.set_title(rf"$\bf{{t={t}}}$" + "\n" + note if row == 0 else note, fontsize=7)
            axes.add_patch(
                Circle(
                    tuple(results["centre"]),
                    float(results["radius"]),
                    fill=False,
                    linewidth=0.6,
                    linestyle="--",
                    edgecolor="white",
                )
            )
            axes.set_xticks(xticks)
            axes.set_yticks(yticks)
            if row == 1:
                axes.set_xlabel(r"$x_1$ [length]")
    lam = float(results["lam"])
    panels[0, 0].set_ylabel(f"pure, $K$ = {int(results['K'])}\n" + r"$x_2$ [length]")
    panels[1, 0].set_ylabel(rf"mixed, $\lambda$ = {lam:g}" + "\n" + r"$x_2$ [length]")
    figure.colorbar(
        image,
        ax=panels,
        aspect=40,
        pad=0.01,
        extend="min",
        label="density [per unit area]",
    )
    return figure


def _minus(value: float) -> str:
    """Two decimals, with a typographic minus sign."""
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
