r"""Runs that differ in their seed alone, side by side: the computation and drawing figures share.

Each has its own prediction: the exact loop on its own candidates of round 0, which it curates, with
the band for its later rounds given these (:mod:`paper_figures.image_runs`, where it says why runs
leave the band). What differs between runs, all of which begin with one pretrained model, is chance
in the candidates, in who is kept and in the refits.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import ascii_lowercase

import numpy as np
from matplotlib.figure import Figure

from paper_figures import image_runs, labels, style
from paper_figures.results import Results


def compute(folders: Mapping[str, Path]) -> Results:
    """By reward and loop, of the seeds that all settings have.

    ``<reward>_<loop>_measured``, ``_mean``, ``_lower`` and ``_upper`` have shape (seeds, rounds +
    1, 2), of the rounds that all runs of the setting have: of the class reward the share of its
    class and the mean reward in log-odds; of confidence the share of the class that rises most in
    the pure runs, ``risen``, and the mean reward.
    """
    paths = {
        (reward, ratio): image_runs.chosen(folders, reward, ratio)
        for reward in image_runs.REWARDS
        for ratio in image_runs.RATIOS
    }
    seeds = set.intersection(*({*image_runs.seeds(each).tolist()} for each in paths.values()))
    if not seeds:
        raise ValueError("no seed has runs of all settings: give runs that can be compared.")
    first = paths["class", "pure"][0]
    names = image_runs.classes(first)
    confident = image_runs.statistics(paths["confidence", "pure"])[..., : len(names)].mean(axis=0)
    place = {
        "class": image_runs.config_of(first)["index"],
        "confidence": int((confident[-1] - confident[0]).argmax()),
    }
    results: Results = {
        "seeds": np.array(sorted(seeds)),
        "rewarded": np.array(names[place["class"]]),
        "risen": np.array(names[place["confidence"]]),
    }
    shown: dict[str, Path] = {}
    for (reward, ratio), each in paths.items():
        runs = [path for path in each if image_runs.seeds([path])[0] in seeds]
        shown |= {image_runs.name_of(image_runs.config_of(path)): path for path in runs}
        columns = [place[reward], len(names)]
        results[f"{reward}_{ratio}_measured"] = image_runs.statistics(runs)[..., columns]
        length = image_runs.rounds(runs) + 1
        bands = [image_runs.predicted([path]).bands for path in runs]
        for end in ("mean", "lower", "upper"):
            results[f"{reward}_{ratio}_{end}"] = np.array(
                [getattr(band, end)[:length, columns] for band in bands]
            )
    return {**results, **image_runs.provenance(shown)}


def draw(results: Results) -> Figure:
    """A column for each seed; shares under both rewards, and the mean confidence reward."""
    seeds = results["seeds"]
    figure = style.new_figure(style.COLUMN, 4.2)
    panels = figure.subplots(3, len(seeds), sharex=True, sharey="row", squeeze=False)
    rows = (("class", 0), ("confidence", 0), ("confidence", 1))
    for (reward, which), row in zip(rows, panels, strict=True):
        last = row[0] is panels[-1, 0]
        for number, axes in enumerate(row):
            longest = 0
            for ratio, look in style.LOOPS.items():
                mean, lower, upper, measured = (
                    results[f"{reward}_{ratio}_{part}"][number, :, which]
                    for part in ("mean", "lower", "upper", "measured")
                )
                if which == 0:
                    # The band is that of a normal law, and shares are none beyond 0 and 1.
                    lower, upper = lower.clip(0, 1), upper.clip(0, 1)
                line = {key: look[key] for key in ("color", "linestyle")}
                dots = {**look, **style.HOLLOW, "markersize": 2.8, "linestyle": ""}
                rounds = np.arange(len(mean))
                axes.fill_between(rounds, lower, upper, color=look["color"], **style.BAND)
                axes.plot(rounds, mean, **line, linewidth=0.9, label=f"{ratio}, exact, 95 % band")
                axes.plot(rounds, measured, **dots, label=f"{ratio}, run")
                longest = max(longest, len(mean) - 1)
            image_runs.round_ticks(axes, longest)
            if not last:
                axes.set_xlabel("")
    for axes, letter, seed in zip(panels[0], ascii_lowercase, seeds, strict=False):
        style.label_panel(axes, letter, f"seed {seed}")
    of = f"of {image_runs.class_name(str(results['rewarded']))},\nclass reward"
    panels[0, 0].set_ylabel(labels.axis("share", of=of))
    of = f"of {image_runs.class_name(str(results['risen']))},\nconfidence reward"
    panels[1, 0].set_ylabel(labels.axis("share", of=of))
    panels[2, 0].set_ylabel(labels.axis("mean_reward", of="of\nconfidence", symbol=False))
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    image_runs.draw_provenance(figure, results)
    return figure
