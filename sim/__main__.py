r"""Command line of the loops with trained generators: ``python -m sim list | show | run``.

Exit status: 0 when the run, or every run of the sweep, is complete; 1 when training diverged, a
file could not be written, memory was too little or a run of the sweep is not complete; 2 for a
command that makes no sense or a folder that holds another run; 130 when interrupted, 143 when asked
to end.
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


# The imports below take some seconds, in which Ctrl-C is as likely as later.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, _end_at_once)

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from sim.experiment import Experiment, field_values, with_fields
from sim.models import MODELS, Preset
from sim.presets import EXPERIMENTS, Named
from sim.protocols import DivergedTraining
from sim.recording import Status, Watch, record
from sim.runs import METRICS, SECONDS, RunFolder, read_lines
from sim.sweep import folder_name, points, sweep
from theory.command_line import ended, sentence, told_in_one_line
from theory.spelling import nearest
from theory.workers import NoCluster

RUNS = Path("build/runs")
# As many shares fit a terminal of 80 columns: those of the groups that are largest in the end.
MOST_GROUPS = 3


class UsageError(Exception):
    """A command that makes no sense; its message is one sentence with the remedy."""


@dataclass(frozen=True)
class List:
    """List the experiments and the generators."""


@dataclass(frozen=True)
class Show:
    """Show all fields of an experiment, which `run` and its sweeps can set."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """Name of the experiment, as in the list."""
    preset: Preset = "quick"
    """Sizes and settings."""
    generator: str | None = None
    """With the settings of this generator."""


@dataclass(frozen=True)
class Run:
    """Run an experiment, with --FIELD VALUE for every field that `show` has."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """Name of the experiment, as in the list."""
    preset: Preset = "quick"
    """Sizes and settings: quick, or as published."""
    sweep: tuple[str, ...] | None = None
    """Runs for all combinations of values, as K=2,4,8 lam=0.5,1."""
    out: Path | None = None
    """Folder of the run, or of the runs of a sweep; by default one below build/runs."""
    resume: bool = False
    """Go on with a run that was stopped."""
    processes: int = 1
    """Runs of a sweep at a time."""
    scheduler: str | None = None
    """Address of a Dask scheduler, tcp://…, whose workers do the runs of a sweep."""
    quiet: bool = False
    """No progress."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Run, tyro.conf.subcommand("run")]
)
FLAGS = (tyro.conf.FlagCreatePairsOff,)
OPTIONS = {member.name for member in fields(Run)} | {"help"}
NUMBER = re.compile(r"-?[\d.].*|-?inf|-?nan")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        own, texts = _fields_apart(given) if given[:1] == ["run"] else (given, {})
        with told_in_one_line():
            command = tyro.cli(
                Command,
                prog="python -m sim",
                description="The retraining loop with trained generators.",
                args=own,
                config=FLAGS,
            )
        if isinstance(command, Run):
            if command.out is not None and not command.out.name:
                raise UsageError("--out names no folder of its own: give a new or empty one.")
            return _run(command, texts) if command.sweep is None else _sweep(command, texts)
        if isinstance(command, Show):
            _show(command)
        else:
            _list()
    except DivergedTraining as error:
        print(sentence(error), file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        print(sentence(error), file=sys.stderr)
        return 2 if isinstance(error, NoCluster) else 1
    except (MemoryError, RuntimeError) as error:
        # torch has no error of its own for it on the CPU.
        if not isinstance(error, MemoryError) and "allocate memory" not in str(error):
            raise
        print(
            "There is too little memory for so many samples: lower kept, K or real.",
            file=sys.stderr,
        )
        return 1
    except (UsageError, ValueError) as error:
        print(sentence(error), file=sys.stderr)
        return 2
    return 0


def _fields_apart(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Options of the command, and texts of the fields of the experiment.

    A field takes the next word, whatever it is, and numbers after it.
    """
    own: list[str] = []
    texts: dict[str, str] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        name, equals, text = word[2:].partition("=")
        key = name.replace("-", "_")
        if not word.startswith("--") or key in OPTIONS:
            own.append(word)
            continue
        values = [text] if equals else []
        while words and not words[0].startswith("--"):
            if values and (equals or not NUMBER.fullmatch(words[0])):
                break
            values.append(words.pop(0))
        if not values:
            raise UsageError(f"--{name} has no value: give one after it.")
        if key in texts:
            raise UsageError(f"--{name} is given twice: once is enough.")
        texts[key] = " ".join(values)
    return own, texts


def _run(command: Run, texts: dict[str, str]) -> int:
    for option, given in (
        ("--processes", command.processes != 1),
        ("--scheduler", command.scheduler is not None),
    ):
        if given:
            raise UsageError(f"{option} is for the runs of a sweep: add --sweep, or leave it out.")
    experiment = with_fields(_find(command.name).preset(command.preset), texts, command.preset)
    out = command.out or _default_out(command, texts)
    try:
        with _progress(command, experiment) as watch:
            folder = record(experiment, out, resume=command.resume, watch=watch)
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(_interrupted(out, experiment)) from None
    _print_results(folder)
    print(f"Results are in {out}")
    return 0


def _sweep(command: Run, texts: dict[str, str]) -> int:
    if not command.sweep:
        raise UsageError("--sweep has no value: give fields after it, as K=2,4.")
    if command.processes < 1:
        raise UsageError(f"--processes {command.processes} runs nothing: give at least 1.")
    if command.scheduler is not None and command.processes > 1:
        raise UsageError("--processes and --scheduler exclude each other: give one of them.")
    named = _find(command.name)
    grid = points(named.preset(command.preset), command.sweep, texts, command.preset)
    out = command.out or _default_out(command, texts)
    failed = []
    try:
        with _bar(command.quiet, TextColumn("{task.completed} of {task.total} runs")) as progress:
            task = progress.add_task(command.name, total=len(grid))
            for run in sweep(
                grid,
                out,
                resume=command.resume,
                processes=command.processes,
                scheduler=command.scheduler,
            ):
                progress.advance(task)
                if run.error:
                    failed.append(run)
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(
            f"Interrupted: the runs so far are in {out}, and --resume goes on with them."
        ) from None
    _print_sweep([(point.name, out / point.name, point.experiment) for point in grid])
    for run in failed:
        print(f"{run.name}: {run.error}", file=sys.stderr)
    print(f"Results are in {out}")
    return 1 if failed else 0


def _find(name: str) -> Named:
    if name not in EXPERIMENTS:
        raise UsageError(
            f"There is no experiment {name!r}: did you mean {nearest(name, EXPERIMENTS)!r}?"
        )
    return EXPERIMENTS[name]


def _default_out(command: Run, texts: dict[str, str]) -> Path:
    """One folder for each combination of name, preset and fields."""
    kind = "" if command.sweep is None else "sweep"
    last = [command.preset, folder_name(texts), kind]
    return RUNS / command.name / ",".join(part for part in last if part)


def _interrupted(out: Path, experiment: Experiment) -> str:
    done = len(read_lines(out / METRICS))
    if done == 0:
        return "Interrupted before the first round was found: nothing is lost."
    return (
        f"Interrupted after round {done - 1} of {experiment.iterations}: the rounds so far are in "
        f"{out}, and --resume goes on with them."
    )


@contextmanager
def _bar(quiet: bool, *columns: TextColumn) -> Iterator[Progress]:
    """A progress bar on a terminal that leaves nothing behind."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        *columns,
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    ) as progress:
        yield progress


@contextmanager
def _progress(command: Run, experiment: Experiment) -> Iterator[Watch]:
    columns = (
        TextColumn("round {task.fields[t]} of " + str(experiment.iterations)),
        TextColumn("loss {task.fields[loss]}  reward {task.fields[reward]}"),
    )
    with _bar(command.quiet, *columns) as progress:
        task = progress.add_task(
            command.name, total=experiment.iterations + 1, t=0, loss="–", reward="–"
        )

        def watch(status: Status) -> None:
            progress.update(
                task,
                completed=status.t + status.done,
                t=min(status.t, experiment.iterations),
                loss="–" if status.loss is None else f"{status.loss:.3g}",
                reward="–" if status.reward is None else f"{status.reward:.3g}",
            )

        yield watch


def _list() -> None:
    console = Console()
    table = Table("experiment", "data and loop", box=None)
    for name, named in EXPERIMENTS.items():
        table.add_row(name, named.says)
    console.print(table)
    console.print()
    table = Table("generator", "what it is", box=None)
    for name, model in MODELS.items():
        table.add_row(name, model.says)
    console.print(table)


def _show(command: Show) -> None:
    texts = {} if command.generator is None else {"generator": command.generator}
    named = _find(command.name)
    experiment = with_fields(named.preset(command.preset), texts, command.preset)
    print(f"{command.name}: {named.says}\n")
    for name, value in field_values(experiment).items():
        shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
        print(f"  --{name:<18} {shown}")


def _print_results(folder: RunFolder) -> None:
    metrics = folder.metrics()
    seconds = {line["t"]: line["all"] for line in folder.lines(SECONDS)}
    last = metrics[-1]["shares"]
    groups = sorted(last, key=last.__getitem__, reverse=True)[:MOST_GROUPS]
    table = Table(box=None)
    for heading in ("t", "E[r]", "±", "E[w]", "±", "loss", "s", *groups):
        table.add_column(escape(heading), justify="right")
    for line in metrics:
        table.add_row(
            str(line["t"]),
            *(_number(line[name]) for name in ("reward", "reward_se", "weight", "weight_se")),
            _number(line["fit"].get("loss")),
            _number(seconds.get(line["t"])),
            *(f"{line['shares'][group]:.3f}" for group in groups),
        )
    table.caption = escape(
        "E[r], E[w]: mean reward (log-odds) and weight of a round, ± standard error; s: seconds; "
        "then the shares of the groups that are largest in the end"
    )
    Console().print(table)


def _print_sweep(runs: Sequence[tuple[str, Path, Experiment]]) -> None:
    table = Table(box=None)
    for heading in ("run", "rounds", "E[r]", "±", "E[w]", "±"):
        table.add_column(escape(heading), justify="left" if heading == "run" else "right")
    for name, path, experiment in runs:
        metrics = read_lines(path / METRICS)
        last = metrics[-1] if metrics else {}
        table.add_row(
            name,
            f"{len(metrics) - 1} of {experiment.iterations}" if metrics else "–",
            *(_number(last.get(key)) for key in ("reward", "reward_se", "weight", "weight_se")),
        )
    Console().print(table)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(ended(main))
