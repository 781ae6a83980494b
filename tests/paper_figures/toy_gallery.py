"""A gallery of toy figures in every state, with checked claims, for the tests of the page."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from paper_figures import evidence, gallery, style
from paper_figures.figure import PaperFigure, produce
from theory.claims import claims

HOLDS, UNCHECKED = claims["no-curation"], claims["theorem-2.4-sharp"]
# Without false twins nothing shows that its check could fail, and so it does not stand.
FALLS = dataclasses.replace(
    HOLDS, id="twinless", title="a claim <b>without</b> twins", false_twins=()
)
LIBRARY = {claim.id: claim for claim in (HOLDS, FALLS, UNCHECKED)}
LONG = 20_001
"""Numbers in an array that a table leaves out."""


@dataclasses.dataclass(frozen=True)
class Parameters:
    height: float = 1.0
    long: bool = False


def compute(parameters):
    r"""A line, and on request many numbers.

    ``x`` and ``y`` have shape (points,), in metres & :math:`y \le x^2` with <none> of them below;
    ``many`` (numbers,).

    - one item
    - another
    """
    found = {"x": np.arange(5.0), "y": parameters.height * np.arange(5.0)}
    return {**found, "many": np.zeros(LONG)} if parameters.long else found


def draw(results):
    figure = style.new_figure(style.PAGE, 2)
    axes = figure.subplots()
    axes.plot(results["x"], results["y"])
    axes.set_xlabel("x")
    return figure


def toy(name, caption="A line of some points", **changes):
    file = Path(__file__)
    return PaperFigure(name, caption, file, Parameters(), compute, draw, **changes)


FIGURES = {
    figure.name: figure
    for figure in (
        toy("tenth", paper="Figure 10", claims=(HOLDS.id, UNCHECKED.id)),
        toy("escaped_words", caption='Where a < b & c > d, "quoted"', claims=(FALLS.id,)),
        toy("second", paper="Figure 2", claims=(HOLDS.id,)),
        dataclasses.replace(toy("long_arrays"), parameters=Parameters(long=True)),
        toy("vector_kl"),
        toy("stale"),
        toy("broken"),
        toy("waiting"),
        toy("cifar10_runs", paper="Figure 3", record=lambda parameters: {}),
    )
}
MISSING = {"trained": "torch"}
FAILURE = "ValueError: masses <p> & weights differ"


def write(folder: Path) -> tuple[Path, list[gallery.Entry]]:
    """Make the toys as far as their names say, and the page of them."""
    out, results, runs = folder / "out", folder / "results", folder / "runs"
    for figure in FIGURES.values():
        if figure.name in ("waiting", "cifar10_runs"):
            continue
        formats = ("svg",) if figure.name == "vector_kl" else style.FORMATS
        made = figure
        if figure.name in ("stale", "broken"):  # by what are other parameters now
            made = dataclasses.replace(figure, parameters=Parameters(height=2.0))
        produce(made, results, runs, out, formats)
    return gallery.write(
        FIGURES, MISSING, LIBRARY, reports(results), out, results, {"broken": FAILURE}
    )


def reports(results: Path) -> dict[str, evidence.Checked]:
    """The library, one claim apart, checked."""
    return dict(evidence.check([HOLDS, FALLS], results, evidence.key(), 1))
