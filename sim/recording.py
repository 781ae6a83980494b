"""One experiment run into a folder, so that it can be stopped at any moment and resumed.

What is measured in a round, and saved of it, is the experiment's to say (:class:`Recordable`; for
laws on the line and in the plane, :mod:`sim.metrics`). ``seconds.jsonl`` says how long fit and
sampling took; arrays are in ``samples/``, one file of NumPy per round.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sim.loop import Loop, Round
from sim.protocols import DivergedTraining, Generator, Progress, silent
from sim.runs import CONFIG, SECONDS, RunFolder, write

SAMPLES = "samples"
# The number of threads, and the state of random numbers that torchcfm draws from, are those of the
# whole process: of two runs in threads of one, as on a Dask worker with several, one waits.
_ONE_RUN = threading.Lock()


class AlreadyBegun(ValueError):
    """The folder holds this run already, and resuming it was not asked for."""


@dataclass(frozen=True)
class Status:
    """Where a run is.

    Attributes
    ----------
    t
        Round whose generator is being fitted.
    done
        Fraction of that fit.
    loss
        The fit's last loss, if it has said one.
    reward
        Mean reward of the last round found.
    """

    t: int
    done: float
    loss: float | None
    reward: float | None


Watch = Callable[[Status], None]


def unwatched(status: Status) -> None:
    """Nobody is told."""


class Recordable(Protocol):
    """What can be run into a folder: :class:`sim.experiment.Experiment`, and those on images."""

    @property
    def iterations(self) -> int:
        """Retraining rounds."""

    def as_json(self) -> dict[str, Any]:
        """Everything that the run depends on."""

    def loop(self, progress: Progress = silent) -> Loop:
        """The loop at its beginning."""

    def measured(self, found: Round) -> dict[str, Any]:
        """Metrics of a round, with its number as ``t`` and its mean reward as ``reward``."""

    def arrays(self, found: Round) -> dict[str, NDArray[Any]]:
        """What of a round is saved as arrays, if anything."""


def record(
    experiment: Recordable, path: Path, *, resume: bool = False, watch: Watch = unwatched
) -> RunFolder:
    """Run an experiment into a folder, from its beginning or from where it was stopped.

    Parameters
    ----------
    experiment
        What to run.
    path
        The folder, made if it does not exist.
    resume
        Go on with a run that the folder holds. A run that is complete is left as it is.
    watch
        Called during fits and after each round.

    Raises
    ------
    AlreadyBegun
        When the folder holds the run and ``resume`` is false.
    ValueError
        When the folder holds something else, or the rewards are too large for float64.
    DivergedTraining
        When the loss is no longer a number; earlier rounds are kept.
    OSError
        When a file cannot be written, as on a full disk; earlier rounds are kept.
    """
    if not rounds_left(experiment, path, resume=resume):
        return RunFolder(path, experiment.as_json())
    seen = _Seen(watch)
    loop = experiment.loop(seen.fitting)
    seconds: dict[str, float] = {}
    loop.make = _timed(loop.make, seconds)
    loop.generator = loop.make()
    folder = RunFolder(path, experiment.as_json())
    with _ONE_RUN, folder.alone(), _one_thread():
        # Again: another process may have written meanwhile.
        if not rounds_left(experiment, path, resume=resume):
            return folder
        state = folder.load()
        if state is not None:
            try:
                loop.load(state)
            # What the generators raise for a state that is not theirs.
            except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
                raise ValueError(
                    f"{path}/checkpoint.pt is not of this version of the program "
                    f"({type(error).__name__}): remove the folder to start the run again."
                ) from error
        try:
            _record(experiment, loop, folder, seen, seconds)
        except DivergedTraining as error:
            raise DivergedTraining(_and_how_to_go_on(error, folder)) from error
        except OSError as error:
            # The message of the same number, so that it stays of its kind.
            raise OSError(error.errno, _and_how_to_go_on(error, folder)) from error
    return folder


def rounds_left(experiment: Recordable, path: Path, *, resume: bool) -> bool:
    """Whether rounds of the run are still to be done; refused is what cannot go on in the folder.

    A folder that is not there yet is not made.

    Raises
    ------
    AlreadyBegun, ValueError
        See :func:`record`.
    """
    if not (path / CONFIG).exists():
        return True
    found = RunFolder(path, experiment.as_json()).metrics()
    if found and not resume:
        raise AlreadyBegun(
            f"{path} holds this run up to round {found[-1]['t']} of {experiment.iterations}: "
            "--resume goes on with it, another --out starts anew."
        )
    return len(found) <= experiment.iterations


def _and_how_to_go_on(error: Exception, folder: RunFolder) -> str:
    done = len(folder.metrics())
    kept = f"Rounds before {done} are in {folder.path}, where" if done else f"In {folder.path}"
    if isinstance(error, OSError):
        text = f"{error.filename or 'A file'} cannot be written ({error.strerror})"
    else:
        text = str(error).rstrip(".")
    return f"{text}. {kept} --resume tries round {done} again."


def _record(
    experiment: Recordable,
    loop: Loop,
    folder: RunFolder,
    seen: _Seen,
    seconds: dict[str, float],
) -> None:
    if past := folder.metrics():
        seen.reward = past[-1]["reward"]
    seen.at(loop.t + 1 if loop.t < 0 else loop.t)
    began = time.perf_counter()
    for found in loop.rounds():
        # A run that ends between these lines does the round again, from the same generator.
        folder.checkpoint(loop.state())
        if arrays := experiment.arrays(found):
            _save(folder.path, found.t, arrays)
        metrics = experiment.measured(found)
        folder.append({"t": found.t, **seconds, "all": time.perf_counter() - began}, SECONDS)
        folder.append(metrics)
        began = time.perf_counter()
        seconds.clear()
        seen.reward = metrics["reward"]
        seen.at(found.t + 1)


class _Seen:
    """Puts what the fit says and what the rounds found together."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.t = 0
        self.loss: float | None = None
        self.reward: float | None = None

    def fitting(self, done: float, loss: float | None) -> None:
        self.loss = loss
        self.watch(Status(self.t, done, loss, self.reward))

    def at(self, t: int) -> None:
        self.t = t
        self.watch(Status(t, 0.0, self.loss, self.reward))


class _Timed:
    """A generator whose fits and samples add up in a table of seconds."""

    def __init__(self, generator: Generator, seconds: dict[str, float]) -> None:
        self.generator = generator
        self.seconds = seconds

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        with self._adding("fit"):
            return self.generator.fit(data, rng, progress)

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        with self._adding("sample"):
            return self.generator.sample(n, rng)

    def state(self) -> Any:
        return self.generator.state()

    def load(self, state: Any) -> None:
        self.generator.load(state)

    @contextmanager
    def _adding(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


def _timed(make: Callable[[], Generator], seconds: dict[str, float]) -> Callable[[], Generator]:
    return lambda: _Timed(make(), seconds)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order whatever the machine, and no threads that wait for a busy core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _save(path: Path, t: int, arrays: Mapping[str, NDArray[Any]]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    (path / SAMPLES).mkdir(exist_ok=True)
    write(path / SAMPLES / f"{t:03d}.npz", buffer.getvalue())


def load_samples(path: Path, t: int) -> dict[str, NDArray[Any]]:
    """Arrays that a run saved in round t.

    Raises
    ------
    FileNotFoundError
        When it saved none.
    """
    file = path / SAMPLES / f"{t:03d}.npz"
    if not file.exists():
        raise FileNotFoundError(f"{path} has no samples of round {t}: run it with saved above 0.")
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
