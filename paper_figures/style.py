"""The look of every figure, in one place: sizes, colours, and how files are written.

Fonts, lines and margins are in the style file ``curated_loops.mplstyle`` beside this file, which
others can use too: ``matplotlib.style.use("paper_figures.curated_loops")``. Figures are one or two
columns wide, so that they can be placed without scaling: fonts are drawn at the size they are
printed, 7 pt. Colours are the Okabe-Ito palette, which colour-blind readers can tell
apart, and always go together with a marker or a line style so that a grey print still works. Maps
are ``viridis`` and ``cividis``, whose lightness is monotone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from paper_figures.results import write_atomically

__all__ = [
    "BAND",
    "CLOSE",
    "COLOURS",
    "COLUMN",
    "ERRORS",
    "FORMATS",
    "HOLLOW",
    "LOOPS",
    "OPEN",
    "PAGE",
    "PLAIN",
    "REFERENCE",
    "THIN",
    "ZERO",
    "cells",
    "draw_plateau",
    "label_panel",
    "new_figure",
    "rc",
    "save",
    "settle",
]

COLUMN = 3.4
"""Width of one column of a two-column page, inches."""

PAGE = 7.0
"""Width of both columns, inches."""

MOST_PASSES = 6
"""Passes of layout, at most; figures seen so far needed three."""

FORMATS = ("pdf", "svg", "png")
"""File formats that a figure can be written in; all are written unless some are named."""

PLAIN = "{x:g}"
"""Tick labels of a logarithmic scale as plain numbers: exponents would be printed below 6 pt."""

COLOURS = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#777777",
}
"""The Okabe-Ito palette (M. Okabe, K. Ito, "Color universal design", 2008) and one grey."""

LOOPS: dict[str, dict[str, Any]] = {
    "pure": {"color": COLOURS["vermilion"], "linestyle": "-", "marker": "o"},
    "mixed": {"color": COLOURS["blue"], "linestyle": "--", "marker": "s"},
}
"""Look of the two loops, the same in every figure that has both."""

HOLLOW: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.8}
"""Measured points, on or beside a line of their colour."""

OPEN: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 0.7}
"""Measured points that lie on one another, or on a line they should meet: what is below shows."""

ERRORS: dict[str, Any] = HOLLOW | {"elinewidth": 0.8}
"""Measured points with error bars."""

THIN = 0.8
"""Width of a line that many others or their points lie beside, points."""

BAND: dict[str, Any] = {"alpha": 0.28, "linewidth": 0}
"""Band about a curve of its colour: pale enough for two that cross."""

REFERENCE: dict[str, Any] = {"color": COLOURS["grey"], "linestyle": ":", "linewidth": 0.9}
"""Line at a value that curves are held against: a threshold, a largest reward, an equal share."""

ZERO: dict[str, Any] = {"color": COLOURS["grey"], "linewidth": 0.6}
"""Line at zero, where the sign of a difference matters."""

CLOSE: dict[str, Any] = {
    "handletextpad": 0.4,
    "handlelength": 1.6,
    "borderaxespad": 0.2,
    "labelspacing": 0.3,
}
"""Legend inside of a small panel."""

_RC = matplotlib.rc_params_from_file(
    Path(__file__).with_name("curated_loops.mplstyle"), use_default_template=False
)


def rc() -> Any:
    """Context manager under which a figure must be made and saved to look like the others."""
    return matplotlib.rc_context(_RC)


def new_figure(width: float, height: float, *, images: bool = False) -> Figure:
    """An empty figure of the given size in inches, off screen.

    ``images`` closes the gaps that panels of fixed aspect ratio would leave.
    """
    figure = Figure(figsize=(width, height), layout="compressed" if images else "constrained")
    FigureCanvasAgg(figure)
    return figure


def label_panel(axes: Axes, letter: str, title: str) -> None:
    """Title of a panel, led by its letter in bold, flush left."""
    axes.set_title(rf"$\bf{{({letter})}}$ {title}", loc="left")


def cells(x: NDArray, y: NDArray) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of the cells around equally spaced centres, for a map of them."""
    half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    return (x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y)


def draw_plateau(axes: Axes, centre: NDArray, radius: NDArray, colour: str) -> None:
    """Edge of the disc on which a clipped distance is flat: a thin dashed circle."""
    axes.add_patch(
        Circle(
            tuple(centre),
            float(radius),
            fill=False,
            linewidth=0.7,
            # Short dashes: of a disc that is small on the map several are seen.
            linestyle=(0, (2, 1.2)),
            edgecolor=colour,
        )
    )


def settle(figure: Figure) -> None:
    """Lay a figure out until nothing moves: texts below images need two or three passes, and a
    file saved after the first one would cut them off."""
    bounds = None
    for _ in range(MOST_PASSES):
        figure.draw_without_rendering()
        last, bounds = bounds, figure.get_tightbbox().bounds
        if last is not None and max(abs(a - b) for a, b in zip(last, bounds, strict=True)) < 1e-3:
            return


def save(
    figure: Figure, folder: Path, name: str, title: str, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write the figure in some formats, each file at once or not at all; the paths written.

    No date and no version is stored in the files, and the ids in an SVG are hashes salted with the
    figure's name, so the same figure gives the same bytes.
    """
    metadata = {
        "pdf": {"Title": title, "Creator": None, "Producer": None, "CreationDate": None},
        "svg": {"Title": title, "Creator": None, "Date": None},
        "png": {"Title": title, "Software": None},
    }
    settle(figure)
    paths = []
    for suffix in formats:
        buffer = io.BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": name}):
            figure.savefig(buffer, format=suffix, metadata=metadata[suffix])
        path = folder / f"{name}.{suffix}"
        write_atomically(path, buffer.getvalue())
        paths.append(path)
    return paths
