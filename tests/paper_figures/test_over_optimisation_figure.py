"""Over-optimisation: what the learnt reward gains, the true one loses, and what bounds both."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from paper_figures.over_optimisation import FIGURE, FORMS, best
from sim.curation import KChoice
from sim.preferences import compare
from sim.reward_models import NetworkReward

REDUCED: dict[str, Any] = {
    "side": 61,
    "sizes": (50, 800, 3200),
    "repeats": 3,
    "penalties": (8.0, 0.01, 25),
    "best_of": (0, 1, 3, 5, 9, 13),
}
PARAMETERS = dataclasses.replace(FIGURE.parameters, **REDUCED)
NETWORK, BUMPS, DISTANCES = (FORMS.index(form) for form in ("network", "bumps", "distances"))


@pytest.fixture(scope="module")
def results() -> dict[str, NDArray]:
    return FIGURE.compute(PARAMETERS)


def grid() -> tuple[NDArray, NDArray, NDArray]:
    """Points, masses and true rewards of the law, from the definitions."""
    p = PARAMETERS
    axis = p.data.grid(p.side)[0]
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    squared = ((x[:, None] - p.data.means) ** 2).sum(axis=-1)
    mass = np.exp(-squared / (2 * p.data.std**2)).sum(axis=1)
    away = np.linalg.norm(x - np.array(p.reward.centre), axis=1)
    reward = -p.reward.gamma * np.maximum(away - p.reward.radius, 0)
    return x, mass / mass.sum(), reward


def dual_bound(kl: NDArray) -> NDArray:
    """Least of (KL + log E e^{tr}) / t and of max r: no law of that divergence has more."""
    _, mass, reward = grid()
    below, most = reward - reward.max(), reward.max() - mass @ reward
    t = np.geomspace(1e-5, 3000, 2000)
    charge = np.array([math.log(mass @ np.exp(s * below)) for s in t])
    return most + np.minimum(np.min((np.asarray(kl)[..., None] + charge) / t, axis=-1), 0)


def rises_then_falls(kl: NDArray, true: NDArray) -> bool:
    """Whether the largest value is inside, and both ends are lower by more than rounding."""
    top = int(true.argmax())
    return bool(0 < top < len(kl) - 1 and true[-1] < true[top] - 1e-6 > true[0])


def test_the_learnt_reward_never_falls(results: dict[str, NDArray]) -> None:
    # Rounding alone, once all mass is on the best cell.
    assert (np.diff(results["learnt"]) > -1e-9).all()
    assert (np.diff(results["paths_learnt"], axis=-1) > -1e-9).all()
    assert (np.diff(results["best_of_learnt"]) > 0).all()
    assert (np.diff(results["paths_kl"], axis=-1) > -1e-9).all()


def test_the_true_reward_of_the_single_run_peaks_inside(results: dict[str, NDArray]) -> None:
    shown = results["kl"] <= PARAMETERS.levels[-1]
    assert rises_then_falls(results["kl"][shown], results["true"][shown])
    assert rises_then_falls(results["best_of_kl"], results["best_of_true"])
    # In the end it is worse than before the alignment.
    assert results["true"][shown][-1] < 0 < results["top_true"][0]
    # What the true reward itself would do does not pass for over-optimisation.
    assert not rises_then_falls(results["level"], results["frontier"])


def test_the_best_penalty_is_the_best(results: dict[str, NDArray]) -> None:
    assert results["top_true"][0] >= results["true"].max()
    # The penalties of the single run are so close that one of them is nearly as good.
    assert results["top_true"][0] == pytest.approx(results["true"].max(), rel=1e-3)
    assert results["beta"].min() < results["top_beta"] < results["beta"].max()


def test_nothing_is_above_what_is_attainable(results: dict[str, NDArray]) -> None:
    for prefix in ("", "best_of_", "top_", "paths_"):
        kl, true = results[f"{prefix}kl"], results[f"{prefix}true"]
        bound = dual_bound(kl)
        assert (true <= bound + 1e-9).all()
        assert (true <= results[f"{prefix}attainable"] + 1e-9).all()
        # The bound is reached, up to steps of t of 1 % about the best, 5e-6 nats here.
        np.testing.assert_allclose(results[f"{prefix}attainable"], bound, atol=2e-5)
    np.testing.assert_allclose(results["frontier"], dual_bound(results["level"]), atol=2e-5)


def test_a_law_above_the_frontier_is_caught(results: dict[str, NDArray]) -> None:
    """The bound is tight enough to refuse the frontier's own reward at a smaller divergence."""
    level = results["level"]
    inside = (level > 0.2) & (level < 2)
    assert (results["frontier"][inside] > dual_bound(0.9 * level[inside])).all()


@pytest.mark.parametrize("form", [NETWORK, BUMPS, DISTANCES])
def test_more_comparisons_lift_the_best_true_reward(results: dict[str, NDArray], form: int) -> None:
    """Every run with many beats every one with few: for three against three a chance of 1/20."""
    few, many = best(results)[form, 0], best(results)[form, -1]
    assert many.min() > few.max()
    assert many.min() > 0.9 * results["most"]


def test_the_network_falls_with_few_and_with_many(results: dict[str, NDArray]) -> None:
    """And the form that contains the truth does not, with many."""
    fallen = best(results) - results["curves"][..., -1]
    for size in (0, -1):
        assert (fallen[NETWORK, size] > 0.05).all()
    assert fallen[DISTANCES, -1].max() < 1e-3
    # More answers mend neither its peak nor its fall, once there are enough.
    late = results["most"] - best(results)[NETWORK, 1:]
    assert late.mean(axis=1).min() > 0.03
    exact = results["most"] - best(results)[DISTANCES, -1]
    assert late[-1].min() > 5 * exact.max()


def test_answers_about_points_beyond_the_data_mend_the_network() -> None:
    """So it is where the samples were, and not how many, that the network is misled by."""
    p = PARAMETERS
    x, mass, reward = grid()
    half = x.max()
    lost = []
    for beyond in (False, True):
        rng = np.random.default_rng(4)
        samples = rng.uniform(-half, half, (6400, 2)) if beyond else p.data.sample(6400, rng)
        answers = compare(
            torch.as_tensor(samples),
            lambda z: torch.as_tensor(p.reward(z.numpy())),
            KChoice(2),
            rng,
        )
        model = NetworkReward()
        model.fit(answers, rng)
        learnt = model(torch.as_tensor(x)).double().numpy()
        law = mass * np.exp((learnt - learnt.max()) / 0.02)
        law /= law.sum()
        lost.append(reward.max() - law @ reward)
    assert lost[0] > 0.2
    assert lost[1] < 0.5 * lost[0]


def test_curves_are_those_of_the_paths(results: dict[str, NDArray]) -> None:
    """At a divergence of one of the penalties, a curve has that penalty's true gain."""
    level = np.asarray(PARAMETERS.levels)
    kl, true = results["paths_kl"][BUMPS, 1, 0], results["paths_true"][BUMPS, 1, 0]
    inside = (kl > level[1]) & (kl < level[-1])
    curve = np.interp(kl[inside], level, results["curves"][BUMPS, 1, 0])
    # Both are drawn as chords, of 25 penalties and of steps of 1/6 nat.
    np.testing.assert_allclose(curve, true[inside], atol=0.02)
    assert (results["curves"][..., 0] == 0).all()
