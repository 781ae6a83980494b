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
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from paper_figures import labels, style
from paper_figures.results import Results
from sim import GaussianMixture, TwoMoons
from theory import Law, RetrainingLoop
from theory.rewards import ClippedDistance

DECADES = 4
"""Range of the colour scale below the highest density shown, in powers of ten."""


@dataclass(frozen=True)
class Parameters:
    """Data set, reward, comparisons K, synthetic-to-real ratio, rounds, cells per axis."""

    data: GaussianMixture | TwoMoons
    reward: ClippedDistance
    K: int
    lam: float
    rounds: int
    side: int


def compute(parameters: Parameters) -> Results:
    """Densities of both loops and their statistics, for every round from 0 to the last.

    ``pure`` and ``mixed``, densities per unit area, have shape (rounds + 1, side, side), the
    expected rewards, log-odds, (rounds + 1,), the shares of the groups (rounds + 1, groups). ``x``,
    ``y``, (side,), ``centre`` and ``radius`` of the reward's plateau are lengths.
    """
    axes = parameters.data.grid(parameters.side)
    law = Law.from_density(parameters.data.density, parameters.reward, axes, normalise=True)
    groups = parameters.data.labels(law.atoms)
    results: Results = {
        "x": axes[0],
        "y": axes[1],
        "lam": np.array(parameters.lam),
        "K": np.array(parameters.K),
        "centre": np.array(parameters.reward.centre),
        "radius": np.array(parameters.reward.radius),
    }
    for name, lam in (("pure", math.inf), ("mixed", parameters.lam)):
        trajectory = RetrainingLoop(law, parameters.K, lam).run(parameters.rounds)
        results[name] = np.stack([p.density() for p in trajectory.laws])
        results[f"{name}_reward"] = np.asarray(trajectory.expected_reward)
        results[f"{name}_shares"] = trajectory.shares(groups)[1]
    return results


def draw(
    results: Results,
    *,
    shown: Sequence[int],
    height: float,
    map_height: float,
    xticks: Sequence[float],
    yticks: Sequence[float],
    share: str,
) -> Figure:
    """Pure row above mixed row on one logarithmic colour scale; below, statistics of every round.

    ``shown`` are the rounds with a map. The statistics are the share of the favoured group, whose
    key in the notation is ``share``, and the mean reward. The dashed circle is the edge of the
    reward's plateau. The maps take ``map_height`` of the ``height`` (inches).
    """
    figure = style.new_figure(style.COLUMN, height)
    above, below = figure.subfigures(2, 1, height_ratios=[map_height, height - map_height])
    panels = above.subplots(2, len(shown), sharex=True, sharey=True, squeeze=False)
    top = max(results[name][list(shown)].max() for name in ("pure", "mixed"))
    norm = LogNorm(vmin=top * 10.0**-DECADES, vmax=top, clip=True)
    x, y = results["x"], results["y"]
    for row, name in enumerate(("pure", "mixed")):
        for axes, t in zip(panels[row], shown, strict=True):
            image = axes.imshow(
                np.maximum(results[name][t].T, norm.vmin),
                origin="lower",
                extent=style.cells(x, y),
                norm=norm,
            )
            style.draw_plateau(axes, results["centre"], results["radius"], "white")
            axes.set_xticks(xticks)
            axes.set_yticks(yticks)
            if row == 0:
                axes.set_title(labels.value("round", t))
            else:
                axes.set_xlabel(labels.axis("x_1", name=False))
        panels[row, 0].set_ylabel(name)
    above.supylabel(labels.axis("x_2", name=False), y=0.66)  # beside the maps, not the scale
    above.colorbar(
        image,
        ax=panels,
        orientation="horizontal",
        aspect=40,
        pad=0.04,
        extend="min",
        format=style.PLAIN,
        label=labels.axis("density", symbol=False),
    )
    statistics = below.subplots(1, 2, sharex=True)
    _draw_statistics(statistics, results, share)
    below.legend(*statistics[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def _draw_statistics(panels: Sequence[Axes], results: Results, share: str) -> None:
    """Share of the favoured group and mean reward against the round, pure and mixed."""
    shares, rewards = panels
    favoured = results["pure_shares"][-1].argmax()
    K = labels.value("candidates", int(results["K"]))
    for name, lam in (("pure", math.inf), ("mixed", float(results["lam"]))):
        looks = style.LOOPS[name] | style.HOLLOW | {"markersize": 3}
        label = f"{labels.loop(lam)}, {K}"
        shares.plot(results[f"{name}_shares"][:, favoured], label=label, **looks)
        rewards.plot(results[f"{name}_reward"], **looks)
    shares.set(ylim=(0, 1.05), yticks=[0, 0.5, 1])
    shares.set_ylabel(labels.share_of(share, lines=2))
    rewards.set_yticks([-10, -5, 0])
    rewards.set_ylabel(labels.axis("mean_reward", lines=2))
    for axes in panels:
        axes.set_xlabel(labels.axis("round"))
        axes.set_xticks(range(len(results["pure_reward"])))
