r"""What of a run is selection and what is model error: the computation that figures share.

Distance of generated from real images, by round, has three parts. Selection changes the law, also
with a perfect generator: that part is computed, by giving the images of round 0 the weights that
the exact loop gives them (:func:`gpu_experiments.feature_axes.of_laws`); in the mixed loop they
stand for the real images too. Chance adds to it: each training set is of few images, whose mean and
covariance err, round after round. A distance is a square, so chance raises it in the mean as well:
where 300 digits are kept by lot, from 9 to 34 in five rounds without any model error. Its range is
that of runs with a perfect generator. What is beyond it the refits add. How much they add by
themselves is seen in the controls, runs that keep one of K by lot: their exact loop stands still,
and all that moves in them beyond chance is model error, compounded without real images and held
back with them.

Distances are along the principal axes of the real images' features, since only there the exact
loop's can be computed from what runs keep; figures say which share of the variance that is. Runs
with a perfect generator, and the distance of class shares from their start, are those of
:mod:`paper_figures.image_repeats`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from gpu_experiments.experiment import CONTROL
from gpu_experiments.feature_axes import distance, of_laws
from gpu_experiments.prediction import Scored, exact_laws
from gpu_experiments.presets import CONTROLS, MEASURED_IN_CONTROL
from paper_figures import image_runs, labels, style
from paper_figures.image_quality import LOOKS
from paper_figures.image_repeats import LEVEL, REPLICAS, moved, perfect_rounds, perfect_runs
from paper_figures.results import Results
from sim.recording import load_samples
from sim.runs import METRICS, read_lines
from theory import Law

CHOSEN = f"{MEASURED_IN_CONTROL}-pure"
"""The setting whose reward is measured in the controls."""

BY_LOT: dict[str, dict[str, Any]] = {
    f"{CONTROL}-pure": {"color": style.COLOURS["grey"], "marker": "x"},
    f"{CONTROL}-mixed": {"color": style.COLOURS["black"], "marker": "+"},
}
"""Looks of the controls."""


def compute(folders: Mapping[str, Path]) -> Results:
    """For each setting and control ``<name>_frechet`` (runs, T + 1), distances from real images
    along the axes, with ``_frechet_lower`` and ``_upper`` (T + 1,), between which 95 of 100 runs
    without model error are; for each setting ``<name>_exact`` (runs, T + 1), those of the exact
    loop on the runs' own first images. ``features`` names the features, ``share`` is the part of
    their variance along the axes.

    Of the controls and of the setting whose reward is measured in them, ``<name>_reward`` (runs,
    T + 1), mean rewards in log-odds, with the exact loop's ``_expected``, ``_lower`` and ``_upper``
    (T + 1,); ``<name>_moved`` (runs, T + 1), total variation of the class shares from those of
    round 0, and ``_moved_upper`` (T + 1,), what 95 of 100 runs without model error stay below.

    Raises
    ------
    ValueError
        When the runs have other features than each other.
    """
    results: Results = {}
    features: set[str] = set()
    for name in (*image_runs.settings(), *CONTROLS):
        paths = image_runs.chosen(folders, *name.split("-"))
        rounds = image_runs.rounds(paths)
        runs = [read_lines(path / METRICS)[: rounds + 1] for path in paths]
        results[f"{name}_frechet"] = np.array([_distances(lines) for lines in runs])
        ends = np.quantile(_perfect(paths, runs[0]), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        results[f"{name}_frechet_lower"], results[f"{name}_frechet_upper"] = ends
        if name not in CONTROLS:
            exact = [_exact(path, lines) for path, lines in zip(paths, runs, strict=True)]
            results[f"{name}_exact"] = np.array(exact)
        if name in (CHOSEN, *CONTROLS):
            results |= _compared(name, paths, runs)
        features |= {line["quality"][0]["features"] for lines in runs for line in lines}
        results["share"] = np.array(runs[0][0]["reference"][0]["axes_share"])
    if len(features) > 1:
        raise ValueError(
            f"the runs were measured in {' and '.join(sorted(features))}: numbers in different "
            "features cannot be compared, so give runs with the same."
        )
    results["features"] = np.array(features.pop())
    return {**results, **image_runs.provenance(folders)}


def _distances(lines: Sequence[Mapping[str, Any]]) -> list[float]:
    variances = lines[0]["reference"][0]["axes_variances"]
    return [distance(line["quality"][0]["along_axes"], variances) for line in lines]


def _exact(path: Path, lines: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    laws = exact_laws(image_runs.start([path]), image_runs.sizes([path]))[: len(lines)]
    coordinates = load_samples(path, 0)["coordinates"]
    return of_laws(laws, coordinates, lines[0]["reference"][0]["axes_variances"])


def _perfect(paths: Sequence[Path], lines: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Distances in runs without model error, shape (replicas, T + 1): from those of the runs' first
    images whose coordinates are kept, along the axes of the first run, whose metrics are given."""
    # Another first model comes with another classifier, and axes of its own.
    model = image_runs.first_model(paths[0])
    samples = [load_samples(path, 0) for path in paths if image_runs.first_model(path) == model]
    coordinates = np.concatenate([each["coordinates"] for each in samples])
    start = Scored(
        *(
            np.concatenate([each[name][: len(each["coordinates"])] for each in samples])
            for name in ("rewards", "classes")
        )
    )
    sizes, rng = image_runs.sizes(paths), np.random.default_rng(0)
    variances = lines[0]["reference"][0]["axes_variances"]
    return np.array(
        [
            of_laws(
                [
                    Law(np.bincount(each, minlength=len(start)), start.rewards, normalise=True)
                    for each in perfect_rounds(start, sizes, rng)
                ],
                coordinates,
                variances,
            )
            for _ in range(REPLICAS)
        ]
    )


def _compared(
    name: str, paths: Sequence[Path], runs: Sequence[Sequence[Mapping[str, Any]]]
) -> Results:
    classes = len(image_runs.classes(paths[0]))
    bands = image_runs.predicted(paths).bands
    shares = image_runs.statistics(paths)[..., :classes]
    perfect = perfect_runs(
        image_runs.start(paths),
        image_runs.sizes(paths),
        classes,
        REPLICAS,
        np.random.default_rng(0),
    )
    return {
        f"{name}_reward": np.array([[line["reward"] for line in lines] for lines in runs]),
        f"{name}_expected": bands.mean[:, classes],
        f"{name}_lower": bands.lower[:, classes],
        f"{name}_upper": bands.upper[:, classes],
        f"{name}_moved": moved(shares),
        f"{name}_moved_upper": np.quantile(moved(perfect), LEVEL, axis=0),
    }


def draw(results: Results) -> Figure:
    """Distances of the four settings beside what a choice does to rewards and classes."""
    figure = style.new_figure(style.PAGE, 4.0 if str(results["provenance"]) else 3.7)
    panels = figure.subplots(2, 3)
    far = panels[:, :2]
    shown = np.concatenate(
        [
            values.ravel()
            for name, values in results.items()
            if name.endswith(("_frechet", "_exact", "_frechet_lower", "_frechet_upper"))
        ]
    )
    for row, reward in zip(far, image_runs.REWARDS, strict=True):
        for axes, ratio in zip(row, image_runs.RATIOS, strict=True):
            _draw_distances(axes, results, reward, ratio)
            axes.set_ylim(0.8 * shown.min(), 1.25 * shown.max())
        row[0].set_ylabel(labels.axis("frechet", of="\nalong axes"))
    _draw_rewards(panels[0, 2], results)
    _draw_moved(panels[1, 2], results)
    for letter, axes, title in zip(
        "abcdef",
        panels.flat,
        (
            *(f"class reward, {ratio}" for ratio in image_runs.RATIOS),
            "by confidence or by lot: reward",
            *(f"confidence reward, {ratio}" for ratio in image_runs.RATIOS),
            "by confidence or by lot: classes",
        ),
        strict=True,
    ):
        style.label_panel(axes, letter, title)
    for row in panels[:1]:
        for axes in row:
            axes.set_xlabel("")
    handles, words = _legend(results)
    figure.legend(
        handles,
        words,
        loc="outside upper center",
        ncols=len(handles),
        title=f"{100 * float(results['share']):.0f} % of the variance of {results['features']}",
        title_fontsize=7,
    )
    image_runs.draw_provenance(figure, results)
    return figure


def _dots(look: Mapping[str, Any]) -> dict[str, Any]:
    shape = {"color": look["color"], "marker": look["marker"], "markersize": 2.8}
    return {**shape, **style.OPEN, "linestyle": ""}


def _draw_distances(axes: Axes, results: Results, reward: str, ratio: str) -> None:
    setting = f"{reward}-{ratio}"
    look = LOOKS[setting]
    measured, exact = results[f"{setting}_frechet"], results[f"{setting}_exact"]
    rounds = np.arange(measured.shape[1])
    name = f"{CONTROL}-{ratio}"
    for each, its in ((setting, look), (name, BY_LOT[name])):
        lower, upper = (
            results[f"{each}_frechet_{end}"][: len(rounds)] for end in ("lower", "upper")
        )
        axes.fill_between(rounds[: len(lower)], lower, upper, color=its["color"], **style.BAND)
    for run in exact:
        axes.plot(rounds, run, color=look["color"], linewidth=0.8)
    for run in measured:
        axes.plot(rounds, run, **_dots(look))
    for run in results[f"{name}_frechet"][:, : len(rounds)]:
        axes.plot(np.arange(len(run)), run, **_dots(BY_LOT[name]))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(style.PLAIN)
    axes.yaxis.set_minor_locator(NullLocator())
    image_runs.round_ticks(axes, len(rounds) - 1)


def _draw_rewards(axes: Axes, results: Results) -> None:
    for name, look in ((CHOSEN, LOOKS[CHOSEN]), *BY_LOT.items()):
        expected = results[f"{name}_expected"]
        rounds = np.arange(len(expected))
        lower, upper = (results[f"{name}_{end}"] for end in ("lower", "upper"))
        axes.fill_between(rounds, lower, upper, color=look["color"], **style.BAND)
        axes.plot(rounds, expected, color=look["color"], linewidth=0.8)
        for run in results[f"{name}_reward"]:
            axes.plot(rounds, run, **_dots(look))
    image_runs.round_ticks(axes, _longest(results))
    axes.set_ylabel(labels.axis("mean_reward", lines=2))


def _draw_moved(axes: Axes, results: Results) -> None:
    for name, look in ((CHOSEN, LOOKS[CHOSEN]), *BY_LOT.items()):
        upper = results[f"{name}_moved_upper"]
        axes.fill_between(np.arange(len(upper)), 0, upper, color=look["color"], **style.BAND)
        for run in results[f"{name}_moved"]:
            axes.plot(np.arange(len(run)), run, **_dots(look))
    image_runs.round_ticks(axes, _longest(results))
    axes.set_ylim(0, None)
    axes.set_ylabel(labels.axis("tv_to_start", lines=2))


def _longest(results: Results) -> int:
    """Rounds of the longest of the runs that are compared by choice."""
    return max(len(results[f"{name}_expected"]) for name in (CHOSEN, *CONTROLS)) - 1


def _legend(results: Results) -> tuple[list[Any], list[str]]:
    axes = Figure().subplots()
    black = {"color": style.COLOURS["black"], "linewidth": 0.8}
    axes.plot([], [], **black, label="exact loop on the first images")
    look = {"color": style.COLOURS["black"], "marker": "o"}
    axes.plot([], [], **_dots(look), label="trained runs")
    for name, look in BY_LOT.items():
        _, _, ratio = name.partition("-")
        axes.plot([], [], **_dots(look), label=f"kept by lot, {ratio}")
    axes.fill_between([], [], color=style.COLOURS["black"], **style.BAND, label="95 % by chance")
    return axes.get_legend_handles_labels()
