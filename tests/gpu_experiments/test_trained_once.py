"""Models in files: trained once, written whole, and nothing else is taken for them."""

from __future__ import annotations

import errno
import os
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu_experiments.trained_once import trained_once

CONFIG = {"data": "digits", "settings": {"epochs": 3, "widths": [1, 2]}}
STATE = {"weights": torch.arange(5.0), "name": "x", "more": [1, {"a": 2.5}]}


def never() -> Any:
    raise AssertionError("trained a second time")


def models(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pt"))


def test_the_second_call_reads_what_the_first_one_trained(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    assert trained_once(folder, "net", CONFIG, lambda: STATE) is STATE
    found = trained_once(folder, "net", dict(reversed(CONFIG.items())), never)
    assert torch.equal(found.pop("weights"), STATE["weights"])
    assert found == {"name": "x", "more": [1, {"a": 2.5}]}
    (file,) = models(folder)
    assert file.name.startswith("net-")


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("other", CONFIG),
        ("net", {**CONFIG, "data": "cifar10"}),
        ("net", {**CONFIG, "settings": {"epochs": 4, "widths": [1, 2]}}),
        ("net", {**CONFIG, "settings": {"epochs": 3, "widths": [2, 1]}}),
        ("net", {**CONFIG, "more": None}),
    ],
    ids=["name", "value", "nested", "order", "field"],
)
def test_another_configuration_has_another_file(
    name: str, config: dict[str, Any], tmp_path: Path
) -> None:
    trained_once(tmp_path, "net", CONFIG, lambda: 1)
    assert trained_once(tmp_path, name, config, lambda: 2) == 2
    assert len(models(tmp_path)) == 2
    assert trained_once(tmp_path, "net", CONFIG, never) == 1


TRAINS = """
import time
from gpu_experiments.trained_once import trained_once
def train():
    with log.open("a") as file:
        file.write(f"{number}\\n")
    (log.parent / "training").touch()
    time.sleep(seconds)
    return number
found = trained_once(log.parent / "models", "net", {}, train)
(log.parent / str(number)).write_text(str(found))
"""


def test_of_processes_at_the_same_time_one_trains_and_the_others_wait(
    doing: Any, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    began = [doing(TRAINS, log=log, number=number, seconds=0.3) for number in range(3)]
    for process in began:
        process.join()
        assert process.exitcode == 0
    (who,) = log.read_text().split()
    assert {(tmp_path / str(number)).read_text() for number in range(3)} == {who}


def test_a_process_that_is_killed_leaves_no_file_and_nobody_waiting(
    doing: Any, tmp_path: Path
) -> None:
    process = doing(TRAINS, log=tmp_path / "log", number=0, seconds=1000)
    while not (tmp_path / "training").exists():
        time.sleep(0.01)
    process.kill()
    process.join()
    assert models(tmp_path / "models") == []
    assert trained_once(tmp_path / "models", "net", {}, lambda: 7) == 7


def test_a_disk_that_fills_up_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        trained_once(tmp_path, "net", CONFIG, lambda: STATE)
    assert ".pt" in caught.value.filename
    monkeypatch.undo()
    assert [file.suffix for file in tmp_path.iterdir()] == [".lock"]
    assert trained_once(tmp_path, "net", CONFIG, lambda: 1) == 1


def test_training_that_fails_leaves_no_file_and_nobody_waiting(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="second time"):
        trained_once(tmp_path, "net", CONFIG, never)
    assert models(tmp_path) == []
    assert trained_once(tmp_path, "net", CONFIG, lambda: 1) == 1


class Harmful:
    def __reduce__(self) -> Any:
        return os.mkdir, ("harm",)


def stored(value: Any, path: Path) -> bytes:
    torch.save(value, path)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["cut", "empty", "text", "foreign", "list", "harmful"])
def test_a_file_that_is_no_model_is_refused_in_one_sentence_and_left_there(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trained_once(tmp_path / "models", "net", CONFIG, lambda: STATE)
    (file,) = models(tmp_path / "models")
    other = tmp_path / "other"
    content = {
        "cut": file.read_bytes()[:-100],
        "empty": b"",
        "text": b"not a model\n",
        "foreign": stored({"weights": 1}, other),
        "list": stored([1, 2], other),
        "harmful": pickle.dumps(Harmful()),
    }[kind]
    file.write_bytes(content)
    with pytest.raises(ValueError, match="is no model of this program") as caught:
        trained_once(tmp_path / "models", "net", CONFIG, never)
    assert str(file) in str(caught.value)
    assert "remove it to train it again" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == content
    assert not (tmp_path / "harm").exists()


def test_a_model_of_another_configuration_under_this_name_is_refused(tmp_path: Path) -> None:
    trained_once(tmp_path, "net", CONFIG, lambda: 1)
    (file,) = models(tmp_path)
    trained_once(tmp_path, "net", {}, lambda: 2)
    (other,) = set(models(tmp_path)) - {file}
    os.replace(other, file)
    with pytest.raises(ValueError, match="is a model of another configuration: remove it"):
        trained_once(tmp_path, "net", CONFIG, never)


TOGETHER = """
from gpu_experiments.distributed import team_on
from gpu_experiments import trained_once as module
from gpu_experiments.trained_once import trained_once
team, calls, written = team_on("cpu"), [], []
write = module.write
module.write = lambda *file: (written.append(1), write(*file))
def train():
    calls.append(1)
    return rank
first = trained_once(folder / "models", "net", {}, train, team)
second = trained_once(folder / "models", "net", {}, train, team)
print(len(calls), len(written), first, second)
for file in (folder / "models").glob("*.pt"):
    team.told(None)
    file.write_bytes(b"no model")
team.told(None)
trained_once(folder / "models", "net", {}, train, team)
"""


def test_several_processes_train_together_and_end_together(pair: Any, tmp_path: Path) -> None:
    codes, printed = pair(TOGETHER)
    # Each has its own result of the training that all took part in, and then what is in the file.
    assert printed[0].startswith("1 1 0 0\n")
    assert printed[1].startswith("1 0 1 0\n")
    assert codes == [1, 1]
    assert "is no model of this program" in printed[0]
    assert "process 1 ends with the first one, which says why" in printed[1]
