r"""Phase diagram of the condensate at K = infinity, for a peaked reward in two dimensions.

Real data :math:`p_{\rm ref} = N(\mu, \sigma^2 I)` in the plane, reward :math:`r(x) =
-\gamma\|x-\mu\|`. With :math:`\rho = \|x-\mu\|/\sigma` and the dimensionless sharpness
:math:`\gamma\sigma`, only the radial law :math:`\rho e^{-\rho^2/2}` matters. Above the critical
ratio :math:`\lambda_c = \int p_{\rm ref}\, w/(w^*-w) = E[1/(e^{\gamma\sigma\rho}-1)]` the mixed
loop piles a positive mass on the single point :math:`\mu`, which the real data do not charge.

Three routes meet here: the map, from the equation of the fixed point for the discretised law; the
critical curve, by adaptive integration of the formula above, without that law; the markers, by
running the loop, without that equation.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import quad

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from theory import Law, RetrainingLoop
from theory.limits import mixed_limit

REACH = 9.0
"""Largest radius kept, in standard deviations; the mass beyond it is 3e-18."""


@dataclass(frozen=True)
class Parameters:
    """Ranges, resolution and radial cells of the map; the points run, their cells and rounds."""

    lam_range: tuple[float, float] = (0.03, 30.0)
    sharpness_range: tuple[float, float] = (0.1, 10.0)
    side: int = 61
    cells: int = 3000
    checked_sharpness: tuple[float, ...] = (0.3, 1.0, 4.0)
    checked_lam: tuple[float, ...] = (0.05, 0.15, 0.5, 1.5, 5.0, 15.0)
    checked_cells: int = 6000
    checked_rounds: int = 4000
    disc: float = 0.05


def compute(parameters: Parameters) -> Results:
    """Condensate on the map, critical curve, and masses measured at the points.

    ``condensate``, shares of mass, (sharpness, lam); ``critical``, (sharpness,), a ratio like
    ``lam`` and ``slice_lam``; ``slices``, (checked sharpness, slice_lam), and ``measured``,
    (checked sharpness, checked lam), shares of mass. ``sharpness`` is in log-odds per standard
    deviation.
    """
    lam = np.geomspace(*parameters.lam_range, parameters.side)
    slice_lam = np.geomspace(*parameters.lam_range, 4 * parameters.side)
    sharpness = np.geomspace(*parameters.sharpness_range, parameters.side)
    condensate = np.empty((len(sharpness), len(lam)))
    for row, gamma in enumerate(sharpness):
        law = radial_law(gamma, parameters.cells)
        condensate[row] = [mixed_limit(law, float(ratio)).condensate for ratio in lam]
    slices = np.array(
        [
            [mixed_limit(radial_law(g, parameters.cells), float(v)).condensate for v in slice_lam]
            for g in parameters.checked_sharpness
        ]
    )
    measured = np.array(
        [
            [
                measured_condensate(
                    radial_law(gamma, parameters.checked_cells),
                    ratio,
                    parameters.checked_rounds,
                    parameters.disc,
                )
                for ratio in parameters.checked_lam
            ]
            for gamma in parameters.checked_sharpness
        ]
    )
    return {
        "lam": lam,
        "sharpness": sharpness,
        "condensate": condensate,
        "critical": np.array([critical_ratio(gamma) for gamma in sharpness]),
        "checked_sharpness": np.array(parameters.checked_sharpness),
        "checked_lam": np.array(parameters.checked_lam),
        "slice_lam": slice_lam,
        "slices": slices,
        "measured": measured,
        "rounds": np.array(parameters.checked_rounds),
    }


def radial_law(sharpness: float, cells: int) -> Law:
    r"""Law of the radius :math:`\rho` in standard deviations, reward :math:`-\gamma\sigma\rho`.

    The supremum 0 of the reward is at the centre, which no cell centre touches, so it is declared.
    """
    radius = REACH * (np.arange(cells) + 0.5) / cells
    return Law.from_density(
        lambda rho: rho * np.exp(-(rho**2) / 2),
        lambda rho: -sharpness * rho,
        (radius,),
        normalise=True,
        reward_sup=0.0,
    )


def critical_ratio(sharpness: float) -> float:
    r"""Critical ratio :math:`\lambda_c` of the module, by adaptive integration, to 1e-10."""

    def integrand(rho: float) -> float:
        return rho * math.exp(-(rho**2) / 2) / math.expm1(sharpness * rho)

    # The integrand lives on the shorter of one standard deviation and 1/sharpness.
    scale = min(1.0, 1 / sharpness)
    pieces = [0.0, scale, 5 * scale, min(40 * scale, 20.0)]
    return sum(
        quad(integrand, low, high, epsabs=1e-13, epsrel=1e-11)[0]
        for low, high in itertools.pairwise(pieces)
    )


def measured_condensate(law: Law, lam: float, rounds: int, disc: float) -> float:
    r"""Mass that a long run of the K = infinity loop piles at the centre, by extrapolation.

    Within radius :math:`\epsilon` the limit has the condensate plus a regular part, smooth in
    :math:`\epsilon` and zero at 0; with m the mass inside, :math:`3m(\epsilon) - 3m(2\epsilon) +
    m(3\epsilon)` removes it to second order. The radius must be large against
    :math:`1/(\gamma\sigma t)`, the width of the peak after t rounds, and small against 1.
    """
    final = RetrainingLoop(law, math.inf, lam).run(rounds).laws[rounds]
    mass = np.concatenate([[0.0], np.cumsum(final.probabilities)])
    edges = np.linspace(0.0, REACH, len(mass))
    return float(np.interp([disc, 2 * disc, 3 * disc], edges, mass) @ [3.0, -3.0, 1.0])


def draw(results: Results) -> Figure:
    """The map with the critical curve, and three cuts through it with the measured masses."""
    figure = style.new_figure(style.COLUMN, 4.6)
    phase, cuts = figure.subplots(2, 1, height_ratios=[1.25, 1])
    lam, sharpness = results["lam"], results["sharpness"]
    image = phase.pcolormesh(
        lam,
        sharpness,
        results["condensate"],
        cmap="cividis",
        vmin=0,
        vmax=1,
        shading="nearest",
        rasterized=True,
    )
    contours = phase.contour(
        lam,
        sharpness,
        results["condensate"],
        levels=[0.2, 0.4, 0.6, 0.8],
        colors=["white", "white", "black", "black"],  # the map is dark below one half, light above
        linewidths=0.6,
    )
    phase.plot(
        results["critical"],
        sharpness,
        color=style.COLOURS["vermilion"],
        linewidth=1.6,
    )
    grid_lam, grid_sharpness = np.meshgrid(results["checked_lam"], results["checked_sharpness"])
    # A black rim round the white one: the markers show on dark and on light.
    phase.scatter(grid_lam.ravel(), grid_sharpness.ravel(), c="black", s=40, linewidths=0, zorder=3)
    phase.scatter(
        grid_lam.ravel(),
        grid_sharpness.ravel(),
        c=results["measured"].ravel(),
        cmap="cividis",
        vmin=0,
        vmax=1,
        s=24,
        edgecolors="white",
        linewidths=0.8,
        zorder=3,
    )
    phase.set(xscale="log", yscale="log", xlim=(lam[0], lam[-1]))
    phase.yaxis.set_major_formatter(style.PLAIN)
    phase.set_ylim(sharpness[0], sharpness[-1])
    phase.set_xlabel(labels.axis("ratio"))
    phase.set_ylabel(labels.axis("sharpness"))
    scale = figure.colorbar(image, ax=phase, label=labels.axis("condensate"), aspect=24, pad=0.02)
    scale.add_lines(contours)
    style.label_panel(phase, "a", "map: limit; discs: runs; thick line: critical ratio")

    looks = (("blue", "-", "o"), ("orange", "--", "s"), ("green", "-.", "^"))
    for gamma, line, points, (colour, dash, marker) in zip(
        results["checked_sharpness"], results["slices"], results["measured"], looks, strict=False
    ):
        cuts.plot(results["slice_lam"], line, dash, color=style.COLOURS[colour])
        cuts.plot(
            results["checked_lam"],
            points,
            marker,
            color=style.COLOURS[colour],
            markersize=4.5,
            label=labels.value("sharpness", gamma),
            **style.OPEN,
        )
    cuts.set(xscale="log", xlim=(lam[0], lam[-1]), ylim=(-0.03, 1.0))
    for axes in (phase, cuts):
        axes.xaxis.set_major_formatter(style.PLAIN)
    cuts.set_xlabel(labels.axis("ratio"))
    cuts.set_ylabel(labels.axis("condensate"))
    cuts.legend(loc="upper left")
    style.label_panel(cuts, "b", f"lines: limit; markers: {int(results['rounds'])} rounds")
    return figure


FIGURE = PaperFigure(
    name="condensate_phase",
    caption="Share of the mass that the loop with real data piles on one point, the peak of the "
    "reward, when each sample is chosen among infinitely many: none below a critical ratio of "
    "synthetic to real data (thick line), more the further above it. Long runs agree.",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    claims=("condensation", "condensation-threshold"),
)
