r"""The KL-regularised optimum on samples and on grids, best of n, and the frontier.

The closed form used throughout: for N(0, 1) and the reward a x the optimum at penalty β is
N(a/β, 1), with divergence :math:`a^2/(2\beta^2)` and reward :math:`a^2/\beta`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from sim.alignment import (
    align_samples,
    best_of,
    best_of_samples,
    frontier,
    optimum,
    point,
    resample,
)
from theory import Law

SLOPE = 0.8


def normal(reach: float = 12.0) -> Law:
    x = np.linspace(-reach, reach, 4001)
    return Law.from_density(np.exp(-(x**2) / 2), SLOPE * x, (x,), normalise=True)


def draws(n: int, seed: int = 0) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(seed).normal(size=n))


@pytest.mark.parametrize("beta", [0.5, 1.0, 4.0])
def test_the_optimum_on_a_grid_is_the_shifted_gaussian(beta: float) -> None:
    found = optimum(normal(), beta)
    place = point(found, normal())
    # The rule of equal cells is exact for a Gaussian to rounding, and the ends cut off 1e-23.
    assert place.reward == pytest.approx(SLOPE**2 / beta, rel=1e-10, abs=0)
    assert place.kl == pytest.approx(SLOPE**2 / (2 * beta**2), rel=1e-10, abs=0)


@pytest.mark.parametrize("beta", [0.8, 2.0])
def test_weighted_samples_estimate_the_optimum(beta: float) -> None:
    shift, n = SLOPE / beta, 200_000
    found = align_samples(SLOPE * draws(n), beta)
    # Five standard errors; that of the mean of weights e^{shift x} is sqrt(e^{shift^2} - 1)
    # relative, and enters the divergence and the partition alike.
    noise = 5 * math.sqrt(math.expm1(shift**2) / n)
    assert found.reward == pytest.approx(SLOPE**2 / beta, abs=5 * found.reward_error)
    assert found.log_partition == pytest.approx(shift**2 / 2, abs=noise)
    assert found.kl == pytest.approx(shift**2 / 2, abs=noise + 5 * found.reward_error / beta)
    # E[w]^2 / E[w^2] = e^{-shift^2}; the second moment is noisier.
    assert found.effective / n == pytest.approx(math.exp(-(shift**2)), rel=0.1)


def test_the_objective_is_the_log_partition() -> None:
    # Gibbs' principle holds on the empirical law itself, without sampling error.
    found = align_samples(SLOPE * draws(1000), 0.7)
    assert found.reward - 0.7 * found.kl == pytest.approx(0.7 * found.log_partition, rel=1e-12)


def test_the_standard_error_is_the_spread_of_the_estimates() -> None:
    found = [align_samples(SLOPE * draws(2000, seed), 1.0) for seed in range(300)]
    spread = np.std([one.reward for one in found], ddof=1)
    claimed = float(np.mean([one.reward_error for one in found]))
    # A standard deviation from 300 draws has a relative error of 4 %: four of them.
    assert claimed == pytest.approx(spread, rel=0.16)


def test_a_vanishing_penalty_leaves_the_best_samples() -> None:
    rewards = torch.tensor([0.0, 3.0, 3.0, -math.inf])
    found = align_samples(rewards, 1e-3)
    assert found.weights.tolist() == [0.0, 0.5, 0.5, 0.0]
    assert (found.reward, found.effective) == (3.0, 2.0)
    assert found.kl == pytest.approx(math.log(2), rel=1e-12)


def test_no_penalty_is_too_small_for_large_rewards() -> None:
    found = align_samples(torch.tensor([1e300, -1e300, 1e300], dtype=torch.float64), 1e-10)
    assert found.weights.tolist() == [0.5, 0.0, 0.5]
    assert (found.reward, found.reward_error) == (1e300, 0.0)
    assert found.kl == pytest.approx(math.log(1.5), rel=1e-12)


def test_a_divergence_is_never_negative() -> None:
    # These three add up to more than 1 by rounding.
    law = Law(np.array([0.1, 0.2, 0.7]) + 2e-16, [1.0, 1.0, 1.0])
    assert math.copysign(1.0, frontier(law, 0.5).kl) == 1.0


def test_resampling_is_unbiased_and_rounds_counts() -> None:
    weights = torch.tensor([0.5, 0.26, 0.24, 0.0], dtype=torch.float64)
    counts = np.array(
        [
            np.bincount(resample(weights, 10, np.random.default_rng(seed)).numpy(), minlength=4)
            for seed in range(2000)
        ]
    )
    assert set(counts[:, 0]) == {5}
    assert set(counts[:, 1]) == {2, 3}
    assert set(counts[:, 3]) == {0}
    # A count has a standard deviation below 1/2 around its mean: four standard errors.
    assert counts.mean(axis=0) == pytest.approx([5, 2.6, 2.4, 0], abs=4 * 0.5 / math.sqrt(2000))


def test_resampled_items_are_in_random_order() -> None:
    index = resample(torch.full((100,), 0.01), 100, np.random.default_rng(0))
    assert sorted(index.tolist()) == list(range(100)) != index.tolist()


@pytest.mark.parametrize("n", [2, 7, 100])
def test_best_of_n_on_a_fine_grid_has_the_divergence_without_ties(n: int) -> None:
    place = point(best_of(normal(8.0), n), normal(8.0))
    # Cells of mass m hide O(n m) nats: at most 100 x 0.004 x 0.4 / 12.
    assert place.kl == pytest.approx(math.log(n) - (n - 1) / n, abs=2e-4)
    assert place.kl <= math.log(n) - (n - 1) / n


def test_best_of_n_with_ties_by_distribution_functions() -> None:
    # Two of the atoms tie: F^n - F_-^n goes to the level, split by mass.
    found = best_of(Law([0.1, 0.2, 0.3, 0.4], [1.0, 0.0, 2.0, 1.0]), 3)
    level = 0.7**3 - 0.2**3
    expected = [level / 5, 0.2**3, 1 - 0.7**3, 4 * level / 5]
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-13)


def test_best_of_samples_is_the_best_of_its_group() -> None:
    rewards = torch.tensor([1.0, 2.0, 0.0, -5.0, -7.0, -6.0])
    assert best_of_samples(rewards, 3, np.random.default_rng(0)).tolist() == [1, 3]
    tied = best_of_samples(torch.zeros(4000), 2, np.random.default_rng(0)) % 2
    # Four standard errors of 2000 fair coins.
    assert float(tied.double().mean()) == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(2000))


@pytest.mark.parametrize("n", [2, 10])
def test_best_of_n_samples_reach_the_reward_of_the_law(n: int) -> None:
    rewards = SLOPE * draws(20_000 * n)
    found = rewards[best_of_samples(rewards, n, np.random.default_rng(0))]
    # Selection of one side of a Gaussian does not widen it.
    assert float(found.mean()) == pytest.approx(
        point(best_of(normal(), n), normal()).reward, abs=5 * SLOPE / math.sqrt(20_000)
    )


@pytest.mark.parametrize("divergence", [1e-6, 0.1, 2.0, 8.0])
def test_the_frontier_of_a_gaussian_is_a_square_root(divergence: float) -> None:
    found = frontier(normal(), divergence)
    assert found.kl == pytest.approx(divergence, rel=1e-9)
    assert found.reward == pytest.approx(SLOPE * math.sqrt(2 * divergence), rel=1e-8, abs=1e-10)


def test_the_frontier_ends_at_the_top_level() -> None:
    law = Law([0.5, 0.25, 0.25], [0.0, 1.0, 1.0])
    for divergence in (math.log(2), 5.0, math.inf):
        assert frontier(law, divergence).reward == 1.0
        assert frontier(law, divergence).kl == pytest.approx(math.log(2))
    below = math.nextafter(math.log(2), 0)
    assert frontier(law, below).reward == pytest.approx(1.0)
    assert frontier(law, 0.0) == point(law, law)
    constant = Law([0.5, 0.5], [3.0, 3.0])
    assert frontier(constant, 1.0).reward == 3.0


@pytest.mark.parametrize("seed", range(5))
def test_no_random_law_is_above_the_frontier(seed: int) -> None:
    rng = np.random.default_rng(seed)
    law = Law(rng.dirichlet(np.ones(6)), rng.normal(size=6))
    for _ in range(20):
        other = law.with_probabilities(rng.dirichlet(np.ones(6)), normalise=True)
        place = point(other, law)
        assert place.reward <= frontier(law, place.kl).reward + 1e-12
    best = point(optimum(law, 0.7), law)
    assert frontier(law, best.kl).reward == pytest.approx(best.reward, rel=1e-9)


@pytest.mark.parametrize("n", [2, 4, 16])
def test_best_of_n_is_inside_the_frontier_and_near_it(n: int) -> None:
    place = point(best_of(normal(), n), normal())
    best = frontier(normal(), place.kl).reward
    # At n = 2: 0.5642 of the slope against sqrt(2 log 2 - 1), which is 0.9077 of it.
    assert 0.9 * best < place.reward < best


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: align_samples(torch.zeros(3), 0.0), "beta = 0"),
        (lambda: align_samples(torch.zeros(3), math.inf), "beta = inf"),
        (lambda: align_samples(torch.zeros(0), 1.0), "one for each"),
        (lambda: align_samples(torch.tensor([math.nan]), 1.0), "NaN"),
        (lambda: align_samples(torch.tensor([-math.inf]), 1.0), "no finite number"),
        (lambda: optimum(normal(), -1.0), "beta = -1"),
        (lambda: resample(torch.tensor([math.nan, 1.0]), 3, np.random.default_rng(0)), "weights"),
        (lambda: resample(torch.tensor([-1.0, 2.0]), 3, np.random.default_rng(0)), "weights"),
        (lambda: resample(torch.zeros(2), 3, np.random.default_rng(0)), "one of them positive"),
        (lambda: resample(torch.zeros(0), 3, np.random.default_rng(0)), "weights"),
        (lambda: resample(torch.ones(1), 0, np.random.default_rng(0)), "n = 0"),
        (lambda: best_of_samples(torch.zeros(5), 2, np.random.default_rng(0)), "groups of 2"),
        (lambda: frontier(normal(), -0.1), "divergence = -0.1"),
        (lambda: frontier(normal(), math.nan), "divergence = nan"),
        (lambda: frontier(Law([0.5, 0.5], [0.0, -math.inf]), 0.1), "-inf"),
    ],
)
def test_bad_requests_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
