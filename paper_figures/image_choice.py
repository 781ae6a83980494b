r"""One choice among K generated images, for each reward: the computation and drawing figures share.

The K candidates of a group in round 0 with their rewards :math:`r_k`, the probabilities
:math:`e^{r_k}/\sum_j e^{r_j}` of being kept, and the one that was. Of the groups whose images are
saved the one is shown whose choice is nearest to half open: with entropy nearest to half that of a
blind choice, :math:`\tfrac12\log K`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import entr, softmax

from paper_figures import image_runs, labels, style
from paper_figures.results import Results
from sim.recording import load_samples

MOST_IN_ROW = 10


def compute(folders: Mapping[str, Path]) -> Results:
    """For each reward ``<reward>_images`` (K, height, width, channels) as bytes, ``_rewards`` in
    log-odds and ``_probabilities`` (K,), and ``_kept``, the number of the kept; ``index``, that of
    the class which the class reward goes by.

    Raises
    ------
    ValueError
        When the images of no group were saved.
    """
    results: Results = {}
    shown_runs: dict[str, Path] = {}
    for reward in image_runs.REWARDS:
        path = shown_runs[reward] = image_runs.chosen(folders, reward, "pure")[0]
        config, samples = image_runs.config_of(path), load_samples(path, 0)
        K, results["index"] = config["K"], np.array(config["index"])
        groups = len(samples["images"]) // K
        if not groups:
            raise ValueError(
                f"{len(samples['images'])} images were saved per round and a choice is among {K}: "
                "run it with more saved."
            )
        rewards = samples["rewards"][: groups * K].astype(np.float64).reshape(groups, K)
        probabilities = softmax(rewards, axis=1)
        half = math.log(K) / 2
        shown = int(np.abs(entr(probabilities).sum(axis=1) - half).argmin())
        results[f"{reward}_images"] = samples["images"][shown * K : (shown + 1) * K]
        results[f"{reward}_rewards"] = rewards[shown]
        results[f"{reward}_probabilities"] = probabilities[shown]
        # One of every K consecutive candidates is kept, in their order.
        results[f"{reward}_kept"] = np.array(samples["kept"][shown] - shown * K)
    return {**results, **image_runs.provenance(shown_runs)}


def draw(results: Results) -> Figure:
    """The candidates in a row, or some; the kept one framed."""
    K = len(results["class_rewards"])
    columns = max(n for n in range(1, min(K, MOST_IN_ROW) + 1) if K % n == 0)
    rows = K // columns
    side = (style.COLUMN - 0.45) / columns
    figure = style.new_figure(style.COLUMN, 2 * (rows * (side + 0.42) + 0.1) + 0.35)
    parts = figure.subfigures(2, 1)
    for part, letter, reward in zip(parts, "ab", image_runs.REWARDS, strict=True):
        panels = part.subplots(rows, columns, squeeze=False)
        for number, axes in enumerate(panels.flat):
            show(axes, results[f"{reward}_images"][number])
            kept = number == results[f"{reward}_kept"]
            _frame(axes, min(2.5, 4 * side) if kept else 0.4, "vermilion" if kept else "grey")
            value = results[f"{reward}_rewards"][number]
            chance = results[f"{reward}_probabilities"][number]
            text = f"{value:.2f}\n" + (f"{100 * chance:.0f} %" if chance >= 0.005 else "< 1 %")
            axes.set_xlabel(f"{text}\nkept" if kept else text)
        for axes in panels[:, 0]:
            words = f"{labels.symbol('reward')}\n{labels.symbol('chance')}"
            axes.set_ylabel(words, rotation=0, ha="right", va="top", y=-0.04)
        index = int(results["index"])
        formula = r"\gamma\," + (rf"q_{{{index}}}" if reward == "class" else r"\max_i q_i")
        words = labels.in_unit(rf"{reward} reward {labels.symbol('reward')}$={formula}$", "reward")
        title = rf"$\bf{{({letter})}}$ {words}"
        # Not that of a panel, which would be made as wide.
        part.suptitle(title, fontsize=7, x=0.02, ha="left")
    image_runs.draw_provenance(figure, results)
    return figure


def show(axes: Axes, image: NDArray[np.uint8]) -> None:
    """An image of bytes (height, width, channels) in axes without ticks."""
    grey = image.shape[-1] == 1
    axes.imshow(image[..., 0] if grey else image, cmap="gray", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])


def _frame(axes: Axes, width: float, colour: str) -> None:
    for spine in axes.spines.values():
        spine.set_linewidth(width)
        spine.set_color(style.COLOURS[colour])
