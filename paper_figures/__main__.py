"""Command line: make the figures, all or by name, or list them.

Runs of trained generators that the figures read are made first, several at a time, and kept. A
figure whose runs take a GPU reads recorded ones, and is not drawn as long as there are none.

Exit status: 0 when every figure asked for is up to date or not recorded yet, 1 when one could not
be made, 2 when the command cannot be understood, 130 when interrupted.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import joblib
import tyro
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from paper_figures import style
from paper_figures.figure import PaperFigure, compute, is_recorded, produce, runs_needed
from paper_figures.registry import FIGURES, MISSING
from theory.command_line import ended, nearest
from theory.workers import unordered

LIST = "list"
NOT_RECORDED = "not recorded yet"


def make(
    names: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME ...]")
    ] = (),
    /,
    out: Path = Path("build/figures"),
    results: Path = Path("build/results"),
    runs: Path = Path("build/runs/figures"),
    format: str = ",".join(style.FORMATS),
    processes: int = joblib.cpu_count(),
    quiet: bool = False,
) -> int:
    """Make the figures, from saved results where these are up to date.

    Parameters
    ----------
    names
        Figures to make; all of them when none is named. The single word "list" lists them instead.
    out
        Folder for the figures.
    results
        Folder for the saved results.
    runs
        Folder for the runs of trained generators.
    format
        File formats, with commas between them.
    processes
        Runs and computations at a time.
    quiet
        Show no progress.
    """
    console = Console(stderr=True, quiet=quiet)
    if names == (LIST,):
        _list()
        return 0
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        print(_why_not(unknown[0]), file=sys.stderr)
        return 2
    formats = tuple(dict.fromkeys(format.split(",")))
    if strange := [each for each in formats if each not in style.FORMATS]:
        known = ", ".join(style.FORMATS)
        print(f"--format {format} has {strange[0]!r}: name some of {known}.", file=sys.stderr)
        return 2
    if processes < 1:
        print(f"--processes {processes} runs nothing: give at least 1.", file=sys.stderr)
        return 2
    asked = [FIGURES[name] for name in dict.fromkeys(names or FIGURES)]
    wanted = [figure for figure in asked if is_recorded(figure)]
    with _bar(console) as progress:
        lacking = _run(wanted, results, runs, processes, progress)
        failed = _compute(wanted, results, runs, processes, lacking, progress)
        for figure in wanted:
            if figure.name in failed:
                continue
            try:
                done = produce(figure, results, runs, out, formats)
            except Exception:  # one broken figure must not hide the state of the others
                traceback.print_exc()
                failed.append(figure.name)
            else:
                told = "drawn" if done.drawn else "kept"
                console.print(f"{figure.name}: {told} ({done.seconds:.1f} s)", highlight=False)
    for figure in asked:
        if figure not in wanted:
            print(f"{figure.name}: {NOT_RECORDED}")
    for name, library in MISSING.items() if not names else ():
        print(f"Left out: {name}, which needs {library}.", file=sys.stderr)
    if failed:
        print(f"Not made: {', '.join(failed)}.", file=sys.stderr)
        return 1
    if wanted:
        print(f"Figures are in {out.resolve()}")
    return 0


def _run(
    figures: Sequence[PaperFigure], results: Path, runs: Path, processes: int, progress: Progress
) -> set[str]:
    """Make the runs that are missing; the names of figures whose runs failed."""
    needed = {figure.name: runs_needed(figure, results) for figure in figures}
    if not any(needed.values()):
        return set()
    from paper_figures import trained

    missing = {name: trained.missing(needed[name], runs) for name in needed}
    points = {name: each for found in missing.values() for name, each in found.items()}
    failed = set()
    task = progress.add_task("runs", total=len(points))
    for done in trained.run(points, runs, processes):
        progress.advance(task)
        if done.error:
            failed.add(done.name)
            print(f"{done.name}: {done.error}", file=sys.stderr)
        else:
            progress.console.print(f"{done.name}: run", highlight=False)
    return {name for name, found in missing.items() if failed & found.keys()}


def _compute(
    figures: Sequence[PaperFigure],
    results: Path,
    runs: Path,
    processes: int,
    lacking: set[str],
    progress: Progress,
) -> list[str]:
    """Compute what is not saved, several at a time; the names of figures without results."""
    ready = [figure for figure in figures if figure.name not in lacking]
    failed = sorted(lacking)
    task = progress.add_task("figures", total=len(ready))
    calls = [joblib.delayed(_computed)(figure, results, runs) for figure in ready]
    alone = processes == 1 or len(ready) <= 1
    for done in (
        (function(*given) for function, given, _ in calls) if alone else unordered(calls, processes)
    ):
        progress.advance(task)
        if done.error:
            failed.append(done.name)
            print(done.error, file=sys.stderr, end="")
        elif done.computed:
            seconds = f"{done.seconds:.1f} s"
            progress.console.print(f"{done.name}: computed ({seconds})", highlight=False)
    return failed


@dataclass(frozen=True)
class _Computed:
    name: str
    computed: bool
    seconds: float
    error: str = ""


def _computed(figure: PaperFigure, results: Path, runs: Path) -> _Computed:
    start = time.perf_counter()
    try:
        done = compute(figure, results, runs)
    except Exception:  # one broken figure must not hide the state of the others
        return _Computed(figure.name, False, 0.0, traceback.format_exc())
    return _Computed(figure.name, done, time.perf_counter() - start)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        transient=True,
    )


def _why_not(name: str) -> str:
    if name in MISSING:
        return (
            f'The figure {name!r} needs {MISSING[name]}: install it with pip install -e ".[sim]".'
        )
    return f"There is no figure named {name!r}; did you mean {nearest(name, [*FIGURES, LIST])!r}?"


def _list() -> None:
    table = Table("name", "what it shows", box=None)
    for figure in FIGURES.values():
        state = "" if is_recorded(figure) else f" ({NOT_RECORDED})"
        table.add_row(figure.name, figure.caption + state)
    for name, library in MISSING.items():
        table.add_row(name, f"(needs {library}, of the extra sim)")
    Console().print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command on the given arguments (those of the process by default); its exit status."""
    return tyro.cli(make, args=arguments, prog="python -m paper_figures")


if __name__ == "__main__":
    sys.exit(ended(main))
