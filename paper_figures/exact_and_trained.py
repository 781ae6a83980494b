r"""Exact densities beneath trained samples, and a calibration of the one by the other.

Three rounds of the runs of :mod:`paper_figures.trained_mixture` and
:mod:`paper_figures.trained_moons`. A region of highest density :math:`\{p_t > c\}` holds a share u
of the exact law; the lowest row has the share of the trained samples in it, less u, for every u.
Were the trained law exact, the samples' shares would be those of independent draws, within
:math:`1.96\sqrt{u(1-u)/m}` of u with probability 0.95 at each u. Runs leave that band for two
reasons: the loop has finitely many samples in every round, and the model has an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import ndtri

from paper_figures import labels, style, trained, trained_iterates, trained_mixture, trained_moons
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim.experiment import Experiment
from sim.generators.exact import cell_ends
from theory import Law, RetrainingLoop

Z = float(ndtri(0.975))
"""Quantile of the normal law: 95 % lie within."""


@dataclass(frozen=True)
class Case:
    """A loop of the runs, and the round that is shown."""

    parameters: trained_iterates.Parameters
    ratio: str
    t: int
    data: str


MIXTURE = trained_mixture.FIGURE.parameters
MOONS = trained_moons.FIGURE.parameters


@dataclass(frozen=True)
class Parameters:
    """Cases, masses of the regions drawn, bins of the marginal, and points of the calibration."""

    cases: tuple[Case, ...] = (
        Case(MIXTURE, "pure", 3, "mixture"),
        Case(MIXTURE, "mixed", 8, "mixture"),
        Case(MOONS, "mixed", 5, "moons"),
    )
    regions: tuple[float, ...] = (0.5, 0.9, 0.99)
    bins: int = 32
    points: int = 199


def experiments(parameters: Parameters) -> dict[str, Experiment]:
    """The runs of all seeds of the cases."""
    return {
        f"{case.parameters.name} {name}": experiment
        for case in parameters.cases
        for name, experiment in trained_iterates.experiments(case.parameters).items()
        if name.startswith(case.ratio)
    }


def compute(parameters: Parameters, runs: Mapping[str, Path]) -> Results:
    """For case i: the density on the grid, levels of the regions, samples of the first seed,
    marginal densities in x_1 and the calibration of every seed, named ``i_<what>``."""
    u = np.linspace(0, 1, parameters.points + 2)[1:-1]
    results: Results = {
        "u": u,
        "regions": np.array(parameters.regions),
        "cases": np.array([f"{case.data}, {case.ratio}" for case in parameters.cases]),
        "t": np.array([case.t for case in parameters.cases]),
    }
    wanted = experiments(parameters)
    for number, case in enumerate(parameters.cases):
        names = [f"{case.parameters.name} {case.ratio} {seed}" for seed in case.parameters.seeds]
        setting = wanted[names[0]].setting()
        law = RetrainingLoop(setting.law(), setting.K, setting.loop.lam).run(case.t).laws[case.t]
        samples = [trained.candidates(runs[name])[case.t] for name in names]
        covered = mass_above(law)
        x, y = law.grid
        edges = np.linspace(x[0], x[-1], parameters.bins + 1)
        widths = np.diff(edges)
        found = {
            "x": x,
            "y": y,
            "density": law.density(),
            "levels": np.array([level(law, covered, mass) for mass in parameters.regions]),
            "samples": samples[0],
            "marginal": law.density().sum(axis=1) * (y[1] - y[0]),
            "edges": edges,
            "histograms": np.array(
                [np.histogram(points[:, 0], edges)[0] / len(points) / widths for points in samples]
            ),
            "calibration": np.array(
                [inside(law, covered, points, u) for points in samples],
            ),
        }
        results |= {f"{number}_{name}": value for name, value in found.items()}
    return results


def mass_above(law: Law) -> NDArray[np.float64]:
    """Mass of the cells at least as dense as each cell, shape (atoms,)."""
    p = law.probabilities
    order = np.argsort(-law.density().ravel(), kind="stable")
    covered = np.empty(len(p))
    covered[order] = np.cumsum(p[order])
    return covered


def level(law: Law, covered: NDArray[np.float64], mass: float) -> float:
    """Density on the edge of the region of highest density that has this mass."""
    return float(law.density().ravel()[covered <= mass].min())


def inside(
    law: Law, covered: NDArray[np.float64], points: NDArray[np.float64], u: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of the points in the region of highest density of each mass u.

    A point off the grid is in none; one in a cell lies as deep in the cell's mass as chance has it,
    in the middle.
    """
    index = np.zeros(len(points), dtype=np.int64)
    off = np.zeros(len(points), dtype=bool)
    for axis, x in zip(law.grid, points.T, strict=True):
        low, high = cell_ends(axis)
        cell = np.searchsorted(high, x).clip(0, len(axis) - 1)
        off |= (x < low[0]) | (x > high[-1])
        index = index * len(axis) + cell
    depth = np.where(off, np.inf, covered[index] - law.probabilities[index] / 2)
    return (depth[:, None] <= u).mean(axis=0)


def draw(results: Results) -> Figure:
    """A column for each case: regions and samples, marginal densities, calibration."""
    cases, u, regions = results["cases"], results["u"], results["regions"]
    figure = style.new_figure(style.COLUMN, 4.1)
    panels = figure.subplots(3, len(cases), height_ratios=[1.15, 0.8, 1])
    colour, exact = style.COLOURS["blue"], style.COLOURS["black"]
    low, high, highest = 0.0, 0.0, 0.0
    for number, (case, t) in enumerate(zip(cases, results["t"], strict=True)):
        of = {
            name.partition("_")[2]: value
            for name, value in results.items()
            if name.startswith(f"{number}_")
        }
        maps, marginals, masses = panels[:, number]
        maps.plot(*of["samples"].T, ",", color=colour, alpha=0.35, rasterized=True)
        maps.contour(
            of["x"],
            of["y"],
            of["density"].T,
            levels=np.sort(of["levels"]),
            colors=exact,
            linewidths=0.5,
        )
        maps.set(xlim=(of["x"][0], of["x"][-1]), ylim=(of["y"][0], of["y"][-1]))
        maps.set_title(f"{case},\n{labels.value('round', t)}")
        # Standard errors of the mean over the seeds: the exact curve should miss a third of them.
        mean = of["histograms"].mean(axis=0)
        error = of["histograms"].std(axis=0, ddof=1) / np.sqrt(len(of["histograms"]))
        centres = (of["edges"][1:] + of["edges"][:-1]) / 2
        marginals.errorbar(
            centres, mean, error, fmt=".", color=colour, markersize=2.5, elinewidth=1, zorder=3
        )
        marginals.plot(of["x"], of["marginal"], color=exact, linewidth=0.6, zorder=2)
        highest = max(highest, of["marginal"].max(), mean.max())
        marginals.set(xlim=maps.get_xlim(), xlabel=labels.axis("x_1", name=False))
        gap = of["calibration"] - u
        masses.plot(u, gap.T, color=colour, linewidth=style.THIN)
        half = Z * np.sqrt(u * (1 - u) / len(of["samples"]))
        masses.fill_between(u, -half, half, color=style.COLOURS["grey"], **style.BAND)
        masses.axhline(0, **style.ZERO)
        masses.set(xlim=(0, 1), xticks=[0, 0.5, 1], xlabel="region's mass $u$")
        masses.set_xticklabels(["0", "0.5", "1"])
        low, high = min(low, 1.1 * gap.min()), max(high, 1.1 * gap.max(), 1.1 * half.max())
    for axes in panels[0]:
        axes.set_ylabel(labels.axis("x_2", name=False))
    panels[1, 0].set(ylim=(0, 1.05 * highest), ylabel=labels.axis("marginal", lines=2))
    panels[2, 0].set(ylim=(low, high), ylabel="samples' share\nin it, less $u$")
    for first, *others in panels[1:]:
        for axes in others:
            axes.sharey(first)
            axes.tick_params(labelleft=False)
    shares = ", ".join(f"{100 * mass:g}" for mass in regions)
    seeds = len(results["0_calibration"])
    lines = [
        panels[0, 0].plot([], [], color=exact)[0],
        panels[1, 0].plot([], [], ".-", color=colour, markersize=3)[0],
        panels[2, 0].fill_between([], [], [], color=style.COLOURS["grey"], **style.BAND),
    ]
    figure.legend(
        lines,
        [
            f"exact; on the maps, regions that hold {shares} % of it",
            f"trained: samples of one seed; {seeds} seeds and their standard error",
            "95 % of independent draws of the exact law",
        ],
        loc="outside lower center",
    )
    return figure


FIGURE = PaperFigure(
    name="exact_and_trained",
    caption="Exact densities beneath samples of trained flows after the round named above, with "
    "their densities along the first axis and the share of the samples that regions of known mass "
    "hold. The flows are close, and still put fewer samples than they should where the density is "
    "highest, by more than chance explains.",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    experiments=experiments,
)
