"""What is plugged into the loop: a generator, a reward and a curator; in the plane or on images.

Samples are torch tensors of shape (n, ...) on the device of the run, in the scale that the data are
in; rewards are natural logarithms of choice weights. Randomness comes from the NumPy generator
passed in and from nowhere else: the same stream gives the same result on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch

# Called during long work with the fraction done and, in training, the current loss.
Progress = Callable[[float, float | None], None]


def silent(done: float, loss: float | None) -> None:
    """No progress."""


class DivergedTraining(ArithmeticError):
    """The loss is no longer a number."""


class Generator(Protocol):
    """A model of a law, fitted to samples."""

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Fit to data of shape (n, ...), from where the last fit ended if there was one.

        Returns figures about the fit, such as the loss. Raises :class:`DivergedTraining`.
        """

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """Draw n samples, shape (n, ...)."""

    def state(self) -> Any:
        """Everything that sampling and further fitting depend on: tensors, numbers, containers."""

    def load(self, state: Any) -> None:
        """Become the generator whose state this is."""


class Reward(Protocol):
    """A function of samples, bounded above."""

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Rewards of samples (n, ...), shape (n,)."""


class Curator(Protocol):
    """Who keeps one of every K candidates."""

    @property
    def K(self) -> int:
        """Candidates per kept sample."""

    def keep(self, rewards: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """Indices of the kept among candidates with these rewards, shape (n,) to (n / K,): one of
        each K consecutive candidates."""
