r"""Many candidates: curation becomes reweighting by w/E[w] at the rate 1/K, rounds become tilts.

Lemma 2.1 of Ferbach et al. 2024 (arXiv:2407.09499) is the limit :math:`H^K\to w/\mu` with
:math:`\mu=E_p[w]`. The rate is this project's: :math:`H^K = \frac w\mu\big(1 - \frac{w-\mu}{K\mu} +
\frac{\sigma^2}{K\mu^2}\big) + O(K^{-2})`, :math:`\sigma^2={\rm Var}_p[w]`. At :math:`K=\infty`, t
rounds of the pure loop give the tilt of :math:`p_0` by :math:`e^{tr}`, which maximises
:math:`E_p[r]-\frac1tD_{\rm KL}(p\|p_0)`; any other law misses the maximum by its
:math:`\frac1tD_{\rm KL}` to the tilt, of second order in the distance and so of order
:math:`K^{-2}`. One of this project's own figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from theory import Law, RetrainingLoop, curation_factor
from theory.divergences import kl
from theory.limits import tilt


@dataclass(frozen=True)
class Parameters:
    """``Ks`` as powers of 2 up to 2 to this; rewards on ``atoms`` atoms: two levels 1 apart,
    uniform on (0, 1), normal of standard deviation 1 cut off at ``cut``, and uniform on (0,
    ``steep``); the tilt after ``rounds``, from the uniform rewards. Slopes are fitted from the
    ``fitted``-th power of 2 on."""

    doublings: int = 16
    atoms: int = 200
    cut: float = 3.0
    steep: float = 6.0
    rounds: tuple[int, ...] = (1, 4, 16)
    fitted: int = 8


def compute(parameters: Parameters) -> Results:
    r"""Distances for every K, and slopes of their logarithms over that of K.

    ``K`` (Ks,); ``laws`` (laws,) names. ``error`` (laws, Ks) is :math:`\max_x|H^K-w/\mu|`, and
    ``predicted`` (laws, Ks) the maximum of its 1/K term alone; ``remainder`` (laws, Ks) is what the
    1/K term leaves of H, largest at any atom. ``rounds`` (rounds,) and ``missed`` (rounds, Ks):
    1/t times the divergence from the tilt, in log-odds, what the law after t rounds misses of the
    largest :math:`E[r]-\frac1tD_{\rm KL}(p\|p_0)`. ``<name>_slope`` are least-squares fits over the
    ``K`` of ``fitted``, first and last.
    """
    Ks = 2 ** np.arange(parameters.doublings + 1)
    laws = _laws(parameters)
    error, predicted, remainder = np.empty((3, len(laws), Ks.size))
    for row, law in enumerate(laws.values()):
        weight = np.exp(law.rewards - law.top_reward)
        mean = law.expectation(weight)
        variance = law.expectation((weight - mean) ** 2)
        limit = weight / mean
        first = limit * (variance / mean**2 - (weight - mean) / mean)
        for column, K in enumerate(Ks.tolist()):
            factor = curation_factor(law, K)
            error[row, column] = np.abs(factor - limit).max()
            predicted[row, column] = np.abs(first / K).max()
            remainder[row, column] = np.abs(factor - limit - first / K).max()
    missed = np.array([_missed(laws["uniform"], t, Ks) for t in parameters.rounds])
    tail = slice(parameters.fitted, None)
    return {
        "K": Ks,
        "laws": np.array(list(laws)),
        "error": error,
        "predicted": predicted,
        "remainder": remainder,
        "rounds": np.array(parameters.rounds),
        "missed": missed,
        "steep": np.array(parameters.steep),
        "fitted": Ks[tail][[0, -1]],
        **{
            f"{name}_slope": np.array([slope(Ks[tail], row[tail]) for row in values])
            for name, values in (("error", error), ("remainder", remainder), ("missed", missed))
        },
    }


def _laws(parameters: Parameters) -> dict[str, Law]:
    quantile = (np.arange(parameters.atoms) + 0.5) / parameters.atoms
    mass = np.full(parameters.atoms, 1 / parameters.atoms)
    low, high = norm.cdf([-parameters.cut, parameters.cut])
    return {
        "two levels": Law([0.5, 0.5], [0.0, 1.0]),
        "uniform": Law(mass, quantile, normalise=True),
        "normal": Law(mass, norm.ppf(low + (high - low) * quantile), normalise=True),
        "steep": Law(mass, parameters.steep * quantile, normalise=True),
    }


def _missed(law: Law, t: int, Ks: np.ndarray) -> list[float]:
    best = tilt(law, t)
    return [kl(RetrainingLoop(law, K).run(t).laws[t], best) / t for K in Ks.tolist()]


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Least-squares slope of log y over log x."""
    return float(np.polynomial.Polynomial.fit(np.log(x), np.log(y), 1).convert().coef[1])


LAWS = {
    "two levels": ("two levels, 1 apart", "black", "D"),
    "uniform": ("uniform on (0, 1)", "blue", "o"),
    "normal": ("normal, deviation 1", "green", "^"),
    "steep": ("uniform on (0, {steep:g})", "vermilion", "s"),
}
ROUNDS = (("blue", "o"), ("purple", "v"), ("orange", "P"))


def draw(results: Results) -> Figure:
    """Distance from the limit, what the 1/K term leaves of it, and the distance from the tilt."""
    figure = style.new_figure(style.COLUMN, 4.9)
    panels = figure.subplots(3, 1, sharex=True)
    looks = [LAWS[law] for law in results["laws"].tolist()]
    for axes, name in zip(panels, ("error", "remainder"), strict=False):
        for (_, colour, marker), values, fitted in zip(
            looks, results[name], results[f"{name}_slope"], strict=True
        ):
            _curve(axes, results, values, colour, marker, _number(fitted))
    for values in results["predicted"]:
        panels[0].plot(results["K"], values, ":", color="black", linewidth=style.THIN, zorder=1)
    for t, values, fitted, (colour, marker) in zip(
        results["rounds"], results["missed"], results["missed_slope"], ROUNDS, strict=False
    ):
        rounds = f"{t} round{'s' if t > 1 else ''}"
        _curve(panels[2], results, values, colour, marker, f"{rounds}: {_number(fitted)}")
    first, last = results["fitted"]
    for axes, letter, title, words, columns in zip(
        panels,
        "abc",
        (
            r"distance from the limit (dotted: that of $h_1/K$)",
            r"without $h_1/K$, where $h_1=w\,(\sigma^2-\mu(w-\mu))/\mu^3$",
            "rounds against tilts, rewards uniform on (0, 1)",
        ),
        (
            r"$\max_x|H^K-w/\mu|$",
            r"$\max_x|H^K-w/\mu-h_1/K|$",
            labels.in_unit("regularised reward\nmissed", "reward"),
        ),
        (2, 2, 1),
        strict=True,
    ):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(style.PLAIN)
        axes.axvspan(first, last, color="0.93", linewidth=0, zorder=0)
        axes.set_ylabel(words)
        axes.legend(
            loc="lower left",
            ncols=columns,
            title="fitted slopes",
            alignment="left",
            columnspacing=1.0,
            borderpad=0.1,
        )
        # Room for the legend beneath the curves.
        axes.set_ylim(bottom=0.05 * axes.dataLim.ymin)
        style.label_panel(axes, letter, title)
    panels[2].set_xticks(results["K"][::4], labels=[f"{K}" for K in results["K"][::4]])
    panels[2].set_xlabel(labels.axis("candidates"))
    names = [words.format(steep=float(results["steep"])) for words, _, _ in looks]
    figure.legend(
        panels[0].get_legend_handles_labels()[0],
        names,
        loc="outside upper center",
        ncols=2,
        title=f"{labels.in_unit('rewards', 'reward')} in (a) and (b); slopes fitted on grey",
    )
    return figure


def _number(slope: float) -> str:
    return f"{slope:.3f}".replace("-", "\N{MINUS SIGN}")


def _curve(
    axes: Axes, results: Results, values: np.ndarray, colour: str, marker: str, label: str
) -> None:
    axes.plot(
        results["K"],
        values,
        "-",
        marker=marker,
        color=style.COLOURS[colour],
        markersize=2.8,
        linewidth=style.THIN,
        **style.OPEN,
        label=label,
    )


FIGURE = PaperFigure(
    name="many_candidates",
    caption="With many candidates curation tends to reweighting by w/E[w] at the rate 1/K, the "
    "derived 1/K term leaves an error of order 1/K², and rounds become tilts",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    claims=("lemma-2.1", "rlhf-tilt"),
)
