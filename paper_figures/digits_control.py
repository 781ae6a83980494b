"""What of the runs on digits is selection, and what model error
(:mod:`paper_figures.image_control`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_control, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Parameters, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_control.compute`."""
    return image_control.compute(runs)


FIGURE = PaperFigure(
    name="digits_control",
    caption="What of a run on digits is selection: the exact loop's distance from real images is "
    "computed from the first images alone, and runs that keep one of K by lot show what refits and "
    "chance do by themselves: distances rise, in part by chance, and confidence falls beyond it, "
    "less so with real images in the training set; a choice by confidence wins back more than that",
    file=Path(__file__),
    parameters=image_runs.made(controls=True),
    compute=compute,
    draw=image_control.draw,
    experiments=image_runs.experiments,
    claims=("no-curation",),
)
