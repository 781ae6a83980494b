"""What a figure is here: a computation that returns arrays, and a drawing that reads them.

The two never mix: ``compute`` knows nothing of matplotlib, and ``draw`` sees the saved arrays only,
so a change of style cannot change a number. Where generators are trained, the computation reads
saved runs (:mod:`paper_figures.trained`), or runs that were recorded on another machine and are
kept with the code (:mod:`paper_figures.image_runs`); what was never recorded is not drawn.
:func:`produce` brings one figure up to date on disk.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.figure
from threadpoolctl import threadpool_limits

import theory.claims
from paper_figures import labels, style
from paper_figures.results import (
    LIBRARIES,
    Results,
    load,
    read_results,
    results_key,
    save_results,
    write_atomically,
)
from theory import notation, provenance

if TYPE_CHECKING:  # it needs torch, which figures without trained generators do without
    from paper_figures.trained import Run

__all__ = [
    "MissingArray",
    "OnDisk",
    "PaperFigure",
    "Produced",
    "compute",
    "is_recorded",
    "on_disk",
    "origin_file",
    "produce",
    "results_file",
    "runs_needed",
    "stamp_file",
]

CLAIMS = Path(theory.claims.__file__).parent


@dataclass(frozen=True)
class PaperFigure:
    """One figure of the paper.

    Attributes
    ----------
    name
        What it shows, as a file name.
    caption
        One sentence that says what is seen.
    file
        Source file of the figure.
    parameters
        Frozen dataclass with every number the computation can be varied by.
    compute
        Function of the parameters returning named arrays; of the folders of the runs too, by name,
        where there are experiments or a record.
    draw
        Function of those arrays returning a matplotlib figure.
    experiments
        Function of the parameters returning the runs that are read, by name.
    record
        Function of the parameters returning the folders of recorded runs that are read, by name:
        none as long as they have not been recorded, and then there is no figure.
    paper
        Number of the figure of Ferbach et al. 2024 (arXiv:2407.09499) that shows the same, counted
        in order of appearance, as ``"Figure 4"``; empty for one of this project's own.
    claims
        Ids of the claims (:mod:`theory.claims`) that it shows at work, most telling first.
    """

    name: str
    caption: str
    file: Path
    parameters: Any
    compute: Callable[..., Results]
    draw: Callable[[Results], matplotlib.figure.Figure]
    experiments: Callable[[Any], Mapping[str, Run]] | None = None
    record: Callable[[Any], Mapping[str, Path]] | None = None
    paper: str = ""
    claims: tuple[str, ...] = ()


class MissingArray(LookupError):
    """A drawing reads an array that the computation does not give; the message names both."""


class _Named(dict[str, Any]):
    """Saved arrays, which answer for a name that is not there with the names that are."""

    def __missing__(self, name: str) -> Any:
        raise MissingArray(
            f"draw reads {name!r}, and compute gives no array of that name, only "
            f"{', '.join(self)}: name it alike in both."
        )


@dataclass(frozen=True)
class Produced:
    """What bringing a figure up to date took: files, seconds, and whether work was needed.

    A figure that is not recorded has no files.
    """

    paths: list[Path]
    seconds: float
    computed: bool
    drawn: bool


@dataclass(frozen=True)
class OnDisk:
    """What there is of a figure that this very code would make again.

    Attributes
    ----------
    recorded
        Whether the recorded runs that it reads are there.
    computed
        Whether its results are saved.
    files
        Files drawn from these results, by format.
    """

    recorded: bool
    computed: bool
    files: Mapping[str, Path]


def is_recorded(figure: PaperFigure) -> bool:
    """Whether the recorded runs that a figure reads are there; one that reads none has all."""
    return figure.record is None or bool(figure.record(figure.parameters))


def runs_needed(figure: PaperFigure, results_folder: Path) -> Mapping[str, Run]:
    """Runs that a figure has to read: none when its results are saved already."""
    if figure.experiments is None:
        return {}
    key = _results_key(figure)
    saved = load(results_file(figure.name, results_folder), key)
    return figure.experiments(figure.parameters) if saved is None else {}


def compute(figure: PaperFigure, results_folder: Path, runs: Path) -> bool:
    """Compute and save a figure's results unless saved ones can be trusted; whether it was needed.

    Parameters
    ----------
    figure
        What to compute; the runs that it needs must be complete. Nothing is computed of one that is
        not recorded.
    results_folder, runs
        Folders of the saved results and of the runs.
    """
    if not is_recorded(figure):
        return False
    key = _results_key(figure)
    path = results_file(figure.name, results_folder)
    if load(path, key) is not None:
        return False
    start = time.perf_counter()
    folders: Mapping[str, Path] = {}
    # One thread of linear algebra: the last bits do not depend on the number of cores, and the
    # matrices are too small to gain from more.
    with threadpool_limits(limits=1):
        if figure.record is not None:
            folders = figure.record(figure.parameters)
            results = figure.compute(figure.parameters, folders)
        elif figure.experiments is None:
            results = figure.compute(figure.parameters)
        else:
            from paper_figures import trained

            experiments = figure.experiments(figure.parameters)
            folders = {name: trained.folder(each, runs) for name, each in experiments.items()}
            results = figure.compute(figure.parameters, folders)
    origin = {
        "seconds": round(time.perf_counter() - start, 2),
        "parameters": repr(figure.parameters),
        "runs": {name: folder.name for name, folder in folders.items()},
        **provenance.environment([*LIBRARIES, "matplotlib", "curated-loops"]),
    }
    write_atomically(
        origin_file(figure.name, results_folder), json.dumps(origin, indent=1).encode()
    )
    # Last: results that are there have their own origin beside them, also after a break between.
    save_results(path, key, results)
    return True


def on_disk(figure: PaperFigure, results_folder: Path, out: Path) -> OnDisk:
    """What is up to date of a figure, in these folders."""
    if not is_recorded(figure):
        return OnDisk(recorded=False, computed=False, files={})
    key = _results_key(figure)
    path = results_file(figure.name, results_folder)
    if load(path, key) is None:
        return OnDisk(recorded=True, computed=False, files={})
    drawn = _drawn(stamp_file(figure.name, results_folder), _drawing_key(key, path))
    paths = {suffix: out / f"{figure.name}.{suffix}" for suffix in style.FORMATS}
    files = {suffix: file for suffix, file in paths.items() if _is_drawn(file, drawn)}
    return OnDisk(recorded=True, computed=True, files=files)


def results_file(name: str, results_folder: Path) -> Path:
    """File of a figure's saved results."""
    return results_folder / f"{name}.npz"


def stamp_file(name: str, results_folder: Path) -> Path:
    """File that says what a figure's files were drawn from, and the seconds it took."""
    return results_folder / f"{name}.drawn.json"


def origin_file(name: str, results_folder: Path) -> Path:
    """File that says where a figure's saved results come from: seconds it took to compute them from
    the runs, parameters, folders of the runs by name, and versions."""
    return results_folder / f"{name}.origin.json"


def _results_key(figure: PaperFigure) -> str:
    """Hash of all that a figure's numbers depend on, the contents of recorded runs included."""
    key = results_key(figure.file, figure.parameters)
    if figure.record is None:
        return key
    parts = [key]
    for name, folder in sorted(figure.record(figure.parameters).items()):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        parts += [f"{name} {path.relative_to(folder)} {_hash(path)}" for path in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def produce(
    figure: PaperFigure,
    results_folder: Path,
    runs: Path,
    out: Path,
    formats: Sequence[str] = style.FORMATS,
) -> Produced:
    """Bring a figure up to date: its results (:func:`compute`), and its files from these.

    A file counts as drawn when it is, byte for byte, the one that was written from the same results
    by the same drawing code, style and version of matplotlib; formats that lack one are drawn.
    """
    start = time.perf_counter()
    if not is_recorded(figure):
        return Produced([], time.perf_counter() - start, computed=False, drawn=False)
    computed = compute(figure, results_folder, runs)
    path = results_file(figure.name, results_folder)
    results, key = read_results(path)
    stamp = stamp_file(figure.name, results_folder)
    drawing = _drawing_key(key, path)
    drawn = _drawn(stamp, drawing)
    paths = {suffix: out / f"{figure.name}.{suffix}" for suffix in formats}
    lacking = [suffix for suffix, file in paths.items() if not _is_drawn(file, drawn)]
    if lacking:
        begun = time.perf_counter()
        with style.rc():
            style.save(figure.draw(_Named(results)), out, figure.name, figure.caption, lacking)
        files = {str(paths[suffix].resolve()): _hash(paths[suffix]) for suffix in lacking}
        record = {
            "drawing": drawing,
            "seconds": round(time.perf_counter() - begun, 2),
            "files": {**drawn, **files},
        }
        write_atomically(stamp, json.dumps(record, indent=1).encode())
    seconds = time.perf_counter() - start
    return Produced(list(paths.values()), seconds, computed, drawn=bool(lacking))


def _drawing_key(results: str, path: Path) -> str:
    """Hash of all that the look depends on; the figure's own source is part of the results' key."""
    look = Path(style.__file__)
    words = [Path(labels.__file__), Path(notation.__file__), *sorted(CLAIMS.glob("*.py"))]
    sources = [look, look.with_name("curated_loops.mplstyle"), *words, Path(__file__), path]
    parts = [results, version("matplotlib"), *map(_hash, sources)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _drawn(stamp: Path, drawing: str) -> dict[str, str]:
    """Hashes of the files that were drawn under a key, by their paths."""
    try:
        record = json.loads(stamp.read_bytes())
        return dict(record["files"]) if record["drawing"] == drawing else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # never drawn, or not a stamp


def _is_drawn(file: Path, drawn: Mapping[str, str]) -> bool:
    return file.is_file() and drawn.get(str(file.resolve())) == _hash(file)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
