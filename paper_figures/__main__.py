"""Command line: make the figures, all or by name, and the page that shows them; or list them.

The claims that the figures show are checked first, all of them when no figure is named, unless this
very code has checked them here before. Runs of trained generators that the figures read are made
next, several at a time, and kept. A figure whose runs take a GPU reads recorded ones, and is not
drawn as long as there are none. The page, ``index.html``, always shows every figure.

Exit status: 0 when every figure asked for is up to date or not recorded yet and every claim asked
about stands, 1 when one could not be made or does not stand, 2 when the command cannot be
understood, 130 when interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import joblib
import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from paper_figures import evidence, gallery, style
from paper_figures.estimate import Bar, Seconds, wall, words
from paper_figures.evidence import Checked
from paper_figures.figure import PaperFigure, is_recorded, on_disk, produce
from paper_figures.registry import FIGURES, MISSING
from theory.claims import Claim, claims
from theory.command_line import ended, sentence, told_in_one_line
from theory.spelling import nearest
from theory.workers import unordered

if TYPE_CHECKING:  # it needs torch
    from paper_figures.trained import Run

LIST = "list"
NOT_RECORDED = "not recorded yet"

# The stages of the work, as the progress bar names them.
CHECKING, RUNNING, DRAWING = "claims", "runs", "figures"


def make(
    names: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="[NAME ...]", help_behavior_hint=""),
    ] = (),
    /,
    out: Path = Path("build/figures"),
    results: Path = Path("build/results"),
    runs: Path = Path("build/runs/figures"),
    format: str = ",".join(style.FORMATS),
    processes: int = joblib.cpu_count(),
    quiet: bool = False,
) -> int:
    """Make the figures, from saved results where these are up to date, and the page of all figures.

    Parameters
    ----------
    names
        Figures to make; all of them when none is named. The single word "list" lists them instead.
    out
        Folder for the figures, and for the page that shows them, index.html.
    results
        Folder for the saved results and verdicts.
    runs
        Folder for the runs of trained generators.
    format
        File formats, with commas between them.
    processes
        Checks, runs and figures at a time.
    quiet
        Show no progress.
    """
    console = Console(stderr=True, quiet=quiet)
    if names == (LIST,):
        _list()
        return 0
    if LIST in names:
        print(f"{LIST!r} takes no names: leave it out, or give it alone.", file=sys.stderr)
        return 2
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
    for option, folder in (("--out", out), ("--results", results), ("--runs", runs)):
        if reason := _unusable(folder):
            print(f"{option} {folder} {reason}: name another folder.", file=sys.stderr)
            return 2
    # Processes of the pool may be elsewhere: they stay where the first work found them.
    out, results, runs = out.absolute(), results.absolute(), runs.absolute()
    asked = [FIGURES[name] for name in dict.fromkeys(names or FIGURES)]
    named = {name for figure in asked for name in figure.claims}
    wanted = [claim for claim in claims.values() if not names or claim.id in named]
    # Taken at once, so that sources that change meanwhile are not taken for those that ran.
    stamp = evidence.key()
    reports = evidence.saved(claims, results, stamp)
    work = _plan(asked, wanted, reports, results, runs, out, formats)
    console.print(work.told(processes), highlight=False, soft_wrap=True)
    failed: dict[str, str] = {}
    try:
        with work.bar(console, processes) as bar:
            for name, report in evidence.check(work.claims, results, stamp, processes):
                reports[name] = report
                bar.done(CHECKING, work.seconds.claim(name))
            bar.begin(RUNNING)
            failed |= _run(work, runs, processes, bar)
            bar.begin(DRAWING)
            failed |= _draw(work, results, runs, out, formats, processes, failed, bar)
    finally:  # what is there is shown, also when the work was broken off
        page, entries = gallery.write(FIGURES, MISSING, claims, reports, out, results, failed)
    for name, library in MISSING.items() if not names else ():
        print(f"Left out: {name}, which needs {library}.", file=sys.stderr)
    fallen = [reports[claim.id] for claim in wanted if not reports[claim.id].holds]
    for report in fallen:
        print(f"{report.id}: {'; '.join(report.report['problems'])}", file=sys.stderr)
    if failed:
        print(f"Not made: {', '.join(failed)}.", file=sys.stderr)
    if wanted:
        print(_verdict([reports[claim.id] for claim in wanted], work))
    print(f"{gallery.counted(entries).capitalize()}: {page.resolve()}")
    return 1 if failed or fallen else 0


@dataclass(frozen=True)
class _Work:
    """What is to be done, each part with the seconds that are expected.

    Attributes
    ----------
    claims
        Claims to check.
    runs
        Runs to make, by the names of their folders.
    figures
        Figures to draw, those first that take longest.
    uncomputed
        Names of those of them whose results are to be computed first.
    readers
        Folders of the runs that are missing, by the name of the figure that reads them.
    seconds
        How long each part takes.
    """

    claims: Sequence[Claim]
    runs: Mapping[str, Run]
    figures: Sequence[PaperFigure]
    uncomputed: frozenset[str]
    readers: Mapping[str, frozenset[str]]
    seconds: Seconds

    def figure(self, figure: PaperFigure) -> float:
        """Expected seconds of one figure."""
        computing = self.seconds.computing(figure) if figure.name in self.uncomputed else 0.0
        return computing + self.seconds.drawing(figure)

    def stages(self) -> dict[str, list[float]]:
        """Expected seconds of the parts of each stage."""
        return {
            CHECKING: [self.seconds.claim(claim.id) for claim in self.claims],
            RUNNING: [self.seconds.run(each) for each in self.runs.values()],
            DRAWING: [self.figure(figure) for figure in self.figures],
        }

    def bar(self, console: Console, processes: int) -> Bar:
        """A bar over all of it."""
        return Bar(console, self.stages(), processes)

    def told(self, processes: int) -> str:
        """What will be done, and about how long it takes."""
        parts = [
            f"{number} {one if number == 1 else many}{done}"
            for number, one, many, done in (
                (len(self.claims), "claim", "claims", " to check"),
                (len(self.runs), "run", "runs", " to make"),
                (len(self.uncomputed), "figure", "figures", " to compute"),
                (len(self.figures), "figure", "figures", " to draw"),
            )
            if number
        ]
        if not parts:
            return "Nothing to compute: all is saved."
        total = sum(wall(seconds, processes) for seconds in self.stages().values())
        together = f" on {processes} processes" if processes > 1 else ""
        return f"{', '.join(parts)}: about {words(total)}{together}."


def _plan(
    figures: Sequence[PaperFigure],
    claims: Sequence[Claim],
    reports: Mapping[str, Checked],
    results: Path,
    runs: Path,
    out: Path,
    formats: Sequence[str],
) -> _Work:
    """What is to be done so that these figures and claims are up to date."""
    seconds = Seconds(results, runs)
    there = {figure.name: on_disk(figure, results, out) for figure in figures}
    lacking = [
        figure
        for figure in figures
        if there[figure.name].recorded and not set(formats) <= there[figure.name].files.keys()
    ]
    uncomputed = [figure for figure in lacking if not there[figure.name].computed]
    found: dict[str, Mapping[str, Run]] = {}
    for figure in uncomputed:
        if figure.experiments is not None:
            from paper_figures import trained

            found[figure.name] = trained.missing(figure.experiments(figure.parameters), runs)
    work = _Work(
        claims=[claim for claim in claims if claim.id not in reports],
        runs={name: each for points in found.values() for name, each in points.items()},
        figures=lacking,
        uncomputed=frozenset(figure.name for figure in uncomputed),
        readers={name: frozenset(points) for name, points in found.items()},
        seconds=seconds,
    )
    return replace(work, figures=sorted(lacking, key=work.figure, reverse=True))


def _run(work: _Work, runs: Path, processes: int, bar: Bar) -> dict[str, str]:
    """Make the runs that are missing; why figures lack theirs, by name."""
    if not work.runs:
        return {}
    from paper_figures import trained

    errors = {}
    for done in trained.run(work.runs, runs, processes):
        bar.done(RUNNING, work.seconds.run(work.runs[done.name]))
        if done.error:
            errors[done.name] = f"{done.name}: {done.error}"
            print(errors[done.name], file=sys.stderr)
        else:
            bar.tell(f"{done.name}: run")
    # What another process was making may be complete by now.
    missing = trained.missing(work.runs, runs)
    errors = {name: error for name, error in errors.items() if name in missing}
    return {
        figure: next(errors[name] for name in sorted(needed) if name in errors)
        for figure, needed in work.readers.items()
        if needed & errors.keys()
    }


def _draw(
    work: _Work,
    results: Path,
    runs: Path,
    out: Path,
    formats: Sequence[str],
    processes: int,
    lacking: Mapping[str, str],
    bar: Bar,
) -> dict[str, str]:
    """Compute and draw figures, several at a time; why some could not be made, by name."""
    ready = {figure.name: figure for figure in work.figures if figure.name not in lacking}
    calls = [
        joblib.delayed(_drawn)(figure, results, runs, out, formats) for figure in ready.values()
    ]
    alone = processes == 1 or len(calls) <= 1
    failed = {}
    for done in (
        (function(*given) for function, given, _ in calls) if alone else unordered(calls, processes)
    ):
        bar.done(DRAWING, work.figure(ready[done.name]))
        if done.error:
            failed[done.name] = done.error.splitlines()[-1]
            print(done.error, file=sys.stderr, end="")
        else:
            told = "computed and drawn" if done.computed else "drawn"
            bar.tell(f"{done.name}: {told} ({done.seconds:.1f} s)")
    return failed


@dataclass(frozen=True)
class _Drawn:
    name: str
    computed: bool
    seconds: float
    error: str = ""


def _drawn(
    figure: PaperFigure, results: Path, runs: Path, out: Path, formats: Sequence[str]
) -> _Drawn:
    try:
        done = produce(figure, results, runs, out, formats)
    except Exception:  # one broken figure must not hide the state of the others
        return _Drawn(figure.name, False, 0.0, traceback.format_exc())
    return _Drawn(figure.name, done.computed, done.seconds)


def _verdict(reports: Sequence[Checked], work: _Work) -> str:
    """What became of the claims, and how old that is."""
    fresh = {claim.id for claim in work.claims}
    kept = [report.time for report in reports if report.id not in fresh]
    if not kept:
        return f"{evidence.overview(reports)}."
    whole = "" if len(kept) == len(reports) else f"{len(kept)} of them "
    return f"{evidence.overview(reports)} ({whole}checked before, {min(kept)}, by the same code)."


def _unusable(folder: Path) -> str:
    """Why nothing can be written to a folder, which need not be there; empty if it can."""
    path = folder.absolute()
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if not there.is_dir():
        return "is a file" if there == path else f"is below the file {there}"
    return "" if os.access(there, os.W_OK | os.X_OK) else "cannot be written to"


def _why_not(name: str) -> str:
    if name in MISSING:
        return (
            f'The figure {name!r} needs {MISSING[name]}: install it with pip install -e ".[sim]".'
        )
    return f"There is no figure named {name!r}: did you mean {nearest(name, [*FIGURES, LIST])!r}?"


def _list() -> None:
    table = Table("name", "what it shows", box=None)
    for figure in FIGURES.values():
        state = "" if is_recorded(figure) else f" ({NOT_RECORDED})"
        table.add_row(figure.name, escape(figure.caption) + state)
    for name, library in MISSING.items():
        table.add_row(name, f"(needs {library}, of the extra sim)")
    Console().print(table)


@wraps(make)
def _asked(*names: Any, **options: Any) -> Callable[[], int]:
    """Reading a command and doing it are two: what is told while it is done is told at once."""
    return partial(make, *names, **options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command on the given arguments (those of the process by default); its exit status."""
    try:
        with told_in_one_line():
            asked = tyro.cli(_asked, args=arguments, prog="python -m paper_figures")
        return asked()
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, say: where the code was then is no news
        print(sentence(error), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(ended(main))
