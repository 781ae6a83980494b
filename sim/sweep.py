"""A grid of runs over fields of an experiment, each in a folder of its own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib

from sim.experiment import Experiment, with_fields
from sim.models import Preset
from sim.protocols import DivergedTraining
from sim.recording import AlreadyBegun, record
from theory.workers import unordered


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes
    ----------
    name
        Its fields and values, ``K=2,lam=0.5``: the name of its folder.
    experiment
        What is run.
    """

    name: str
    experiment: Experiment


@dataclass(frozen=True)
class Ended:
    """How one run of a sweep ended: ``error`` is empty when it is complete."""

    name: str
    error: str = ""


def points(
    experiment: Experiment,
    grid: Sequence[str],
    texts: Mapping[str, str] | None = None,
    preset: Preset = "quick",
) -> list[Point]:
    """All combinations of the values of a grid.

    Parameters
    ----------
    experiment, texts, preset
        As in :func:`sim.experiment.with_fields`: what every run has.
    grid
        One ``field=value,value`` each.

    Raises
    ------
    UnknownField, ValueError
        When a combination is none, before anything is run.

    Examples
    --------
    >>> from sim.presets import EXPERIMENTS
    >>> grid = points(EXPERIMENTS["line-pure"].quick, ["K=2,4", "lam=0.5,1"])
    >>> [point.name for point in grid]
    ['K=2,lam=0.5', 'K=2,lam=1', 'K=4,lam=0.5', 'K=4,lam=1']
    """
    axes: dict[str, list[str]] = {}
    for entry in grid:
        name, equals, values = entry.partition("=")
        name = name.replace("-", "_")
        axis = [value.strip() for value in _split(values)]
        if not equals or not all(axis):
            raise ValueError(f"the sweep {entry!r} is not of the form field=value,value.")
        if name in axes or name in (texts or {}):
            raise ValueError(f"the field {name!r} is given twice: once is enough.")
        if len(set(axis)) < len(axis):
            raise ValueError(f"the sweep {entry!r} has a value twice: once is enough.")
        axes[name] = axis
    found = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        experiment_there = with_fields(experiment, {**(texts or {}), **chosen}, preset)
        found.append(Point(folder_name(chosen), experiment_there))
    return found


def _split(values: str) -> list[str]:
    """The values between commas, but not those within the braces of a choice model's JSON."""
    found, depth = [""], 0
    for letter in values:
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return found


def folder_name(texts: Mapping[str, str]) -> str:
    """Fields and their texts as the name of a folder."""
    return re.sub(r"[\s/\\]+", "_", ",".join(f"{name}={text}" for name, text in texts.items()))


def sweep(
    grid: Sequence[Point],
    out: Path,
    *,
    resume: bool = False,
    processes: int = 1,
    scheduler: str | None = None,
) -> Iterator[Ended]:
    """Run all points, each in a folder of ``out``; one that fails does not stop the others.

    Parameters
    ----------
    grid
        From :func:`points`.
    out
        The folder, which workers elsewhere must share.
    resume
        Go on with runs that were begun, and leave complete ones.
    processes
        Worker processes on this machine.
    scheduler
        Address of a Dask scheduler whose workers are used in their place. A worker does one run
        at a time, however many threads it has.

    Raises
    ------
    NoCluster
        When the scheduler does not answer, or has no workers.
    """
    calls = (joblib.delayed(_run)(point, out.absolute(), resume) for point in grid)
    if processes == 1 and scheduler is None:
        return (function(*arguments) for function, arguments, _ in calls)
    return unordered(calls, processes, scheduler)


def _run(point: Point, out: Path, resume: bool) -> Ended:
    try:
        record(point.experiment, out / point.name, resume=resume)
    except (AlreadyBegun, DivergedTraining, ValueError, OSError) as error:
        return Ended(point.name, " ".join(str(error).split()))
    # Whatever it is, as too little memory, the other runs go on.
    except Exception as error:
        return Ended(point.name, " ".join(f"{type(error).__name__}: {error}".split()))
    return Ended(point.name)
