r"""The confidence reward again and again: the computation and drawing that figures share.

What do runs of several seeds have in common, and is what they do not have in common chance? Each is
held against the loop with a generator that makes no error: its model is its training set, from
which candidates are drawn with replacement, and it begins with the images that the runs generated
in round 0. Drawn :data:`REPLICAS` times with the sizes of the runs, it gives the range in which the
measured shares of 95 of 100 such runs lie, at each round by itself. Runs outside of it have what
their refits did to their images (:mod:`paper_figures.image_runs`).

The distance from the start is the total variation between the class shares of round t and of round
0, :math:`\tfrac12\sum_c|P_t(c)-P_0(c)|`: the smallest that laws of images with these shares can
have. Beside as many real images as are kept it stays below the sharp bound of the claim
``total-variation`` for every reward, if the images of round 0 have the law of the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gpu_experiments.prediction import Scored, Sizes
from paper_figures import image_runs, labels, style
from paper_figures.results import Results
from theory.divergences import sharp_tv_bound

REPLICAS = 200
"""Runs without model error; of the ends of the range each then has 5 beyond it."""

LEVEL = 0.95


def compute(folders: Mapping[str, Path]) -> Results:
    """For each loop, of rounds 0 to T that all runs have: ``<loop>_shares`` (runs, T + 1, classes)
    and ``<loop>_moved`` (runs, T + 1), total variation of the shares from those of round 0.

    Of runs without model error, ``<loop>_shares_lower``, ``_mean`` and ``_upper`` (classes,) in
    round T and ``<loop>_moved_lower``, ``_mean`` and ``_upper`` (T + 1,). ``<loop>_lam`` is the
    ratio and ``bound`` that of the mixed loop. All but the ratio are shares of the images.
    """
    results: Results = {}
    for number, ratio in enumerate(image_runs.RATIOS):
        paths = image_runs.chosen(folders, "confidence", ratio)
        sizes, names = image_runs.sizes(paths), image_runs.classes(paths[0])
        shares = image_runs.statistics(paths)[..., : len(names)]
        perfect = perfect_runs(
            image_runs.start(paths), sizes, len(names), REPLICAS, np.random.default_rng(number)
        )
        results[f"{ratio}_shares"] = shares
        results[f"{ratio}_moved"] = moved(shares)
        results |= _range(f"{ratio}_shares", perfect[:, -1])
        results |= _range(f"{ratio}_moved", moved(perfect))
        results[f"{ratio}_lam"] = np.array(sizes.lam)
        if sizes.real:
            results["bound"] = np.array(sharp_tv_bound(sizes.kept / sizes.real, sizes.K))
        results["names"] = np.array(names)
    shown = {name: path for name, path in folders.items() if name.startswith("confidence-")}
    return {**results, **image_runs.provenance(shown)}


def perfect_runs(
    start: Scored, sizes: Sizes, classes: int, runs: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Class shares of the candidates in runs without model error, shape (runs, rounds + 1,
    classes)."""
    out = np.empty((runs, sizes.iterations + 1, classes))
    for run in out:
        for t, candidates in enumerate(perfect_rounds(start, sizes, rng)):
            run[t] = np.bincount(start.labels[candidates], minlength=classes) / len(candidates)
    return out


def perfect_rounds(
    start: Scored, sizes: Sizes, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Candidates of each round of one run without model error, by their places in ``start``: image
    by image, from images that stand for the first model and the real data."""
    wanted = sizes.K * sizes.kept
    model = np.arange(len(start))
    for _ in range(sizes.iterations + 1):
        candidates = model[rng.integers(len(model), size=wanted)]
        yield candidates
        # The largest of rewards with Gumbel noise: each is with probability e^r over the sum.
        scores = sizes.selects * start.rewards[candidates] + rng.gumbel(size=wanted)
        groups = candidates.reshape(sizes.kept, sizes.K)
        best = scores.reshape(groups.shape).argmax(axis=1)
        kept = groups[np.arange(sizes.kept), best]
        real = rng.choice(len(start), size=sizes.real, replace=len(start) < sizes.real)
        model = np.concatenate([kept, real])


def moved(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Total variation of shares (..., rounds + 1, classes) from those of round 0."""
    out: NDArray[np.float64] = np.abs(shares - shares[..., :1, :]).sum(axis=-1) / 2
    return out


def _range(name: str, values: NDArray[np.float64]) -> Results:
    lower, upper = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return {
        f"{name}_lower": lower,
        f"{name}_mean": values.mean(axis=0),
        f"{name}_upper": upper,
    }


def draw(results: Results) -> Figure:
    """Class shares of the last round above distances from the start, the pure loop on the left."""
    names = [str(name) for name in results["names"]]
    short = max(map(len, names)) == 1
    figure = style.new_figure(style.COLUMN, 3.8 if short else 4.5)
    panels = figure.subplots(2, 2, sharey="row")
    letters = iter("abcd")
    for axes, ratio in zip(panels[0], image_runs.RATIOS, strict=True):
        _draw_shares(axes, results, ratio)
        axes.set_xticks(range(len(names)), labels=names, rotation=0 if short else 90)
        axes.set_xlabel("class" if short else "")
        last = labels.value("round", results[f"{ratio}_shares"].shape[1] - 1)
        loop = labels.loop(float(results[f"{ratio}_lam"]))
        style.label_panel(axes, next(letters), f"{loop}, {last}")
    for axes, ratio in zip(panels[1], image_runs.RATIOS, strict=True):
        _draw_moved(axes, results, ratio)
        style.label_panel(axes, next(letters), labels.loop(float(results[f"{ratio}_lam"])))
    bound = panels[1, 1].axhline(
        float(results["bound"]), color=style.COLOURS["black"], linestyle="-.", linewidth=0.9
    )
    panels[0, 0].set_ylim(0, None)
    panels[1, 0].set_ylim(0, None)
    panels[0, 0].set_ylabel(labels.axis("share", of="of images"))
    panels[1, 0].set_ylabel(labels.axis("tv_to_start", lines=2))
    handles, words = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        [*handles, bound], [*words, "bound for every reward"], loc="outside upper center", ncols=2
    )
    image_runs.draw_provenance(figure, results)
    return figure


def _looks(ratio: str) -> tuple[dict, dict, dict]:
    """Of the runs' markers, of the mean without model error and of its range."""
    look = {**style.LOOPS[ratio]}
    line = {"color": look["color"], "linestyle": look.pop("linestyle"), "linewidth": 0.9}
    dots = {**look, **style.HOLLOW, "markersize": 2.8, "linestyle": ""}
    return dots, line, {"color": look["color"], **style.BAND}


def _draw_shares(axes: Axes, results: Results, ratio: str) -> None:
    dots, line, band = _looks(ratio)
    lower, mean, upper = (results[f"{ratio}_shares_{end}"] for end in ("lower", "mean", "upper"))
    places = np.arange(len(mean))
    axes.axhline(1 / len(mean), **style.REFERENCE, label="equal shares")
    axes.bar(
        places, upper - lower, 0.8, lower, **band, label=f"perfect generator, {100 * LEVEL:g} %"
    )
    axes.hlines(mean, places - 0.4, places + 0.4, **{**line, "linestyle": "-"})
    runs = results[f"{ratio}_shares"][:, -1]
    for number, (run, shift) in enumerate(zip(runs, _spread(len(runs)), strict=True)):
        label = None if number else image_runs.how_many(len(runs))
        axes.plot(places + shift, run, **dots, label=label)


def _draw_moved(axes: Axes, results: Results, ratio: str) -> None:
    dots, line, band = _looks(ratio)
    lower, mean, upper = (results[f"{ratio}_moved_{end}"] for end in ("lower", "mean", "upper"))
    rounds = np.arange(len(mean))
    axes.fill_between(rounds, lower, upper, **band)
    axes.plot(rounds, mean, **line)
    for run in results[f"{ratio}_moved"]:
        axes.plot(rounds, run, **dots)
    image_runs.round_ticks(axes, len(mean) - 1)


def _spread(number: int) -> Sequence[float]:
    """Places beside each other for so many markers."""
    return np.linspace(-0.2, 0.2, number).tolist() if number > 1 else [0.0]
