r"""Theorems held against runs on images: the computation and drawing that figures share.

Three things follow for every reward from a generator that fits its training set perfectly, and are
asked of trained runs as :mod:`gpu_experiments.theory_checks` asks them:

* without real images the mean weight :math:`E[w]` rises every round (``lemma-2.2``);
* no share of images with a lower reward than x rises, whatever x (``dominance-pure`` and
  ``dominance-mixed``): shown is the difference of these shares between the last round that all runs
  have and the first, which chance alone brings up to the line ``allowed`` once in a thousand runs;
* with real images the class shares stay within the envelope that holds for any law
  (``theorem-2.4-sharp``, :func:`theory.divergences.envelope_kl`).

The prediction beside the mean weight is that of each figure on images
(:mod:`paper_figures.image_runs`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gpu_experiments.theory_checks import (
    check_run,
    class_divergences,
    dominance_allowed,
    share_below,
)
from paper_figures import image_runs, labels, style
from paper_figures.image_quality import LOOKS
from paper_figures.results import Results
from sim.recording import load_samples
from sim.runs import METRICS, read_lines

PLACES = np.linspace(0, 1, 201)
"""Rewards, as shares of their bound, below which images are counted."""


def compute(folders: Mapping[str, Path]) -> Results:
    """For each pure setting, in rounds 0 to T that its runs have: ``<setting>_weight`` and
    ``_weight_se`` (runs, T + 1), mean weights as shares of the largest weight; ``_expected``,
    ``_lower`` and ``_upper`` (T + 1,), those of the exact loop and its band.

    For each setting ``<setting>_rise`` (runs, places), by how much more of the images have a reward
    below that place after T rounds than before, and ``_allowed``, what chance allows of it. Places
    are rewards as shares of the bound.

    For each mixed setting ``<setting>_divergence`` (runs, T), of the class shares in rounds 1 to T
    from those of round 0, nats, and ``_bound`` (T,), the envelope.

    ``<check>_held`` (2,), of the three checks: how many runs pass it, and how many it is asked of,
    each as far as it goes.
    """
    results: Results = {"places": PLACES, **_held(folders)}
    for setting in image_runs.settings():
        reward, ratio = setting.split("-")
        paths = image_runs.chosen(folders, reward, ratio)
        config, rounds = image_runs.config_of(paths[0]), image_runs.rounds(paths)
        runs = [read_lines(path / METRICS)[: rounds + 1] for path in paths]
        results |= _rises(setting, paths, rounds, float(config["gamma"]))
        if math.isinf(float(config["lam"])):
            largest = math.exp(config["gamma"])
            for name in ("weight", "weight_se"):
                values = [[line[name] / largest for line in lines] for lines in runs]
                results[f"{setting}_{name}"] = np.array(values)
            bands = image_runs.predicted(paths).bands
            for name, values in (
                ("expected", bands.mean),
                ("lower", bands.lower),
                ("upper", bands.upper),
            ):
                results[f"{setting}_{name}"] = values[:, -1] / largest
        else:
            found = [class_divergences(lines, float(config["lam"]), config["K"]) for lines in runs]
            results[f"{setting}_divergence"] = np.array([each.measured for each in found])
            results[f"{setting}_bound"] = found[0].bound
    return {**results, **image_runs.provenance(folders)}


def _held(folders: Mapping[str, Path]) -> Results:
    held: dict[str, list[bool]] = {}
    for path in folders.values():
        for finding in check_run(path):
            held.setdefault(finding.check, []).append(finding.holds)
    return {f"{check}_held": np.array([sum(found), len(found)]) for check, found in held.items()}


def _rises(setting: str, paths: Sequence[Path], last: int, gamma: float) -> Results:
    rises, allowed = [], []
    for path in image_runs.kept_at(paths, last):
        first, after = (np.sort(load_samples(path, t)["rewards"]) for t in (0, last))
        rises.append(share_below(after, gamma * PLACES) - share_below(first, gamma * PLACES))
        allowed.append(dominance_allowed(len(first), len(after)))
    return {f"{setting}_rise": np.array(rises), f"{setting}_allowed": np.array(max(allowed))}


def draw(results: Results) -> Figure:
    """Mean weights of the pure loop, laws of rewards, and classes of the mixed loop."""
    figure = style.new_figure(style.PAGE, 2.6 if str(results["provenance"]) else 2.4)
    weights, rises, divergences = figure.subplots(1, 3)
    pure, mixed = (image_runs.settings(ratios=(ratio,)) for ratio in image_runs.RATIOS)
    for setting in pure:
        _draw_weight(weights, results, setting)
    for setting in (*pure, *mixed):
        _draw_rise(rises, results, setting)
    allowed = max(float(results[f"{setting}_allowed"]) for setting in (*pure, *mixed))
    rises.axhline(0, **style.ZERO)
    rises.axhline(allowed, **style.REFERENCE, label="allowed by chance")
    # Where dominance leaves room: below every curve's ends and above the deepest.
    rises.legend(loc="center", bbox_to_anchor=(0.5, 0.3), **style.CLOSE)
    for setting in mixed:
        for run in results[f"{setting}_divergence"]:
            divergences.plot(np.arange(1, len(run) + 1), run, **_dots(setting))
    bound = max((results[f"{setting}_bound"] for setting in mixed), key=len)
    divergences.plot(
        np.arange(len(bound) + 1),
        [0.0, *bound],  # of the first model, which has not moved
        color=style.COLOURS["black"],
        linestyle="-.",
        linewidth=0.9,
        label="bound for every reward",
    )
    divergences.set_ylim(0, None)
    divergences.legend(loc="upper left", **style.CLOSE)
    weights.set_ylim(0, None)
    weights.set_ylabel(f"{labels.axis('mean_weight')}\nas a share of the largest")
    rises.set_xlabel(f"{labels.axis('reward', unit=False)} as a share of the largest")
    rises.set_ylabel(f"rise of the {labels.axis('share')} below it")
    divergences.set_ylabel(labels.axis("class_kl", lines=2))
    longest = max(results[f"{setting}_weight"].shape[1] for setting in pure) - 1
    image_runs.round_ticks(weights, longest)
    image_runs.round_ticks(divergences, len(bound))
    for letter, axes, check, title in (
        ("a", weights, "weight", labels.claim("lemma-2.2")),
        ("b", rises, "dominance", "dominance"),
        ("c", divergences, "divergence", "the envelope"),
    ):
        held, asked = results[f"{check}_held"]
        style.label_panel(axes, letter, f"{title} holds in {held} of {image_runs.how_many(asked)}")
    handles, words = _legend(results, (*pure, *mixed))
    figure.legend(handles, words, loc="outside upper center", ncols=len(handles))
    image_runs.draw_provenance(figure, results)
    return figure


def _dots(setting: str) -> dict[str, Any]:
    look = {"color": LOOKS[setting]["color"], "marker": LOOKS[setting]["marker"]}
    return {**look, **style.OPEN, "linestyle": "", "markersize": 2.8}


def _draw_weight(axes: Axes, results: Results, setting: str) -> None:
    look = LOOKS[setting]
    lower, upper = (results[f"{setting}_{end}"] for end in ("lower", "upper"))
    rounds = np.arange(len(lower))
    axes.fill_between(rounds, lower.clip(0), upper, color=look["color"], **style.BAND)
    axes.plot(
        rounds,
        results[f"{setting}_expected"],
        color=look["color"],
        linestyle=look["linestyle"],
        linewidth=0.9,
    )
    for run, error in zip(
        results[f"{setting}_weight"], results[f"{setting}_weight_se"], strict=True
    ):
        # Error bars of two standard errors, most of them within the markers.
        axes.errorbar(rounds, run, 2 * error, elinewidth=0.6, **_dots(setting))


def _draw_rise(axes: Axes, results: Results, setting: str) -> None:
    look = LOOKS[setting]
    for run in results[f"{setting}_rise"]:
        axes.plot(
            results["places"], run, color=look["color"], linestyle=look["linestyle"], linewidth=0.8
        )


def _legend(results: Results, settings: Sequence[str]) -> tuple[list[Any], list[str]]:
    axes = Figure().subplots()
    for setting in settings:
        reward, _, loop = setting.partition("-")
        line = {"linestyle": LOOKS[setting]["linestyle"], "linewidth": 0.9}
        axes.plot([], [], **{**_dots(setting), **line}, label=f"{reward} reward, {loop}")
    return axes.get_legend_handles_labels()
