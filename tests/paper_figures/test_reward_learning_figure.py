"""Learning curves: their slope and height against Fisher's information, computed here once more."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from paper_figures import reward_learning
from paper_figures.reward_learning import FIGURE, SECOND_ORDER, Parameters, slope
from theory.rewards import ClippedDistance

REDUCED: dict[str, Any] = {
    "Ks": (2, 8),
    "sizes": (200, 800, 3200),
    "repeats": 24,
    "other_sizes": (200, 3200),
    "other_repeats": 2,
    "many": 20_000,
    "steep_size": 3200,
    "steep_repeats": 8,
    "shown": 40_000,
    "predicted": (2, 4, 8),
    "judged": 1000,
    "profile": 37,
}
PARAMETERS = dataclasses.replace(FIGURE.parameters, **REDUCED)


@pytest.fixture(scope="module")
def results() -> dict[str, NDArray]:
    return FIGURE.compute(PARAMETERS)


def fisher(K: int, p: Parameters, n: int = 30_000, judged: int = 20_000) -> tuple[float, float]:
    """Error times root n, and the relative standard error of one repeat's, from the definitions.

    With M the covariance of the estimate in the error's metric, the squared error is a sum of
    squares of normal numbers of variances M's eigenvalues: mean tr M, variance 2 tr M^2.
    """
    rng = np.random.default_rng(K)

    def features(shape: tuple[int, ...]) -> NDArray:
        turn = 2 * math.pi * rng.integers(p.data.modes, size=shape) / p.data.modes
        x = p.data.radius * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        x += p.data.std * rng.normal(size=x.shape)
        away = np.linalg.norm(x[..., None, :] - p.data.means, axis=-1)
        return np.maximum(away - p.reward.radius, 0)

    shown = features((n, K))
    odds = np.exp(-p.reward.gamma * shown[..., 0])
    share = odds / odds.sum(axis=1, keepdims=True)
    second = np.einsum("nk,nkp,nkq->pq", share, shown, shown)
    first = np.einsum("nk,nkp->np", share, shown)
    information = (second - first.T @ first) / n
    M = np.linalg.inv(information) @ np.cov(features((judged,)).T)
    return math.sqrt(np.trace(M)), math.sqrt(2 * np.trace(M @ M)) / (2 * np.trace(M))


def follows_fisher(n: NDArray, error: NDArray, K: int, repeats: int) -> bool:
    """Whether errors lie on Fisher's line, and their slope is -1/2, within what chance allows.

    Four standard errors, as Fisher's information says them, the next order of 1/n, and 2 % for the
    constant, whose standard error is 0.4 %: that of the 1000 samples the errors are taken over.
    """
    constant, noise = fisher(K, PARAMETERS)
    se, excess = noise / math.sqrt(repeats), SECOND_ORDER / n
    ratio = error * np.sqrt(n) / constant
    on_line = (ratio > 1 - 4 * se - 0.02) & (ratio < 1 + 4 * se + 0.02 + excess)
    weights = np.log(n) - np.log(n).mean()
    weights /= weights @ weights
    chance = 4 * se * float(np.linalg.norm(weights))
    # The excess is largest at small n: it makes the line steeper, never flatter.
    steeper = -float(weights @ np.log1p(excess))
    found = slope(n, error, se * error)[0]
    return bool(on_line.all() and -0.5 - chance - steeper < found < -0.5 + chance)


def test_errors_fall_as_one_over_root_n_at_fishers_height(results: dict[str, NDArray]) -> None:
    for row, K in enumerate(PARAMETERS.Ks):
        assert follows_fisher(results["n"], results["error"][row], K, PARAMETERS.repeats)


@pytest.mark.parametrize("rate", [-0.35, -0.65])
def test_a_planted_rate_is_told_from_one_half(results: dict[str, NDArray], rate: float) -> None:
    """The same errors bent about their middle: there the height is right, the slope is not."""
    n = results["n"]
    bent = results["error"][0] * (n / n[1]) ** (rate + 0.5)
    assert not follows_fisher(n, bent, 2, PARAMETERS.repeats)


def test_errors_of_one_k_are_told_from_another(results: dict[str, NDArray]) -> None:
    assert not follows_fisher(results["n"], results["error"][1], 2, PARAMETERS.repeats)


def test_lines_are_fishers(results: dict[str, NDArray]) -> None:
    steep = dataclasses.replace(
        PARAMETERS, reward=dataclasses.replace(PARAMETERS.reward, gamma=PARAMETERS.steep)
    )
    for K, mild, hard in zip(
        results["predicted_K"], results["constant"], results["steep_constant"], strict=True
    ):
        # Four standard errors: 0.5 %, and of the steep reward 1.7 % at K = 8, by repeating.
        assert mild == pytest.approx(fisher(int(K), PARAMETERS)[0], rel=0.02)
        assert hard == pytest.approx(fisher(int(K), steep)[0], rel=0.07)


def test_many_candidates_tell_more_if_the_reward_is_mild_and_less_if_it_is_steep(
    results: dict[str, NDArray],
) -> None:
    mild, steep = results["constant"], results["steep_constant"]
    assert mild[-1] < mild[0]
    assert steep[-1] > steep[0] > steep[1]
    # Measured, with the predicted ratios 0.79 and 1.15.
    error, se = results["error"][:, 1:], results["error_se"][:, 1:]
    gain = np.log(error[0] / error[1])
    noise = np.sqrt(np.sum((se / error) ** 2, axis=0))
    assert (gain > 0).all()
    assert gain.mean() > 2 * np.linalg.norm(noise) / len(gain)


def test_a_wrong_form_levels_off_at_its_best_approximation(results: dict[str, NDArray]) -> None:
    floor, late, early = results["floor"], results["quadratic"][-1], results["quadratic"][0]
    true_form = results["constant"][0] / math.sqrt(results["other_n"][-1])
    assert floor > 1.15 * true_form
    assert early > 2 * floor
    # Nothing learnt comes nearer than the floor but by chance: its own error from 20 000 choices
    # adds 2 % in squares.
    assert floor * 0.97 < late < 1.4 * floor


def test_the_floor_is_the_quadratics_own(results: dict[str, NDArray]) -> None:
    """Above the least squares fit on the same law, and near it: likelihood weighs otherwise."""
    rng = np.random.default_rng(3)
    x = PARAMETERS.data.sample(40_000, rng)
    r = PARAMETERS.reward(x)
    columns = np.column_stack([np.ones(len(x)), x, x**2, x[:, 0] * x[:, 1]])
    rest = r - columns @ np.linalg.lstsq(columns, r, rcond=None)[0]
    least = math.sqrt(np.mean(rest**2))
    assert 0.95 * least < results["floor"] < 1.3 * least


def test_the_network_learns_and_its_profile_nears_the_truth(results: dict[str, NDArray]) -> None:
    assert results["network"][-1] < 0.5 * results["network"][0]
    true = results["true_profile"]
    # The ring's mean square error of each repeat; the true profile is 2.4 nats high.
    few = np.mean((results["network_few_profile"] - true) ** 2)
    many = np.mean((results["network_profile"] - true) ** 2)
    assert many < few / 4
    assert np.ptp(true) == pytest.approx(0.25 * (10 - 0.5), rel=1e-12)
    assert true.argmax() == len(true) // 2


def test_a_centre_without_a_distance_is_refused() -> None:
    wrong = Parameters(reward=ClippedDistance(1.0, (0.0, 0.0)))
    with pytest.raises(ValueError, match=r"\(0\.0, 0\.0\) is none of the means"):
        reward_learning.compute(wrong)
