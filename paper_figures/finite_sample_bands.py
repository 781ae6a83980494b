r"""The loop with n kept samples and a perfect generator: prediction bands, lost modes, shifts.

The generator is the empirical law of its training set, so all that moves a run away from the exact
loop is chance: which N = 2n real data, which n samples kept, which candidates looked at. Curves and
bands are predicted from the law of the data alone (:mod:`sim.finite_sample`): the bands by the
delta method, the number of surviving modes by branching processes, the shift of the mean to order
1/n. The runs are :class:`sim.loop.Loop` on points in the plane, and share nothing with the
prediction but the data's density and the reward.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtr, ndtri
from scipy.stats import binomtest

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim import GaussianMixture
from sim.comparison import on_samples
from sim.curation import KChoice
from sim.finite_sample import SampledLoop, merged
from sim.generators.exact import EmpiricalLaw
from sim.loop import Loop, LoopSettings
from sim.streams import Streams
from theory import Law
from theory.rewards import ClippedDistance

LOOPS = ("pure", "mixed")
SHOWN = 12
"""Runs drawn on the bands, of each loop."""
NARROWED = 0.8
"""Bands of this width would cover as many runs as the dotted line says."""


@dataclass(frozen=True)
class Parameters:
    """Data, reward, candidates K, ratio of the mixed loop, rounds; numbers n of kept samples, the
    number of runs for each, the level of the bands; cells per axis of the law that predictions
    start from, and intervals of its reward that are told apart in each mode.

    The reward is gentle, so that selection is still at work in the last round: there is nothing to
    predict about a share that is 1.
    """

    data: GaussianMixture = GaussianMixture()
    reward: ClippedDistance = ClippedDistance(gamma=0.5, centre=(5.0, 0.0), radius=0.5)
    K: int = 2
    lam: float = 1.0
    rounds: int = 8
    kept: tuple[int, ...] = (100, 1000, 5000)
    seeds: tuple[int, ...] = (1500, 500, 300)
    level: float = 0.95
    side: int = 200
    levels: int = 150


def compute(parameters: Parameters) -> Results:
    """Predictions and runs; T is the last round, S the largest number of seeds.

    For each loop (``pure``, ``mixed``): ``mean``, (T + 1, statistics), of the exact loop, with the
    share of the best mode first and the mean reward second; ``half``, (n, T + 1, statistics), half
    the width of the bands; ``runs``, (n, S, T + 1, statistics), NaN beyond the runs that an n has;
    ``shift``, (n, T + 1, statistics); ``modes``, (n, T + 1), the expected number of modes in the
    training set, and ``modes_runs``, (n, S, T + 1), that of the runs.
    """
    p = parameters
    fine = Law.from_density(p.data.density, p.reward, p.data.grid(p.side), normalise=True)
    law, owner = merged(fine, p.data.labels(fine.atoms), p.levels)
    groups = np.arange(p.data.modes)[:, None] == owner
    best = int(p.data.labels(np.array([p.reward.centre]))[0])
    statistics = np.vstack([groups[best], law.rewards])
    results: Results = {
        "kept": np.array(p.kept),
        "seeds": np.array(p.seeds),
        "level": np.array(p.level),
        "K": np.array(p.K),
        "lam": np.array(p.lam),
    }
    # Every run has its own seed: no two of them share a sample.
    seed = itertools.count()
    for name, lam in zip(LOOPS, (math.inf, p.lam), strict=True):
        loops = [SampledLoop(law, p.K, kept, 2 * kept, lam) for kept in p.kept]
        bands = [loop.bands(statistics, p.rounds, level=p.level) for loop in loops]
        shape = (len(p.kept), max(p.seeds), p.rounds + 1)
        runs, modes = np.full((*shape, 2), np.nan), np.full(shape, np.nan)
        for row, (kept, seeds) in enumerate(zip(p.kept, p.seeds, strict=True)):
            for run in range(seeds):
                found = np.array(list(_run(p, lam, kept, best, Streams(next(seed)))))
                runs[row, run], modes[row, run] = found[:, :2], found[:, 2]
        results |= {
            f"{name}_mean": bands[0].mean,
            f"{name}_half": np.stack([(band.upper - band.lower) / 2 for band in bands]),
            f"{name}_runs": runs,
            f"{name}_shift": np.stack([loop.shift(statistics, p.rounds)[0] for loop in loops]),
            f"{name}_modes": np.stack(
                [sum(1 - loop.loss(group, p.rounds) for group in groups) for loop in loops]
            ),
            f"{name}_modes_runs": modes,
        }
    return results


def _run(
    p: Parameters, lam: float, kept: int, best: int, streams: Streams
) -> Iterator[tuple[float, float, int]]:
    """Of each round: share of the best mode and mean reward of the candidates, modes trained on."""
    loop = Loop(
        EmpiricalLaw,
        torch.as_tensor(p.data.sample(2 * kept, streams("real data"))),
        on_samples(p.reward),
        KChoice(p.K),
        LoopSettings(p.rounds, kept, lam),
        streams,
    )
    for found in loop.rounds():
        share = (p.data.labels(found.candidates.numpy()) == best).mean()
        trained = p.data.labels(loop.generator.state()["points"].numpy())
        yield float(share), float(found.rewards.mean()), len(np.unique(trained))


def coverage(results: Results, name: str, narrowed: float = 1.0) -> np.ndarray:
    """Runs of a loop that are inside the bands, shape (n, T + 1, statistics); ``narrowed`` scales
    the bands, to see what a wrong width would do."""
    # NaN, beyond the seeds that an n has, is inside no band.
    away = np.abs(results[f"{name}_runs"] - results[f"{name}_mean"])
    return (away <= narrowed * results[f"{name}_half"][:, None]).sum(axis=1)


def chance_inside(level: float, narrowed: float) -> float:
    """Coverage of normal bands of a level when their width is scaled."""
    return float(2 * ndtr(narrowed * ndtri(0.5 + level / 2)) - 1)


SIZES = (("orange", "o"), ("green", "s"), ("purple", "^"))
"""Colour and marker of each n."""


def draw(results: Results) -> Figure:
    """Bands with runs; coverage of each loop and statistic; surviving modes and shifted mean."""
    figure = style.new_figure(style.COLUMN, 5)
    panels = figure.subplots(4, 2, sharex=True, height_ratios=[1.3, 1, 1, 1.2])
    (share, reward), (modes, shift) = panels[0], panels[3]
    _draw_bands(share, results, 0)
    _draw_bands(reward, results, 1)
    covered = list(panels[1:3].flat)
    cases = itertools.product(LOOPS, (0, 1))
    for axes, letter, (name, column) in zip(covered, "cdef", cases, strict=True):
        axes.sharey(covered[0])
        _draw_coverage(axes, results, name, column)
        style.label_panel(axes, letter, f"{name}, {('share', 'reward')[column]}")
        if column == 0:
            axes.set_ylabel("inside band")
    _draw_modes(modes, results)
    _draw_shift(shift, results)
    share.set(ylim=(0, 1.02), yticks=[0, 0.5, 1], ylabel=labels.axis("share"))
    reward.set_ylabel(labels.axis("mean_reward", name=False))
    modes.set(ylim=(0.5, 8.8), yticks=[2, 4, 6, 8], ylabel="modes in training")
    shift.set_ylabel("mean less exact")
    for axes, letter, title in (
        (share, "a", labels.axis("best_mode")),
        (reward, "b", labels.axis("mean_reward", symbol=False, unit=False)),
        (modes, "g", "surviving modes"),
        (shift, "h", "shift of the share"),
    ):
        style.label_panel(axes, letter, title)
    for axes, x, y in ((share, 0.05, 0.86), (reward, 0.62, 0.06), (shift, 0.05, 0.06)):
        axes.text(x, y, labels.value("kept", results["kept"][0]), transform=axes.transAxes)
    for axes in panels[-1]:
        axes.set_xticks(range(0, len(results["pure_mean"]), 2))
        axes.set_xlabel(labels.axis("round"))
    found = [axes.get_legend_handles_labels() for axes in (share, modes, covered[0])]
    handles, names = ([one for part in parts for one in part] for parts in zip(*found, strict=True))
    figure.legend(handles, names, loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def _draw_bands(axes: Axes, results: Results, column: int) -> None:
    """Exact loop, band and some runs at the smallest n, pure and mixed."""
    for name, lam in zip(LOOPS, (math.inf, float(results["lam"])), strict=True):
        colour, line = _line(name)
        mean, half = results[f"{name}_mean"][:, column], results[f"{name}_half"][0, :, column]
        rounds = np.arange(len(mean))
        axes.fill_between(rounds, mean - half, mean + half, color=colour, **style.BAND)
        runs = results[f"{name}_runs"][0, :SHOWN, :, column]
        axes.plot(rounds, runs.T, line, color=colour, linewidth=0.4)
        axes.plot(rounds, mean, line, color=style.COLOURS["black"], linewidth=1.3)
        axes.plot([], [], line, color=colour, label=labels.loop(lam))
    axes.plot([], [], color=style.COLOURS["black"], linewidth=1.3, label="exact loop")


def _draw_coverage(axes: Axes, results: Results, name: str, column: int) -> None:
    """Share of the runs in their bands, with 95 % binomial intervals."""
    counts = coverage(results, name)[..., column]
    level = float(results["level"])
    axes.axhline(
        level, color=style.COLOURS["black"], linewidth=style.THIN, label=f"{level:.0%} nominal"
    )
    axes.axhline(
        chance_inside(level, NARROWED),
        label=f"bands {1 - NARROWED:.0%} too narrow",
        **style.REFERENCE,
    )
    for number, (count, runs, (colour, marker)) in enumerate(
        zip(counts, results["seeds"], SIZES, strict=False)
    ):
        share = count / runs
        ends = [binomtest(int(k), int(runs)).proportion_ci(method="wilson") for k in count]
        low, high = np.array([(end.low, end.high) for end in ends]).T
        axes.errorbar(
            np.arange(len(count)) + 0.2 * (number - 1),
            share,
            [share - low, high - share],
            fmt=marker,
            color=style.COLOURS[colour],
            markersize=2.5,
            **style.ERRORS,
        )


def _draw_modes(axes: Axes, results: Results) -> None:
    """Predicted and mean number of modes in the training set; mixed, at the smallest n alone."""
    shade, line = _line("mixed")
    axes.plot(results["mixed_modes"][0], line, color=shade, linewidth=style.THIN)
    _draw_means(axes, results["mixed_modes_runs"][0], shade, "v", None)
    for row, (kept, (colour, marker)) in enumerate(zip(results["kept"], SIZES, strict=False)):
        shade = style.COLOURS[colour]
        axes.plot(results["pure_modes"][row], "-", color=shade, linewidth=style.THIN)
        label = labels.value("kept", kept)
        _draw_means(axes, results["pure_modes_runs"][row], shade, marker, label)


def _draw_shift(axes: Axes, results: Results) -> None:
    """Predicted and mean deviation of the best mode's share at the smallest n."""
    axes.axhline(0, **style.ZERO)
    for name, marker in zip(LOOPS, "ov", strict=True):
        colour, line = _line(name)
        axes.plot(results[f"{name}_shift"][0, :, 0], line, color=colour)
        away = results[f"{name}_runs"][0, :, :, 0] - results[f"{name}_mean"][:, 0]
        _draw_means(axes, away, colour, marker, None)


def _line(name: str) -> tuple[str, str]:
    """Colour and dashes of a loop."""
    return style.LOOPS[name]["color"], style.LOOPS[name]["linestyle"]


def _draw_means(axes: Axes, runs: np.ndarray, colour: str, marker: str, label: str | None) -> None:
    """Means over the runs there are, (S, T + 1), with two standard errors."""
    runs = runs[~np.isnan(runs[:, 0])]
    axes.errorbar(
        np.arange(runs.shape[1]),
        runs.mean(axis=0),
        2 * runs.std(axis=0, ddof=1) / math.sqrt(len(runs)),
        fmt=marker,
        color=colour,
        markersize=2.5,
        label=label,
        **style.ERRORS,
    )


FIGURE = PaperFigure(
    name="finite_sample_bands",
    caption="The loop with n kept samples a round and a generator that adds no error. Bands "
    "computed without a run cover 95 % of the runs, late rounds on kept samples alone (pure) at "
    "n = 100 apart; the number of modes that survive and the shift of the mean are foretold too.",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
)
