"""Precision and recall against all distances in NumPy, and where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from gpu_experiments import precision_recall as module
from gpu_experiments.precision_recall import manifold, precision_recall

RNG = np.random.default_rng


def by_all_distances(real, generated, k):
    def share_covered(points, balls):
        radii = np.sort(cdist(balls, balls), axis=1)[:, k]
        return (cdist(points, balls) <= radii).any(axis=1).mean()

    return share_covered(generated, real), share_covered(real, generated)


def modes(rng, which, n):
    """Samples of well separated modes in four dimensions."""
    centres = 100 * np.eye(4)[np.asarray(which)]
    return torch.as_tensor(centres[rng.integers(len(which), size=n)] + rng.normal(size=(n, 4)))


@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize("table", [1 << 24, 500])
@pytest.mark.parametrize("sizes", [(200, 200), (150, 60), (40, 170)])
def test_precision_and_recall_are_those_by_all_distances(monkeypatch, k, table, sizes):
    monkeypatch.setattr(module, "TABLE", table)
    rng = RNG(k)
    real, generated = rng.normal(size=(sizes[0], 5)), 0.7 + 0.6 * rng.normal(size=(sizes[1], 5))
    found = precision_recall(torch.as_tensor(real), torch.as_tensor(generated), k)
    assert found == pytest.approx(by_all_distances(real, generated, k), rel=1e-14)
    assert 0 < found[1] < 1
    assert found[0] != found[1]


def test_radii_reach_to_the_third_other_point():
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0], [15.0]])
    np.testing.assert_allclose(manifold(line, 3).squared_radii.sqrt(), [7, 6, 4, 7, 14])


def test_equal_sets_are_precise_and_recalled():
    x = torch.as_tensor(RNG(0).normal(size=(300, 40)))
    assert precision_recall(x, x.flip(0)) == (1.0, 1.0)


def test_far_sets_are_neither():
    x = torch.as_tensor(RNG(0).normal(size=(300, 4)))
    assert precision_recall(x, x + 100) == (0.0, 0.0)


def test_a_generator_without_half_of_the_modes_is_precise_and_recalls_half():
    rng = RNG(1)
    real, generated = modes(rng, [0, 1, 2, 3], 2000), modes(rng, [0, 1], 2000)
    precision, recall = precision_recall(real, generated)
    # Of samples of one mode 95 percent are covered by those of it; no other mode ever is.
    share = float((real[:, :2].max(dim=1).values > 50).double().mean())
    assert precision > 0.93
    assert 0.93 * share < recall <= share


def test_a_generator_with_modes_of_its_own_is_half_precise_and_recalls_all():
    rng = RNG(2)
    precision, recall = precision_recall(modes(rng, [0, 1], 2000), modes(rng, [0, 1, 2, 3], 2000))
    assert 0.4 < precision < 0.55
    assert recall > 0.93


@pytest.mark.parametrize("place", [0.0, 1e3])
def test_copies_are_covered_by_balls_of_radius_zero_wherever_they_are(place):
    """Each point four times over: rounding must not put it outside of its own balls."""
    rng = RNG(3)
    x = torch.as_tensor(place + rng.normal(size=(50, 64)))
    real = x.repeat(4, 1)
    # The generated set has another mean, so that the same points are centred otherwise.
    generated = torch.cat([x, torch.as_tensor(rng.normal(size=(50, 64)))])
    assert manifold(real).squared_radii.max() < 1e-9
    assert precision_recall(real, generated)[0] == 0.5


def test_single_precision_far_from_the_origin_loses_no_neighbours():
    """Squares of 1e4 in float32 would swallow distances of 1."""
    rng = RNG(4)
    real, generated = ((1e4 + rng.normal(size=(100, 8))).astype(np.float32) for _ in range(2))
    found = precision_recall(torch.as_tensor(real), torch.as_tensor(generated))
    expected = by_all_distances(real.astype(np.float64), generated.astype(np.float64), 3)
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(3, 2), torch.zeros(9, 2)), r"shape \(3, 2\).*at least 4"),
        ((torch.zeros(9, 2), torch.zeros(9, 2), 0), "k = 0"),
        ((torch.zeros(9, 2), torch.zeros(9, 3)), "in 2 and 3 features"),
        ((torch.full((9, 2), torch.inf), torch.zeros(9, 2)), "not all finite"),
    ],
)
def test_what_has_no_neighbours_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        precision_recall(*arguments)
