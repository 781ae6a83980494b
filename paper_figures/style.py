"""The look of every figure, in one place: sizes, fonts, colours, and how files are written.

Every figure is one column wide, so that it can be placed without scaling: fonts are drawn at the
size they are printed, 7 pt. Colours are the Okabe-Ito palette, which colour-blind readers can tell
apart, and always go together with a marker or a line style so that a grey print still works. Maps
are ``viridis`` and ``cividis``, whose lightness is monotone.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paper_figures.results import write_atomically

__all__ = [
    "COLOURS",
    "COLUMN",
    "FORMATS",
    "PLAIN",
    "label_panel",
    "new_figure",
    "rc",
    "save",
    "settle",
]

COLUMN = 3.4
"""Width of one column of a two-column page, inches."""

MOST_PASSES = 6
"""Passes of layout, at most; figures seen so far needed three."""

FORMATS = ("pdf", "png")
"""File formats written for every figure."""

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

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs on every machine
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "axes.titlepad": 3.0,
    "axes.labelpad": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # embedded TrueType: text stays text
}


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


def settle(figure: Figure) -> None:
    """Lay a figure out until nothing moves: texts below images need two or three passes, and a
    file saved after the first one would cut them off."""
    bounds = None
    for _ in range(MOST_PASSES):
        figure.draw_without_rendering()
        last, bounds = bounds, figure.get_tightbbox().bounds
        if last is not None and max(abs(a - b) for a, b in zip(last, bounds, strict=True)) < 1e-3:
            return


def save(figure: Figure, folder: Path, name: str, title: str) -> list[Path]:
    """Write the figure in every format, each file at once or not at all; the paths written.

    No date and no version is stored in the files, so the same figure gives the same bytes.
    """
    metadata = {
        "pdf": {"Title": title, "Creator": None, "Producer": None, "CreationDate": None},
        "png": {"Title": title, "Software": None},
    }
    settle(figure)
    paths = []
    for suffix in FORMATS:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, metadata=metadata[suffix])
        path = folder / f"{name}.{suffix}"
        write_atomically(path, buffer.getvalue())
        paths.append(path)
    return paths
