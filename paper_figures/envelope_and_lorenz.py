r"""Lorenz curves beneath their envelope: the most that the loop can give to a share of the data.

The Lorenz (or ROC) curve of :math:`p_t` against :math:`p_{\rm ref}` is the largest mass
:math:`P_t(A)` of a set of reference mass u; its sets are those of best reward. It lies below
:math:`f_t(u)`, :math:`f_0(u)=u`, :math:`f_{t+1}(u)=\frac u{1+\lambda} +
\frac\lambda{1+\lambda}(1-(1-f_t(u))^K)`, whatever the reward, and in the limit below the curve of
inverse :math:`u(m)=(1+\lambda)m-\lambda(1-(1-m)^K)`, which leaves 0 upright beyond the threshold
:math:`\lambda(K-1)=1`: there an atom can form. In the pure loop the envelope is that of the best of
:math:`K^t` samples, :math:`1-(1-u)^{K^t}`. A dominated curve has dominated divergences, and steep
rewards reach all of them. Rewards are :math:`r=-Ru`, u uniform on (0, 1). One of this project's own
figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from theory import Law, RetrainingLoop
from theory.divergences import (
    chi2,
    envelope,
    kl,
    largest_atom,
    sharp_chi2_bound,
    sharp_kl_bound,
    sharp_reverse_kl_bound,
    sharp_tv_bound,
    total_variation,
)
from theory.notation import QUANTITIES


@dataclass(frozen=True)
class Parameters:
    """Candidates ``K`` and ratio ``lam`` below the threshold; reward ranges of the curves in the
    limit and of the divergences; range and rounds of the curves by round, mixed and pure; ratios
    across the threshold, at the largest range; atoms, and rounds that stand for the limit."""

    K: int = 2
    lam: float = 0.9
    ranges: tuple[float, ...] = (1.0, 4.0, 16.0, 256.0)
    measured_ranges: tuple[float, ...] = tuple(2.0**power for power in range(-1, 9))
    shown_range: float = 4.0
    mixed_rounds: tuple[int, ...] = (1, 10)
    pure_rounds: tuple[int, ...] = (1, 3)
    ratios: tuple[float, ...] = (0.5, 1.0, 3.0)
    atoms: int = 1000
    rounds: int = 150


def compute(parameters: Parameters) -> Results:
    r"""Lorenz curves at the edges of the atoms' cells, envelopes, divergences and their bounds.

    ``u`` (atoms + 1,): reference mass of the best atoms. Curves over it, shape (curves, atoms + 1):
    ``limit`` after ``rounds`` rounds by ``ranges`` in log-odds; ``mixed`` and ``pure`` by
    ``mixed_rounds`` and ``pure_rounds`` at ``shown_range``, with ``mixed_envelope`` and
    ``pure_envelope``; ``ratio`` by ``ratios`` at the largest range. ``mass`` (points,) from 0 to 1
    and ``inverse`` (points,), the reference mass at which the envelope of the limit reaches it, at
    ``lam``; ``ratio_mass`` and ``ratio_inverse`` (ratios, points) the same for each ratio, from the
    largest atom on. ``measured`` (divergences, measured ranges) after ``rounds`` rounds and
    ``bounds`` (divergences,): Kullback–Leibler and its reverse in nats, total variation,
    chi-square.
    """
    K, lam = parameters.K, parameters.lam
    u = np.arange(parameters.atoms + 1) / parameters.atoms
    mass = np.linspace(0, 1, 401)
    ratios = np.array(parameters.ratios)
    ratio_mass = np.array([np.linspace(largest_atom(ratio, K), 1, mass.size) for ratio in ratios])
    last: dict[float, Law] = {}
    for reach in {*parameters.ranges, *parameters.measured_ranges}:
        last[reach] = _run(parameters, reach, lam, [parameters.rounds])[0]
    reference = _law(parameters, 0.0)
    measured = [
        [kl(p, reference), kl(reference, p), total_variation(p, reference), chi2(p, reference)]
        for p in (last[reach] for reach in parameters.measured_ranges)
    ]
    return {
        "K": np.array(K),
        "lam": np.array(lam),
        "rounds": np.array(parameters.rounds),
        "u": u,
        "ranges": np.array(parameters.ranges),
        "limit": _lorenz(last[reach] for reach in parameters.ranges),
        "mass": mass,
        "inverse": inverse(mass, lam, K),
        "shown_range": np.array(parameters.shown_range),
        **_rounds(parameters, "mixed", lam, parameters.mixed_rounds, u),
        **_rounds(parameters, "pure", math.inf, parameters.pure_rounds, u),
        "ratios": ratios,
        "ratio": _lorenz(
            _run(parameters, parameters.ranges[-1], float(ratio), [parameters.rounds])[0]
            for ratio in ratios
        ),
        "ratio_mass": ratio_mass,
        "ratio_inverse": inverse(ratio_mass, ratios[:, None], K),
        "measured_ranges": np.array(parameters.measured_ranges),
        "measured": np.array(measured).T,
        "bounds": np.array(
            [
                bound(lam, K)
                for bound in (
                    sharp_kl_bound, sharp_reverse_kl_bound, sharp_tv_bound, sharp_chi2_bound
                )
            ]
        ),
    }  # fmt: skip


def inverse(mass: np.ndarray, lam: float | np.ndarray, K: int) -> np.ndarray:
    """Reference mass at which the envelope of the limit is ``mass``."""
    return (1 + lam) * mass - lam * (1 - (1 - mass) ** K)


def _law(parameters: Parameters, reach: float) -> Law:
    """Equal masses, the best atom first."""
    quantile = (np.arange(parameters.atoms) + 0.5) / parameters.atoms
    return Law(np.full(parameters.atoms, 1 / parameters.atoms), -reach * quantile, normalise=True)


def _run(parameters: Parameters, reach: float, lam: float, rounds: list[int]) -> list[Law]:
    run = RetrainingLoop(_law(parameters, reach), parameters.K, lam).run(max(rounds))
    return [run.laws[t] for t in rounds]


def _lorenz(laws: Iterable[Law]) -> np.ndarray:
    """Mass of the best atoms, from none to all; a sum of all is 1 but for rounding."""
    return np.array([np.append(0, np.cumsum(law.probabilities)) for law in laws])


def _rounds(
    parameters: Parameters, loop: str, lam: float, rounds: tuple[int, ...], u: np.ndarray
) -> Results:
    laws = _run(parameters, parameters.shown_range, lam, list(rounds))
    return {
        f"{loop}_rounds": np.array(rounds),
        loop: _lorenz(laws),
        f"{loop}_envelope": np.array([envelope(u, lam, parameters.K, t) for t in rounds]),
    }


CURVES = (("blue", "v"), ("orange", "s"), ("green", "^"), ("purple", "o"))
CORNER = style.CLOSE | {"labelspacing": 0.1}
"""Legend in the corner that the curves leave free."""

DIVERGENCES = (
    ("kl_to_real", "blue", "o"),
    ("reverse_kl_to_real", "orange", "s"),
    ("total_variation", "green", "^"),
    ("chi_square", "purple", "D"),
)


def draw(results: Results) -> Figure:
    """Curves in the limit and by round, across the threshold, in the pure loop; divergences."""
    figure = style.new_figure(style.COLUMN, 5.0)
    grid = figure.add_gridspec(3, 2, height_ratios=(1.3, 1.3, 1))
    panels = [figure.add_subplot(grid[0, 0])]
    for place in ((0, 1), (1, 0), (1, 1)):
        panels.append(figure.add_subplot(grid[place], sharex=panels[0], sharey=panels[0]))
    u, ratio = results["u"], labels.value("ratio", float(results["lam"]))
    last, reach = (
        labels.value("round", int(results["rounds"])),
        _range(float(results["shown_range"])),
    )

    _curves(panels[0], u, results["limit"], results["ranges"], _range)
    panels[0].plot(results["inverse"], results["mass"], "--", color="black")
    style.label_panel(panels[0], "a", f"{ratio}, {last}")

    for axes, loop, letter, title in (
        (panels[1], "mixed", "b", f"{ratio}, {reach}"),
        (panels[3], "pure", "d", f"pure loop, {reach}"),
    ):
        rounds = results[f"{loop}_rounds"]
        _curves(axes, u, results[loop], rounds, partial(labels.value, "round"))
        _curves(axes, u, results[f"{loop}_envelope"], rounds, "$f_{{{:g}}}$".format, bound=True)
        style.label_panel(axes, letter, title)

    _curves(panels[2], u, results["ratio"], results["ratios"], partial(labels.value, "ratio"))
    for mass, share in zip(results["ratio_mass"], results["ratio_inverse"], strict=True):
        panels[2].plot(np.append(0, share), np.append(0, mass), "--", color="black")
    style.label_panel(panels[2], "c", f"{_range(float(results['ranges'][-1]))}, {last}")

    for axes in panels:
        axes.plot([0, 1], [0, 1], "-", **style.ZERO, zorder=1)
        axes.set(xlim=(-0.02, 1), ylim=(0, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.legend(loc="lower right", **CORNER)
    for axes in panels[::2]:
        axes.set_ylabel("mass in the model")
    for axes in panels[2:]:
        axes.set_xlabel("mass $u$ in the real data")
    _draw_divergences(figure.add_subplot(grid[2, :]), results)
    lines = [
        Line2D([], [], linestyle="-", color="black", linewidth=style.THIN, label="run"),
        Line2D([], [], linestyle="--", color="black", label="envelope, bound"),
        Line2D([], [], **style.ZERO, label=labels.symbol("real")),
    ]
    figure.legend(
        handles=lines,
        loc="outside upper center",
        ncols=3,
        columnspacing=1.2,
        title=f"{labels.value('candidates', int(results['K']))}, rewards uniform on $(-R, 0)$",
    )
    return figure


def _range(reach: float) -> str:
    return f"$R$ = {reach:g}"


def _curves(
    axes: Axes,
    u: np.ndarray,
    curves: np.ndarray,
    values: np.ndarray,
    words: Callable[[float], str],
    *,
    bound: bool = False,
) -> None:
    """A family of runs, with filled markers, or of their bounds, with empty ones; no marker is
    above another."""
    step = max(4, len(u) // 6)
    for number, (curve, value) in enumerate(zip(curves, values.tolist(), strict=True)):
        colour, marker = CURVES[number]
        axes.plot(
            u,
            curve,
            "--" if bound else "-",
            color=style.COLOURS[colour],
            marker=marker,
            markevery=(step // 4 * number + step // (2 if bound else 4), step),
            markersize=2.8,
            **(style.HOLLOW if bound else {}),
            linewidth=style.THIN,
            label=words(value),
        )


def _draw_divergences(axes: Axes, results: Results) -> None:
    for (key, colour, marker), measured, bound in zip(
        DIVERGENCES, results["measured"], results["bounds"], strict=True
    ):
        unit = QUANTITIES[key].unit
        label = f"{labels.symbol(key)}: {bound:.3f} {unit}".strip()
        axes.plot(
            results["measured_ranges"],
            measured / bound,
            "-",
            marker=marker,
            color=style.COLOURS[colour],
            **style.OPEN,
            markersize=3,
            label=label,
        )
    axes.axhline(1, linestyle="--", color="black", linewidth=style.THIN)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(style.PLAIN)
    axes.set_ylim(0, 1.08)
    axes.set_xlabel(labels.in_unit("range $R$ of the rewards", "reward"))
    axes.set_ylabel("measured / bound")
    axes.legend(loc="lower right", **CORNER, borderpad=0.1)
    last, ratio = (
        labels.value(key, float(results[name]))
        for key, name in (("round", "rounds"), ("ratio", "lam"))
    )
    style.label_panel(axes, "e", f"divergences at {last} and their bounds, {ratio}")


FIGURE = PaperFigure(
    name="envelope_and_lorenz",
    caption="Whatever the reward, the model gives a share of the real data no more than the "
    "envelope, and its divergences are no larger than the envelope's; steep rewards all but reach "
    "both",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    claims=(
        "envelope",
        "best-of-rounds",
        "theorem-2.4-sharp",
        "total-variation",
        "chi-square",
        "reverse-kl",
    ),
)
