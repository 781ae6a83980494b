"""Theorems held against the recorded runs on CIFAR-10 (:mod:`paper_figures.image_theory`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_runs, image_theory
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Recorded, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_theory.compute`."""
    return image_theory.compute(runs)


FIGURE = PaperFigure(
    name="cifar10_theory_checks",
    caption="What theorems say for every reward, and what trained runs on CIFAR-10 do: (a) the "
    "mean weight in the pure loop (lines and bands: exact loop), (b) shares of images below a "
    "reward, with what chance allows (dotted, one false alarm in a thousand), (c) divergence of "
    "the classes with real images beside the envelope",
    file=Path(__file__),
    parameters=image_runs.on_record(),
    compute=compute,
    draw=image_theory.draw,
    record=image_runs.recorded,
    claims=("lemma-2.2", "dominance-pure", "dominance-mixed", "theorem-2.4-sharp"),
)
