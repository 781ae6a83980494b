"""A generator whose first fit, the pretraining, is shared by all runs that begin with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpu_experiments.distributed import Team
from gpu_experiments.trained_once import trained_once
from sim.protocols import Generator, Progress, silent

FIRST_MODEL = "first_model_norm"
"""What the first fit says besides: the Euclidean norm of all numbers of its model, by which two
models are told apart."""


class Pretrained:
    """A generator that takes its first fit, if it is to the data of the pretraining, from a file.

    Where there is no file it makes the fit and writes the file.

    Parameters
    ----------
    generator
        What is fitted, not fitted yet.
    data
        What the file is for: this very tensor, not one like it. A generator that starts anew in a
        later round has its first fit to other data.
    folder, config, team
        Where the file is, what it depends on, and who trains: :mod:`gpu_experiments.trained_once`.
    stream
        Gives the randomness of the first fit; that of the run plays no part in it, so that runs of
        several seeds share their first model.
    """

    def __init__(
        self,
        generator: Generator,
        data: torch.Tensor,
        folder: Path,
        config: Mapping[str, Any],
        stream: Callable[[], np.random.Generator],
        team: Team | None = None,
    ) -> None:
        self.generator = generator
        self.data = data
        self.folder = folder
        self.config = config
        self.stream = stream
        self.team = team
        self.begun = False

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Fit, by way of the file if it is for this fit, which then says :data:`FIRST_MODEL`."""
        if self.begun or data is not self.data:
            told = self.generator.fit(data, rng, progress)
            self.begun = True
            return told

        def train() -> Any:
            told = self.generator.fit(data, self.stream(), progress)
            return {"generator": self.generator.state(), "told": dict(told)}

        found = trained_once(self.folder, "pretrained", self.config, train, self.team)
        self.generator.load(found["generator"])
        self.begun = True
        square = sum(float(each.double().square().sum()) for each in _tensors(found["generator"]))
        return {**found["told"], FIRST_MODEL: math.sqrt(square)}

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """Draw n images."""
        return self.generator.sample(n, rng)

    def state(self) -> Any:
        """The generator's."""
        return self.generator.state()

    def load(self, state: Any) -> None:
        """From a state of the generator, which has then been fitted."""
        self.generator.load(state)
        self.begun = True


def _tensors(state: Any) -> Iterator[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, Mapping):
        for each in state.values():
            yield from _tensors(each)
    elif isinstance(state, list | tuple):
        for each in state:
            yield from _tensors(each)
