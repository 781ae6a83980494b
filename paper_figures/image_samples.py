r"""Images that were generated in the first and in a late round: what figures of them share.

They are the first of the candidates of one seed, not chosen. In round 0 all settings have the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figures import image_runs, labels, style
from paper_figures.image_choice import show
from paper_figures.results import Results
from sim.recording import load_samples

GREY = 128

SAME = 1.0
"""Mean difference of bytes up to which images are the same: a GPU rounds differently in processes
of one model, and those of two models differ by more."""


def compute(folders: Mapping[str, Path]) -> Results:
    """``start``: images of round 0 (n, height, width, channels), bytes; ``<reward>_<loop>``: of the
    last round that all runs of the setting have, whose number is ``<reward>_<loop>_rounds``, of the
    first seed of which it is there.

    Raises
    ------
    ValueError
        When the runs do not begin with the same images.
    """
    results: Results = {}
    shown = {}
    for reward in image_runs.REWARDS:
        for ratio in image_runs.RATIOS:
            paths = image_runs.chosen(folders, reward, ratio)
            path, rounds = paths[0], image_runs.rounds(paths)
            start = load_samples(path, 0)["images"]
            apart = np.abs(start.astype(int) - results.setdefault("start", start))
            if apart.mean() > SAME:
                raise ValueError(
                    f"the run of {reward}-{ratio} does not begin with the images of the others: "
                    "give runs of one seed and one pretraining."
                )
            last = image_runs.kept_at(paths, rounds)[0]
            results[f"{reward}_{ratio}"] = load_samples(last, rounds)["images"]
            results[f"{reward}_{ratio}_rounds"] = np.array(rounds)
            shown[f"{reward}-{ratio}"] = last
    return {**results, **image_runs.provenance(shown)}


def tiled(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Images (n, height, width, channels) in rows of so many, as one, with grey lines between;
    what fills no row is cut."""
    rows = len(images) // columns
    line = max(1, images.shape[1] // 16)
    room = ((0, 0), (0, line), (0, line), (0, 0))
    padded = np.pad(images[: rows * columns], room, constant_values=GREY)
    _, height, width, channels = padded.shape
    grid = padded.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)[:-line, :-line]


def draw(results: Results) -> Figure:
    """Round 0 above; below, the last round, pure loops on the left."""
    columns = max(1, math.isqrt(len(results["start"])))
    # A line of where they were made takes room from the images, which are as wide as high.
    height = 5.0 if str(results["provenance"]) else 4.75
    figure = style.new_figure(style.COLUMN, height, images=True)
    grid = figure.add_gridspec(3, 2, height_ratios=[0.5, 1, 1])
    top = figure.add_subplot(grid[0, :])
    show(top, tiled(results["start"], 2 * columns))
    style.label_panel(top, "a", f"first model, {labels.value('round', 0)}")
    letters = iter("bcde")
    for row, reward in enumerate(image_runs.REWARDS, start=1):
        for column, ratio in enumerate(image_runs.RATIOS):
            axes = figure.add_subplot(grid[row, column])
            show(axes, tiled(results[f"{reward}_{ratio}"], columns))
            rounds = int(results[f"{reward}_{ratio}_rounds"])
            title = f"{reward}, {ratio}, {labels.value('round', rounds)}"
            style.label_panel(axes, next(letters), title)
    image_runs.draw_provenance(figure, results)
    return figure
