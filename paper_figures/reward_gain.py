r"""Gain in mean weight: each round of the pure loop, and the lasting gain with real data.

Ferbach et al. 2024 (arXiv:2407.09499), Lemma 2.2: a round of the pure loop raises the mean weight
by at least :math:`\frac{K-1}{K}{\rm Var}_{p_t}[w]/w^*`. The gain is
:math:`E[\sum_{i<j}(W_i-W_j)^2/(K\sum_iW_i)]`, and :math:`Kw_{\min}\le\sum_iW_i\le Kw^*`: divided by
the bound it lies between 1 and :math:`w^*/w_{\min}`, the exponential of the range of the rewards.
Theorem 2.3 bounds the excess over the real data in the mixed loop, and its sharp form, larger by
:math:`(1+\lambda)^2`, is reached in the first round by the laws that reach Lemma 2.2. One of this
project's own figures.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from theory import Law, RetrainingLoop

LEAST_VARIANCE = 1e-8
"""In units of the square of the largest weight. Mean weights are right to about 1e-16, so that
rounding moves the gain of a law of this variance by about 1e-8 of itself; rounds of smaller
variance are not looked at."""

LOOKS = {2: ("blue", "o"), 8: ("orange", "s"), math.inf: ("green", "^")}

CROWDED = style.OPEN | {"markersize": 2.2, "markeredgewidth": 0.4}
"""Points of which hundreds lie in a panel."""


@dataclass(frozen=True)
class Parameters:
    """What is run.

    ``laws`` random laws of at most ``atoms`` atoms and reward range at most ``reach``, the number
    of candidates of each in turn from ``Ks``, for ``rounds`` rounds. ``ranges`` reward ranges of
    the designed laws, whose pair of levels is ``gap`` apart and whose far level is ``rare`` (at the
    top: times the square of the pair's weight). By round: ``levels`` weights evenly from ``lowest``
    to 1, ``shown_candidates``, the ratios ``shown_lam``, ``shown_rounds`` rounds. Ratios of the
    random mixed runs lie between ``lam_range``; ``lams`` are as many of the designed.
    """

    Ks: tuple[float, ...] = tuple(LOOKS)
    laws: int = 300
    atoms: int = 30
    reach: float = 4.0
    rounds: int = 4
    ranges: int = 8
    gap: float = 0.01
    rare: float = 1e-8
    levels: int = 50
    lowest: float = 0.5
    shown_candidates: int = 4
    shown_lam: tuple[float, ...] = (0.5, 4.0)
    shown_rounds: int = 10
    lam_range: tuple[float, float] = (0.03, 10.0)
    lams: int = 8
    seed: int = 0


def compute(parameters: Parameters) -> Results:
    r"""Gains and bounds; weights in units of the largest, so gains are in units of :math:`w^*`.

    Pure loop, one entry for each round of each run of a random law: ``pure_K``, ``pure_range`` of
    the rewards in log-odds, ``pure_ratio`` of gain to bound. ``designed_range`` (ranges,),
    log-odds; ``designed_least`` and ``designed_most`` (Ks, ranges) are the ratios in the first
    round of laws with nearly all mass just under the largest weight, and just above the smallest.

    Mixed loop by round: ``shown_excess`` (ratios, rounds + 1) over the mean weight of the real
    data; ``shown_paper`` and ``shown_sharp`` (ratios,) are the bounds; ``shown_K``, ``shown_lam``.
    Over runs: ``mixed_K``, ``mixed_lam``, and ``mixed_ratio``, the least excess of any round over
    the sharp bound; ``reached_ratio`` (Ks, lams) the same for laws with all mass just under the
    largest weight. ``curve_lam`` and ``curve_paper`` (points,): Theorem 2.3 over its sharp form.
    """
    random = np.random.default_rng(parameters.seed)
    laws = [_random_law(parameters, random) for _ in range(parameters.laws)]
    ranges = np.linspace(0, parameters.reach, parameters.ranges + 1)[1:]
    least = [_pair_under_the_top(parameters, float(reach)) for reach in ranges]
    most = [_pair_over_the_bottom(parameters, float(reach)) for reach in ranges]
    low, high = np.log(parameters.lam_range)
    lams = np.exp(np.linspace(low, high, parameters.lams))
    curve = np.exp(np.linspace(low, high, 20 * parameters.lams))
    tight = _pair_under_the_top(parameters, None)
    return {
        **_pure_runs(parameters, laws),
        "designed_range": ranges,
        "designed_least": _first_gains(parameters, least),
        "designed_most": _first_gains(parameters, most),
        **_by_round(parameters),
        **_mixed_runs(parameters, laws, np.exp(random.uniform(low, high, len(laws)))),
        "reached_lam": lams,
        "reached_ratio": np.array(
            [[_excess_ratio(tight, K, lam, parameters.rounds) for lam in lams]
             for K in parameters.Ks]
        ),
        "curve_lam": curve,
        "curve_paper": paper_constant(curve) / sharp_constant(curve),
    }  # fmt: skip


def sharp_constant(lam: np.ndarray) -> np.ndarray:
    r"""Factor :math:`\lambda/(1+\lambda)` of the sharp form of Theorem 2.3."""
    return lam / (1 + lam)


def paper_constant(lam: np.ndarray) -> np.ndarray:
    r"""Factor :math:`\lambda/(1+\lambda)^3` of Theorem 2.3."""
    return lam / (1 + lam) ** 3


def _random_law(parameters: Parameters, random: np.random.Generator) -> Law:
    """Masses from one-sided to even; rewards that crowd anywhere, and reach both ends."""
    atoms = int(random.integers(2, parameters.atoms + 1))
    reach = random.uniform(0, parameters.reach)
    place = random.beta(*np.exp(random.uniform(-1.5, 1.5, 2)), size=atoms)
    place[:2] = 0, 1
    masses = random.dirichlet(np.full(atoms, math.exp(random.uniform(-1.5, 1.5))))
    return Law(masses, -reach * place, normalise=True)


def _pair_under_the_top(parameters: Parameters, reach: float | None) -> Law:
    """Nearly all mass on two weights ``gap`` apart at the top, and a rare atom at the bottom."""
    pair = np.log([1, 1 - parameters.gap])
    if reach is None:
        return Law([0.5, 0.5], pair)
    return Law([0.5, 0.5, parameters.rare], [*pair, -reach], normalise=True)


def _pair_over_the_bottom(parameters: Parameters, reach: float) -> Law:
    """Nearly all mass on two weights at the bottom, and an atom at the top that is so rare that its
    weight hardly counts in the variance."""
    rare = parameters.rare * math.exp(-2 * reach)
    pair = -reach + np.log([1, 1 + parameters.gap])
    return Law([0.5, 0.5, rare], [*pair, 0], normalise=True)


def _bound(law_variance: np.ndarray | float, K: float) -> np.ndarray | float:
    """Of Lemma 2.2, for weights in units of the largest."""
    return (1 - 1 / K) * law_variance


def _pure_runs(parameters: Parameters, laws: list[Law]) -> Results:
    rows = []
    for law, K in zip(laws, itertools.cycle(parameters.Ks), strict=False):
        run = RetrainingLoop(law, K).run(parameters.rounds)
        gains, variance = np.diff(run.expected_weight), run.weight_variance[:-1]
        seen = variance > LEAST_VARIANCE
        reach = law.top_reward - law.rewards.min()
        rows += [(K, reach, ratio) for ratio in gains[seen] / _bound(variance[seen], K)]
    columns = np.array(rows).T
    return dict(zip(("pure_K", "pure_range", "pure_ratio"), columns, strict=True))


def _first_gains(parameters: Parameters, laws: list[Law]) -> np.ndarray:
    ratios = np.empty((len(parameters.Ks), len(laws)))
    for (row, column), _ in np.ndenumerate(ratios):
        K = parameters.Ks[row]
        run = RetrainingLoop(laws[column], K).run(1)
        gain = run.expected_weight[1] - run.expected_weight[0]
        ratios[row, column] = gain / _bound(run.weight_variance[0], K)
    return ratios


def _by_round(parameters: Parameters) -> Results:
    weights = np.linspace(parameters.lowest, 1, parameters.levels)
    law = Law(np.full(weights.size, 1 / weights.size), np.log(weights), normalise=True)
    lams, K = np.array(parameters.shown_lam), parameters.shown_candidates
    runs = [RetrainingLoop(law, K, float(lam)).run(parameters.shown_rounds) for lam in lams]
    bound = _bound(runs[0].weight_variance[0], K)
    return {
        "shown_K": np.array(K),
        "shown_lam": lams,
        "shown_excess": np.array([run.expected_weight - run.expected_weight[0] for run in runs]),
        "shown_paper": paper_constant(lams) * bound,
        "shown_sharp": sharp_constant(lams) * bound,
    }


def _mixed_runs(parameters: Parameters, laws: list[Law], lams: np.ndarray) -> Results:
    rows = [
        (K, lam, _excess_ratio(law, K, float(lam), parameters.rounds))
        for law, lam, K in zip(laws, lams, itertools.cycle(parameters.Ks), strict=False)
        if RetrainingLoop(law, K).run(0).weight_variance[0] > LEAST_VARIANCE
    ]
    columns = np.array(rows).T
    return dict(zip(("mixed_K", "mixed_lam", "mixed_ratio"), columns, strict=True))


def _excess_ratio(law: Law, K: float, lam: float, rounds: int) -> float:
    """Least excess of rounds 1 to the last over the sharp form of Theorem 2.3."""
    run = RetrainingLoop(law, K, lam).run(rounds)
    least = float((run.expected_weight[1:] - run.expected_weight[0]).min())
    return least / float(sharp_constant(np.array(lam)) * _bound(run.weight_variance[0], K))


def draw(results: Results) -> Figure:
    """Pure loop above; the mixed loop by round, and over the ratio, below."""
    figure = style.new_figure(style.COLUMN, 4.9)
    panels = figure.subplots(3, 1, height_ratios=(1.1, 1, 1))
    _draw_pure(panels[0], results)
    _draw_rounds(panels[1], results)
    _draw_ratios(panels[2], results)
    entries = zip(*panels[0].get_legend_handles_labels(), strict=True)
    points = [(handle, name) for handle, name in entries if handle.get_linestyle() == "None"]
    figure.legend(
        *zip(*points, strict=True),
        loc="outside upper center",
        ncols=len(points),
        columnspacing=1.2,
        handletextpad=0.3,
    )
    return figure


def _points(axes: Axes, results: Results, loop: str, across: str) -> None:
    """Ratios of random laws, by the number of candidates."""
    for K, (colour, marker) in LOOKS.items():
        chosen = results[f"{loop}_K"] == K
        axes.plot(
            results[f"{loop}_{across}"][chosen],
            results[f"{loop}_ratio"][chosen],
            marker,
            color=style.COLOURS[colour],
            **CROWDED,
            label=labels.value("candidates", K),
        )


def _designed(axes: Axes, x: np.ndarray, ratios: np.ndarray, label: str = "") -> None:
    """Ratios of designed laws, shape (Ks, points); they agree to within the size of the marker."""
    for row in ratios:
        axes.plot(
            x,
            row,
            "D",
            color="black",
            markersize=3.2,
            **style.HOLLOW,
            zorder=5,
            label=label,
        )
        label = ""


def _forbid(axes: Axes, x: tuple[float, float]) -> None:
    """Below 1 nothing may lie."""
    axes.axhspan(1e-9, 1, color="0.9", linewidth=0, zorder=0)
    axes.set_xlim(*x)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(style.PLAIN)


def _draw_pure(axes: Axes, results: Results) -> None:
    reach = float(results["designed_range"][-1])
    ends = np.array([0, 1.04 * reach])
    _forbid(axes, (0, float(ends[1])))
    _points(axes, results, "pure", "range")
    axes.plot(ends, np.ones(2), "-", color="black", label=labels.claim("lemma-2.2"))
    axes.plot(
        ends, np.exp(ends), "-.", color="black", label=r"$w^*/w_{\min}$", linewidth=style.THIN
    )
    _designed(axes, results["designed_range"], results["designed_least"], "designed laws")
    _designed(axes, results["designed_range"], results["designed_most"])
    axes.set_ylim(0.55, 1.3 * math.exp(reach))
    axes.set_xlabel(labels.in_unit(r"range of rewards $r^*-r_{\min}$", "reward"))
    axes.set_ylabel("gain of a round\nin units of the bound")
    _explain_lines(axes, "upper left")
    count, least = results["pure_ratio"].size, float(results["pure_ratio"].min())
    style.label_panel(axes, "a", f"pure loop: {count} rounds, least ratio {least:.5f}")


def _draw_rounds(axes: Axes, results: Results) -> None:
    rounds = np.arange(1, results["shown_excess"].shape[1])
    for (colour, marker), lam, excess, paper, sharp in zip(
        (("blue", "o"), ("vermilion", "s")),
        results["shown_lam"],
        results["shown_excess"],
        results["shown_paper"],
        results["shown_sharp"],
        strict=True,
    ):
        look = {"color": style.COLOURS[colour], "marker": marker, "markersize": 2.8}
        axes.plot(rounds, excess[1:], "-", **look, label=f"run, {labels.value('ratio', lam)}")
        ends = rounds[[0, -1]]
        axes.plot(ends, np.full(2, sharp), "--", **look, **style.HOLLOW)
        axes.plot(ends, np.full(2, paper), ":", **look, **style.HOLLOW)
    for line, key in (("--", "theorem-2.3-sharp"), (":", "theorem-2.3")):
        axes.plot([], [], line, color="black", label=labels.claim(key))
    axes.set_yscale("log")
    # Room for the legend beneath the lowest bound.
    axes.set_ylim(0.03 * results["shown_paper"].min(), 2 * results["shown_excess"].max())
    axes.yaxis.set_major_formatter(style.PLAIN)
    axes.set_xticks(rounds)
    axes.set_xlabel(labels.axis("round"))
    axes.set_ylabel(f"gain in {labels.symbol('mean_weight')} over real\ndata, in units of $w^*$")
    axes.legend(loc="lower center", ncols=2)
    style.label_panel(
        axes, "b", f"mixed loop, {labels.value('candidates', int(results['shown_K']))}"
    )


def _draw_ratios(axes: Axes, results: Results) -> None:
    curve = results["curve_lam"]
    _forbid(axes, (0.8 * float(curve[0]), 1.25 * float(curve[-1])))
    axes.set_xscale("log")
    _points(axes, results, "mixed", "lam")
    axes.plot(
        curve, np.ones_like(curve), "--", color="black", label=labels.claim("theorem-2.3-sharp")
    )
    axes.plot(curve, results["curve_paper"], ":", color="black", label=labels.claim("theorem-2.3"))
    _designed(axes, results["reached_lam"], results["reached_ratio"])
    axes.set_ylim(0.6 * results["curve_paper"].min(), 1.6 * results["mixed_ratio"].max())
    axes.xaxis.set_major_formatter(style.PLAIN)
    axes.set_xlabel(labels.axis("ratio"))
    axes.set_ylabel("least excess of a run\nin units of the sharp bound")
    _explain_lines(axes, "lower left")
    count, least = results["mixed_ratio"].size, float(results["mixed_ratio"].min())
    style.label_panel(axes, "c", f"mixed loop: {count} runs, least ratio {least:.5f}")


def _explain_lines(axes: Axes, place: str) -> None:
    """A legend of the lines; the points have theirs above all panels."""
    lines = [line for line in axes.lines if line.get_linestyle() != "None"]
    axes.legend(handles=lines, loc=place)


FIGURE = PaperFigure(
    name="reward_gain",
    caption="Every round of the pure loop gains at least the bound of "
    f"{labels.claim('lemma-2.2')}, and with real data at least that of "
    f"{labels.claim('theorem-2.3-sharp')}, stays; laws with all mass just under the largest weight "
    "reach both",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    claims=("lemma-2.2", "theorem-2.3-sharp", "theorem-2.3", "gain-after-first-round"),
)
