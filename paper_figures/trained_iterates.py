r"""Iterates of the loop with a trained generator: the computation and drawing two figures share.

Algorithm 1 of arXiv:2407.09499 with flow matching, at the paper's sizes and settings: maps are
samples of the first seed. Beneath, all seeds beside the exact loop, and how far they are from it,
with the band in which a run with a perfect generator and as many samples falls with probability
0.95 in each round (:mod:`sim.finite_sample`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from paper_figures import labels, style, trained
from paper_figures.results import Results
from sim.experiment import Experiment, with_fields
from sim.presets import EXPERIMENTS

RATIOS = ("pure", "mixed")


@dataclass(frozen=True)
class Parameters:
    """Data set of the presets, root seeds, rounds with a map, and fields that are not the
    preset's, as names and texts."""

    name: str
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    shown: tuple[int, ...] = (0, 1, 3, 8)
    fields: tuple[tuple[str, str], ...] = ()


def experiments(parameters: Parameters) -> dict[str, Experiment]:
    """Runs of both loops, one for each seed, with all candidates saved."""
    found = {}
    for ratio in RATIOS:
        paper = EXPERIMENTS[f"{parameters.name}-{ratio}"].paper
        base = with_fields(paper, dict(parameters.fields), "paper")
        for seed in parameters.seeds:
            found[f"{ratio} {seed}"] = replace(base, seed=seed, saved=base.kept * base.K)
    return found


def compute(parameters: Parameters, runs: Mapping[str, Path]) -> Results:
    """Samples at the rounds shown; reward and share of the best group, exact and of every run.

    For each loop: ``<loop>_samples`` (shown, candidates, 2), lengths, as ``centre`` and ``radius``;
    ``<loop>_measured`` (seeds, rounds + 1, 2) and ``<loop>_mean``, ``_lower`` and ``_upper``
    (rounds + 1, 2) of the exact loop and its band. Of the two numbers the first is the mean
    reward, log-odds, the second the share.
    """
    wanted = experiments(parameters)
    first = wanted[f"pure {parameters.seeds[0]}"]
    results: Results = {
        "shown": np.array(parameters.shown),
        "centre": np.array(first.centre),
        "radius": np.array(first.radius),
        "K": np.array(first.K),
    }
    best = int(first.data.labels(np.array([first.centre]))[0])
    for ratio in RATIOS:
        experiment = wanted[f"{ratio} {parameters.seeds[0]}"]
        results[f"{ratio}_lam"] = np.array(experiment.lam)
        setting = experiment.setting()
        statistics = setting.statistics(setting.law())[[0, 1 + best]]
        bands = setting.sampled().bands(statistics, experiment.iterations)
        for end in ("mean", "lower", "upper"):
            results[f"{ratio}_{end}"] = getattr(bands, end)
        folders = [runs[f"{ratio} {seed}"] for seed in parameters.seeds]
        results[f"{ratio}_measured"] = np.array(
            [
                np.column_stack(
                    [trained.metrics(path, "reward"), trained.metrics(path, "shares")[:, best]]
                )
                for path in folders
            ]
        )
        candidates = trained.candidates(folders[0])
        results[f"{ratio}_samples"] = np.stack([candidates[t] for t in parameters.shown])
    return results


def draw(
    results: Results,
    *,
    height: float,
    map_height: float,
    window: tuple[float, float, float, float],
    xticks: Sequence[float],
    yticks: Sequence[float],
    share: str,
    rewards: Sequence[float],
) -> Figure:
    """Pure row above mixed row; below, every run on the exact curves and their bands.

    The maps take ``map_height`` of the ``height`` (inches) and show the ``window`` (left, right,
    bottom, top). ``share`` is the favoured group's key in the notation; ``rewards`` are ticks.
    """
    figure = style.new_figure(style.COLUMN, height, images=True)
    above, below = figure.subfigures(2, 1, height_ratios=[map_height, height - map_height])
    shown = results["shown"]
    panels = above.subplots(2, len(shown), sharex=True, sharey=True, squeeze=False)
    left, right, bottom, top = window
    for row, ratio in enumerate(RATIOS):
        for axes, t, points in zip(panels[row], shown, results[f"{ratio}_samples"], strict=True):
            inside = (points > (left, bottom)).all(axis=1) & (points < (right, top)).all(axis=1)
            axes.plot(
                *points.T,
                ",",
                color=style.LOOPS[ratio]["color"],
                alpha=0.35,
                rasterized=True,
            )
            style.draw_plateau(axes, results["centre"], results["radius"], "black")
            if not inside.all():
                axes.text(
                    0.97,
                    0.96,
                    f"{(~inside).sum()} outside",
                    transform=axes.transAxes,
                    ha="right",
                    va="top",
                )
            axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
            axes.set_xticks(xticks)
            axes.set_yticks(yticks)
            if row == 0:
                axes.set_title(labels.value("round", t))
            else:
                axes.set_xlabel(labels.axis("x_1", name=False))
        panels[row, 0].set_ylabel(ratio)
    above.supylabel(labels.axis("x_2", name=False))
    _draw_statistics(below, results, share, rewards)
    return figure


def _draw_statistics(below: Figure, results: Results, share: str, rewards: Sequence[float]) -> None:
    """Share of the favoured group and mean reward against the round; beneath, runs less exact."""
    panels = below.subplots(2, 2, sharex=True)
    for ratio, aside in (("pure", -0.1), ("mixed", 0.1)):
        look = style.LOOPS[ratio]
        colour = {"color": look["color"]}
        mean, lower, upper = (results[f"{ratio}_{end}"] for end in ("mean", "lower", "upper"))
        measured = results[f"{ratio}_measured"]
        rounds = np.arange(len(mean))
        lam = float(results[f"{ratio}_lam"])
        label = labels.loop(lam) if math.isinf(lam) else labels.value("ratio", lam)
        dots = style.OPEN | colour | {"markersize": 2.5}
        for column, (value, gap) in zip((1, 0), panels.T, strict=True):
            value.plot(mean[:, column], look["linestyle"], label=f"{label}, exact", **colour)
            gap.fill_between(
                rounds,
                (lower - mean)[:, column],
                (upper - mean)[:, column],
                facecolor=(*to_rgb(look["color"]), style.BAND["alpha"]),
                edgecolor=look["color"],
                linestyle=look["linestyle"],
                linewidth=0.6,
                label=f"{label}, 95 % band",
            )
            for axes, base, shift in ((value, 0 * mean, 0), (gap, mean, aside)):
                for number, run in enumerate(measured):
                    axes.plot(
                        rounds + shift,
                        (run - base)[:, column],
                        look["marker"],
                        label=None if number else f"{label}, {len(measured)} runs",
                        **dots,
                    )
    shares, values = panels[0]
    shares.set(ylim=(0, 1.05), yticks=[0, 0.5, 1])
    shares.set_ylabel(labels.share_of(share, lines=2))
    values.set_ylabel(labels.axis("mean_reward", lines=2))
    values.set_yticks(rewards)
    panels[1, 0].set_ylabel("run less exact")
    panels[1, 1].set_ylabel(labels.in_unit("run less exact", "mean_reward", lines=2))
    for axes in panels[1]:
        axes.axhline(0, **style.ZERO)
        axes.set_xlabel(labels.axis("round"))
        axes.set_xticks(rounds)
    # One column for each loop: its curve, its runs, its band.
    entries: dict[str, object] = {}
    for axes in (shares, panels[1][0]):
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    names = sorted(entries, key=lambda name: not name.startswith("pure"))
    below.legend([entries[n] for n in names], names, loc="outside upper center", ncols=2)
