"""Runs in the background: started once, found again by later commands, packed every time."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from gpu_experiments import lease
from gpu_experiments.lease import LOG, wait
from gpu_experiments.parcel import unpack

# Begins a run of two rounds, or finds it, and ends when told to; says how often it was started.
PROGRAM = """
import pathlib, sys, time
out = pathlib.Path(sys.argv[1])
print("started", flush=True)
run = out / "run"
run.mkdir(exist_ok=True)
for name in ("config.json", "environment.json"):
    (run / name).write_text("{}")
(run / "samples").mkdir(exist_ok=True)
for t in range(2):
    (run / "samples" / f"00{t}.npz").write_bytes(b"samples")
(run / "seconds.jsonl").write_text('{"t": 0}\\n{"t": 1}\\n')
(run / "metrics.jsonl").write_text('{"t": 0}\\n{"t": 1}\\n')
(out / "pid").write_text(str(__import__("os").getpid()))
while not (out / "end").exists():
    time.sleep(0.02)
sys.exit(int((out / "end").read_text()))
"""
LONG = 60.0  # seconds, never waited for in full


@pytest.fixture
def out(tmp_path):
    """Folder of the runs; what still works there is ended afterwards."""
    out = tmp_path / "runs"
    yield out
    (out / "end").write_text("0")
    while lease._OUTLIVE:
        lease._OUTLIVE.pop().wait(LONG)


def held(out, seconds):
    return wait([sys.executable, "-c", PROGRAM, str(out)], out, out.with_name("parcel"), seconds)


def until(condition):
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_later_commands_find_the_runs_going(out):
    first = held(out, 0.1)
    assert first.status is None
    until((out / "pid").exists)
    again = held(out, 0.1)
    assert again.status is None
    assert (out / LOG).read_text() == again.log == "started\n"
    assert unpack(out.with_name("parcel"), out.with_name("home")) == [out.with_name("home") / "run"]
    # It is in a session of its own, which the end of a command's terminal does not reach.
    assert os.getsid(int((out / "pid").read_text())) != os.getsid(0)
    assert first.before == again.before == ""


def test_the_end_of_a_log_begins_with_a_line(out, monkeypatch):
    out.mkdir()
    (out / LOG).write_text("first\nsecond\n")
    monkeypatch.setattr(lease, "TAIL", len("ond\nstarted\n"))
    first = held(out, 0.1)
    until(lambda: "started" in (out / LOG).read_text())
    assert held(out, 0.1).log == "started\n"
    assert first.before == "left no exit status, as when everything is killed"


@pytest.mark.parametrize("status", [0, 1])
def test_the_runs_status_is_told(out, status):
    out.mkdir()
    (out / "end").write_text(str(status))
    found = held(out, LONG)
    assert found.status == status
    assert found.before == ""
    assert [path.name for path in found.archives] == ["runs-00.tar.gz"]
    # The next command starts them again, and says how these ended if that was not well.
    (out / "end").write_text("0")
    again = held(out, LONG)
    assert again.status == 0
    assert again.before == ("ended with status 1" if status else "")


def test_runs_that_were_killed_are_started_again(out):
    held(out, 0.1)
    until((out / "pid").exists)
    os.kill(int((out / "pid").read_text()), signal.SIGKILL)
    until((out / lease.STATUS).exists)
    (out / "end").write_text("0")
    found = held(out, LONG)
    assert found.status == 0
    assert found.before == f"ended with status {128 + signal.SIGKILL}"
    # A shell may say between them that they were killed.
    assert found.log.startswith("started\n")
    assert found.log.endswith("started\n")
    assert held(out, LONG).before == ""


def test_runs_that_were_killed_with_what_watched_them_are_started_again(out):
    out.mkdir()
    (out / "end").write_text("0")
    assert held(out, LONG).status == 0  # which is not that of the next
    for name in ("end", "pid"):
        (out / name).unlink()
    held(out, 0.1)
    until((out / "pid").exists)
    os.killpg(os.getpgid(int((out / "pid").read_text())), signal.SIGKILL)
    (out / "end").write_text("0")
    found = held(out, LONG)
    assert found.status == 0
    assert found.before == "left no exit status, as when everything is killed"
    assert found.log == 3 * "started\n"


def test_a_command_that_waits_takes_over_from_runs_that_end(out):
    held(out, 0.1)
    until((out / "pid").exists)
    (out / "end").write_text("0")
    found = held(out, LONG)
    # Whether they had ended before, or do while it waits, it says how a start of its own ends.
    assert found.status == 0
    assert found.log.count("started") == 2
