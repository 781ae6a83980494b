r"""Command line of the loops on images: ``python -m gpu_experiments`` with ``list``, ``show``,
``run``, ``check``, ``costs``, ``lease``, ``unpack``, ``solvers`` or ``profile``.

``torchrun --nproc-per-node N -m gpu_experiments run …`` shares a run out to N processes.

Exit status: 0 when all runs are complete; 1 when training diverged, memory ran out, a file could
not be written, another process ended, or a checked run is not as the theory says; 2 for a command
that makes no sense, data that are not there, or a folder that holds another run; 75 when the runs
of a lease go on; 130 when interrupted, 143 when asked to end.
"""

# ruff: noqa: E402
from __future__ import annotations

import os
import signal
import sys
import tempfile
from types import FrameType


def _end_at_once(number: int, _: FrameType | None) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(128 + number)


# The imports below take some seconds, in which Ctrl-C is as likely as later.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, _end_at_once)

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from gpu_experiments.distributed import EndedElsewhere, leave, team_on
from gpu_experiments.experiment import ImageExperiment, Places
from gpu_experiments.lease import wait
from gpu_experiments.parcel import unpack
from gpu_experiments.presets import PRESETS, Preset
from sim.protocols import DivergedTraining
from sim.recording import Status, record, rounds_left
from sim.runs import CONFIG, METRICS, SECONDS, read_lines, write
from theory.command_line import ended, sentence, told_in_one_line
from theory.spelling import nearest

RUNS = Path("build/runs/images")
GOING = 75
"""Exit status that says "not yet, try again", by the convention of ``sysexits.h``."""


class UsageError(Exception):
    """A command that makes no sense; its message is one sentence with the remedy."""


@dataclass(frozen=True)
class List:
    """List the presets and their runs."""


@dataclass(frozen=True)
class Show:
    """Show everything that a preset's runs depend on, as JSON."""

    preset: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PRESET")]
    """Name of the preset, as in the list."""


@dataclass(frozen=True)
class Run:
    """Run a preset: all its runs, one after the other, each in a folder of its own."""

    preset: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PRESET")]
    """Name of the preset, as in the list."""
    only: tuple[str, ...] | None = None
    """These of its runs, by name."""
    data: Path | None = None
    """CIFAR-10: its archive, the unpacked batches, or files in Hugging Face's parquet layout; by
    default the archive is downloaded once."""
    out: Path | None = None
    """Folder of the runs; by default one below build/runs/images."""
    resume: bool = False
    """Go on with runs that were stopped, and leave complete ones."""
    device: str = "auto"
    """Where to run: auto, cpu, cuda, or one like cuda:1."""
    inception: Path | None = None
    """Parameters of the Inception network for torch-fidelity, for Fréchet distances in its
    features."""
    quiet: bool = False
    """No progress."""
    log: bool = False
    """A line for every tenth of a fit, for runs in the background."""


@dataclass(frozen=True)
class Check:
    """Hold finished runs against what the theory says of them."""

    runs: tyro.conf.Positional[Path]
    """Folder of the runs, or of one."""


@dataclass(frozen=True)
class Costs:
    """Add up what runs took: wall time, GPU-hours and operations per second of each phase, and
    hours for as many rounds as the paper gives them for."""

    runs: tyro.conf.Positional[Path]
    """Folder of the runs, or of one."""
    devices: int = 1
    """How many shared each run, which runs do not record."""
    json: Path | None = None
    """File for all numbers."""


@dataclass(frozen=True)
class Lease:
    """Run a preset in the background on a machine that is held for minutes: start it or find it
    going, wait, and pack what is worth taking home. Give the same command again to go on."""

    preset: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PRESET")]
    """Name of the preset, as in the list."""
    to: Path
    """Folder for the archives and the end of the log."""
    out: Path
    """Folder of the runs."""
    seconds: float
    """How long to wait at most."""
    only: tuple[str, ...] | None = None
    """These of its runs, by name."""
    data: Path | None = None
    """As for run."""
    device: str = "auto"
    """Where to run: auto, cpu, cuda, or one like cuda:1."""


@dataclass(frozen=True)
class Unpack:
    """Put runs that a lease packed where figures of recorded runs look for them."""

    archives: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="ARCHIVES")]
    """Folder of the archives."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Folder for the runs."""


@dataclass(frozen=True)
class Solvers:
    """Compare a preset's solver with the paper's 250 Euler steps on its pretrained model."""

    preset: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PRESET")]
    """Name of the preset, as in the list."""
    json: Path
    """File for the result."""
    images: int = 10_000
    """Images from each solver, a multiple of K."""
    data: Path | None = None
    """As for run."""
    device: str = "auto"
    """Where to run: auto, cpu, cuda, or one like cuda:1."""


@dataclass(frozen=True)
class Profile:
    """Measure a preset's training and sampling on a device, and estimate how long it takes."""

    preset: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[PRESET]")] = "cifar10-fast"
    """Name of the preset, as in the list."""
    device: str = "auto"
    """Where to run: auto, cpu, cuda, or one like cuda:1."""
    seconds: float = 10.0
    """About how long each kind of work is timed."""
    batch: int | None = None
    """Images per training step; by default the preset's."""
    json: Path | None = None
    """File for all numbers."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Check, tyro.conf.subcommand("check")]
    | Annotated[Costs, tyro.conf.subcommand("costs")]
    | Annotated[Lease, tyro.conf.subcommand("lease")]
    | Annotated[Unpack, tyro.conf.subcommand("unpack")]
    | Annotated[Solvers, tyro.conf.subcommand("solvers")]
    | Annotated[Profile, tyro.conf.subcommand("profile")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    status = _status(arguments)
    leave(status)
    return status


def _status(arguments: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with told_in_one_line():
            command = tyro.cli(
                Command,
                prog="python -m gpu_experiments",
                description="The retraining loop on images.",
                args=given,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
        if isinstance(command, Run):
            _run(command)
        elif isinstance(command, Check):
            return _check(command)
        elif isinstance(command, Costs):
            _costs(command)
        elif isinstance(command, Lease):
            return _lease(command)
        elif isinstance(command, Unpack):
            for path in unpack(command.archives, command.out):
                print(path)
        elif isinstance(command, Solvers):
            _solvers(command)
        elif isinstance(command, Profile):
            _profile(command)
        elif isinstance(command, Show):
            runs = _find(command.preset).runs
            print(json.dumps({name: each.as_json() for name, each in runs.items()}, indent=1))
        else:
            _list()
    except (DivergedTraining, MemoryError, EndedElsewhere) as error:
        print(sentence(error), file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        print(sentence(error), file=sys.stderr)
        return 2 if isinstance(error, FileNotFoundError | ConnectionError) else 1
    except RuntimeError as error:
        # torch has no error of its own for it on the CPU.
        on_device = isinstance(error, torch.OutOfMemoryError)
        if not on_device and "allocate memory" not in str(error):
            raise
        where = "on the device" if on_device else "here"
        print(
            f"There is too little memory {where} for so many images: stop what else runs there, "
            "or lower kept, K or compared.",
            file=sys.stderr,
        )
        return 1
    except (UsageError, ValueError, ImportError) as error:
        print(sentence(error), file=sys.stderr)
        return 2
    return 0


def _run(command: Run) -> None:
    chosen = _chosen(command.preset, command.only)
    out = RUNS / command.preset if command.out is None else command.out
    places = Places(command.data, inception=command.inception, device=command.device)
    team = team_on(command.device)
    runs = {name: replace(run, places=places).shared_by(team.count) for name, run in chosen.items()}
    for name, experiment in runs.items():
        try:
            _one(name, experiment, out / name, command)
        except KeyboardInterrupt as interrupt:
            raise type(interrupt)(
                f"Interrupted in {name}: the rounds so far are in {out}, and --resume goes on."
            ) from None
    if team.first:
        _print_results([(name, out / name) for name in runs])
        print(f"Results are in {out}")
    team.together()


def _one(name: str, experiment: ImageExperiment, path: Path, command: Run) -> None:
    """One run, in as many processes as there are."""
    team = experiment.team
    if not team.agreed(lambda: rounds_left(experiment, path, resume=command.resume)):
        return
    # Before the bar below, since reading may show its own.
    experiment.ready()
    if not team.first:
        # The first process records; this one does the same rounds.
        for _ in experiment.loop().rounds():
            pass
        return
    with _bar(command.quiet) as progress:
        task = progress.add_task(name, total=experiment.iterations + 1, t=0, loss="–", reward="–")
        said = -1

        def watch(status: Status) -> None:
            nonlocal said
            tenth = int(10 * (status.t + status.done))
            if command.log and tenth > said:
                said = tenth
                loss = "" if status.loss is None else f", loss {status.loss:.3g}"
                done = 10 * (tenth - 10 * status.t)  # up to 100, where the next round's 0 is
                told = f"{name}: {done} % of the fit of round {status.t}{loss}"
                if status.t <= experiment.iterations:
                    print(told, file=sys.stderr, flush=True)
            progress.update(
                task,
                completed=status.t + status.done,
                t=min(status.t, experiment.iterations),
                loss="–" if status.loss is None else f"{status.loss:.3g}",
                reward="–" if status.reward is None else f"{status.reward:.3g}",
            )

        record(experiment, path, resume=command.resume, watch=watch)


def _check(command: Check) -> int:
    # Imported here: no other command needs it.
    from gpu_experiments.theory_checks import check_run

    holds = True
    folders = _folders(command.runs)
    configs = [json.loads((path / CONFIG).read_text(encoding="utf-8")) for path in folders]
    for path, config in zip(folders, configs, strict=True):
        if "selects" not in config:
            raise UsageError(f"{path} is no run on images: name a folder of such runs alone.")
    for path, config in zip(folders, configs, strict=True):
        if config["iterations"] == 0:
            continue  # a first model alone
        if not config["selects"]:
            print(f"{path.name}: keeps one of K by lot, of which these theorems say nothing.")
            continue
        if len(read_lines(path / METRICS)) < 2:
            print(f"{path.name}: has no round of retraining yet, and nothing to check.")
            continue
        for finding in check_run(path):
            holds &= finding.holds
            print(f"{path.name}: {finding}")
    return 0 if holds else 1


def _folders(runs: Path) -> list[Path]:
    found = sorted(path.parent for path in runs.glob(f"**/{CONFIG}"))
    if not found:
        raise UsageError(f"{runs} holds no run: name a folder of runs.")
    return found


def _costs(command: Costs) -> None:
    # Imported here: no other command needs it.
    from gpu_experiments.costs import HOUR, PUBLISHED, as_json

    if command.devices < 1:
        raise UsageError(f"--devices {command.devices} share no run: give at least 1.")
    _writable(command.json)
    found = as_json(_folders(command.runs), command.devices)
    if command.json is not None:
        _write(command.json, found)
    # Hours of what the runs were made on.
    hours = "GPU-hours" if all(found["hardware"]) else "hours"
    phases = _right("phase", "wall, s", hours, "TFLOP/s", "share")
    for one in found["phases"]:
        phases.add_row(
            one["name"],
            f"{one['seconds']:.1f}",
            f"{one['device_hours']:.3g}",
            f"{one['flops_per_second'] / 1e12:.3g}" if one["flops"] else "–",
            f"{100 * one['share']:.0f} %",
        )
    seconds = sum(one["seconds"] for one in found["phases"])
    phases.add_row("all", f"{seconds:.1f}", f"{command.devices * seconds / HOUR:.3g}", "", "100 %")
    twenty = f"{hours} for {PUBLISHED.rounds} rounds"
    settings = _right("setting", "runs", "rounds", "s per round", twenty, "published, A100-hours")
    for one in found["settings"]:
        published = one["published_device_hours"]
        settings.add_row(
            one["name"],
            str(one["runs"]),
            str(one["rounds"]),
            f"{one['seconds'] / one['rounds']:.3g}",
            f"{one['extrapolated_device_hours']:.3g}",
            "–" if published is None else f"{published:.3g}",
        )
    console = Console()
    gpus = " and ".join(each or "no GPU" for each in found["hardware"])
    many = "one device" if command.devices == 1 else f"{command.devices} devices"
    console.print(f"On {gpus}, {many} per run.", highlight=False)
    console.print(phases)
    if not found["settings"]:
        return
    console.print(settings)
    console.print(
        f"Hours for {PUBLISHED.rounds} rounds are extrapolated from the mean of the measured ones, "
        f"pretraining aside. Published: {PUBLISHED.hours:g} h on one {PUBLISHED.device} for "
        f"{PUBLISHED.rounds} rounds ({PUBLISHED.source}).",
        highlight=False,
    )


def _writable(file: Path | None) -> None:
    """What cannot be written is told before what takes long, and a folder that lacks is made."""
    if file is None:
        return
    if file.is_dir():
        raise UsageError(f"--json {file} is a folder: name a file.")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=file.parent):
        pass


def _write(file: Path, found: Mapping[str, Any]) -> None:
    write(file, json.dumps(found, indent=1).encode())


def _right(first: str, *others: str) -> Table:
    """A table of a column of names and columns of numbers."""
    table = Table(first, box=None)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


def _lease(command: Lease) -> int:
    _chosen(command.preset, command.only)
    if not command.seconds > 0:
        raise UsageError(f"--seconds {command.seconds} waits for nothing: give more than 0.")
    if command.to.resolve() == command.out.resolve():
        raise UsageError(f"--to {command.to} is the folder of the runs: name another for archives.")
    options = {"--data": command.data, "--device": command.device, "--out": command.out}
    held = wait(
        [sys.executable, "-m", "gpu_experiments", "run", command.preset, "--resume", "--log"]
        + [text for name, value in options.items() if value for text in (name, str(value))]
        + (["--only", *command.only] if command.only else []),
        command.out,
        command.to,
        command.seconds,
    )
    print(held.log, end="")
    if held.before:
        print(f"Runs were started again, since those before {held.before}.")
    print(f"{len(held.archives)} archives are in {command.to}", end="; ")
    if held.status is None:
        print("the runs go on: give the same command again.")
        return GOING
    print(f"the runs ended with status {held.status}.")
    return held.status


def _solvers(command: Solvers) -> None:
    # Imported here: no other command needs it.
    from gpu_experiments.solver_check import solver_check

    run = next(iter(_find(command.preset).runs.values()))
    _writable(command.json)
    places = Places(command.data, device=command.device)
    found = solver_check(replace(run, places=places), command.images)
    _write(command.json, found)
    for name in ("reward", "kept_reward"):
        pair = found[name]
        print(
            f"{name}: {pair['here']:.4g}, reference {pair['there']:.4g}, difference "
            f"{pair['difference']:.2g} ± {pair['se']:.2g}"
        )


def _profile(command: Profile) -> None:
    # Imported here: no other command needs it.
    from gpu_experiments.profiling import profile

    runs = _find(command.preset).runs
    _writable(command.json)
    if command.batch is not None:
        runs = {
            name: replace(run, model=replace(run.model, batch=command.batch))
            for name, run in runs.items()
        }
    found = profile(runs, team_on(command.device).device, command.seconds)
    if command.json is not None:
        _write(command.json, {"preset": command.preset, **found.as_json()})
    work = _right("work", "images", "ms", "images/s", "TFLOP/s", "share", "floor, ms", "GB")
    for one in (found.training, found.sampling, found.classifier):
        work.add_row(
            one.what,
            str(one.images),
            f"{1e3 * one.seconds:.4g}",
            f"{one.images_per_second:.4g}",
            f"{one.achieved / 1e12:.3g}",
            f"{100 * one.share:.0f} %",
            f"{1e3 * one.floor:.3g}",
            f"{one.peak_bytes / 1e9:.2g}",
        )
    phases = _right("phase of all runs", "s, estimated")
    for name, estimated in {**found.phases, "all": found.total}.items():
        phases.add_row(name, f"{estimated:.0f}")
    console = Console()
    console.print(
        f"{found.device}: {found.rate / 1e12:.3g} TFLOP/s in products of {found.precision} matrices"
    )
    console.print(work)
    console.print(phases)


def _chosen(preset: str, only: tuple[str, ...] | None) -> dict[str, ImageExperiment]:
    """Runs of a preset by name: all of them, or some."""
    runs = _find(preset).runs
    if only == ():
        raise UsageError(f"--only names no run: give some after it, as {next(iter(runs))}.")
    for name in only or ():
        if name not in runs:
            raise UsageError(
                f"There is no run {name!r} in {preset}: did you mean {nearest(name, runs)!r}?"
            )
    return {name: runs[name] for name in (runs if only is None else only)}


def _find(name: str) -> Preset:
    if name not in PRESETS:
        raise UsageError(f"There is no preset {name!r}: did you mean {nearest(name, PRESETS)!r}?")
    return PRESETS[name]


def _bar(quiet: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("round {task.fields[t]}"),
        TextColumn("loss {task.fields[loss]}  reward {task.fields[reward]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )


def _list() -> None:
    table = Table("preset", "what it is", "runs", box=None)
    for name, preset in PRESETS.items():
        table.add_row(name, preset.says, "\n".join(preset.runs))
    Console().print(table)


def _print_results(runs: Sequence[tuple[str, Path]]) -> None:
    table = Table(box=None)
    for heading in ("run", "t", "E[r]", "±", "largest class", "Fréchet", "prec.", "recall", "s"):
        name = heading == "run"
        table.add_column(escape(heading), justify="left" if name else "right", no_wrap=name)
    for name, path in runs:
        lines = read_lines(path / METRICS)
        seconds = {line["t"]: line["all"] for line in read_lines(path / SECONDS)}
        for line in (lines[0], lines[-1]):
            largest = max(line["shares"], key=line["shares"].__getitem__)
            quality = line["quality"][-1]
            table.add_row(
                name,
                str(line["t"]),
                f"{line['reward']:.3g}",
                f"{line['reward_se']:.2g}",
                f"{largest} {line['shares'][largest]:.3f}",
                f"{quality['frechet']:.3g}",
                f"{quality['precision']:.2f}",
                f"{quality['recall']:.2f}",
                f"{seconds[line['t']]:.3g}",
            )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(ended(main))
