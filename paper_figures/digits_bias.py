r"""Bias amplification on real data, and its cure: the exact loop on handwritten digits.

Figure 3 of Ferbach et al. 2024 (arXiv:2407.09499), confidence reward in the pure and in the mixed
loop, on other images and without a generator.

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

from gpu_experiments.digits import CONFIDENCE_REWARD, classify_digits
from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from theory import RetrainingLoop
from theory.rewards import Confidence

SHARES_SHOWN = (0.004, 1.3)
"""Range of the scale of the shares."""


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
    """Class shares (rounds + 1, 10) and mean rewards (rounds + 1,), log-odds, of both loops.

    ``top_reward`` and ``gamma`` are log-odds, ``accuracy`` the share of digits that a classifier
    that did not see them names right.
    """
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
    """Class shares of the pure loop, of the mixed loop on the same scale, and both mean rewards."""
    figure = style.new_figure(style.COLUMN, 4.9)
    pure, mixed, reward = figure.subplots(3, 1, sharex=True, height_ratios=[1.25, 1.25, 1])
    loops = {"pure": math.inf, "mixed": float(results["lam"])}
    last = len(results["pure_reward"]) - 1
    for axes, name, letter, words in (
        (pure, "pure", "a", "kept images alone"),
        (mixed, "mixed", "b", "real images besides"),
    ):
        _draw_shares(axes, results[f"{name}_shares"])
        style.label_panel(axes, letter, f"{labels.loop(loops[name])}: {words}")
        axes.set_ylabel(labels.axis("share", of="of class"))
    _label_beside_lines(pure, results["pure_shares"])
    _label_in_margin(mixed, results["mixed_shares"][-1])
    final = results["mixed_shares"][-1]
    mixed.text(
        0.5,
        0.2,
        f"last round: all shares\nfrom {final.min():.3f} to {final.max():.3f}",
        transform=mixed.transAxes,
        ha="center",
        color=style.COLOURS["grey"],
    )

    reward.axhline(float(results["top_reward"]), **style.REFERENCE)
    for name, lam in loops.items():
        look = style.LOOPS[name] | {"marker": ""}
        reward.plot(results[f"{name}_reward"], label=labels.loop(lam), **look)
    reward.annotate(
        f"largest {labels.symbol('reward')}",
        (0.0, float(results["top_reward"])),
        xycoords=("axes fraction", "data"),
        xytext=(3, -9),
        textcoords="offset points",
        color=style.COLOURS["grey"],
    )
    reward.legend(loc="lower right")
    style.label_panel(
        reward,
        "c",
        f"{labels.value('scale', float(results['gamma']))}, "
        f"{labels.value('candidates', int(results['K']))}, "
        f"held-out accuracy {float(results['accuracy']):.3f}",
    )
    reward.set_ylabel(labels.axis("mean_reward", lines=2))
    reward.set_xscale("symlog", linthresh=1, linscale=0.4)
    reward.xaxis.set_major_formatter(style.PLAIN)
    reward.set_xlim(0, last)
    reward.set_xlabel(labels.axis("round"))
    return figure


def _look(digit: int) -> dict[str, str]:
    """Colour and dash of a class; the digit itself, beside its line, is what tells it."""
    colours = ("blue", "vermilion", "green", "orange", "purple", "sky", "black", "grey")
    return {
        "color": style.COLOURS[colours[digit % len(colours)]],
        "linestyle": "-" if digit < len(colours) else "--",
    }


def _draw_shares(axes: Axes, shares: np.ndarray) -> None:
    """One line for each class, on the scale that both panels have."""
    axes.axhline(1 / shares.shape[1], **style.REFERENCE)
    for digit in range(shares.shape[1]):
        axes.plot(shares[:, digit], linewidth=style.THIN, **_look(digit))
    axes.set(yscale="log", ylim=SHARES_SHOWN)
    axes.yaxis.set_major_formatter(style.PLAIN)


def _label_beside_lines(axes: Axes, shares: np.ndarray) -> None:
    """A digit beside each line, where the other lines and their digits are farthest."""
    rounds = np.unique(np.geomspace(1, len(shares) - 1, 200).astype(int))
    low, high = np.log(SHARES_SHOWN)
    # Inches on the page, near enough to compare distances: rounds 1 to the last, and the shares.
    width, height = 2.2, 1.4
    across = width * np.log(rounds) / math.log(rounds[-1])
    up = height * (np.log(np.maximum(shares[rounds].T, 1e-300)) - low) / (high - low)
    lines = np.stack([np.broadcast_to(across, up.shape), up], axis=-1)
    along = np.gradient(lines, axis=1)
    normal = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    normal *= 0.075 / np.linalg.norm(normal, axis=-1, keepdims=True)
    places = np.concatenate([lines + normal, lines - normal], axis=1)
    edge = np.minimum(places, [width, height] - places).min(axis=-1)
    taken = np.empty((0, 1, 2))
    for digit in range(shares.shape[1]):
        others = np.delete(lines, digit, axis=0).reshape(-1, 2)
        gaps = np.linalg.norm(places[digit][:, None] - others, axis=2).min(axis=1)
        apart = (np.linalg.norm(places[digit] - taken, axis=2) > 0.15).all(axis=0)
        best = places[digit][np.where((edge[digit] > 0.08) & apart, gaps, -1).argmax()]
        taken = np.append(taken, best[None, None], axis=0)
        axes.text(
            math.exp(best[0] / width * math.log(rounds[-1])),
            math.exp(low + best[1] / height * (high - low)),
            str(digit),
            color=_look(digit)["color"],
            weight="bold",
            ha="center",
            va="center_baseline",
        )


def _label_in_margin(axes: Axes, final: np.ndarray) -> None:
    """Digits in the order of the last shares, spread beside the panel, each led to its line."""
    low, high = np.log(SHARES_SHOWN)
    heights = (np.log(final) - low) / (high - low)
    places = heights.mean() + np.linspace(-0.36, 0.36, len(final))
    for place, digit in zip(places, final.argsort(), strict=True):
        colour = _look(int(digit))["color"]
        axes.plot(
            [1.0, 1.06],
            [heights[digit], place],
            transform=axes.transAxes,
            clip_on=False,
            color=colour,
            linewidth=0.5,
        )
        axes.text(
            1.07,
            place,
            str(digit),
            transform=axes.transAxes,
            color=colour,
            weight="bold",
            va="center_baseline",
        )


FIGURE = PaperFigure(
    name="digits_bias",
    caption="Exact loop on images of handwritten digits, rewarded by a classifier's confidence, "
    "which names no class. Retrained on kept images alone (pure), the classes part until one is "
    "left; with as many real images mixed in, all ten keep nearly the shares they started with.",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    paper="Figure 3",
    claims=("theorem-2.1", "dominance-pure", "dominance-mixed"),
)
