"""What is taken home of runs: small, complete, always the same bytes; damage is refused."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest

from gpu_experiments.parcel import pack, unpack

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


def content(run):
    return {
        str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()
    }


def test_runs_come_home_without_their_weights(tmp_path):
    run = write_run(tmp_path / "there", "class-pure-0", 4)
    paths = pack(tmp_path / "there", tmp_path / "parcel")
    assert [path.name for path in paths] == ["runs-00.tar.gz"]
    assert unpack(tmp_path / "parcel", tmp_path / "home") == [tmp_path / "home" / "class-pure-0"]
    expected = {*FILES, "samples/000.npz", "samples/003.npz"}
    assert content(tmp_path / "home" / "class-pure-0") == {
        name: data for name, data in content(run).items() if name in expected
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


def test_what_is_further_is_not_replaced(tmp_path):
    write_run(tmp_path / "runs", "run", 2)
    pack(tmp_path / "runs", tmp_path / "parcel")
    further = write_run(tmp_path / "home", "run", 3, seed=1)
    before = content(further)
    unpack(tmp_path / "parcel", tmp_path / "home")
    assert content(further) == before


def test_what_is_as_far_is_replaced(tmp_path):
    run = write_run(tmp_path / "runs", "run", 2)
    pack(tmp_path / "runs", tmp_path / "parcel")
    spoilt = write_run(tmp_path / "home", "run", 2, seed=1)
    unpack(tmp_path / "parcel", tmp_path / "home")
    assert (spoilt / "samples/001.npz").read_bytes() == (run / "samples/001.npz").read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-200],
        lambda content: content[:40] + bytes(60) + content[100:],
        # Within the samples, where no structure is broken: the checksum alone tells.
        lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
        lambda content: b"no archive",
    ],
    ids=["cut short", "overwritten", "a bit", "something else"],
)
def test_a_damaged_archive_is_refused(tmp_path, damage):
    write_run(tmp_path / "runs", "run", 3)
    (path,) = pack(tmp_path / "runs", tmp_path / "parcel")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"runs-00\.tar\.gz is damaged"):
        unpack(tmp_path / "parcel", tmp_path / "home")
    assert not (tmp_path / "home").exists()


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
