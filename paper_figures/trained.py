"""Runs of trained generators that figures read: those in their folders, or made first.

A run's folder is named for what was run and for a hash of all that its numbers depend on, sources
and versions included, so that a run of older code is never taken for one of today's. A run that was
stopped goes on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import sim.sweep
from paper_figures.results import results_key
from sim.experiment import Experiment
from sim.recording import load_samples
from sim.runs import METRICS, read_lines
from sim.sweep import Ended, Point, sweep

__all__ = ["candidates", "folder", "metrics", "missing", "run"]

HASH_DIGITS = 16
"""Of the hash in a folder's name: two runs of one name share them once in 10^19."""


def folder(experiment: Experiment, root: Path) -> Path:
    """Folder of a run below ``root``; it need not exist."""
    law = type(experiment.data).__name__
    ratio = "pure" if math.isinf(experiment.lam) else f"lam-{experiment.lam:g}"
    key = hashlib.sha256(f"{_code()}\n{experiment!r}".encode()).hexdigest()[:HASH_DIGITS]
    return root / f"{law}-{ratio}-{experiment.generator}-{experiment.seed}-{key}"


@functools.cache
def _code() -> str:
    """Hash of the code that makes runs, as this process found it."""
    return results_key(Path(sim.sweep.__file__), None)


def missing(experiments: Mapping[str, Experiment], root: Path) -> dict[str, Experiment]:
    """Those of the experiments, by the names of their folders, that are not complete there."""
    return {
        path.name: experiment
        for experiment in experiments.values()
        for path in [folder(experiment, root)]
        if len(read_lines(path / METRICS)) <= experiment.iterations
    }


def run(experiments: Mapping[str, Experiment], root: Path, processes: int) -> Iterator[Ended]:
    """Make runs, by the names of their folders, each told as it ends."""
    grid = [Point(name, experiment) for name, experiment in experiments.items()]
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
