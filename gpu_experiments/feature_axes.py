r"""Features of images in few coordinates, small enough to be kept of every round.

Moments of hundreds of features weigh a megabyte a round. In a classifier's features nearly all of
what differs between real images lies along a few directions (on digits 98 % of the variance along
12 of 48): the principal axes of held-out real images. Kept are means and covariances along these
axes, with the mean of the real images as origin, and of the first model's images the coordinates
themselves. Fréchet distances between any two rounds or runs can be computed from them afterwards,
and those of laws that were never sampled: of the exact loop (:func:`of_laws`). A projection brings
laws closer, so they are at most those in all features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_experiments.frechet import Moments, frechet_distance
from theory import Law

__all__ = ["AXES", "Axes", "distance", "from_json", "of_laws", "principal_axes", "to_json"]

AXES = 12
"""Axes that are kept, if there are so many."""


@dataclass(frozen=True, eq=False)
class Axes:
    """The principal axes of some features.

    Attributes
    ----------
    origin
        Mean of the features, shape (d,), float64.
    directions
        Unit vectors, shape (d, k), of falling variance.
    variances
        Along the axes, shape (k,).
    share
        Part of the variance in all directions that is along these.
    """

    origin: torch.Tensor
    directions: torch.Tensor
    variances: torch.Tensor
    share: float

    def coordinates(self, features: torch.Tensor) -> torch.Tensor:
        """Along the axes, of features (n, d): shape (n, k), float64."""
        return (features.double() - self.origin) @ self.directions

    def along(self, moments: Moments) -> Moments:
        """Moments of the coordinates, from those of the features."""
        return Moments(
            (moments.mean - self.origin) @ self.directions,
            self.directions.T @ moments.covariance @ self.directions,
            moments.n,
        )


def principal_axes(moments: Moments, most: int = AXES) -> Axes:
    """The axes of largest variance, ``most`` or as many as there are."""
    values, vectors = torch.linalg.eigh(moments.covariance)
    kept = min(most, len(moments.spectrum))
    values, vectors = values.flip(0)[:kept], vectors.flip(1)[:, :kept]
    share = float(values.sum() / moments.covariance.trace())
    return Axes(moments.mean, vectors, values, share)


def to_json(moments: Moments) -> dict[str, Any]:
    """``n``, ``mean``, and ``covariance`` as its lower triangle row by row."""
    k = moments.dimension
    rows, columns = torch.tril_indices(k, k, device=moments.covariance.device)
    return {
        "n": moments.n,
        "mean": moments.mean.tolist(),
        "covariance": moments.covariance[rows, columns].tolist(),
    }


def from_json(found: Mapping[str, Any]) -> Moments:
    """Inverse of :func:`to_json`.

    Raises
    ------
    ValueError
        When mean and covariance are of different sizes.
    """
    mean = torch.tensor(found["mean"], dtype=torch.float64)
    k, values = len(mean), torch.tensor(found["covariance"], dtype=torch.float64)
    if len(values) != k * (k + 1) // 2:
        raise ValueError(
            f"{len(values)} numbers are no covariance of {k} coordinates: give the "
            f"{k * (k + 1) // 2} of its lower triangle."
        )
    covariance = torch.zeros(k, k, dtype=torch.float64)
    rows, columns = torch.tril_indices(k, k)
    covariance[rows, columns] = covariance[columns, rows] = values
    return Moments(mean, covariance, int(found["n"]))


def distance(found: Mapping[str, Any], variances: Sequence[float]) -> float:
    """Fréchet distance along the axes of images whose moments are given (:func:`to_json`) from the
    real images that the axes are of."""
    return frechet_distance(_real(variances), from_json(found))


def of_laws(
    laws: Sequence[Law], coordinates: NDArray[Any], variances: Sequence[float]
) -> NDArray[np.float64]:
    r"""Fréchet distance of each law from the real images: of the exact loop's, say, by round.

    The laws have the first model's images as atoms (:func:`gpu_experiments.prediction.exact_laws`),
    of the first of which there are coordinates; these carry the weights :math:`p_t(i)`, made to sum
    to 1. Moments are those of this law itself: of n equal weights the covariance is less than that
    of a sample by 1 in n.

    Parameters
    ----------
    laws
        All on the same atoms.
    coordinates
        Shape (n, k), of the first n atoms.
    variances
        Of the real images along the axes, shape (k,).

    Raises
    ------
    ValueError
        For more images than atoms, or coordinates of another number of axes.
    """
    x = torch.as_tensor(np.asarray(coordinates, dtype=np.float64))
    if x.ndim != 2 or x.shape[1] != len(variances) or len(x) > len(laws[0]):
        raise ValueError(
            f"coordinates have shape {tuple(x.shape)} for {len(laws[0])} atoms and "
            f"{len(variances)} axes: give a row for each of the first atoms."
        )
    real, found = _real(variances), []
    for law in laws:
        weights = torch.as_tensor(law.probabilities[: len(x)])
        weights = weights / weights.sum()
        mean = weights @ x
        centred = x - mean
        covariance = (centred * weights[:, None]).T @ centred
        found.append(frechet_distance(real, Moments(mean, covariance, len(x))))
    return np.array(found)


def _real(variances: Sequence[float]) -> Moments:
    """Of the images that the axes are of; their number plays no part in a distance."""
    there = torch.tensor(variances, dtype=torch.float64)
    return Moments(torch.zeros_like(there), torch.diag(there), 0)
