"""Command line: make the figures, all or by name, or list them.

Exit status: 0 when every figure asked for is up to date, 1 when one could not be made, 2 when the
command cannot be understood.
"""

from __future__ import annotations

import difflib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from paper_figures.figure import produce
from paper_figures.registry import FIGURES

LIST = "list"


def make(
    names: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME ...]")
    ] = (),
    /,
    out: Path = Path("build/figures"),
    results: Path = Path("build/results"),
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
    quiet
        Show no progress.
    """
    console = Console(stderr=True, quiet=quiet)
    if names == (LIST,):
        _list()
        return 0
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], [*FIGURES, LIST], n=1, cutoff=0.0)[0]
        print(
            f"There is no figure named {unknown[0]!r}; did you mean {nearest!r}?", file=sys.stderr
        )
        return 2
    failed = []
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        for name in dict.fromkeys(names or FIGURES):
            task = progress.add_task(name)
            try:
                done = produce(FIGURES[name], results, out)
            except Exception:  # one broken figure must not hide the state of the others
                traceback.print_exc()
                failed.append(name)
            else:
                work = ("computed, " if done.computed else "") + ("drawn" if done.drawn else "kept")
                console.print(f"{name}: {work} ({done.seconds:.1f} s)", highlight=False)
            progress.remove_task(task)
    if failed:
        print(f"Not made: {', '.join(failed)}.", file=sys.stderr)
        return 1
    print(f"Figures are in {out.resolve()}")
    return 0


def _list() -> None:
    table = Table("name", "what it shows", box=None)
    for figure in FIGURES.values():
        table.add_row(figure.name, figure.caption)
    Console().print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command on the given arguments (those of the process by default); its exit status."""
    return tyro.cli(make, args=arguments, prog="python -m paper_figures")


if __name__ == "__main__":
    sys.exit(main())
