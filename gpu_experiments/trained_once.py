"""Models that several runs share, trained once and kept in files: classifiers, first generators.

A file is named for what it holds and for a hash of everything that it was trained by. It is written
whole or not at all, and of several processes that want it at once one trains and the others wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gpu_experiments.distributed import Team
from sim.runs import write

# Of the hash in a file's name: two of one name share them once in 10^19.
DIGITS = 16


def trained_once(
    folder: Path,
    name: str,
    config: Mapping[str, Any],
    train: Callable[[], Any],
    team: Team | None = None,
) -> Any:
    """The state of a model, from its file or from training it now.

    Parameters
    ----------
    folder
        Where the files are, made if it does not exist.
    name
        What it is, as the beginning of the file's name.
    config
        JSON-able: everything that the model depends on.
    train
        Trains the model and returns its state: tensors, numbers, strings and containers of these.
    team
        The processes that train it together, all of which call this; by default it is for one.

    Raises
    ------
    ValueError
        When the file holds something else, naming it.
    """
    text = json.dumps(config, sort_keys=True)
    path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}.pt"
    folder.mkdir(parents=True, exist_ok=True)
    if team is not None and team.count > 1:
        # No lock: whoever waited for it would be missing from the training.
        found = team.agreed(lambda: [_read(path, text)] if path.exists() else [])
        if found:
            return found[0]
        state = train()
        team.agreed(lambda: _write(path, text, state))
        return state
    with _alone(path):
        if path.exists():
            return _read(path, text)
        state = train()
        _write(path, text, state)
    return state


def _write(path: Path, text: str, state: Any) -> None:
    buffer = io.BytesIO()
    torch.save({"config": text, "state": state}, buffer)
    write(path, buffer.getvalue())


def _read(path: Path, text: str) -> Any:
    try:
        found = torch.load(path, weights_only=True, map_location="cpu")
        if found["config"] == text:
            return found["state"]
    except OSError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path} is no model of this program ({type(error).__name__}): remove it to train it "
            "again."
        ) from error
    raise ValueError(f"{path} is a model of another configuration: remove it to train this one.")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time; a lock that ends with its process, however that ends."""
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
