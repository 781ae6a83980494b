"""Run folders: complete files only, metrics by line, other configurations refused."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
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
    with pytest.raises(
        ValueError, match="K: 2 there, 3 here, new: nothing there, 1 here"
    ) as caught:
        RunFolder(tmp_path, {**CONFIG, "K": 3, "new": 1})
    assert "lam" not in str(caught.value)


def test_fields_within_parts_are_named_alone(tmp_path: Path) -> None:
    RunFolder(tmp_path, {"model": {"width": 8, "steps": 3}, "data": {}})
    other = {"model": {"width": 8, "steps": 4}, "data": {"noise": None}}
    with pytest.raises(ValueError, match="configuration") as caught:
        RunFolder(tmp_path, other)
    assert "(model.steps: 3 there, 4 here, data: {} there, {'noise': None} here)" in str(
        caught.value
    )
    stored = {"data": {"law": "TwoMoons"}}
    RunFolder(tmp_path / "none", stored)
    with pytest.raises(ValueError, match=r"data.noise: nothing there, None here"):
        RunFolder(tmp_path / "none", {"data": {"law": "TwoMoons", "noise": None}})


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path: Path) -> None:
    folder, other = RunFolder(tmp_path / "a", CONFIG), RunFolder(tmp_path / "b", {**CONFIG, "K": 5})
    other.checkpoint({"t": 0, "generator": {}})
    os.replace(other.path / "checkpoint.pt", folder.path / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"another configuration \(K: 5 there, 2 here\)"):
        folder.load()


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[1]", b"\xff\xfe"])
def test_what_is_no_configuration_is_refused(content: bytes, tmp_path: Path) -> None:
    RunFolder(tmp_path, CONFIG)
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json is no configuration of a run"):
        RunFolder(tmp_path, CONFIG)
    assert (tmp_path / "config.json").read_bytes() == content


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"holds metrics\.jsonl and no configuration of a run"):
        RunFolder(tmp_path, CONFIG)
    assert os.listdir(tmp_path) == ["metrics.jsonl"]


def test_a_folder_that_was_hardly_begun_is_taken(tmp_path: Path) -> None:
    for name in ("environment.json", ".config.json.123.draft", ".environment.json.9.draft"):
        (tmp_path / name).write_text("{")
    assert RunFolder(tmp_path, CONFIG).load() is None
    assert sorted(os.listdir(tmp_path)) == ["config.json", "environment.json"]
    assert "numpy" in json.loads((tmp_path / "environment.json").read_text())["packages"]


def test_only_drafts_of_this_program_are_removed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, CONFIG)
    kept = ["notes.draft", ".notes.draft", ".1.draft", "a.1.draft", "deep/er/.x.npz.1.draft"]
    for name in [*kept, ".checkpoint.pt.7.draft", "samples/.000.npz.7.draft"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    folder.load()
    found = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*draft")}
    assert found == set(kept)


def test_of_two_that_begin_at_once_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []

    def meanwhile() -> dict[str, Any]:
        with pytest.raises(ValueError, match="is being written by another process") as caught:
            RunFolder(tmp_path, {**CONFIG, "K": 5})
        refused.append(caught)
        return {}

    monkeypatch.setattr("sim.runs.environment", meanwhile)
    RunFolder(tmp_path, CONFIG)
    assert len(refused) == 1
    assert json.loads((tmp_path / "config.json").read_text()) == CONFIG


def test_who_waited_for_the_folder_keeps_the_configuration_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = RunFolder.alone

    def after_another(folder: RunFolder) -> Any:
        monkeypatch.setattr(RunFolder, "alone", alone)
        RunFolder(tmp_path, {**CONFIG, "K": 5})
        return alone(folder)

    monkeypatch.setattr(RunFolder, "alone", after_another)
    with pytest.raises(ValueError, match="K: 5 there, 2 here"):
        RunFolder(tmp_path, CONFIG)


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


def test_a_checkpoint_can_be_read_without_changing_the_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, CONFIG)
    for t in range(3):
        folder.append({"t": t})
    folder.checkpoint({"t": 1, "generator": {"mean": torch.ones(2)}})
    (tmp_path / ".checkpoint.pt.7.draft").touch()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    state = folder.state()
    assert state is not None
    assert (state["t"], state["generator"]["mean"].tolist()) == (1, [1.0, 1.0])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert RunFolder(tmp_path / "begun", CONFIG).state() is None


def test_a_full_disk_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path, CONFIG)
    folder.append({"t": 0})
    folder.checkpoint({"t": 1, "generator": {}})

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space.*checkpoint\.pt"):
        folder.checkpoint({"t": 2, "generator": {}})
    monkeypatch.undo()
    # What was written of it is not left to fill the disk.
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "checkpoint.pt",
        "config.json",
        "environment.json",
        "metrics.jsonl",
    ]
    state = folder.load()
    assert state is not None
    assert state["t"] == 1


@pytest.mark.parametrize(
    "state",
    [
        None,
        [1, 2],
        {"t": 0, "generator": {}},
        {"t": "0", "config": CONFIG},
        {"t": -1, "config": CONFIG},
        {"t": 0, "config": "K=2"},
        {"config": CONFIG},
    ],
)
def test_what_is_no_checkpoint_is_refused(state: Any, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, CONFIG)
    if state is None:
        (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    else:
        torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="is not a checkpoint of this program"):
        folder.load()


@dataclass
class Harm:
    """Makes a folder when it is unpickled."""

    path: str

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, CONFIG)
    made = tmp_path / "made"
    torch.save({"t": 0, "config": CONFIG, "harm": Harm(str(made))}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="is not a checkpoint of this program"):
        folder.load()
    assert not made.exists()


def test_a_checkpoint_that_cannot_be_read_is_not_called_a_wrong_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, CONFIG)
    (tmp_path / "checkpoint.pt").mkdir()
    with pytest.raises(IsADirectoryError):
        folder.load()


def test_metrics_are_json_that_others_can_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, CONFIG)
    with pytest.raises(ValueError, match="not JSON compliant"):
        folder.append({"t": 0, "reward": float("nan")})
    assert folder.metrics() == []


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
        for name in ("fit", "fat", "candidates")
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
