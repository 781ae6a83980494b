"""Runs that are killed, interrupted or out of disk give the metrics of one that was not."""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.experiment import Experiment, with_fields
from sim.presets import EXPERIMENTS
from sim.recording import Status, record
from sim.runs import METRICS, RunFolder, read_lines

ROOT = Path(__file__).parents[2]
ROUNDS = 25
SIZES = {"kept": "60", "real": "120", "iterations": str(ROUNDS), "saved": "5", "lam": "1"}
SMALL_FLOW = {"model.width": "8", "model.steps": "40", "model.warm_steps": "20"}
# A round of each takes a few milliseconds.
KINDS = {
    "gaussian": {"generator": "gaussian"},
    "kernel": {"generator": "kernel"},
    "flow, warm": SMALL_FLOW,
    "flow, cold": {**SMALL_FLOW, "warm_start": "False"},
}


def experiment(kind: str = "gaussian") -> Experiment:
    return with_fields(EXPERIMENTS["mixture-pure"].quick, {**SIZES, **KINDS[kind]})


def contents(path: Path) -> dict[str, bytes]:
    """Everything in the folder that has to be the same, and every name."""
    files = {str(file.relative_to(path)): file for file in path.rglob("*") if file.is_file()}
    varying = ("seconds.jsonl", "environment.json")
    return {name: b"" if name in varying else file.read_bytes() for name, file in files.items()}


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def rounds(path: Path) -> int:
    return len(read_lines(path / METRICS))


@pytest.fixture(scope="module")
def processes() -> Any:
    # Each one is a process of its own; that the imports are done before is for speed alone.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sim.recording"])
    return context


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_random_moments_a_run_gives_the_same_files(
    kind: str, processes: Any, tmp_path: Path
) -> None:
    whole = contents(record(experiment(kind), tmp_path / "whole").path)
    rng = np.random.default_rng(len(kind))
    path, killed = tmp_path / "killed", 0
    for stop in sorted(rng.choice(ROUNDS - 3, size=5, replace=False)):
        run = processes.Process(
            target=record, args=(experiment(kind), path), kwargs={"resume": True}
        )
        run.start()
        wait_for(lambda stop=stop: rounds(path) > stop)
        # Into the middle of whatever comes next: fit, checkpoint, samples or metrics.
        time.sleep(rng.uniform(0, 0.01))
        os.kill(run.pid, signal.SIGKILL)
        run.join()
        assert run.exitcode == -signal.SIGKILL
        killed += rounds(path) <= ROUNDS
    # At least one in the middle, or nothing was tested: all five unless the machine is slow.
    assert killed >= 1
    assert contents(record(experiment(kind), path, resume=True).path) == whole


class Killed(BaseException):
    """Raised where a kill would come."""


@pytest.mark.parametrize("call", range(12))
def test_every_write_can_be_the_last_one(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Files go through os.replace and lines through os.fsync: stop at each of the first ones.
    tiny = replace(experiment(), iterations=2)
    whole = contents(record(tiny, tmp_path / "whole").path)
    counter = itertools.count()
    original = os.fsync

    def fsync(handle: int) -> None:
        if next(counter) == call:
            raise Killed
        original(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Killed):
        record(tiny, tmp_path / "killed")
    monkeypatch.undo()
    assert contents(record(tiny, tmp_path / "killed", resume=True).path) == whole


@pytest.mark.parametrize("name", ["checkpoint.pt", METRICS, "000.npz"])
def test_a_full_disk_loses_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = replace(experiment(), iterations=2)
    whole = contents(record(tiny, tmp_path / "whole").path)
    original = os.fsync

    def full(handle: int) -> None:
        if name in os.readlink(f"/proc/self/fd/{handle}"):
            # What was written of it is cut short.
            os.ftruncate(handle, max(0, os.fstat(handle).st_size - 5))
            raise OSError(errno.ENOSPC, "No space left on device")
        original(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=rf"{name} cannot be written \(No space left") as caught:
        record(tiny, tmp_path / "full")
    assert caught.value.errno == errno.ENOSPC
    assert f"In {tmp_path / 'full'} --resume tries round 0 again." in str(caught.value)
    monkeypatch.undo()
    assert contents(record(tiny, tmp_path / "full", resume=True).path) == whole


def stopped(tiny: Experiment, path: Path, at: int) -> RunFolder:
    """A run that ended when it began to fit p_at."""

    def watch(status: Status) -> None:
        if status.t == at:
            raise Killed

    with pytest.raises(Killed):
        record(tiny, path, watch=watch)
    return RunFolder(path, tiny.as_json())


def test_the_comparison_sees_a_generator_that_was_not_restored(tmp_path: Path) -> None:
    tiny = replace(experiment(), iterations=4)
    whole = contents(record(tiny, tmp_path / "whole").path)
    folder = stopped(tiny, tmp_path / "stopped", 3)
    state = folder.load()
    assert state is not None
    assert state["t"] == 2
    state["generator"]["mean"] += 1e-9
    folder.checkpoint(state)
    assert contents(record(tiny, folder.path, resume=True).path) != whole


def test_missing_rounds_are_refused(tmp_path: Path) -> None:
    tiny = replace(experiment(), iterations=4)
    folder = stopped(tiny, tmp_path, 3)
    lines = (tmp_path / METRICS).read_text().splitlines(keepends=True)
    (tmp_path / METRICS).write_text(lines[0])
    with pytest.raises(ValueError, match="lacks rounds before 2"):
        record(tiny, folder.path, resume=True)
    (tmp_path / METRICS).write_text(lines[0] + "nonsense\n")
    with pytest.raises(ValueError, match="has a line that is no metrics"):
        record(tiny, folder.path, resume=True)


def command(path: Path, iterations: int) -> list[str]:
    sizes = {**SIZES, **KINDS["gaussian"], "iterations": str(iterations)}
    fields = [word for name, text in sizes.items() for word in (f"--{name}", text)]
    return [sys.executable, "-m", "sim", "run", "mixture-pure", *fields, "--out", str(path)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_in_one_line_and_loses_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    run = subprocess.Popen(
        command(path, iterations=3000),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: rounds(path) > 3)
    os.killpg(run.pid, number)
    out, err = run.communicate(timeout=60)
    found = rounds(path)
    assert run.returncode == 128 + number
    assert out == ""
    assert err == (
        f"Interrupted after round {found - 1} of 3000: the rounds so far are in {path}, and "
        "--resume goes on with them.\n"
    )
    longer = replace(experiment(), iterations=3000)
    state = RunFolder(path, longer.as_json()).load()
    assert state is not None
    assert state["t"] >= found - 1
    # The rounds do not depend on how many there will be.
    whole = read_lines(record(experiment(), tmp_path / "whole").path / METRICS)
    shared = min(len(whole) - 1, found - 1)
    assert read_lines(path / METRICS)[:shared] == whole[:shared]
