r"""Precision and recall of generated samples, by balls that reach to the k-th nearest neighbour.

The manifold of a set of features is the union of balls about its points, each as large as the
distance to the k-th nearest *other* point of the set. Precision is the share of generated samples
in the manifold of the real ones (are they realistic), recall the share of real samples in the
manifold of the generated ones (is everything covered). Source: Kynkäänniemi et al. 2019
(arXiv:1904.06991), k = 3.

Both depend on the numbers of samples and, for samples of the very law, are below 1: compare equal
numbers of both, and hold the values against those of two halves of the real data.

Distances are taken in float64 by one matrix product per block, on the features' device. Points that
are equal are at distance 0 up to rounding, which the comparison allows for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gpu_experiments.frechet import check_features

# Distances held at once (128 MiB of float64).
TABLE = 1 << 24


@dataclass(frozen=True, eq=False)
class Manifold:
    """Balls about features.

    Attributes
    ----------
    centre
        Mean of the features, shape (d,), which is subtracted from all points.
    points
        Features less their mean, shape (n, d), float64.
    squared_norms, squared_radii
        Of the points and of the balls about them, shape (n,).
    """

    centre: torch.Tensor
    points: torch.Tensor
    squared_norms: torch.Tensor
    squared_radii: torch.Tensor


def manifold(features: torch.Tensor, k: int = 3) -> Manifold:
    """The manifold of features (n, d), n above k.

    Raises
    ------
    ValueError
        For k below 1, too few samples, another shape, or numbers that are not finite.
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"k = {k!r} is not a whole number of at least 1.")
    check_features(features, k + 1)
    points = features.double()
    centre = points.mean(dim=0)
    points = points - centre
    found = Manifold(centre, points, points.square().sum(dim=1), points.new_zeros(len(points)))
    for rows in _blocks(len(points), len(points)):
        table = _squared_distances(points[rows], found, 1.0)
        # No point is its own neighbour; another one equal to it is.
        table.diagonal(rows.start).fill_(torch.inf)
        nearest = table.topk(k, dim=1, largest=False).values[:, -1]
        found.squared_radii[rows] = nearest.clamp_min(0.0)
    return found


def precision_recall(
    real: torch.Tensor, generated: torch.Tensor, k: int = 3
) -> tuple[float, float]:
    """Precision and recall of generated features (m, d) against real ones (n, d)."""
    return against(manifold(real, k), manifold(generated, k))


def against(real: Manifold, generated: Manifold) -> tuple[float, float]:
    """Precision and recall of generated features, by one pass over their distances to the real.

    Raises
    ------
    ValueError
        For manifolds in different numbers of features.
    """
    d = real.points.shape[1]
    if generated.points.shape[1] != d:
        raise ValueError(
            f"the manifolds are in {d} and {generated.points.shape[1]} features: take both in the "
            "same features."
        )
    points = generated.points + (generated.centre - real.centre)
    # Rounding of a squared distance is below a few d eps of the squared norms: that much is given
    # away, so that a point is in a ball of radius 0 about itself.
    share = 1 - 4 * d * torch.finfo(torch.float64).eps
    precise = []
    recalled = torch.zeros(len(real.points), dtype=torch.bool, device=points.device)
    for rows in _blocks(len(points), len(real.points)):
        table = _squared_distances(points[rows], real, share)
        precise.append((table <= real.squared_radii).any(dim=1))
        recalled |= (table <= generated.squared_radii[rows, None]).any(dim=0)
    return float(torch.cat(precise).double().mean()), float(recalled.double().mean())


def _blocks(rows: int, columns: int) -> list[slice]:
    """Slices of the rows whose tables stay below the memory limit."""
    step = max(1, TABLE // columns)
    return [slice(start, start + step) for start in range(0, rows, step)]


def _squared_distances(x: torch.Tensor, to: Manifold, share: float) -> torch.Tensor:
    """Squared distances of centred points (m, d) to those of a manifold, shape (m, n), with the
    squared norms taken at a share of theirs."""
    norms = x.square().sum(dim=1, keepdim=True)
    table = torch.addmm(share * to.squared_norms, x, to.points.T, alpha=-2)
    table += share * norms
    return table
