r"""Two moons with a reward that empties one of them: exact and trained, pure above mixed.

Figure 7 of arXiv:2407.09499. The reward :math:`r(x) = -\gamma\max(0, \|x-\mu\|-r_{\min})` has its
centre on the shoulder of the lower moon, and its plateau leaves the upper moon out: the pure loop
ends on the plateau (Theorem 2.1 there) and the upper moon, A, dies out. Real data keep it alive.
How fast, and how little of it can be left:

- Let b be the largest weight in A, D the points of weight at most b, P the mass of the plateau,
  where :math:`w = w^*`. Of K candidates J lie on the plateau and R in D; those in between weigh b
  or more, so one in D is kept with probability at most :math:`Rb/(Jw^* + (K-J)b)`. In the mean,

  .. math:: P_{t+1}(D) \le F_K(P_t)\,P_t(D), \qquad
            F_K(P) = E_J\Big[\frac{Kb}{Jw^* + (K-J)b}\Big],\ J\sim{\rm Bin}(K-1, P),

  the bound of ``decay-rate`` with weights between the two levels. As :math:`P_t \to 1` the factor
  falls to :math:`\rho = Kb/(b+(K-1)w^*)`, which is also the limit of :math:`H(x)` for the best x in
  A: in the limit the moon is multiplied by :math:`\rho` per round. Its best points are on the
  border between the moons, where there are hardly any data: the factor falls below :math:`\rho`
  while the bulk goes, and comes back when only they are left.
- A kept sample lies outside of A only if some candidate does. Hence no reward empties a moon of
  real share u faster than to :math:`u^{K^t}` in the pure loop, and the mixed loop keeps at least
  one less the envelope of :math:`1-u` (``envelope``), which is above the share
  :math:`u/(1+\lambda)` that the real data alone bring in.

Flows shed the moon as the exact loop does while a few per cent of it are left, and then more
slowly. Not since refits add to it: its share among the samples of a refitted flow is that among the
kept. What is left of it lies nearer to the plateau than in the exact loop, on the border, where
flows bridge the moons and the data have next to nothing; so the choice thins it less, as panel (f)
shows: what it leaves of the moon, kept against candidates, in each round of the runs, beside what
the exact loop does. Slope, centre and radius, eight rounds and the generator's quick settings are
ours; the numbers of samples are the paper's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import binom

from paper_figures import labels, style, trained_iterates
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim.finite_sample import SampledLoop, merged
from sim.recording import load_samples
from sim.streams import Streams
from theory import Law, RetrainingLoop
from theory.divergences import envelope
from theory.limits import mixed_limit, pure_limit

DECADES = 3
"""Range of the densities' colour scale, in powers of ten."""

RUNGS = 200
"""Levels of reward per moon in the simulated loops: within one, rewards differ by 0.17, which
changes the moon's share by 0.13 % in the round where it is 0.001, and by less before."""

LEAST_SEEN = 10
"""Samples of the moon among the kept from which on their share is shown against candidates: it then
errs by a third."""

LEVELS = (-10, -20)
"""Rewards with a level line."""

BOUND: dict[str, Any] = {
    "color": style.COLOURS["black"],
    "linestyle": "-.",
    "linewidth": 0.9,
}
"""Look of what no run may cross."""


RUNS = trained_iterates.Parameters(
    "moons",
    seeds=(0, 1, 2, 3),
    shown=(2, 5),
    fields=(
        ("centre", f"{1 + math.sqrt(0.75)} 0.0"),  # 150 degrees along the lower half circle
        ("radius", "0.3"),
        ("iterations", "8"),
        ("model.coupling", "swaps"),
        ("model.method", "midpoint"),
        ("model.ode_steps", "4"),
    ),
)
"""Fields that are not those of the published two moons: the reward's place, the rounds, and the
quick settings of the flow, whose runs take a second or two each."""


@dataclass(frozen=True)
class Parameters:
    """Runs that are made and shown, rounds in which the rate is approached, simulated loops."""

    runs: trained_iterates.Parameters = RUNS
    rounds: int = 40
    simulated: int = 250


def experiments(parameters: Parameters) -> dict[str, trained_iterates.Experiment]:
    """Runs of both loops, one for each seed."""
    return trained_iterates.experiments(parameters.runs)


def compute(parameters: Parameters, runs: Mapping[str, Path]) -> Results:
    """Maps of the reward and of both loops, and the share of the upper moon in every round.

    ``x``, ``y`` (side,), in units of length, are the grid of ``reward`` (log-odds), ``start``,
    ``<loop>_maps`` (shown, ...) and ``<loop>_limit`` (densities per unit area), each (side, side).
    With T the rounds of the runs, for each loop: ``<loop>_samples`` (shown, candidates, 2) of the
    first run, ``<loop>_runs`` (seeds, T + 1) measured shares, ``<loop>_share`` (T + 1,) of the
    exact loop, ``<loop>_least`` (T + 1,) the least share under any reward, ``<loop>_low`` and
    ``_high`` (T + 1,) the ends of what 95 % of the loops with a perfect generator measure.
    ``pure_thinned`` (seeds, T) is the moon's share among the kept of a run against that among the
    candidates that they are chosen from, nan where fewer than :data:`LEAST_SEEN` are kept of it.
    ``pure_most`` (T + 1,) is the bound from the mass of the plateau, ``mixed_floor`` the real share
    in the training set. ``factor`` and ``factor_bound`` (rounds,) are what the exact pure loop and
    the bound multiply the moon by in each round, and ``rate`` their limit.
    """
    wanted = experiments(parameters)
    first = wanted[f"pure {parameters.runs.seeds[0]}"]
    law = first.setting().law()
    moon = _in_moon(first, law.atoms)
    from_runs = trained_iterates.compute(parameters.runs, runs)
    results: Results = {
        **{name: from_runs[name] for name in ("shown", "centre", "radius", "mixed_lam")},
        "gamma": np.array(first.gamma),
        "candidates": np.array(first.kept * first.K),
        "x": law.grid[0],
        "y": law.grid[1],
        "reward": law.rewards.reshape(law.shape),
        "start": law.density(),
        "pure_limit": pure_limit(law).density(),
    }
    real = float(law.probabilities[moon].sum())
    for ratio in trained_iterates.RATIOS:
        experiment = wanted[f"{ratio} {parameters.runs.seeds[0]}"]
        steps, lam = experiment.iterations, experiment.lam
        laws = RetrainingLoop(law, experiment.K, lam).run(steps).laws
        results[f"{ratio}_share"] = np.array([p.probabilities[moon].sum() for p in laws])
        results[f"{ratio}_maps"] = np.stack([laws[t].density() for t in parameters.runs.shown])
        results[f"{ratio}_least"] = np.array(
            [1 - envelope(1 - real, lam, experiment.K, t) for t in range(steps + 1)]
        )
        results[f"{ratio}_samples"] = from_runs[f"{ratio}_samples"]
        results[f"{ratio}_runs"] = 1 - from_runs[f"{ratio}_measured"][..., 1]
        shares = _simulated(experiment, law, moon, parameters.simulated)
        results[f"{ratio}_low"], results[f"{ratio}_high"] = np.quantile(
            shares, (0.025, 0.975), axis=0
        )
    results["pure_thinned"] = np.array(
        [
            [_thinned(first, runs[f"pure {seed}"], t) for t in range(first.iterations)]
            for seed in parameters.runs.seeds
        ]
    )
    mixed = wanted[f"mixed {parameters.runs.seeds[0]}"]
    results["mixed_limit"] = mixed_limit(law, mixed.lam, mixed.K).law.density()
    results["mixed_floor"] = np.array(real / (1 + mixed.lam))
    results |= _decay(law, moon, first.K, parameters.rounds)
    start = law.probabilities[law.rewards <= law.rewards[moon].max()].sum()
    bounds = np.cumprod(results["factor_bound"][: first.iterations])
    results["pure_most"] = start * np.concatenate([[1.0], bounds])
    return results


def _in_moon(
    experiment: trained_iterates.Experiment, points: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which points are of the moon that the reward's centre is not of."""
    labels_of = experiment.data.labels
    found: NDArray[np.bool_] = labels_of(points) != labels_of(np.array([experiment.centre]))[0]
    return found


def _thinned(experiment: trained_iterates.Experiment, path: Path, t: int) -> float:
    samples = load_samples(path, t)
    offered, kept = (
        _in_moon(experiment, samples[name].astype(np.float64)) for name in ("candidates", "kept")
    )
    return float(kept.mean() / offered.mean()) if kept.sum() >= LEAST_SEEN else math.nan


def _simulated(
    experiment: trained_iterates.Experiment, law: Law, moon: NDArray[np.bool_], runs: int
) -> NDArray[np.float64]:
    """Shares of the moon measured in loops with a perfect generator, shape (runs, T + 1)."""
    small, group = merged(law, moon.astype(np.int64), RUNGS)
    sizes = (experiment.K, experiment.kept, experiment.real, experiment.lam)
    rng = Streams(experiment.seed)("emptied moon")
    statistic = (group == 1).astype(np.float64)[None]
    shares = SampledLoop(small, *sizes).simulate(statistic, experiment.iterations, runs, rng)
    candidates = experiment.kept * experiment.K
    # Shares are sums of probabilities, which rounding may leave a little beyond 1.
    return rng.binomial(candidates, np.clip(shares[..., 0], 0, 1)) / candidates


def _decay(law: Law, moon: NDArray[np.bool_], K: int, rounds: int) -> Results:
    """Factor per round of the moon in the exact pure loop, its bound, and the limit of both."""
    gap = law.top_reward - law.rewards[moon].max()
    if gap <= 0:
        raise ValueError("the plateau reaches the moon that it is to empty: take a smaller radius.")
    laws = list(RetrainingLoop(law, K).run(rounds).laws)
    shares = np.array([p.probabilities[moon].sum() for p in laws])
    top = law.rewards == law.top_reward
    plateau = np.array([p.probabilities[top].sum() for p in laws[:-1]])
    b, J = math.exp(-gap), np.arange(K)  # the weight w* is 1
    chances = binom.pmf(J, K - 1, np.clip(plateau, 0, 1)[:, None])
    return {
        "factor": shares[1:] / shares[:-1],
        "factor_bound": chances @ (K * b / (J + (K - J) * b)),
        "rate": np.array(K * b / (b + K - 1)),
    }


def draw(results: Results) -> Figure:
    """Maps of reward and data, of the exact loop and of samples; beneath, the upper moon's share
    in both loops with its bounds, and what the pure loop multiplies it by."""
    figure = style.new_figure(style.PAGE, 3.9)
    above, below = figure.subfigures(2, 1, height_ratios=[2.0, 1.9])
    _draw_maps(above, results)
    pure, mixed, factor = below.subplots(1, 3, width_ratios=[1.35, 1, 0.85])
    _draw_pure(pure, results)
    _draw_mixed(mixed, results)
    _draw_factor(factor, results)
    return figure


def _draw_maps(above: Figure, results: Results) -> None:
    """Reward and data; both loops at the rounds shown and in the limit; samples at these rounds."""
    left, middle, right = above.subfigures(1, 3, width_ratios=[1.2, 3.55, 2.05])
    given = left.subplots(2, 1, sharex=True, sharey=True)
    exact = middle.subplots(2, len(results["shown"]) + 1, sharex=True, sharey=True)
    drawn = right.subplots(2, len(results["shown"]), sharex=True, sharey=True)
    x, y = results["x"], results["y"]
    place = {"origin": "lower", "extent": style.cells(x, y)}
    peak = max(results[f"{loop}_limit"].max() for loop in style.LOOPS)
    norm = LogNorm(vmin=peak * 10.0**-DECADES, vmax=peak, clip=True)
    given[0].imshow(results["reward"].T, cmap="cividis", **place)
    _draw_levels(given[0], results)
    image = given[1].imshow(results["start"].T, norm=norm, **place)
    for row, loop in enumerate(style.LOOPS):
        maps = (*results[f"{loop}_maps"], results[f"{loop}_limit"])
        for axes, density in zip(exact[row], maps, strict=True):
            axes.imshow(density.T, norm=norm, **place)
        for axes, points in zip(drawn[row], results[f"{loop}_samples"], strict=True):
            colour = style.LOOPS[loop]["color"]
            axes.plot(*points.T, ",", color=colour, alpha=0.35, rasterized=True)
        for panels in (exact, drawn):
            panels[row, 0].set_ylabel(loop)
    for panels in (exact, drawn):
        for axes, t in zip(panels[0], results["shown"], strict=False):
            axes.set_title(labels.value("round", t))
    exact[0, -1].set_title("limit")
    middle.suptitle(r"$\bf{(b)}$ exact loop", fontsize=7, x=0.09, ha="left")
    right.suptitle(r"$\bf{(c)}$ samples of a trained flow", fontsize=7, x=0.15, ha="left")
    given[0].set_title(labels.axis("reward"))
    given[1].set_title(f"real data {labels.symbol('real')} = {labels.symbol('start')}")
    left.suptitle(r"$\bf{(a)}$ given", fontsize=7, x=0.27, ha="left")
    for axes in (*given, *exact.flat, *drawn.flat):
        dark = axes in (given[1], *exact.flat)
        style.draw_plateau(axes, results["centre"], results["radius"], "white" if dark else "black")
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
        axes.set(xticks=[-1, 0, 1, 2], yticks=[-1, 0, 1])
    for axes in (given[-1], *exact[-1], *drawn[-1]):
        axes.set_xlabel(labels.axis("x_1", name=False))
    for axes in given:
        axes.set_ylabel(labels.axis("x_2", name=False))
    density = labels.axis("density", symbol=False)
    middle.colorbar(image, ax=exact, extend="min", format=style.PLAIN, aspect=25, label=density)


def _draw_levels(axes: Axes, results: Results) -> None:
    """Level lines of the reward, with their values where they pass left of the centre."""
    lines = axes.contour(
        results["x"],
        results["y"],
        results["reward"].T,
        levels=sorted(LEVELS),
        colors="white",
        linewidths=0.6,
        linestyles="solid",
    )
    (x, y), radius, gamma = results["centre"], float(results["radius"]), float(results["gamma"])
    places = [(x - radius + level / gamma, y) for level in sorted(LEVELS)]
    axes.clabel(lines, fmt="%g", fontsize=7, inline_spacing=2, manual=places)


def _draw_share(axes: Axes, results: Results, loop: str) -> None:
    """Share of the upper moon: exact, measured in loops with a perfect generator and in runs."""
    share, runs = results[f"{loop}_share"], results[f"{loop}_runs"]
    rounds = np.arange(len(share))
    look = style.LOOPS[loop]
    axes.plot(rounds, share, linestyle=look["linestyle"], color=look["color"], label="exact")
    axes.fill_between(
        rounds,
        results[f"{loop}_low"],
        results[f"{loop}_high"],
        color=look["color"],
        label="95 %, perfect fit",
        **style.BAND,
    )
    points = {"color": look["color"], "linestyle": "none"}
    for number, run in enumerate(np.where(runs > 0, runs, np.nan)):
        axes.plot(
            rounds,
            run,
            marker=look["marker"],
            markersize=2.5,
            label=None if number else f"flow, {len(runs)} seeds",
            **points,
            **style.HOLLOW,
        )
    gone = np.flatnonzero((runs == 0).any(axis=0))
    if len(gone):
        candidates = int(results["candidates"])
        lowest = np.full(len(gone), 0.5 / candidates)
        label = f"none of {candidates}"
        axes.plot(gone, lowest, "v", markersize=3.5, label=label, **points)
    axes.set_xlabel(labels.axis("round"))
    axes.set_xticks(rounds)
    axes.set_ylabel(labels.share_of("upper_moon"))


def _draw_pure(axes: Axes, results: Results) -> None:
    """The pure loop on a logarithmic scale, between its bounds."""
    _draw_share(axes, results, "pure")
    most, least = results["pure_most"], results["pure_least"]
    for bound in (most, least):
        axes.plot(np.arange(len(bound)), bound, **BOUND)
    axes.set_yscale("log")
    powers = (0, -2, -4, -6)
    axes.set(ylim=(1e-8, 3), yticks=[10.0**power for power in powers])
    axes.set_yticklabels([f"{10.0**power:.{-power}f}" for power in powers])
    axes.minorticks_off()
    last = len(most) - 1
    above = {"textcoords": "offset points", "ha": "right"}
    axes.annotate("most", (last, most[last]), xytext=(0, 5), va="bottom", **above)
    here = np.flatnonzero(least > 1e-3)[-1]  # before the line leaves the panel
    axes.annotate("least,\nany reward", (here, least[here]), xytext=(-4, 0), va="top", **above)
    axes.legend(loc="lower left", **{**style.CLOSE, "handlelength": 1.2})
    style.label_panel(axes, "d", "pure: the moon dies out")


def _draw_mixed(axes: Axes, results: Results) -> None:
    """The mixed loop above the least that any reward leaves, and above the real data alone."""
    _draw_share(axes, results, "mixed")
    least = results["mixed_least"]
    axes.plot(np.arange(len(least)), least, label="least, any reward", **BOUND)
    floor = float(results["mixed_floor"])
    axes.axhline(floor, label="real data alone", **style.REFERENCE)
    axes.set(ylim=(0, 0.55), yticks=[0, 0.25, 0.5])
    axes.legend(loc="lower left", **{**style.CLOSE, "labelspacing": 0.1})
    lam = labels.value("ratio", float(results["mixed_lam"]))
    style.label_panel(axes, "e", f"mixed, {lam}: it stays")


def _draw_factor(axes: Axes, results: Results) -> None:
    """What a round of the pure loop multiplies the moon by, under its bound, to their limit."""
    factor, bound = results["factor"], results["factor_bound"]
    rounds = np.arange(1, len(factor) + 1)
    axes.plot(rounds, bound, label="most", **BOUND)
    look = {**style.LOOPS["pure"], **style.HOLLOW, "markersize": 2.5}
    axes.plot(rounds, factor, label="exact", **look)
    for number, run in enumerate(results["pure_thinned"]):
        axes.plot(
            np.arange(1, len(run) + 1),
            run,
            color=style.COLOURS["blue"],
            linestyle="none",
            marker="x",
            markersize=3,
            markeredgewidth=0.7,
            label=None if number else "choice, flow",
        )
    rate = float(results["rate"])
    axes.axhline(rate, label=rf"limit $\rho$ = {rate:.2f}", **style.REFERENCE)
    axes.set(ylim=(0, 1.05), yticks=[0, 0.5, 1])
    axes.set_xlabel(labels.axis("round"))
    axes.set_ylabel("factor per round")
    axes.legend(loc="upper right", **style.CLOSE)
    style.label_panel(axes, "f", "pure: how fast")


FIGURE = PaperFigure(
    name="emptied_moon",
    caption="A reward that empties one of two moons: in the pure loop the moon dies out at the "
    "rate of its best point, with real data more of it stays than any reward could take away; what "
    "flows leave of the moon lies nearer to the border, where a choice thins it less",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    experiments=experiments,
    paper="Figure 7",
    claims=("decay-rate", "theorem-2.1", "envelope", "best-of-rounds", "reverse-kl"),
)
