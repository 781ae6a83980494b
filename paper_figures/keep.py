"""Keep runs on CIFAR-10 as the record that figures read: ``python -m paper_figures.keep RUNS``.

A run that was cut short is kept as the run that it is: all random numbers of a round are drawn from
the seed and the round's number, so its complete rounds are those of a shorter one, and figures say
of how many rounds they are. The folders of the runs stay as they are.

Exit status: 0 when every run was kept; 1 when one was not, or a file could not be written; 2 for a
command that makes no sense, or causes of another form; 130 when interrupted.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from gpu_experiments.parcel import content
from paper_figures import image_runs
from paper_figures.exceptions import EXCEPTIONS, causes, unexplained
from paper_figures.results import write_atomically
from sim.recording import SAMPLES
from sim.runs import CONFIG, ENVIRONMENT, METRICS
from theory.command_line import ended, sentence, told_in_one_line

__all__ = ["Kept", "keep"]

LEAST = 2
"""Rounds that a loop is seen from: the first model's and one of retraining."""


@dataclass(frozen=True)
class Kept:
    """A run that was kept.

    Attributes
    ----------
    path
        Its folder in the record.
    rounds, planned
        Retraining rounds that it has, and those that it was to have.
    """

    path: Path
    rounds: int
    planned: int


def keep(run: Path, hardware: str = "", place: Path | None = None) -> Kept:
    """Keep of a run what figures read, as far as it goes.

    In the record its configuration has the retraining rounds that are complete; the provenance has
    these (``rounds``), those that were meant (``planned``) and the ``hardware``. Of its last round
    there may be who was kept, which a run that was meant to end there would not say.

    Parameters
    ----------
    run
        Folder of the run.
    hardware
        What it was made on, in words, which figures print; by default the GPU that the run names.
    place
        Folder of the recorded runs, by default :data:`paper_figures.image_runs.RECORDED`.

    Raises
    ------
    ValueError
        For a run that begins with another model than those of its seed in the record, a run of
        other data, of fewer than two rounds, or of unknown hardware, for one that is
        incomplete, damaged, or in a record itself, and where the record has more rounds of it or
        another run of its name.
    """
    if (run / image_runs.PROVENANCE).exists():
        raise ValueError(f"{run} is in a record already: name the run that it was made of.")
    files, config = _read(run)
    if config.get("data") != "cifar10":
        raise ValueError(f"{run} is no run on CIFAR-10, and no other is recorded: leave it out.")
    rounds = files.get(METRICS, b"").count(b"\n")
    if rounds < LEAST:
        raise ValueError(
            f"{run} has {rounds} of the {LEAST} complete rounds that a loop is seen from: go on "
            "with it."
        )
    hardware = hardware.strip() or json.loads(files[ENVIRONMENT]).get("gpu", "")
    if not hardware:
        raise ValueError(f"{run} names no GPU: give its hardware in words (--hardware).")
    last, planned = rounds - 1, config["iterations"]
    shorter = {**config, "iterations": last}
    folder = (image_runs.RECORDED if place is None else place) / image_runs.name_of(config)
    if (folder / CONFIG).exists():
        there = image_runs.config_of(folder)
        if {**there, "iterations": last} != shorter:
            raise ValueError(
                f"{folder} holds a run of another configuration than {run}: remove it first."
            )
        if there["iterations"] > last:
            raise ValueError(
                f"{folder} has {there['iterations']} rounds of this run and {run} has {last}, so "
                "that some would be lost: go on with the run, or remove the folder first."
            )
    _of_one_model(run, folder, int(config["seed"]))
    if last < planned:
        files[CONFIG] = json.dumps(shorter, indent=1).encode()
    provenance = {"hardware": hardware, "rounds": last, "planned": planned}
    files[image_runs.PROVENANCE] = json.dumps(provenance, indent=1).encode()
    # The configuration last: where it is, there is what it speaks of.
    for name in sorted(files, key=lambda name: name == CONFIG):
        write_atomically(folder / name, files[name])
    for old in set((folder / SAMPLES).iterdir()) - {folder / name for name in files}:
        old.unlink()
    return Kept(folder, last, planned)


def _read(run: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """What is kept of a run, all of it there and legible, and its configuration."""
    try:
        files = content(run)
        texts = {name: (run / name).read_bytes() for name in (CONFIG, ENVIRONMENT)}
    except FileNotFoundError as error:
        raise ValueError(f"{error.filename} is not there: bring the whole run.") from error
    for name, text in texts.items():
        try:
            json.loads(text)
        except ValueError as error:
            raise ValueError(f"{run / name} is damaged: bring it again.") from error
    for name in (name for name in files if name.startswith(SAMPLES)):
        try:
            with np.load(io.BytesIO(files[name]), allow_pickle=False) as arrays:
                for array in arrays.files:
                    arrays[array]  # only now is its checksum looked at
        except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{run / name} is damaged: bring it again.") from error
    return files, json.loads(texts[CONFIG])


def _of_one_model(run: Path, folder: Path, seed: int) -> None:
    """Refuse a run of another first model than the others of its seed: their rounds could not be
    compared, since machines that are lost take their models along."""
    for other in sorted(folder.parent.glob(f"*-{seed}/{CONFIG}")):
        there = other.parent
        if there != folder and image_runs.first_model(there) != image_runs.first_model(run):
            raise ValueError(
                f"{run} begins with another model than {there}, as where a machine was lost in "
                "between: keep it elsewhere (--place), or remove the runs of this seed first."
            )


def keep_all(
    runs: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUNS")],
    /,
    hardware: str = "",
    place: Path | None = None,
) -> int:
    """Keep runs on CIFAR-10 as the record that figures read, complete or as far as they go.

    Parameters
    ----------
    runs
        Folder of the runs, or of one.
    hardware
        What they were made on, in words, which figures print; by default the GPU that a run names.
    place
        Folder for the record; by default the one with the code.
    """
    found = sorted(path.parent for path in runs.glob(f"**/{CONFIG}"))
    if not found:
        print(f"{runs} holds no run: name a folder of runs.", file=sys.stderr)
        return 2
    causes(image_runs.RECORDED if place is None else place)  # told before anything is written
    status = 0
    for run in found:
        try:
            kept = keep(run, hardware, place)
        except ValueError as error:
            print(f"{run.name}: not kept: {error}")
            status = 1
        else:
            short = "" if kept.rounds == kept.planned else f" of {kept.planned}"
            print(f"{run.name}: kept, rounds 0 to {kept.rounds}{short}, in {kept.path}")
            if names := unexplained(kept.path):
                print(
                    f"  To be explained in {kept.path.parent / EXCEPTIONS}, as not what the theory "
                    f"says: {', '.join(names)}."
                )
    return status


@wraps(keep_all)
def _asked(*runs: Any, **options: Any) -> Callable[[], int]:
    """Reading a command and doing it are two: what is told while it is done is told at once."""
    return partial(keep_all, *runs, **options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command on the given arguments (those of the process by default); its exit status."""
    try:
        with told_in_one_line():
            asked = tyro.cli(_asked, args=arguments, prog="python -m paper_figures.keep")
        return asked()
    except BrokenPipeError:
        raise
    except ValueError as error:
        print(sentence(error), file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, say: where the code was then is no news
        print(sentence(error), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(ended(main))
