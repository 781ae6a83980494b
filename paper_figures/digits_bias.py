r"""Bias amplification on real data, and its cure: the exact loop on handwritten digits.

The law is the empirical law of scikit-learn's digits, the reward the confidence :math:`r =
15\,\max_i q_i(x)` of a classifier that never saw the image it scores
(:mod:`gpu_experiments.digits`), K = 20 as in the image experiments of arXiv:2407.09499. Confidence
names no class, yet the pure loop drives the class shares apart; mixing in real data holds them near
those of the data. There is no generator here: the loop moves mass between the images there are,
without error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gpu_experiments import CONFIDENCE_REWARD, classify_digits
from paper_figures import style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from theory import RetrainingLoop
from theory.rewards import Confidence


@dataclass(frozen=True)
class Parameters:
    """Reward, comparisons K, synthetic-to-real ratio, rounds, and the folds of the classifier."""

    reward: Confidence = CONFIDENCE_REWARD
    K: int = 20
    lam: float = 1.0
    rounds: int = 1000
    folds: int = 5
    seed: int = 0


def compute(parameters: Parameters) -> Results:
    """Class shares (rounds + 1, 10) and mean rewards (rounds + 1,) of both loops."""
    digits = classify_digits(parameters.folds, parameters.seed)
    law = digits.law(parameters.reward)
    results: Results = {
        "accuracy": np.array(digits.accuracy),
        "top_reward": np.array(law.top_reward),
        "gamma": np.array(parameters.reward.gamma),
        "K": np.array(parameters.K),
        "lam": np.array(parameters.lam),
    }
    for name, lam in (("pure", math.inf), ("mixed", parameters.lam)):
        trajectory = RetrainingLoop(law, parameters.K, lam).run(parameters.rounds)
        results[f"{name}_shares"] = trajectory.shares(digits.labels)[1]
        results[f"{name}_reward"] = np.asarray(trajectory.expected_reward)
    return results


def draw(results: Results) -> Figure:
    """Class shares of the pure loop, of the mixed loop on the same axes, and both mean rewards."""
    figure = style.new_figure(style.PAGE, 2.75)
    pure, mixed, reward = figure.subplots(1, 3, width_ratios=[1, 1, 0.9])
    mixed.sharey(pure)
    lam, K = float(results["lam"]), int(results["K"])
    last = len(results["pure_reward"]) - 1
    for axes, name, letter, title in (
        (pure, "pure", "a", "synthetic only"),
        (mixed, "mixed", "b", rf"with real data, $\lambda$ = {lam:g}"),
    ):
        _draw_shares(axes, results[f"{name}_shares"])
        style.label_panel(axes, letter, title)
    final = results["mixed_shares"][-1]
    mixed.text(
        0.5,
        0.3,
        f"last round: all shares\nfrom {final.min():.3f} to {final.max():.3f}",
        transform=mixed.transAxes,
        ha="center",
        color=style.COLOURS["grey"],
    )
    pure.set_ylabel("class share")
    pure.set(yscale="log", ylim=(0.004, 1.3))
    mixed.tick_params(labelleft=False)

    reward.axhline(
        float(results["top_reward"]), color=style.COLOURS["grey"], linestyle=":", linewidth=0.9
    )
    reward.plot(results["pure_reward"], color=style.COLOURS["vermilion"], label="synthetic only")
    reward.plot(
        results["mixed_reward"],
        color=style.COLOURS["blue"],
        linestyle="--",
        label=rf"with real data, $\lambda$ = {lam:g}",
    )
    reward.annotate(
        r"largest $r$",
        (0.0, float(results["top_reward"])),
        xycoords=("axes fraction", "data"),
        xytext=(3, -8),
        textcoords="offset points",
        color=style.COLOURS["grey"],
    )
    reward.text(
        0.97,
        0.55,
        f"classifier's held-out\naccuracy {float(results['accuracy']):.3f}",
        transform=reward.transAxes,
        ha="right",
        color=style.COLOURS["grey"],
    )
    reward.legend(loc="lower right")
    style.label_panel(reward, "c", rf"$\gamma$ = {float(results['gamma']):g}, $K$ = {K}")
    reward.set_ylabel(r"mean reward $E[r]$ [log-odds of choice]")
    for axes in (pure, mixed, reward):
        axes.set_xscale("symlog", linthresh=1, linscale=0.4)
        axes.set_xlim(0, last)
        axes.set_xlabel(r"round $t$")
    return figure


def _draw_shares(axes: Axes, shares: np.ndarray) -> None:
    """One line for each class, marked by its digit so that no colour is needed to read it."""
    colours = ("blue", "vermilion", "green", "orange", "purple", "sky", "black", "grey")
    last = len(shares) - 1
    axes.axhline(1 / shares.shape[1], color=style.COLOURS["grey"], linestyle=":", linewidth=0.9)
    for digit in range(shares.shape[1]):
        # Each class has rounds of its own for its marks, so that marks on nearby lines keep apart.
        exponents = np.arange(0.1 * digit, math.log10(max(last, 1)), 1.5)
        marks = np.unique(np.round(10**exponents).astype(int))
        axes.plot(
            shares[:, digit],
            color=style.COLOURS[colours[digit % len(colours)]],
            linewidth=0.8,
            linestyle="-" if digit < len(colours) else "--",
            marker=f"${digit}$",
            markersize=4.5,
            markeredgewidth=0.3,
            markevery=list(marks),
        )


FIGURE = PaperFigure(
    name="digits_bias",
    caption="Confidence reward on handwritten digits: class shares and mean reward, exact loop",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
)
