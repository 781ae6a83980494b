"""Files from which a long fit that was interrupted goes on, to the numbers that it would have had.

A file is for one fit: its name has a hash of everything that the fit depends on, the data and the
first weights included, so that a fit with anything else begins at its beginning. It holds all that
the next steps depend on, is written whole or not at all, and is removed when the fit ends. Files of
fits that nobody takes up again stay until they are removed by hand.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch

from gpu_experiments.trained_once import DIGITS
from sim.protocols import DivergedTraining
from sim.runs import write

# Steps between two files. Counted in steps, not seconds, so that the processes of a team write at
# the same ones. The file of the published network has 0.58 GB and takes some seconds, a thousand of
# its steps on a GPU most of a minute or more; a fit of digits has 800 and never writes.
CHECKPOINT = 1000


class UnfinishedFit:
    """The file of one fit in one process.

    As a context manager it removes the file when the fit ends well, and when it diverges, which it
    would do again from there. After anything else, an interruption, the file stays.

    Parameters
    ----------
    folder
        Where the file is; made if it does not exist.
    identity
        JSON-able: everything that the fit depends on, and which of the processes this is.
    average
        Replaces tensors by their mean over the processes, all of which have such a file.
    device
        Where these tensors are.
    """

    def __init__(
        self,
        folder: Path,
        identity: Mapping[str, Any],
        average: Callable[[Sequence[torch.Tensor]], None],
        device: torch.device,
    ) -> None:
        self._identity = json.dumps(identity, sort_keys=True)
        self._name = f"fit-{hashlib.sha256(self._identity.encode()).hexdigest()[:DIGITS]}"
        self._path = folder / f"{self._name}.pt"
        self._average = average
        self._device = device
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> UnfinishedFit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, DivergedTraining):
            self._path.unlink(missing_ok=True)

    def due(self, done: int) -> bool:
        """Whether the file is to be written after so many steps."""
        return done % CHECKPOINT == 0

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the file by this state, which has the number of steps done as ``"step"``."""
        buffer = io.BytesIO()
        torch.save({"identity": self._identity, "state": state}, buffer)
        fresh = self._path.with_name(f"{self._name}.{os.getpid()}.new")
        write(fresh, buffer.getvalue())
        # Processes that end with files of different steps have lost the fit: writing takes some
        # longer than others, and none replaces its file, which takes no time, before all are done.
        self._average([torch.zeros(1, device=self._device)])
        os.replace(fresh, self._path)

    def load(self) -> Mapping[str, Any] | None:
        """The last state, or ``None`` unless there is one of the same step in every process.

        Raises
        ------
        ValueError
            When the file is damaged or something else, naming it.
        """
        for left in self._path.parent.glob(f"*{self._name}.*"):
            # By a process that was killed while it wrote.
            if left != self._path:
                left.unlink(missing_ok=True)
        state = self._read()
        step = 0 if state is None else state["step"]
        moments = torch.tensor([step, step**2], dtype=torch.float64, device=self._device)
        self._average([moments])
        mean, square = moments.tolist()
        # Equal where no step differs from their mean: whole numbers, without rounding.
        return state if square == mean**2 else None

    def _read(self) -> Mapping[str, Any] | None:
        try:
            with zipfile.ZipFile(self._path) as archive:
                # torch.load does not look at the checksums.
                if archive.testzip() is not None:
                    raise zipfile.BadZipFile
            found = torch.load(self._path, weights_only=True, map_location="cpu")
            if found["identity"] == self._identity:
                state: Mapping[str, Any] = found["state"]
                return state
        except FileNotFoundError:
            return None
        except OSError:
            raise
        except Exception as error:
            raise ValueError(
                f"{self._path} is no unfinished fit of this program ({type(error).__name__}): "
                "remove it to begin the fit anew."
            ) from error
        raise ValueError(f"{self._path} is of another fit: remove it to begin this one.")


def unfinished_fit(
    folder: Path | None,
    steps: int,
    identity: Callable[[], Mapping[str, Any]],
    average: Callable[[Sequence[torch.Tensor]], None],
    device: torch.device,
) -> AbstractContextManager[UnfinishedFit | None]:
    """The file of a fit of so many steps, ``None`` for a fit that is too short for one or has no
    folder; only for a file the identity is asked for. Parameters are :class:`UnfinishedFit`'s."""
    if folder is None or steps <= CHECKPOINT:
        return nullcontext()
    return UnfinishedFit(folder, identity(), average, device)


def digest(tensors: Iterable[torch.Tensor]) -> str:
    """A hash of the types, shapes and values of tensors, wherever they are and however laid out."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().numpy().data)
    return found.hexdigest()


def stream_state(rng: np.random.Generator) -> str:
    """The state of a stream, as text: it has whole numbers of 128 bits."""
    return json.dumps(rng.bit_generator.state)


def put_stream_state(rng: np.random.Generator, state: str) -> None:
    """Set the state of a stream."""
    rng.bit_generator.state = json.loads(state)


def global_streams(device: torch.device) -> dict[str, Any]:
    """The states of the global streams of NumPy, torch and the device."""
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002
    found = {
        "numpy": json.dumps(numpy, default=np.ndarray.tolist),
        "torch": torch.default_generator.get_state(),
    }
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    return found


def put_global_streams(state: Mapping[str, Any], device: torch.device) -> None:
    """Set the states of the global streams."""
    np.random.set_state(json.loads(state["numpy"]))  # noqa: NPY002
    torch.default_generator.set_state(state["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
