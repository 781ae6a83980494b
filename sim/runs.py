"""A run is a folder: configuration, environment, metrics by line, and the last checkpoint.

Every file but those of lines is written beside its place, flushed to disk and renamed, so that a
run that is killed, or a disk that fills up, leaves the last complete version. Metrics are appended
and flushed line by line; on resuming, lines from the checkpoint's round on are dropped and written
again, the same. Seconds are lines in a file of their own, since no two runs have the same.
"""

from __future__ import annotations

import fcntl
import io
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from theory import provenance

METRICS, SECONDS = "metrics.jsonl", "seconds.jsonl"
CONFIG, ENVIRONMENT = "config.json", "environment.json"
# Names that `write` gives to what is not complete.
DRAFT = re.compile(r"\..+\.\d+\.draft")
PACKAGES = ("numpy", "scipy", "torch", "torchcfm", "diffusers", "curated-loops")


class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path
        Made if it does not exist.
    config
        JSON-able configuration of the run. A folder that holds a run of another configuration is
        refused.

    Raises
    ------
    ValueError
        Naming the fields that differ from the configuration in the folder; for a folder that holds
        other things than a run, or that another process is beginning a run in.
    """

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.path = path
        self.config = json.loads(json.dumps(config))
        path.mkdir(parents=True, exist_ok=True)
        if not (path / CONFIG).exists():
            # Of two processes that begin at once one must find the other's configuration.
            with self.alone():
                self._begin()
        stored = self._stored_config()
        if stored != self.config:
            raise ValueError(
                f"{path} holds a run of another configuration "
                f"({_differences(stored, self.config)}): name another folder, or remove this one."
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from writing into the folder meanwhile.

        Raises
        ------
        ValueError
            When one is doing so.
        """
        # A lock that ends with its process, however that ends.
        handle = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f"{self.path} is being written by another process: wait for it to end, or "
                    "name another folder."
                ) from None
            yield
        finally:
            os.close(handle)

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint, with later lines dropped; ``None`` for a run not begun.

        Raises
        ------
        ValueError
            When the checkpoint is none, or that of another configuration, or a round before it
            has no metrics.
        """
        for draft in [*self.path.glob(".*.draft"), *self.path.glob("*/.*.draft")]:
            if DRAFT.fullmatch(draft.name):
                draft.unlink()
        state = self.state()
        done = 0 if state is None else int(state["t"])
        if [line["t"] for line in self.metrics()[:done]] != list(range(done)):
            raise ValueError(
                f"{self.path / 'metrics.jsonl'} lacks rounds before {done}, where the checkpoint "
                "is: remove the folder to start the run again."
            )
        for name in (METRICS, SECONDS):
            lines = [json.dumps(line) + "\n" for line in self.lines(name) if line["t"] < done]
            if (self.path / name).exists():
                write(self.path / name, "".join(lines).encode())
        return state

    def state(self) -> dict[str, Any] | None:
        """The last checkpoint as it is, to be read and not gone on with: nothing in the folder is
        changed.

        Raises
        ------
        ValueError
            When the checkpoint is none, or that of another configuration.
        """
        file = self.path / "checkpoint.pt"
        if not file.exists():
            return None
        try:
            state = torch.load(file, weights_only=True, map_location="cpu")
            config, t = state.pop("config"), state["t"]
            if not isinstance(config, dict) or not isinstance(t, int) or t < 0:
                raise TypeError
        except OSError:
            raise
        except Exception as error:
            raise ValueError(
                f"{file} is not a checkpoint of this program ({type(error).__name__}): remove "
                "the folder to start the run again."
            ) from error
        if config != self.config:
            raise ValueError(
                f"{file} is of a run of another configuration "
                f"({_differences(config, self.config)}): remove the folder to start the run "
                "again."
            )
        return dict(state)

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint by this state, which has the round as ``"t"``."""
        buffer = io.BytesIO()
        torch.save({**state, "config": self.config}, buffer)
        write(self.path / "checkpoint.pt", buffer.getvalue())

    def append(self, metrics: Mapping[str, Any], name: str = METRICS) -> None:
        """Add a line of metrics, which has the round as ``"t"``."""
        file = self.path / name
        with _named(file), file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(metrics, allow_nan=False) + "\n")
            lines.flush()
            os.fsync(lines.fileno())

    def metrics(self) -> list[dict[str, Any]]:
        """All complete lines of metrics; a last line that was cut off is left out."""
        return self.lines(METRICS)

    def lines(self, name: str) -> list[dict[str, Any]]:
        """All complete lines of a file of the run."""
        return read_lines(self.path / name)

    def _begin(self) -> None:
        if (self.path / CONFIG).exists():
            return
        for entry in self.path.iterdir():
            if entry.name != ENVIRONMENT and not DRAFT.fullmatch(entry.name):
                raise ValueError(
                    f"{self.path} holds {entry.name} and no configuration of a run: name a new "
                    "folder, or an empty one."
                )
        write(self.path / ENVIRONMENT, json.dumps(environment(), indent=1).encode())
        # Last: a folder with a configuration has all that a new run begins with.
        write(self.path / CONFIG, json.dumps(self.config, indent=1).encode())

    def _stored_config(self) -> dict[str, Any]:
        file = self.path / CONFIG
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ValueError(
                f"{file} is no configuration of a run: name another folder, or remove this one."
            )
        return found


def read_lines(file: Path) -> list[dict[str, Any]]:
    """All complete lines of a file of metrics, none if there is no file.

    Raises
    ------
    ValueError
        When a line is not what this program writes.
    """
    if not file.exists():
        return []
    try:
        found = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n")[:-1]]
        if all(isinstance(line["t"], int) for line in found):
            return found
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError(
        f"{file} has a line that is no metrics: remove the folder to start the run again."
    )


def write(path: Path, content: bytes) -> None:
    """Write a file so that it is there complete or as it was before."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with _named(path), draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Errors of writing say which file; the system's own name none."""
    try:
        yield
    except OSError as error:
        error.filename = str(file)
        raise


def plain(value: Any) -> Any:
    """The value in what JSON has: tuples as lists, numbers that are not finite as words."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def environment() -> dict[str, Any]:
    """Versions of what numbers may depend on, and the GPU if there is one."""
    gpu = {}
    if torch.cuda.is_available():
        gpu = {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
    return {**provenance.environment(PACKAGES), **gpu}


def _differences(stored: Mapping[str, Any], wanted: Mapping[str, Any], within: str = "") -> str:
    """Fields that differ, with dots into the parts that both have."""
    found = []
    for name in {**stored, **wanted}:
        there, here = stored.get(name), wanted.get(name)
        if name in stored and name in wanted and there == here:
            continue
        if there and here and isinstance(there, dict) and isinstance(here, dict):
            found.append(_differences(there, here, f"{within}{name}."))
            continue
        values = (repr(side[name]) if name in side else "nothing" for side in (stored, wanted))
        found.append("{}{}: {} there, {} here".format(within, name, *values))
    return ", ".join(found)
