"""One root seed gives every stream of random numbers, by name and round.

A stream depends on the root, its name and its indices, and on nothing that was drawn before: a run
that is resumed at round 5 draws in round 5 what an uninterrupted one draws there.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Streams:
    """Streams of one run.

    Examples
    --------
    >>> streams = Streams(7)
    >>> one, same = (streams("candidates", 3).random() for _ in range(2))
    >>> one == same, one == streams("candidates", 4).random()
    (True, False)
    """

    root: int

    def __post_init__(self) -> None:
        if isinstance(self.root, bool) or not isinstance(self.root, int) or self.root < 0:
            raise ValueError(f"seed {self.root!r} is not a whole number of at least 0.")

    def __call__(self, name: str, *index: int) -> np.random.Generator:
        """The stream of that name at those indices, from its beginning."""
        return np.random.default_rng([self.root, zlib.crc32(name.encode()), *index])


def torch_generator(rng: np.random.Generator, device: torch.device | str) -> torch.Generator:
    """A torch generator on the device, seeded by the next number of the stream."""
    return torch.Generator(device).manual_seed(int(rng.integers(2**63)))
