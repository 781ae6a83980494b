"""The reference: exact optimal transport in every minibatch, by torchcfm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from sim.streams import torch_generator


class MinibatchCoupling:
    """Batches of ``ExactOptimalTransportConditionalFlowMatcher`` with sigma = 0.

    Parameters
    ----------
    data
        Points, shape (n, d), float32.
    batch
        Pairs per batch.
    rng
        All randomness.
    """

    def __init__(self, data: torch.Tensor, batch: int, rng: np.random.Generator) -> None:
        # Imported here: it brings half a dozen packages along, which the other coupling needs not.
        from torchcfm import ExactOptimalTransportConditionalFlowMatcher

        self._matcher = ExactOptimalTransportConditionalFlowMatcher(sigma=0.0)
        self._data = data
        self._batch = batch
        self._rng = rng
        self._generator = torch_generator(rng, "cpu")

    def draw(self, batches: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Times (m, 1), points and velocities on the paths (m, d), for m = batches * batch."""
        drawn = []
        with seeded_globals(self._rng):
            for _ in range(batches):
                rows = torch.randint(len(self._data), (self._batch,), generator=self._generator)
                x_1 = self._data[rows]
                x_0 = torch.empty_like(x_1).normal_(generator=self._generator)
                drawn.append(self._matcher.sample_location_and_conditional_flow(x_0, x_1))
        t, x_t, u = (torch.cat(part) for part in zip(*drawn, strict=True))
        return t[:, None], x_t, u


@contextmanager
def seeded_globals(rng: np.random.Generator) -> Iterator[None]:
    """Seed the global generators of torch and NumPy, which torchcfm uses, and put them back."""
    before = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(rng.integers(2**63)))
        np.random.seed(int(rng.integers(2**32)))  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
