r"""Stability with real data: the bound of Theorem 2.4, the sharp bound, and measured divergences.

Theorem 2.4 of arXiv:2407.09499: for :math:`\lambda < 1/(K-1)`, started from the real data,
:math:`D_{\rm KL}(p_t\|p_{\rm ref}) \le -\log(1-\lambda(K-1))` for every reward and every t. The
sharp bound is finite up to and at the threshold. Measured: the exact mixed loop with rewards
:math:`r = -R(1-u)`, u uniform on (0, 1), from mild (R = 1) to so steep that the choice is all but
the best of K, for which the sharp bound is attained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from theory import Law, RetrainingLoop
from theory.divergences import paper_kl_bound, sharp_kl_bound


@dataclass(frozen=True)
class Parameters:
    """Ks, ratios as fractions of the threshold, reward ranges R, atoms, rounds, curve points."""

    Ks: tuple[int, ...] = (2, 4, 8)
    fractions: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
    ranges: tuple[float, ...] = (1.0, 16.0, 256.0)
    atoms: int = 1000
    rounds: int = 60
    curve: int = 200


def compute(parameters: Parameters) -> Results:
    """Bounds on fine grids of lam, and measured divergences at the points.

    ``measured`` has shape (K, points, reward ranges): the largest divergence over rounds 1 to the
    last, in nats; ``lam`` (K, points); ``curve_lam``, ``paper``, ``sharp`` (K, curve), with the
    paper's bound infinite at the threshold, the last point of the curve.
    """
    Ks = np.array(parameters.Ks)
    lam = np.outer(1 / (Ks - 1), parameters.fractions)
    # Dense at 0, where the bounds vanish, and at the threshold, where the paper's diverges.
    fractions = np.append(expit(np.linspace(-6, 9, parameters.curve - 1)), 1.0)
    curve_lam = np.outer(1 / (Ks - 1), fractions)
    quantile = (np.arange(parameters.atoms) + 0.5) / parameters.atoms
    mass = np.full(parameters.atoms, 1 / parameters.atoms)
    measured = np.empty((*lam.shape, len(parameters.ranges)))
    for (row, column), ratio in np.ndenumerate(lam):
        for number, reach in enumerate(parameters.ranges):
            law = Law(mass, -reach * (1 - quantile), normalise=True)
            loop = RetrainingLoop(law, int(Ks[row]), float(ratio))
            measured[row, column, number] = loop.run(parameters.rounds).kl_to_reference[1:].max()
    return {
        "K": Ks,
        "lam": lam,
        "ranges": np.array(parameters.ranges),
        "rounds": np.array(parameters.rounds),
        "measured": measured,
        "curve_lam": curve_lam,
        "paper": _bounds(paper_kl_bound, curve_lam, Ks),
        "sharp": _bounds(sharp_kl_bound, curve_lam, Ks),
        "paper_at_points": _bounds(paper_kl_bound, lam, Ks),
        "sharp_at_points": _bounds(sharp_kl_bound, lam, Ks),
    }


def _bounds(bound, lam: np.ndarray, Ks: np.ndarray) -> np.ndarray:
    return np.array(
        [[bound(float(v), int(K)) for v in row] for row, K in zip(lam, Ks, strict=True)]
    )


def draw(results: Results) -> Figure:
    r"""One panel for each K, on a common scale of :math:`\lambda(K-1)` with the threshold at 1."""
    Ks = results["K"]
    figure = style.new_figure(style.COLUMN, 4.8)
    panels = figure.subplots(len(Ks), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    looks = (("green", "^", 3.5), ("purple", "s", 5.0), ("blue", "o", 3.0), ("orange", "D", 2.5))
    for axes, K, letter, lam, curve, paper, sharp, measured in zip(
        panels,
        Ks,
        "abcdefgh",
        results["lam"],
        results["curve_lam"],
        results["paper"],
        results["sharp"],
        results["measured"],
        strict=False,
    ):
        axes.plot(
            curve * (K - 1),
            paper,
            "--",
            color=style.COLOURS["vermilion"],
            label=f"bound of {labels.claim('theorem-2.4')}",
        )
        axes.plot(curve * (K - 1), sharp, "-", color=style.COLOURS["black"], label="sharp bound")
        axes.axvline(1, label="threshold", **style.REFERENCE)
        for reach, values, (colour, marker, size) in zip(
            results["ranges"], measured.T, looks, strict=False
        ):
            axes.plot(
                lam * (K - 1),
                values,
                marker,
                color=style.COLOURS[colour],
                markersize=size,
                label=f"measured, reward range {reach:g}",
                **style.OPEN,
            )
        axes.set_yscale("log")
        axes.set_ylim(2e-6, 20)
        axes.set_yticks([1e-5, 1e-3, 1e-1, 10], labels=["0.00001", "0.001", "0.1", "10"])
        style.label_panel(
            axes,
            letter,
            f"{labels.value('candidates', K)}, threshold at {labels.symbol('ratio')} = "
            + ("1" if K == 2 else f"1/{K - 1}"),
        )
    panels[-1].set_xlim(0, 1.05)
    panels[-1].set_xlabel(labels.axis("ratio_to_threshold"))
    figure.supylabel(
        f"{labels.axis('kl_to_real', name=False)}; "
        f"measured: largest of rounds 1 to {int(results['rounds'])}",
    )
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


FIGURE = PaperFigure(
    name="stability_bound",
    caption="How far the loop with real data moves from them, in runs of the exact loop with mild "
    f"to steep rewards, below two bounds: that of {labels.claim('theorem-2.4')}, infinite at the "
    "threshold, and the sharp one, which steep rewards all but reach.",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    claims=("theorem-2.4-sharp", "theorem-2.4"),
)
