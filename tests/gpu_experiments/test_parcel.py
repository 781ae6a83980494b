"""What is taken home of runs: small, complete, always the same bytes; damage is refused."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from gpu_experiments.parcel import content, pack, unpack
from sim import recording, runs
from sim.runs import RunFolder, read_lines

FILES = ("config.json", "environment.json", "metrics.jsonl", "seconds.jsonl")


def write_run(root, name, rounds, *, size=100, seed=0):
    """A folder with what a run leaves, of so many rounds, each with random bytes as samples."""
    run = root / name
    (run / "samples").mkdir(parents=True, exist_ok=True)
    (run / "config.json").write_text(json.dumps({"iterations": 5, "seed": seed}))
    (run / "environment.json").write_text("{}")
    lines = "".join(json.dumps({"t": t}) + "\n" for t in range(rounds))
    (run / "metrics.jsonl").write_text(lines)
    (run / "seconds.jsonl").write_text(lines)
    (run / "checkpoint.pt").write_bytes(b"weights")
    rng = np.random.default_rng(seed)
    for t in range(rounds):
        (run / "samples" / f"{t:03d}.npz").write_bytes(rng.bytes(size))
    return run


def on_disk(run):
    return {
        str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()
    }


def test_runs_come_home_without_their_weights(tmp_path):
    run = write_run(tmp_path / "there", "class-pure-0", 4)
    paths = pack(tmp_path / "there", tmp_path / "parcel")
    assert [path.name for path in paths] == ["runs-00.tar.gz"]
    assert unpack(tmp_path / "parcel", tmp_path / "home") == [tmp_path / "home" / "class-pure-0"]
    expected = {*FILES, "samples/000.npz", "samples/003.npz"}
    assert on_disk(tmp_path / "home" / "class-pure-0") == {
        name: data for name, data in on_disk(run).items() if name in expected
    }


def test_the_same_runs_give_the_same_bytes(tmp_path, monkeypatch):
    write_run(tmp_path / "runs", "b", 2)
    write_run(tmp_path / "runs", "a", 2, seed=1)
    (one,) = pack(tmp_path / "runs", tmp_path / "one")
    (tmp_path / "runs" / "b" / "config.json").touch()
    monkeypatch.setattr("gzip.time.time", lambda: 1e9)  # another day
    (two,) = pack(tmp_path / "runs", tmp_path / "two")
    assert one.read_bytes() == two.read_bytes()


def test_no_archive_is_larger_than_the_limit(tmp_path):
    for number in range(5):
        write_run(tmp_path / "runs", f"run-{number}", 2, size=3_000, seed=number)
    paths = pack(tmp_path / "runs", tmp_path / "parcel", limit=14_000)
    assert len(paths) == 3  # two runs of 6 000 bytes of noise and their files fit, three do not
    assert all(path.stat().st_size <= 14_000 for path in paths)
    assert len(unpack(tmp_path / "parcel", tmp_path / "home")) == 5
    # Fewer archives the next time: the older ones do not stay.
    assert len(pack(tmp_path / "runs", tmp_path / "parcel")) == 1
    assert len(list((tmp_path / "parcel").iterdir())) == 1


def test_a_run_too_large_is_named(tmp_path):
    write_run(tmp_path / "runs", "large", 2, size=3_000)
    with pytest.raises(ValueError, match=r"large takes \d+ bytes by itself: raise the limit"):
        pack(tmp_path / "runs", tmp_path / "parcel", limit=5_000)


def test_a_run_without_a_round_stays(tmp_path):
    write_run(tmp_path / "runs", "begun", 0)
    assert pack(tmp_path / "runs", tmp_path / "parcel") == []


def test_archives_keep_what_a_machine_that_begins_anew_has_not_reached(tmp_path):
    write_run(tmp_path / "one", "further", 4)
    write_run(tmp_path / "one", "another", 4)
    write_run(tmp_path / "one", "absent", 1)
    pack(tmp_path / "one", tmp_path / "parcel")
    write_run(tmp_path / "two", "further", 3, seed=0)
    write_run(tmp_path / "two", "another", 3, seed=1)  # of another configuration
    write_run(tmp_path / "two", "new", 2)
    pack(tmp_path / "two", tmp_path / "parcel")
    unpack(tmp_path / "parcel", tmp_path / "home")
    rounds = {
        run.name: len((run / "metrics.jsonl").read_text().splitlines())
        for run in (tmp_path / "home").iterdir()
    }
    assert rounds == {"further": 4, "another": 3, "absent": 1, "new": 2}
    write_run(tmp_path / "two", "further", 5)
    pack(tmp_path / "two", tmp_path / "parcel")
    unpack(tmp_path / "parcel", tmp_path / "home")
    assert len((tmp_path / "home/further/metrics.jsonl").read_text().splitlines()) == 5


def test_what_is_further_is_not_replaced(tmp_path):
    write_run(tmp_path / "runs", "run", 2)
    pack(tmp_path / "runs", tmp_path / "parcel")
    further = write_run(tmp_path / "home", "run", 3, seed=1)
    before = on_disk(further)
    unpack(tmp_path / "parcel", tmp_path / "home")
    assert on_disk(further) == before


def test_what_is_as_far_is_replaced(tmp_path):
    run = write_run(tmp_path / "runs", "run", 2)
    pack(tmp_path / "runs", tmp_path / "parcel")
    spoilt = write_run(tmp_path / "home", "run", 2, seed=1)
    unpack(tmp_path / "parcel", tmp_path / "home")
    assert (spoilt / "samples/001.npz").read_bytes() == (run / "samples/001.npz").read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-200],
        lambda data: data[:40] + bytes(60) + data[100:],
        # Within the samples, where no structure is broken: the checksum alone tells.
        lambda data: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
        lambda data: b"no archive",
    ],
    ids=["cut short", "overwritten", "a bit", "something else"],
)
def test_a_damaged_archive_is_refused_and_written_anew(tmp_path, damage):
    write_run(tmp_path / "runs", "run", 3)
    (path,) = pack(tmp_path / "runs", tmp_path / "parcel")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with pytest.raises(ValueError, match=r"runs-00\.tar\.gz is damaged"):
        unpack(tmp_path / "parcel", tmp_path / "home")
    assert not (tmp_path / "home").exists()
    pack(tmp_path / "runs", tmp_path / "parcel")
    assert path.read_bytes() == whole


def test_an_archive_cannot_write_elsewhere(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(mode="w:gz", fileobj=buffer) as tar:
        entry = tarfile.TarInfo("run/../../metrics.jsonl")
        tar.addfile(entry, io.BytesIO())
    (tmp_path / "parcel").mkdir()
    (tmp_path / "parcel" / "runs-00.tar.gz").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"has an entry 'run/\.\./\.\./metrics\.jsonl'"):
        unpack(tmp_path / "parcel", tmp_path / "home" / "runs")
    assert not (tmp_path / "home").exists()


def test_no_archive_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no archive of runs"):
        unpack(tmp_path, tmp_path / "home")


@pytest.fixture(scope="module")
def moments(tiny, tmp_path_factory):
    """Folders that a run went through while it was written, one after every step: it was stopped as
    it began round 2, and gone on with. Half a line is a step too."""
    run, found = tmp_path_factory.mktemp("writing") / "run", []
    write, append, checkpoint = runs.write, RunFolder.append, RunFolder.checkpoint

    def look(halved=None):
        found.append(run.with_name(f"{len(found):02d}"))
        shutil.copytree(run, found[-1], ignore=shutil.ignore_patterns("checkpoint.pt"))
        if halved:
            (found[-1] / halved).write_bytes((run / halved).read_bytes()[:-7])

    def written(path, data):
        write(path, data)
        if (run / "config.json").exists():
            look()

    def appended(folder, line, name="metrics.jsonl"):
        append(folder, line, name)
        look(halved=name)
        look()

    def stopped(folder, state):
        if state["t"] == 2:
            raise KeyboardInterrupt
        checkpoint(folder, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "write", written)
        patch.setattr(recording, "write", written)
        patch.setattr(RunFolder, "append", appended)
        patch.setattr(RunFolder, "checkpoint", stopped)
        with pytest.raises(KeyboardInterrupt):
            recording.record(tiny, run)
        patch.setattr(RunFolder, "checkpoint", checkpoint)
        recording.record(tiny, run, resume=True)
    return found


def complete(moment, name):
    """Rounds with a whole line."""
    return (moment / name).read_bytes().count(b"\n") if (moment / name).exists() else 0


def test_what_is_packed_is_of_one_moment_whenever_it_is_read(moments, monkeypatch):
    """From any moment to any later one, the files read before and after any point of packing."""
    opened, last = Path.open, moments[-1]
    lines = (last / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    # Round 1 was dropped and done again.
    counts = [complete(moment, "metrics.jsonl") for moment in moments]
    assert sorted(counts) != counts

    packed = 0
    for before, after in itertools.combinations_with_replacement(moments, 2):
        for point in range(1, 7):  # of the six reads
            reads = 0

            def instead(path, *mode, before=before, after=after, point=point, **options):
                nonlocal reads
                reads += 1
                if reads > point:
                    path = after / path.relative_to(before)
                return opened(path, *mode, **options)

            with monkeypatch.context() as patch:
                patch.setattr(Path, "open", instead)
                files = content(before)
            there = [complete(each, name) for each in (before, after) for name in FILES[2:]]
            if not files:
                assert min(there) == 0
                continue
            packed += 1
            assert reads == len(files)  # each once
            rounds = files["metrics.jsonl"].count(b"\n")
            assert rounds >= min(there)
            assert files["metrics.jsonl"] == b"".join(lines[:rounds])
            seconds = [json.loads(line)["t"] for line in files["seconds.jsonl"].splitlines()]
            assert seconds == list(range(rounds))
            samples = {f"samples/{t:03d}.npz" for t in (0, rounds - 1)}
            assert files.keys() == {*FILES, *samples}
            for name in samples:
                assert files[name] == (last / name).read_bytes()
    assert packed > 1000


def test_packing_goes_by_what_was_read_at_one_moment(moments, tmp_path):
    (tmp_path / "runs").mkdir()
    half = next(each for each in reversed(moments) if complete(each, "metrics.jsonl") == 2)
    shutil.copytree(half, tmp_path / "runs" / "run")
    assert not (half / "metrics.jsonl").read_bytes().endswith(b"\n")
    pack(tmp_path / "runs", tmp_path / "parcel")
    (run,) = unpack(tmp_path / "parcel", tmp_path / "home")
    assert on_disk(run) == content(half)
    assert len(read_lines(run / "metrics.jsonl")) == 2
