r"""Command line of the theory: ``python -m theory list | show | verify | falsify | choices``.

Exit status of ``verify``: 0 when every claim holds at the strengths it advertises and every planted
false twin is refuted (with ``--instance``: when the statement holds there), 1 when not. Of
``falsify``: 0 when a counterexample was found, 1 when not. Of ``choices``: 1 when something that is
said to be proved was refuted. Of all: 2 for a command that makes no sense, 130 when interrupted.
"""

# ruff: noqa: E402
from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def _end_at_once(number: int, _: FrameType | None) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(128 + number)


# The imports below take a second or two, in which Ctrl-C is as likely as later.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, _end_at_once)

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text
from threadpoolctl import threadpool_limits

from theory.claims import Claim, claims
from theory.command_line import ended, told_in_one_line
from theory.evidence.campaign import Outcome
from theory.evidence.choice_report import choice_table, details, problems, write_counterexamples
from theory.evidence.choice_table import DEFAULT_RUNS, Cell, table
from theory.evidence.curations import CURATIONS
from theory.evidence.falsify import BadInstanceFile, falsify, read_instance, replay
from theory.evidence.table import claim_table, describe, show, verdict_table
from theory.evidence.target import BadClaimFile, Target, one_line, read_claim_file
from theory.evidence.verdict import Strength
from theory.evidence.verify import DEFAULT_INSTANCES, Report, verify_all
from theory.spelling import nearest
from theory.workers import NoCluster


class UsageError(Exception):
    """A command that makes no sense; its message is one sentence with the remedy."""


_Ids = Annotated[
    tuple[str, ...],
    tyro.conf.Positional,
    tyro.conf.arg(metavar="[ID ...]", help_behavior_hint=""),
]


@dataclass(frozen=True)
class List:
    """List the claims."""


@dataclass(frozen=True)
class Show:
    """Show what a claim says, where it comes from and its false twins."""

    id: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ID")]
    """Id of the claim, as in the list."""


@dataclass(frozen=True)
class Verify:
    """Check claims and refute their false twins."""

    ids: _Ids = ()
    """Ids of claims, or Python files that define one; the whole library by default."""
    strength: Literal["machine-checked", "proved", "exact", "certified", "numeric"] | None = None
    """Only this strength of evidence; by default every one that a claim advertises."""
    json: Path | None = None
    """Write every verdict, margin and counterexample to this file."""
    instance: Path | None = None
    """Check one claim, or one twin written ID:TWIN, on the instance in this JSON file alone."""
    instances: int = DEFAULT_INSTANCES
    """Random instances per claim and strength, besides degenerate cases and grids."""
    seed: int = 0
    """Seed of every random choice."""
    quiet: bool = False
    """No progress bar."""


@dataclass(frozen=True)
class Falsify:
    """Search for a counterexample to a claim, a conjecture, a false twin or a claim of your own."""

    target: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TARGET")]
    """Id of a claim, ID:TWIN for a false twin, or a Python file that defines a claim."""
    twin: str | None = None
    """Name of a false twin of the claim."""
    seconds: float = 60.0
    """Time limit; making a counterexample small may take as long again, and 20 s at most."""
    seed: int = 0
    """Seed of every random choice."""
    json: Path | None = None
    """Write the counterexample to this file, for `verify --instance`."""
    processes: int = 1
    """Processes that search."""
    scheduler: str | None = None
    """Address of a Dask scheduler, tcp://…, whose workers search in their place."""
    quiet: bool = False
    """No progress bar."""


@dataclass(frozen=True)
class Choices:
    """Which claims survive another curator: proved, survived or refuted for every choice model."""

    ids: _Ids = ()
    """Ids of claims, told part by part; the table of the whole library by default."""
    models: tuple[str, ...] = ()
    """Choice models; all of them by default."""
    runs: int = DEFAULT_RUNS
    """Loops evaluated in each cell before it has survived."""
    seconds: float = 20.0
    """Time limit of each cell; the table depends on it only where it is reached."""
    seed: int = 0
    """Seed of every random choice."""
    json: Path | None = None
    """Write every cell, with its reasons and counterexamples, to this file."""
    counterexamples: Path | None = None
    """Write each counterexample to a file in this folder, for `verify ID --instance`."""
    processes: int | None = None
    """Cells at once; by default one per core."""
    quiet: bool = False
    """No progress bar."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
    | Annotated[Falsify, tyro.conf.subcommand("falsify")]
    | Annotated[Choices, tyro.conf.subcommand("choices")]
)


def main(arguments: Sequence[str] | None = None, library: Mapping[str, Claim] = claims) -> int:
    """Run one command on a library of claims and return its exit status."""
    command = _parsed(arguments)
    try:
        if isinstance(command, Verify):
            return _replay(command, library) if command.instance else _verify(command, library)
        if isinstance(command, Falsify):
            return _falsify(command, library)
        if isinstance(command, Choices):
            return _choices(command, library)
        if isinstance(command, Show):
            print(describe(_find(library, command.id)))
        else:
            show(claim_table(library))
    except (UsageError, BadClaimFile, BadInstanceFile, NoCluster) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parsed(arguments: Sequence[str] | None) -> List | Show | Verify | Falsify | Choices:
    with told_in_one_line():
        return tyro.cli(
            Command,
            prog="python -m theory",
            description="The claims about the curated retraining loop, and their evidence.",
            args=arguments,
        )


def _verify(command: Verify, library: Mapping[str, Claim]) -> int:
    if command.instances < 1:
        raise UsageError(f"--instances {command.instances} checks nothing: give at least 1.")
    _check_seed(command.seed)
    strengths = [Strength(command.strength)] if command.strength else list(Strength)
    named = [_claim(library, name) for name in dict.fromkeys(command.ids)]
    # Of the whole library those are checked that the strength is for; a named claim must have it.
    able = [claim for claim in library.values() if set(strengths) & set(claim.advertised)]
    chosen = named or able or [*library.values()]
    for claim in () if named else library.values():
        if claim not in chosen:
            print(f"{claim.id} is left out: it advertises {', '.join(claim.advertised)}.")
    # The matrices are tiny: a second BLAS thread would cost its waiting for a busy core, measured
    # at three times the whole run on a loaded machine.
    with threadpool_limits(1), _written_at_the_end(command.json) as document:
        reports = list(_reports(chosen, strengths, command))
        holds = all(report.holds for report in reports)
        document.update(
            holds=holds,
            strengths=[str(strength) for strength in strengths],
            instances=command.instances,
            seed=command.seed,
            claims=[report.to_json() for report in reports],
        )
    show(verdict_table(reports))
    for report in reports:
        for problem in report.problems:
            print(f"{report.id}: {problem}", file=sys.stderr)
    return 0 if holds else 1


def _reports(
    chosen: Sequence[Claim], strengths: Sequence[Strength], command: Verify
) -> Iterator[Report]:
    with _bar(command.quiet) as progress:
        task = progress.add_task("claims", total=len(chosen))
        for report in verify_all(chosen, strengths, command.instances, command.seed):
            progress.update(task, description=report.id, advance=1)
            yield report


def _bar(quiet: bool) -> Progress:
    """A progress bar on standard error that leaves nothing behind."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    return Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=quiet)


def _replay(command: Verify, library: Mapping[str, Claim]) -> int:
    """Check one statement on the instance of a file, at every strength there is for it."""
    assert command.instance is not None
    if len(command.ids) != 1:
        raise UsageError("--instance checks one statement: give the id of one claim.")
    instance, about, recorded = read_instance(command.instance)
    named = _target(library, command.ids[0], None)
    claim_id = named.statement(library).claim.id
    if about not in (None, claim_id):
        raise UsageError(
            f"{command.instance} is about {about!r}, not {claim_id!r}: give that id, or a file "
            "that holds the instance alone."
        )
    twin = named.twin or recorded
    target = replace(named, twin=twin and _twin(named.statement(library).claim, twin))
    statement = target.statement(library)
    if statement.family is None:
        raise UsageError(f"{statement.label} is not about loops, which instances describe.")
    strengths = [
        strength
        for strength in statement.claim.strengths
        if command.strength in (None, str(strength))
    ]
    if not strengths:
        offered = ", ".join(statement.claim.strengths)
        raise UsageError(
            f"--strength {command.strength} decides no instance: give one of {offered}."
        )
    with threadpool_limits(1), _written_at_the_end(command.json) as document, _blaming(target):
        report = replay(statement, instance, strengths)
        document.update(report.to_json())
        print(instance)
        print("\n".join(report.lines()))
        if statement.twin is not None and not statement.subject.objection(instance):
            claim = replay(replace(statement, twin=None), instance, strengths)
            print("\n".join(claim.lines()))
    return 0 if report.holds else 1


def _falsify(command: Falsify, library: Mapping[str, Claim]) -> int:
    if not 0 < command.seconds < math.inf:
        raise UsageError(f"--seconds {command.seconds:g} leaves no time: give a positive number.")
    if command.processes < 1:
        raise UsageError(f"--processes {command.processes} searches nothing: give at least 1.")
    if command.scheduler is not None and command.processes > 1:
        raise UsageError("--processes and --scheduler exclude each other: give one of them.")
    _check_seed(command.seed)
    target = _target(library, command.target, command.twin)
    statement = target.statement(library)
    with threadpool_limits(1), _written_at_the_end(command.json) as document, _blaming(target):
        with _campaign_progress(command, statement.label) as watch:
            found = falsify(
                target,
                statement,
                command.seconds,
                seed=command.seed,
                processes=command.processes,
                scheduler=command.scheduler,
                watch=watch,
            )
        document.update(found.to_json(), seed=command.seed)
    print("\n".join(found.lines()))
    return 1 if found.found is None else 0


def _choices(command: Choices, library: Mapping[str, Claim]) -> int:
    for name, value in (("--runs", command.runs), ("--seconds", command.seconds)):
        if not 0 < value < math.inf:
            raise UsageError(f"{name} {value:g} leaves nothing to search: give a positive number.")
    if command.processes is not None and command.processes < 1:
        raise UsageError(f"--processes {command.processes} searches nothing: give at least 1.")
    _check_seed(command.seed)
    chosen = [_claim(library, name) for name in dict.fromkeys(command.ids)] or [*library.values()]
    known = {curation.name: curation for curation in CURATIONS}
    for name in command.models:
        if name not in known:
            raise UsageError(
                f"There is no choice model {name!r}: did you mean {nearest(name, list(known))!r}?"
            )
    models = [known[name] for name in dict.fromkeys(command.models)] or [*CURATIONS]
    folder = command.counterexamples
    if folder is not None and not folder.is_dir():
        raise UsageError(f"--counterexamples {folder} is no folder: give one that exists.")
    with _written_at_the_end(command.json) as document:
        cells: list[Cell] = []
        with _bar(command.quiet) as progress:
            task = progress.add_task("cells", total=len(chosen) * len(models))
            for cell in table(
                chosen, models, command.runs, command.seed, command.seconds, command.processes
            ):
                cells.append(cell)
                progress.update(task, description=cell.claim, advance=1)
        broken = [*problems(cells)]
        document.update(
            holds=not broken,
            seed=command.seed,
            runs=command.runs,
            cells=[cell.to_json() for cell in cells],
        )
    if folder is not None:
        write_counterexamples(folder, cells)
    if command.ids:
        print("\n".join(details(cells)))
    else:
        show(choice_table(cells))
    for problem in broken:
        print(problem, file=sys.stderr)
    return 1 if broken else 0


@contextmanager
def _blaming(target: Target) -> Iterator[None]:
    """Tell in one sentence what a user's claim cannot be computed with; a claim of the library that
    does the same is a defect here, and shows its traceback."""
    try:
        yield
    except BadClaimFile:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        if target.file is None:
            raise
        raise UsageError(f"{target.file}: {one_line(error)}") from None


@contextmanager
def _campaign_progress(command: Falsify, label: str) -> Iterator[Callable[[Outcome], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.fields[stage]}"),
        TextColumn("{task.fields[tried]} tried, margin {task.fields[margin]}"),
        TimeLeft(),
    )
    console = Console(stderr=True)
    disable = command.quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as progress:
        task = progress.add_task(
            label, total=command.seconds, stage="searching", tried=0, margin="–"
        )

        def watch(outcome: Outcome) -> None:
            progress.update(
                task,
                completed=outcome.seconds,
                stage=outcome.stage or f"{outcome.searches} searches",
                tried=outcome.evaluations,
                margin=f"{outcome.margin:.1e}" if outcome.margin < math.inf else "–",
            )

        yield watch


class TimeLeft(ProgressColumn):
    """Seconds until the time limit, which a search may reach before its work is done."""

    def render(self, task: Task) -> Text:
        """The seconds as text."""
        left = max(0.0, (task.total or 0.0) - (task.elapsed or 0.0))
        return Text(f"{left:.0f} s left")


def _target(library: Mapping[str, Claim], name: str, twin: str | None) -> Target:
    """What is named by ID, ID:TWIN, FILE.py or FILE.py:TWIN."""
    written, marker, tail = name.partition(".py")
    if marker and (not tail or tail.startswith(":")):
        claim, tail = written + marker, tail[1:]
        text = read_claim_file(Path(claim))
    else:
        claim, _, tail = (name, "", "") if name in library else name.partition(":")
        claim, text = _find(library, claim).id, None
    if tail and twin is not None:
        raise UsageError(f"{name} names a twin already: leave --twin {twin!r} out.")
    target = Target(claim, text=text)
    chosen = tail or twin
    if not chosen:
        return target
    return replace(target, twin=_twin(target.statement(library).claim, chosen))


def _claim(library: Mapping[str, Claim], name: str) -> Claim:
    """The claim of an id or of a file."""
    if name.endswith(".py"):
        return Target(name, text=read_claim_file(Path(name))).statement().claim
    return _find(library, name)


def _twin(claim: Claim, name: str) -> str:
    names = [twin.name for twin in claim.false_twins]
    if name in names:
        return name
    if not names:
        raise UsageError(f"Claim {claim.id!r} has no false twins.")
    likely = nearest(name, names)
    raise UsageError(f"Claim {claim.id!r} has no false twin {name!r}: did you mean {likely!r}?")


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise UsageError(f"--seed {seed} is negative: give a whole number >= 0.")


def _find(library: Mapping[str, Claim], name: str) -> Claim:
    if name in library:
        return library[name]
    if not library:
        raise UsageError(f"There is no claim {name!r}: the library is empty.")
    raise UsageError(f"There is no claim {name!r}: did you mean {nearest(name, library)!r}?")


@contextmanager
def _written_at_the_end(path: Path | None) -> Iterator[dict[str, Any]]:
    """A JSON document that appears at ``path`` complete or not at all; refused before any work
    when that cannot be. A link is followed, and a pipe or device written to, never replaced."""
    document: dict[str, Any] = {}
    if path is None:
        yield document
        return
    path = path.resolve()
    if path.exists() and not (path.is_file() or path.is_dir()):
        yield document
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder")
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UsageError(
            f"--json {path} cannot be written ({error.strerror or error}): give a file name in an "
            "existing, writable folder."
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield document
            json.dump(document, file, indent=1, ensure_ascii=False, allow_nan=False)
        # The draft is private; the umask can be read only by setting it.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(draft, 0o666 & ~umask)
        os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(ended(main))
