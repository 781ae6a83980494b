"""Divergences from samples against the closed form of Gaussians."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from sim.nearest_neighbours import kl_from_samples


def gaussian(n: int, mean: float, std: float, seed: int, d: int = 2) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(seed).normal(mean, std, size=(n, d)))


@pytest.mark.parametrize(
    ("mean", "std", "d"), [(0.0, 1.0, 2), (0.5, 1.0, 2), (0.0, 0.5, 2), (0.5, 0.7, 1)]
)
def test_gaussians_against_their_divergence(mean: float, std: float, d: int) -> None:
    found = kl_from_samples(gaussian(10_000, mean, std, 0, d), gaussian(50_000, 0.0, 1.0, 1, d))
    exact = d * ((std**2 + mean**2 - 1) / 2 - np.log(std))
    # Four standard errors, known to a quarter from eight batches, and the bias below half a nat.
    assert found.kl == pytest.approx(exact, abs=6 * found.error)
    assert 0.003 < found.error < 0.03


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_estimate_is_the_formula(k: int) -> None:
    x, y = gaussian(60, 0.3, 1.0, 0, d=3), gaussian(90, 0.0, 1.0, 1, d=3)
    own = torch.cdist(x, x).sort(dim=1).values[:, k]
    other = torch.cdist(x, y).sort(dim=1).values[:, k - 1]
    expected = 3 * float((other / own).log().mean()) + math.log(90 / 59)
    assert kl_from_samples(x, y, k).kl == pytest.approx(expected, rel=1e-9)


def test_direction_matters() -> None:
    narrow, wide = gaussian(5000, 0, 0.5, 0), gaussian(5000, 0, 1, 1)
    # 0.64 against 1.61 nats; the second is known too low, by half a nat.
    forward, back = kl_from_samples(narrow, wide).kl, kl_from_samples(wide, narrow).kl
    assert back > forward + 0.3


def test_the_standard_error_is_the_spread() -> None:
    found = [
        kl_from_samples(gaussian(800, 0.5, 1, seed), gaussian(800, 0, 1, 10_000 + seed))
        for seed in range(120)
    ]
    spread = np.std([one.kl for one in found], ddof=1)
    claimed = np.sqrt(np.mean([one.error**2 for one in found]))
    # Both are known to about 7 %; four standard errors of their ratio.
    assert claimed == pytest.approx(spread, rel=0.35)


PLANE = gaussian(99, 0.0, 1.0, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kl_from_samples(torch.zeros(9), torch.zeros(9)), "shapes"),
        (lambda: kl_from_samples(torch.zeros(99, 2), torch.zeros(99, 3)), "shapes"),
        (lambda: kl_from_samples(torch.zeros(99, 2), torch.zeros(20, 2)), "k = 2 for 99 and 20"),
        (lambda: kl_from_samples(torch.zeros(99, 2), gaussian(99, 0, 1, 0)), "equal"),
        # Each point twice, with the second neighbour elsewhere; and q from among the samples of p.
        (lambda: kl_from_samples(PLANE.repeat(2, 1), gaussian(99, 0, 1, 1)), "equal"),
        (lambda: kl_from_samples(PLANE, torch.cat([PLANE, gaussian(99, 0, 1, 1)])), "equal"),
        (lambda: kl_from_samples(PLANE, torch.full((99, 2), math.nan)), "finite"),
        (lambda: kl_from_samples(PLANE, PLANE, 1.5), "a whole k"),  # type: ignore[arg-type]
        (lambda: kl_from_samples(torch.zeros(99, 0), torch.zeros(99, 0)), "shapes"),
    ],
)
def test_bad_requests_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
