"""Run folders: complete files only, metrics by line, other configurations refused."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sim.runs import RunFolder, write
from sim.streams import Streams, torch_generator

CONFIG = {"K": 2, "lam": 1.0, "name": "test"}


def test_a_new_folder_says_what_made_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a" / "run", CONFIG)
    assert json.loads((folder.path / "config.json").read_text()) == CONFIG
    assert "numpy" in json.loads((folder.path / "environment.json").read_text())["packages"]
    assert folder.load() is None
    assert folder.metrics() == []


def test_another_configuration_is_refused_by_naming_the_fields(tmp_path: Path) -> None:
    RunFolder(tmp_path, CONFIG)
    RunFolder(tmp_path, dict(reversed(CONFIG.items())))
    with pytest.raises(ValueError, match="K: 2 there, 3 here, new: None there, 1 here") as caught:
        RunFolder(tmp_path, {**CONFIG, "K": 3, "new": 1})
    assert "lam" not in str(caught.value)


def test_metrics_after_the_checkpoint_are_dropped_on_resuming(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, CONFIG)
    for t in range(4):
        folder.append({"t": t, "reward": t / 3})
    folder.checkpoint({"t": 2, "generator": {"mean": torch.ones(2)}})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"t": 4, "rew')
    assert [line["t"] for line in folder.metrics()] == [0, 1, 2, 3]
    state = RunFolder(tmp_path, CONFIG).load()
    assert state is not None
    assert state["t"] == 2
    assert torch.equal(state["generator"]["mean"], torch.ones(2))
    assert folder.metrics() == [{"t": 0, "reward": 0.0}, {"t": 1, "reward": 1 / 3}]


def test_a_full_disk_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path, CONFIG)
    folder.append({"t": 0})
    folder.checkpoint({"t": 1, "generator": {}})

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        folder.checkpoint({"t": 2, "generator": {}})
    monkeypatch.undo()
    state = folder.load()
    assert state is not None
    assert state["t"] == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "checkpoint.pt",
        "config.json",
        "environment.json",
        "metrics.jsonl",
    ]


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, CONFIG)
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="is not a checkpoint of this program"):
        folder.load()


def test_write_replaces_whole_files(tmp_path: Path) -> None:
    write(tmp_path / "file", b"one")
    write(tmp_path / "file", b"two")
    assert (tmp_path / "file").read_bytes() == b"two"
    assert len(list(tmp_path.iterdir())) == 1


def test_streams_depend_on_root_name_and_index_only() -> None:
    streams = Streams(3)
    values = {
        (root, name, index): Streams(root)(name, index).random()
        for root in (3, 4)
        for name in ("fit", "candidates")
        for index in (0, 1)
    }
    assert len(set(values.values())) == len(values)
    streams("fit", 0).random(100)
    assert streams("fit", 0).random() == values[3, "fit", 0]


def test_torch_generators_follow_their_stream() -> None:
    drawn = [
        torch.rand(3, generator=torch_generator(np.random.default_rng(seed), "cpu")).tolist()
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("root", [-1, 1.0, True, "0"])
def test_bad_seeds_are_refused(root: Any) -> None:
    with pytest.raises(ValueError, match="whole number"):
        Streams(root)
