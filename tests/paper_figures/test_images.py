"""Figures that depend on no training look as they did: pixels against kept images.

After an intended change of a look, ``make baselines`` draws the images anew; they are looked at
before they are committed.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from matplotlib.testing.compare import compare_images
from packaging.requirements import Requirement

from paper_figures import style
from paper_figures.registry import FIGURES

BASELINES = Path(__file__).parent / "baseline"

TRAINED = {"over_optimisation", "reward_kl_frontier", "reward_learning", "solver_quality"}
"""Figures that train within their computation. A last bit that differs between two machines grows
over the steps of an optimiser, until a point moves by a visible pixel."""

COMPARED = [
    name
    for name, figure in FIGURES.items()
    if figure.experiments is None and figure.record is None and name not in TRAINED
]

DPI = 100

TOLERANCE = 0.3
"""Root of the mean square difference over all pixels and channels, of 255. One digit of a title is
1.1, a line in another colour 7.7 (:func:`test_a_small_change_is_seen`), while numbers that all
differ by 1e-9 of themselves change no pixel of any of the figures."""

CONSTRAINTS = Path(style.__file__).parents[1] / "constraints.txt"


def pinned(library: str) -> str:
    """Version of a library that the images were drawn with."""
    for line in CONSTRAINTS.read_text().splitlines():
        if line and not line.startswith("#") and Requirement(line).name == library:
            return str(next(iter(Requirement(line).specifier)).version)
    raise ValueError(f"{CONSTRAINTS.name} does not pin {library}; add a line {library}==VERSION.")


same_version = pytest.mark.skipif(
    version("matplotlib") != pinned("matplotlib"),
    reason="another matplotlib than that of constraints.txt, which draws text elsewhere",
)


def picture(name, results):
    with style.rc():
        figure = FIGURES[name].draw(results)
        style.settle(figure)
    return figure


@same_version
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.mpl_image_compare(
                filename=f"{name}.png",
                style=str(Path(style.__file__).with_name("curated_loops.mplstyle")),
                savefig_kwargs={"dpi": DPI},
                tolerance=TOLERANCE,
            ),
        )
        for name in COMPARED
    ],
)
def test_looks_as_before(computed, name):
    return picture(name, computed(name))  # pytest-mpl compares what is returned


def test_every_kept_image_is_of_a_figure():
    kept = {path.stem for path in BASELINES.glob("*.png")}
    assert kept == set(COMPARED), "draw them anew with `make baselines`"
    assert sum(path.stat().st_size for path in BASELINES.iterdir()) < 1_000_000


def recoloured(figure):
    figure.axes[0].lines[1].set_color(style.COLOURS["purple"])


def relabelled(figure):
    axes = figure.axes[-1]
    axes.set_xlabel(axes.get_xlabel().replace("of", "in"))


def renumbered(figure):
    axes = figure.axes[0]
    axes.set_title(axes.get_title("left").replace("2", "3", 1), loc="left")


def moved(figure):
    points = figure.axes[0].lines[-1]
    points.set_ydata(np.asarray(points.get_ydata()) * 1.5)


@same_version
@pytest.mark.parametrize("change", [recoloured, relabelled, renumbered, moved])
def test_a_small_change_is_seen(computed, tmp_path, change):
    """One line's colour, two letters, one digit, or the points of one series by half."""
    name = "stability_bound"
    figure, baseline = picture(name, computed(name)), str(BASELINES / f"{name}.png")
    paths = [tmp_path / "same.png", tmp_path / "changed.png"]
    with style.rc():
        figure.savefig(paths[0], dpi=DPI)
        change(figure)
        figure.savefig(paths[1], dpi=DPI)
    assert compare_images(baseline, str(paths[0]), TOLERANCE) is None
    found = compare_images(baseline, str(paths[1]), TOLERANCE, in_decorator=True)
    assert found is not None
    assert found["rms"] > 2 * TOLERANCE  # with room for a smaller glyph
