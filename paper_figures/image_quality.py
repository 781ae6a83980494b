r"""Distance of generated images from real ones: the computation and drawing that figures share.

Fréchet distance, precision and recall are in the features that the figure names; those in a
classifier's features are no FID, and numbers in different features cannot be compared. Real images
are held out from all training. The floor is the Fréchet distance that as many independent images of
the real law would have, and the levels of precision and recall are those of halves of the real
images (:mod:`gpu_experiments.metrics`): the same law measures no better.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from paper_figures import image_runs, style
from paper_figures.results import Results
from sim.runs import METRICS, read_lines

MEASURES = ("frechet", "precision", "recall")
LOOKS = {"pure": ("vermilion", "-", "o"), "mixed": ("blue", "--", "s")}


def compute(folders: Mapping[str, Path]) -> Results:
    """In the first features of the runs, by reward and loop, ``<reward>_<loop>_<measure>`` of shape
    (runs, rounds + 1); ``features`` names them.

    ``<measure>_level`` is what images of the real law would have, over all runs.

    Raises
    ------
    ValueError
        When the runs have other features than each other.
    """
    results: Results = {}
    features, levels = set(), {measure: [] for measure in MEASURES}
    for reward in image_runs.REWARDS:
        for ratio in image_runs.RATIOS:
            runs = [
                read_lines(path / METRICS) for path in image_runs.chosen(folders, reward, ratio)
            ]
            for measure in MEASURES:
                values = [[line["quality"][0][measure] for line in lines] for lines in runs]
                results[f"{reward}_{ratio}_{measure}"] = np.array(values)
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
    return {**results, **image_runs.provenance(folders)}


def draw(results: Results) -> Figure:
    """A row for each measure, the class reward on the left; markers are runs, lines their means."""
    figure = style.new_figure(style.COLUMN, 4.4)
    panels = figure.subplots(len(MEASURES), 2, sharey="row", sharex="col")
    for letter, reward, column in zip("ab", image_runs.REWARDS, panels.T, strict=True):
        for measure, axes in zip(MEASURES, column, strict=True):
            rounds = 0
            for ratio, (colour, line, marker) in LOOKS.items():
                values = results[f"{reward}_{ratio}_{measure}"]
                look = {"color": style.COLOURS[colour], "marker": marker, "markersize": 2.5}
                dots = {"markerfacecolor": "none", "markeredgewidth": 0.6, **look}
                for run in values:
                    axes.plot(run, linestyle="", **dots)
                axes.plot(values.mean(axis=0), line, color=look["color"], linewidth=0.9)
                # In the legend alone, the two together.
                axes.plot([], [], linestyle=line, **dots, label=ratio)
                rounds = max(rounds, values.shape[1] - 1)
            axes.axhline(
                float(results[f"{measure}_level"]),
                color=style.COLOURS["black"],
                linestyle=":",
                linewidth=0.8,
                label="real images",
            )
            image_runs.round_ticks(axes, rounds)
            if measure == "frechet":
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(style.PLAIN)
                axes.yaxis.set_minor_formatter("")
            else:
                axes.set_ylim(0, 1.03)
            if axes is not column[-1]:
                axes.set_xlabel("")
        style.label_panel(column[0], letter, f"{reward} reward")
    panels[0, 0].set_ylabel("Fréchet distance\n[squared units]")
    panels[1, 0].set_ylabel("precision")
    panels[2, 0].set_ylabel("recall")
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=3,
        title=f"in {results['features']}",
        title_fontsize=7,
    )
    image_runs.draw_provenance(figure, results)
    return figure
