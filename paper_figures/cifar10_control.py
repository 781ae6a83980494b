"""What of the recorded runs on CIFAR-10 is selection, and what model error
(:mod:`paper_figures.image_control`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from paper_figures import image_control, image_runs
from paper_figures.figure import PaperFigure
from paper_figures.results import Results


def compute(parameters: image_runs.Recorded, runs: Mapping[str, Path]) -> Results:
    """See :func:`paper_figures.image_control.compute`."""
    return image_control.compute(runs)


FIGURE = PaperFigure(
    name="cifar10_control",
    caption="What of a run on CIFAR-10 is selection: the exact loop's distance from real images, "
    "computed from the first images alone, beside that of the runs, and of runs that keep one of K "
    "by lot",
    file=Path(__file__),
    parameters=image_runs.on_record(controls=True),
    compute=compute,
    draw=image_control.draw,
    record=image_runs.recorded,
    claims=("no-curation",),
)
