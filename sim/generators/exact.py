r"""Generators without a training error: the exact law of each round, and the empirical law.

They take the two roles of the perfect fit that the theorems assume.

- :class:`ExactSampler`: after fit t the model *is* the law :math:`p_t` of the exact loop, whatever
  the data were. Nothing is learnt and nothing drifts; a loop with it shows what any measurement
  on finitely many samples makes of the exact loop.
- :class:`EmpiricalLaw`: the model is the empirical law of its training set. It is the perfect fit
  (the maximum likelihood over all laws) to finitely many data, and a loop with it is selection with
  genetic drift: given the model :math:`q_t`, the n kept are independent draws from
  :math:`C_K(q_t)`. :mod:`sim.finite_sample` predicts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from sim.protocols import Progress, silent
from sim.streams import torch_generator
from theory import Law


class ExactSampler:
    r"""The laws of an exact run, one after the other: fit number t, from 0, makes it law t.

    A law on a grid is sampled as a constant density on each cell; another law as its atoms. It
    counts its fits, so that a loop with it must keep its generator (``warm_start=True``).

    Parameters
    ----------
    laws
        :math:`p_0, \dots, p_T`, on atoms with coordinates.

    Raises
    ------
    ValueError
        If there are no laws, or they have no coordinates.
    """

    def __init__(self, laws: Sequence[Law]) -> None:
        if len(laws) == 0:
            raise ValueError("there are no laws: give those of an exact run, p_0 first.")
        law = laws[0]
        if law.atoms is None:
            raise ValueError("the laws have no atoms: give laws with coordinates, as on a grid.")
        self.laws = laws
        self.t = -1
        points = law.atoms[:, None] if law.atoms.ndim == 1 else law.atoms
        self._points = points
        self._axes = law.grid
        self._cumulative = np.zeros(0)

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Become the next law; the data are not looked at, and there is no figure about them."""
        if self.t + 1 == len(self.laws):
            raise ValueError(
                f"fit {self.t + 1} was asked for and the laws end at p_{self.t}: run the exact "
                "loop for as many rounds."
            )
        self._become(self.t + 1)
        return {}

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n samples, shape (n, d), float64."""
        drawn = np.searchsorted(self._cumulative, rng.random(n), side="right")
        # The last partial sum may fall short of 1 by rounding.
        drawn = np.minimum(drawn, len(self._points) - 1)
        points = self._points[drawn]
        if self._axes is not None:
            index = np.unravel_index(drawn, [axis.size for axis in self._axes])
            for k, (axis, i) in enumerate(zip(self._axes, index, strict=True)):
                low, high = cell_ends(axis)
                points[:, k] = low[i] + (high[i] - low[i]) * rng.random(n)
        return torch.as_tensor(points)

    def state(self) -> Any:
        """The number of the law; the laws themselves are not part of it."""
        return {"t": self.t}

    def load(self, state: Any) -> None:
        """From :meth:`state`, of a sampler of the same laws."""
        self._become(int(state["t"]))

    def _become(self, t: int) -> None:
        self.t = t
        self._cumulative = np.cumsum(self.laws[t].probabilities)
        self._cumulative /= self._cumulative[-1]


class EmpiricalLaw:
    """The empirical law of the training set: samples are drawn from it with replacement."""

    def __init__(self) -> None:
        self.points = torch.zeros(0, 0)

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Keep the data, shape (n, ...); ``distinct`` is the share of different rows."""
        self.points = torch.as_tensor(data).clone()
        if len(self.points) == 0:
            raise ValueError("there are no data: an empirical law needs at least one row.")
        return {"distinct": _distinct(self.points) / len(self.points)}

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n rows, with replacement."""
        if len(self.points) == 0:
            raise ValueError("the law has not been fitted: call fit or load first.")
        generator = torch_generator(rng, "cpu")
        return self.points[torch.randint(len(self.points), (n,), generator=generator)]

    def state(self) -> Any:
        """The training set."""
        return {"points": self.points.clone()}

    def load(self, state: Any) -> None:
        """From :meth:`state`."""
        self.points = state["points"].clone()


def _distinct(points: torch.Tensor) -> int:
    """Number of different rows: of their bytes, which is ten times as fast as torch's unique rows.

    Adding 0 makes -0.0 the same bytes as 0.0, to which it is equal.
    """
    rows = (points.reshape(len(points), -1) + 0).cpu().contiguous().numpy()
    content, size = rows.tobytes(), rows.shape[1] * rows.itemsize
    return len({content[i : i + size] for i in range(0, len(content), size)})


def cell_ends(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends, shape (n,) each, of the cells that the laws of theory have about the
    coordinates of an axis, shape (n,): half-way to the next, end cells as far outwards as inwards.
    """
    gaps = np.diff(axis) / 2
    low = axis - np.concatenate([gaps[:1], gaps])
    high = axis + np.concatenate([gaps, gaps[-1:]])
    return low, high
