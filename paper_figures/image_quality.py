r"""Distance of generated images from real ones: the computation and drawing that figures share.

Fréchet distance, precision and recall are in the features that the figure names; those in a
classifier's features are no FID, and numbers in different features cannot be compared. Real images
are held out from all training. The floor is the Fréchet distance that as many independent images of
the real law would have, and the levels of precision and recall are those of halves of the real
images (:mod:`gpu_experiments.metrics`): the same law measures no better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from paper_figures import image_runs, labels, style
from paper_figures.results import Results
from sim.runs import METRICS, read_lines

MEASURES = ("frechet", "precision", "recall")

# By setting, as the figures name them; a figure's two settings differ in colour, line and marker.
LOOKS: Mapping[str, Mapping[str, Any]] = {
    "class-pure": style.LOOPS["pure"],
    "class-mixed": style.LOOPS["mixed"],
    "confidence-pure": {
        "color": style.COLOURS["orange"],
        "linestyle": ":",
        "marker": "D",
    },
    "confidence-mixed": {
        "color": style.COLOURS["green"],
        "linestyle": "-.",
        "marker": "^",
    },
}


def compute(
    folders: Mapping[str, Path], settings: Sequence[str], *, whole: bool = False
) -> Results:
    """In the first features of the runs, ``<setting>_<measure>`` of shape (runs, rounds + 1) for
    each of the ``settings``, which are named; ``features`` names the features.

    Fréchet distances are in squared units of the features, precision and recall shares.
    ``<measure>_level`` is what images of the real law would have, over all runs.

    Parameters
    ----------
    whole
        Whether to show every run as long as it is, with nan in the rounds that it does not have, or
        the rounds that all runs of the setting have.

    Raises
    ------
    ValueError
        When the runs have other features than each other.
    """
    results: Results = {"settings": np.array(settings)}
    features: set[str] = set()
    levels: dict[str, list[float]] = {measure: [] for measure in MEASURES}
    for setting in settings:
        paths = image_runs.chosen(folders, *setting.split("-"))
        runs = [read_lines(path / METRICS) for path in paths]
        length = max(map(len, runs)) if whole else image_runs.rounds(paths) + 1
        runs = [lines[:length] for lines in runs]
        for measure in MEASURES:
            values = np.full((len(runs), length), np.nan)
            for row, lines in zip(values, runs, strict=True):
                row[: len(lines)] = [line["quality"][0][measure] for line in lines]
            results[f"{setting}_{measure}"] = values
        for lines in runs:
            features |= {line["quality"][0]["features"] for line in lines}
            levels["frechet"] += [line["quality"][0]["frechet_floor"] for line in lines]
            for measure in ("precision", "recall"):
                levels[measure].append(lines[0]["reference"][0][f"{measure}_halves"])
    if len(features) > 1:
        raise ValueError(
            f"the runs were measured in {' and '.join(sorted(features))}: numbers in different "
            "features cannot be compared, so give runs with the same."
        )
    results["features"] = np.array(features.pop())
    for measure in MEASURES:
        results[f"{measure}_level"] = np.array(np.mean(levels[measure]))
    shown = {name: path for name, path in folders.items() if name.rpartition("-")[0] in settings}
    return {**results, **image_runs.provenance(shown)}


def draw(results: Results) -> Figure:
    """A panel for each measure; markers are runs, lines the means of those that go so far."""
    settings = [str(setting) for setting in results["settings"]]
    rewards = {setting.partition("-")[0] for setting in settings}
    # A line of where recorded runs were made takes room from the panels.
    figure = style.new_figure(style.PAGE, 2.5 if str(results["provenance"]) else 2.3)
    panels = figure.subplots(1, len(MEASURES))
    panels[2].sharey(panels[1])
    shares = [results[f"{setting}_{measure}"] for setting in settings for measure in MEASURES[1:]]
    least = min(np.nanmin(values) for values in shares)
    panels[1].set_ylim(math.floor(5 * least) / 5, 1.03)
    for letter, measure, axes in zip("abc", MEASURES, panels, strict=True):
        for setting in settings:
            values = results[f"{setting}_{measure}"]
            reward, _, loop = setting.partition("-")
            _draw_runs(
                axes, values, LOOKS[setting], loop if len(rewards) == 1 else f"{reward} reward"
            )
        axes.axhline(
            float(results[f"{measure}_level"]),
            color=style.COLOURS["black"],
            linestyle=":",
            linewidth=0.8,
            label="real images",
        )
        image_runs.round_ticks(
            axes, max(results[f"{setting}_{measure}"].shape[1] for setting in settings) - 1
        )
        if measure == "frechet":
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(style.PLAIN)
            axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylabel(labels.axis(measure))
        style.label_panel(axes, letter, "")
    (reward, *others) = sorted(rewards)
    title = "loop with real images" if others else f"{reward} reward"
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=len(settings) + 1,
        title=f"{title}, in {results['features']}",
        title_fontsize=7,
    )
    image_runs.draw_provenance(figure, results)
    return figure


def _draw_runs(axes: Any, values: np.ndarray, look: Mapping[str, Any], label: str) -> None:
    dots = {**look, **style.HOLLOW, "markersize": 2.8, "linestyle": ""}
    for run in values:
        axes.plot(run, **dots)
    line = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 0.9}
    axes.plot(np.nanmean(values, axis=0), **line, zorder=1.9)
    # In the legend alone, the two together.
    axes.plot([], [], **{**dots, **line}, label=label)
