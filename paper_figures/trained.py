"""Runs of trained generators that figures read: those in their folders, or made first.

A run's folder is named for what was run and for a hash of all that its numbers depend on, sources
and versions included, so that a run of older code is never taken for one of today's. A run that was
stopped goes on where it was.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import sim.sweep
from paper_figures.results import results_key, source_files
from sim.recording import Recordable, load_samples
from sim.runs import METRICS, read_lines
from sim.sweep import Ended, Point, sweep

__all__ = ["Run", "candidates", "folder", "label", "metrics", "missing", "run"]

HASH_DIGITS = 16
"""Of the hash in a folder's name: two runs of one name share them once in 10^19."""


MODELS = "models"
"""Folder, below that of the runs, of the models that runs of one code share."""


class Run(Recordable, Protocol):
    """What figures have run: :class:`sim.experiment.Experiment`, and those on images."""

    data: Any
    lam: float
    seed: int


def label(experiment: Run) -> str:
    """What was run, for people."""
    fields = experiment.as_json()
    named = isinstance(experiment.data, str)
    data = [experiment.data, experiment.chosen_by] if named else [type(experiment.data).__name__]
    ratio = "pure" if math.isinf(experiment.lam) else f"lam-{experiment.lam:g}"
    return "-".join([*data, ratio, fields["generator"], str(experiment.seed)])


def folder(experiment: Run, root: Path) -> Path:
    """Folder of a run below ``root``; it need not exist."""
    return root / f"{label(experiment)}-{_hash(_code(type(experiment)), repr(experiment))}"


def _hash(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:HASH_DIGITS]


@functools.cache
def _code(kind: type) -> str:
    """Hash of the code that makes runs of a kind, as this process found it."""
    runner, own = Path(sim.sweep.__file__), Path(inspect.getfile(kind))
    parts = [runner] if own.resolve() in source_files(runner) else [runner, own]
    return "\n".join(results_key(path, None) for path in parts)


def _placed(experiment: Run, root: Path) -> Run:
    """The same, with the models that it shares with others of this code below ``root``."""
    if not hasattr(experiment, "places"):
        return experiment
    models = root / MODELS / _hash(_code(type(experiment)))
    places = dataclasses.replace(experiment.places, models=models.absolute())
    return dataclasses.replace(experiment, places=places)


def missing(experiments: Mapping[str, Run], root: Path) -> dict[str, Run]:
    """Those of the experiments, by the names of their folders, that are not complete there."""
    return {
        path.name: experiment
        for experiment in experiments.values()
        for path in [folder(experiment, root)]
        if len(read_lines(path / METRICS)) <= experiment.iterations
    }


def run(experiments: Mapping[str, Run], root: Path, processes: int) -> Iterator[Ended]:
    """Make runs, by the names of their folders, each told as it ends."""
    # First those without rounds: the model that they end with is one that others wait for.
    first = sorted(experiments, key=lambda name: experiments[name].iterations > 0)
    grid = [Point(name, _placed(experiments[name], root)) for name in first]
    return sweep(grid, root, resume=True, processes=processes)


def metrics(path: Path, name: str) -> NDArray[np.float64]:
    """One metric of a run in every round; of a metric with parts, shape (rounds + 1, parts)."""
    lines = read_lines(path / METRICS)
    values = [line[name] for line in lines]
    return np.array([list(v.values()) if isinstance(v, dict) else v for v in values], dtype=float)


def candidates(path: Path) -> list[NDArray[np.float64]]:
    """Candidates of every round of a run, as many as were saved."""
    rounds = range(len(read_lines(path / METRICS)))
    return [load_samples(path, t)["candidates"].astype(np.float64) for t in rounds]
