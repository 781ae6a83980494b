r"""What selection by a reward does to images: the computation and drawing that figures share.

Markers are runs, lines and bands the prediction for one more run (:mod:`paper_figures.image_runs`),
which knows the candidates of round 0 alone; 0.95 is the band's probability in each round.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from paper_figures import image_runs, labels, style
from paper_figures.results import Results
from sim.recording import load_samples
from theory import Law, RetrainingLoop

# Rewards, as shares of their bound, below which images are counted.
BELOW = np.linspace(0, 1, 151)


def compute(folders: Mapping[str, Path], reward: str) -> Results:
    """What the runs measured, and what was predicted of them.

    For each loop: ``<loop>_measured`` (runs, rounds + 1, classes + 2), class shares, mean reward
    and mean weight; ``<loop>_mean``, ``_lower`` and ``_upper`` (rounds + 1, classes + 2);
    ``<loop>_effective`` (rounds + 1,); ``<loop>_lam``. Shares of images with rewards below
    ``below``: ``<loop>_first`` in round 0, ``<loop>_last`` in the last one that all runs have, and
    ``<loop>_predicted`` there. Rewards are in log-odds, weights their exponentials.
    """
    results: Results = {}
    for ratio in image_runs.RATIOS:
        paths = image_runs.chosen(folders, reward, ratio)
        prediction = image_runs.predicted(paths)
        config = image_runs.config_of(paths[0])
        results[f"{ratio}_measured"] = image_runs.statistics(paths)
        for end in ("mean", "lower", "upper"):
            results[f"{ratio}_{end}"] = getattr(prediction.bands, end)
        results[f"{ratio}_effective"] = prediction.effective
        results[f"{ratio}_lam"] = np.array(float(config["lam"]))
        results |= _rewards_below(ratio, paths, config)
        results["names"] = np.array(image_runs.classes(paths[0]))
        results["index"] = np.array(config["index"])
        results["gamma"] = np.array(config["gamma"])
    shown = {name: path for name, path in folders.items() if name.startswith(f"{reward}-")}
    return {**results, **image_runs.provenance(shown)}


def _rewards_below(ratio: str, paths: Sequence[Path], config: Mapping[str, Any]) -> Results:
    """Laws of rewards in the first round, and in the last one as measured and predicted."""
    rounds, kept, lam = image_runs.rounds(paths), config["kept"], float(config["lam"])
    first = np.concatenate([load_samples(path, 0)["rewards"] for path in paths]).astype(float)
    law = Law(np.full(len(first), 1 / len(first)), first, normalise=True)
    # The ratio that whole numbers of images give, as in the prediction of means.
    there = math.inf if math.isinf(lam) else kept / round(kept / lam)
    law = RetrainingLoop(law, config["K"], there).run(rounds).laws[-1]
    below = config["gamma"] * BELOW
    last = [load_samples(path, rounds)["rewards"] for path in image_runs.kept_at(paths, rounds)]
    return {
        "below": below,
        f"{ratio}_first": (first < below[:, None]).mean(axis=1),
        f"{ratio}_predicted": (law.rewards < below[:, None]) @ law.probabilities,
        f"{ratio}_last": np.array([(each < below[:, None]).mean(axis=1) for each in last]),
    }


EXACT = "exact loop, 95 % band"
LOOKS = (("vermilion", "-", "o"), ("blue", "--", "s"), ("green", "-.", "^"))


def _looks(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the prediction's line, and of the runs' markers."""
    colour, line, marker = LOOKS[number]
    paint = {"color": style.COLOURS[colour]}
    dots = {"markersize": 2.5, "markerfacecolor": "none", "markeredgewidth": 0.6}
    return {"linestyle": line, **paint}, {"linestyle": "", "marker": marker, **dots, **paint}


def _draw_prediction(
    axes: Axes, results: Results, ratio: str, column: int, look: Mapping[str, Any], label: str = ""
) -> None:
    mean, lower, upper = (
        results[f"{ratio}_{end}"][:, column] for end in ("mean", "lower", "upper")
    )
    if column < len(results["names"]):
        # The band is that of a normal law, and shares are none below 0 and above 1.
        lower, upper = lower.clip(0, 1), upper.clip(0, 1)
    rounds = np.arange(len(mean))
    axes.fill_between(
        rounds, lower, upper, color=to_rgb(look["color"]), alpha=0.2, linewidth=0, label=None
    )
    axes.plot(rounds, mean, **look, linewidth=0.9, label=label or None)


def _draw_runs(
    axes: Axes,
    values: NDArray[np.float64],
    look: Mapping[str, Any],
    label: str = "",
    shift: float = 0.0,
) -> None:
    for number, run in enumerate(values):
        axes.plot(
            np.arange(len(run)) + shift, run, **look, label=None if number or not label else label
        )


def _titles(panels: Sequence[Axes], results: Results) -> None:
    for axes, ratio in zip(panels, image_runs.RATIOS, strict=True):
        letter = "a" if ratio == "pure" else "b"
        style.label_panel(axes, letter, labels.loop(float(results[f"{ratio}_lam"])))


def draw_class(results: Results) -> Figure:
    """Shares above mean rewards, the pure loop on the left."""
    index, names = int(results["index"]), results["names"]
    figure = style.new_figure(style.COLUMN, 3.4)
    panels = figure.subplots(2, 2, sharey="row", sharex="col")
    line, dots = _looks(0)
    for ratio, (shares, rewards) in zip(image_runs.RATIOS, panels.T, strict=True):
        measured = results[f"{ratio}_measured"]
        others = np.delete(measured[..., : len(names)].mean(axis=0), index, axis=1)
        for number, share in enumerate(others.T):
            shares.plot(
                share,
                color=style.COLOURS["grey"],
                linewidth=0.5,
                label=None if number else "others, mean",
            )
        for axes, column in ((shares, index), (rewards, len(names))):
            _draw_prediction(axes, results, ratio, column, line, EXACT)
            _draw_runs(axes, measured[..., column], dots, image_runs.how_many(len(measured)))
        _draw_bound(rewards, results, ratio)
        image_runs.round_ticks(rewards, measured.shape[1] - 1)
    panels[0, 0].set_ylim(0, 1.05)
    marked = image_runs.class_name(str(names[index]))
    panels[0, 0].set_ylabel(labels.axis("share", of=f"of a class\n(marked: {marked})"))
    panels[1, 0].set_ylabel(_mean(rf"q_{{{index}}}"))
    panels[1, 0].set_ylim(0, None)
    _titles(panels[0], results)
    _finish(figure, panels[:1, 0], results)
    return figure


def draw_confidence(results: Results) -> Figure:
    """Shares of all classes, mean rewards, and laws of the last round's rewards.

    Marked are the class that rises most in the pure runs, the one that was predicted to, and the
    one that falls most.
    """
    names = results["names"]
    gained, expected = (
        (values[-1] - values[0])[: len(names)]
        for values in (results["pure_measured"].mean(axis=0), results["pure_mean"])
    )
    marked = list(dict.fromkeys(map(int, (gained.argmax(), expected.argmax(), gained.argmin()))))
    figure = style.new_figure(style.COLUMN, 4.9)
    panels = figure.subplots(3, 2, sharey="row", height_ratios=[1.35, 1, 1])
    for ratio, (shares, rewards, laws) in zip(image_runs.RATIOS, panels.T, strict=True):
        measured = results[f"{ratio}_measured"]
        others = np.delete(measured[..., : len(names)].mean(axis=0), marked, axis=1)
        for number, share in enumerate(others.T):
            label = None if number else "others, mean"
            shares.plot(share, color=style.COLOURS["grey"], linewidth=0.5, label=label)
        for number, column in enumerate(marked):
            line, dots = _looks(number)
            _draw_prediction(shares, results, ratio, column, line)
            _draw_runs(shares, measured[..., column], dots, shift=0.1 * (number - 1))
            # In the legend alone, the two together.
            shares.plot([], **{**dots, **line}, label=image_runs.class_name(str(names[column])))
        line, dots = _looks(0)
        line["color"] = dots["color"] = style.COLOURS["black"]
        _draw_prediction(rewards, results, ratio, len(names), line, EXACT)
        _draw_runs(rewards, measured[..., len(names)], dots, image_runs.how_many(len(measured)))
        _draw_bound(rewards, results, ratio)
        image_runs.round_ticks(rewards, measured.shape[1] - 1)
        shares.sharex(rewards)
        shares.tick_params(labelbottom=False)
        _draw_laws(laws, results, ratio)
    panels[0, 0].set_ylim(-0.02, None)
    panels[0, 0].set_ylabel(labels.axis("share", of="of a class"))
    panels[1, 0].set_ylabel(_mean(r"\max_i q_i"))
    panels[2, 0].set_ylabel(labels.axis("share", of="with\nlower reward"))
    _titles(panels[0], results)
    panels[2, 1].legend(
        loc="lower right",
        labelspacing=0.2,
        borderpad=0.1,
        handlelength=1.6,
        borderaxespad=0.2,
        frameon=True,
        edgecolor="none",
    )
    _finish(figure, panels[1::-1, 0], results)
    return figure


def _draw_laws(axes: Axes, results: Results, ratio: str) -> None:
    """Shares of images with rewards below each value, from the least share that is seen."""
    below, first, predicted = (
        results[key] for key in ("below", f"{ratio}_first", f"{ratio}_predicted")
    )
    last = results[f"{ratio}_last"]
    axes.plot(below, first, ":", color=style.COLOURS["black"], label="round 0")
    axes.plot(below, predicted, "-", color=style.COLOURS["black"], label="last, exact")
    for number, run in enumerate(last):
        label = None if number else f"last, {image_runs.how_many(len(last))}"
        axes.plot(below, run, "--", color=style.COLOURS["orange"], linewidth=0.8, label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(style.PLAIN)
    axes.yaxis.set_minor_formatter("")
    axes.set_ylim(1e-3, 1.3)
    seen = np.maximum(first, last.max(axis=0)) > 1e-3
    axes.set_xlim(float(below[seen].min()), float(below[-1]))
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_xlabel(labels.axis("reward"))


def _mean(probability: str) -> str:
    """Axis of the mean of γ times a probability that the classifier gives."""
    formula = rf"${labels.symbol('reward')[1:-1]}=\gamma\,{probability}$"
    return labels.axis("mean_reward", of=f"for\n{formula}", symbol=False)


def _draw_bound(axes: Axes, results: Results, ratio: str) -> None:
    """The largest reward; what it is stands where the mixed loop leaves room below it."""
    gamma = float(results["gamma"])
    axes.axhline(gamma, color=style.COLOURS["black"], linewidth=0.6, linestyle=":")
    if ratio == "mixed":
        told = f"largest, {labels.value('scale', gamma)}"
        axes.annotate(
            told,
            (0.03, gamma),
            (0, -2),
            axes.get_yaxis_transform(),
            textcoords="offset points",
            va="top",
        )


def _finish(figure: Figure, labelled: Sequence[Axes], results: Results) -> None:
    """Legend above, and beneath where recorded runs were made."""
    handles, told = [], []
    for axes in labelled:
        found, words = axes.get_legend_handles_labels()
        handles += found
        told += words
    figure.legend(handles, told, loc="outside upper center", ncols=3, columnspacing=1.2)
    image_runs.draw_provenance(figure, results)
