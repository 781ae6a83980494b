r"""Name: one line that says which model of a law is fitted, and how. Here: a histogram.

To use your own: copy this file to a new name in this folder and change the class; the example below
is its check and runs with the tests. From Python it needs nothing else (``sim.comparison.compare``
runs the loop with it beside the exact one); an entry in ``MODELS`` of :mod:`sim.models` gives it a
name for ``python -m sim run mixture-pure --generator NAME``.

Model
    .. math:: \hat p(x) = \sum_c \frac{n_c}{n}\,\frac{\mathbf 1[x\in c]}{|c|}

    over the cells c that hold data, :math:`n_c` of n; inside a cell the law is uniform.
Departure from a perfect fit
    Retrained on its own samples it spreads each coordinate over its cell: the variance grows by at
    most a twelfth of the squared cell width a round.
Source
    Publication with equation number, or the derivation.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sim.protocols import Progress, silent


class Histogram:
    """A histogram with equal cells between the smallest and the largest datum, in float64.

    Parameters
    ----------
    cells
        Cells along each axis.

    Raises
    ------
    ValueError
        For ``cells`` that is no whole number of at least 1.

    Examples
    --------
    >>> from sim import GaussianMixture
    >>> from theory.testing import check_generator
    >>> rng = np.random.default_rng(0)
    >>> data, held_out = (GaussianMixture().sample(5_000, rng) for _ in range(2))
    >>> check_generator(Histogram, data, held_out).passed
    True
    """

    def __init__(self, cells: int = 60) -> None:
        try:
            self.cells = operator.index(cells)
        except TypeError:
            raise ValueError(f"cells = {cells!r} is not a whole number of at least 1.") from None
        if self.cells < 1:
            raise ValueError(f"cells = {cells} is not a whole number of at least 1.")
        self.corners = np.zeros((0, 0))
        self.shares = np.zeros(0)
        self.widths = np.zeros(0)

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Count data of shape (n, d), n at least 2; the loss is the mean negative
        log-likelihood in nats."""
        points = torch.as_tensor(data, dtype=torch.float64).cpu().numpy()
        if points.ndim != 2 or points.size == 0 or not np.isfinite(points).all():
            raise ValueError(
                f"data of shape {points.shape} make no histogram: give (n, d) finite numbers."
            )
        low, widths = points.min(axis=0), np.ptp(points, axis=0) / self.cells
        if not (widths > 0).all():
            raise ValueError(
                "a coordinate of the data is constant, on which the likelihood grows without "
                "bound: leave it out."
            )
        # The largest datum lies on the last edge and belongs to the last cell.
        index = np.minimum((points - low) // widths, self.cells - 1)
        occupied, counts = np.unique(index, axis=0, return_counts=True)
        self.corners, self.widths = low + occupied * widths, widths
        self.shares = counts / len(points)
        entropy = -float((self.shares * np.log(self.shares)).sum())
        return {"loss": entropy + float(np.log(widths).sum())}

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n samples, shape (n, d): a cell by its share, and a place in it. All randomness comes
        from ``rng``, so that a run can be repeated and resumed."""
        if len(self.shares) == 0:
            raise ValueError("the histogram has not been fitted: call fit or load first.")
        cells = self.corners[rng.choice(len(self.shares), size=n, p=self.shares)]
        return torch.as_tensor(cells + rng.random(cells.shape) * self.widths)

    def state(self) -> Any:
        """Cells and shares, as copies that later fits do not change: a run is resumed from them."""
        names = ("corners", "shares", "widths")
        return {name: torch.tensor(getattr(self, name)) for name in names}

    def load(self, state: Any) -> None:
        """From :meth:`state`."""
        for name, values in state.items():
            setattr(self, name, values.numpy().copy())
