"""The script for a bare machine: what it asks for, and that it ends as the runs do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Seconds after which it hangs.
PATIENCE = 100


def script(tmp_path, *arguments, python=sys.executable):
    return subprocess.run(
        ["sh", str(ROOT / "gpu_experiments" / "bare_machine.sh"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHON": str(python), "TMPDIR": str(tmp_path)},
        timeout=PATIENCE,
    )


def test_folders_that_are_not_named_are_asked_for(tmp_path):
    done = script(tmp_path, tmp_path / "home")
    assert done.returncode == 2
    assert done.stderr.startswith("Give three folders, HOME WHEELS DATA: ")
    assert not (tmp_path / "home").exists()


def test_modules_that_the_machine_lacks_are_named(tmp_path):
    bare, home = tmp_path / "python", tmp_path / "home"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    done = script(tmp_path, home, tmp_path / "wheels", tmp_path, python=bare)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{bare} has no module torch torchcfm tyro flint: bring the")
    assert len(done.stderr.splitlines()) == 1


def test_it_ends_as_the_runs_do_and_brings_their_log_home(tmp_path):
    home, nowhere = tmp_path / "home", tmp_path / "nowhere"
    run = ("cifar10-smoke", "cpu", "class-pure-0")
    done = script(tmp_path, home, tmp_path / "wheels", nowhere, PATIENCE, *run)
    # There are no data: the runs end with 2 and say so, and nothing is to be packed.
    assert done.returncode == 2, done.stderr
    assert str(nowhere) in (home / "log.txt").read_text()
    assert "0 archives are in" in done.stdout


def test_presets_on_one_machine_have_folders_of_their_own(tmp_path):
    """Their runs have the same names."""
    told = tmp_path / "python"
    told.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "$@"\n')
    told.chmod(0o755)
    folders = []
    for preset in ("cifar10-smoke", "cifar10-record"):
        done = script(tmp_path, tmp_path / "home", "wheels", "data", 60, preset, python=told)
        words = done.stdout.split()
        assert words[:4] == ["-m", "gpu_experiments", "lease", preset]
        folders.append(words[words.index("--out") + 1])
    assert folders[0] != folders[1]
