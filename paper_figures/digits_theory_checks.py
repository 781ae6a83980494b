"""Theorems held against the runs on digits (:mod:`paper_figures.image_theory`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_runs, image_theory
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_theory.compute`."""
    return image_theory.compute(runs)


FIGURE = PaperFigure(
    name="digits_theory_checks",
    caption="What theorems say for every reward, and what trained runs on digits do: (a) the mean "
    "weight rises in the pure loop (lines and bands: exact loop), (b) no share of images below a "
    "reward rises beyond chance (dotted, one false alarm in a thousand), (c) with real images the "
    "classes stay inside the envelope",
    file=Path(__file__),
    parameters=image_runs.made(),
    compute=compute,
    draw=image_theory.draw,
    experiments=image_runs.experiments,
    claims=("lemma-2.2", "dominance-pure", "dominance-mixed", "theorem-2.4-sharp"),
)
