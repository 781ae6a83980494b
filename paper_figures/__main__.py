"""Command line: make the figures, all or by name, or list them.

Runs of trained generators that the figures read are made first, several at a time, and kept.

Exit status: 0 when every figure asked for is up to date, 1 when one could not be made, 2 when the
command cannot be understood, 130 when interrupted.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import joblib
import tyro
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from paper_figures.figure import PaperFigure, produce, runs_needed
from paper_figures.registry import FIGURES, MISSING
from theory.command_line import ended, nearest

LIST = "list"


def make(
    names: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME ...]")
    ] = (),
    /,
    out: Path = Path("build/figures"),
    results: Path = Path("build/results"),
    runs: Path = Path("build/runs/figures"),
    processes: int = joblib.cpu_count(),
    quiet: bool = False,
) -> int:
    """Make the figures as PDF and PNG, from saved results where these are up to date.

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
    processes
        Runs at a time.
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
    if processes < 1:
        print(f"--processes {processes} runs nothing: give at least 1.", file=sys.stderr)
        return 2
    wanted = [FIGURES[name] for name in dict.fromkeys(names or FIGURES)]
    failed = _run(wanted, results, runs, processes, console)
    unmade = []
    with _bar(console, SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as p:
        for figure in wanted:
            task = p.add_task(figure.name)
            try:
                done = produce(figure, results, runs, out)
            except Exception:  # one broken figure must not hide the state of the others
                # That a run is missing is no news where it has been said why.
                if not failed:
                    traceback.print_exc()
                unmade.append(figure.name)
            else:
                work = ("computed, " if done.computed else "") + ("drawn" if done.drawn else "kept")
                console.print(f"{figure.name}: {work} ({done.seconds:.1f} s)", highlight=False)
            p.remove_task(task)
    for name, library in MISSING.items() if not names else ():
        print(f"Left out: {name}, which needs {library}.", file=sys.stderr)
    if unmade:
        print(f"Not made: {', '.join(unmade)}.", file=sys.stderr)
        return 1
    print(f"Figures are in {out.resolve()}")
    return 0


def _run(
    figures: Sequence[PaperFigure], results: Path, runs: Path, processes: int, console: Console
) -> bool:
    """Make the runs that are missing; whether one of them failed."""
    needed = [runs_needed(figure, results) for figure in figures]
    if not any(needed):
        return False
    from paper_figures import trained

    missing = {
        name: experiment
        for experiments in needed
        for name, experiment in trained.missing(experiments, runs).items()
    }
    failed = False
    columns = TextColumn("{task.completed} of {task.total}"), TimeRemainingColumn()
    with _bar(console, TextColumn("runs"), BarColumn(), *columns, TextColumn("left")) as progress:
        task = progress.add_task("runs", total=len(missing))
        for done in trained.run(missing, runs, processes):
            progress.advance(task)
            if done.error:
                failed = True
                print(f"{done.name}: {done.error}", file=sys.stderr)
            else:
                console.print(f"{done.name}: run", highlight=False)
    return failed


def _bar(console: Console, *columns: ProgressColumn) -> Progress:
    return Progress(*columns, console=console, transient=True)


def _why_not(name: str) -> str:
    if name in MISSING:
        return (
            f'The figure {name!r} needs {MISSING[name]}: install it with pip install -e ".[sim]".'
        )
    return f"There is no figure named {name!r}; did you mean {nearest(name, [*FIGURES, LIST])!r}?"


def _list() -> None:
    table = Table("name", "what it shows", box=None)
    for figure in FIGURES.values():
        table.add_row(figure.name, figure.caption)
    for name, library in MISSING.items():
        table.add_row(name, f"(needs {library}, of the extra sim)")
    Console().print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command on the given arguments (those of the process by default); its exit status."""
    return tyro.cli(make, args=arguments, prog="python -m paper_figures")


if __name__ == "__main__":
    sys.exit(ended(main))
