r"""The true reward falls while the learnt one still rises: in closed form, and with rewards learnt
from too few comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from sim import GaussianMixture
from sim.curation import KChoice
from sim.overoptimisation import best_penalty, by_best_of, by_penalty
from sim.preferences import Comparisons, compare
from sim.reward_models import LinearReward, NetworkReward, bumps
from theory import Law
from theory.rewards import Quadratic

A, C = 1.0, 0.5
X = np.linspace(-14, 14, 3001)


def line() -> Law:
    r"""N(0, 1) with the true reward :math:`a x - c x^2/2`; the learnt one is :math:`a x`."""
    return Law.from_density(np.exp(-(X**2) / 2), A * X - C * X**2 / 2, (X,), normalise=True)


@pytest.mark.parametrize("t", [0.1, 1.0, 2.0, 5.0])
def test_a_learnt_slope_that_misses_the_curvature(t: float) -> None:
    (found,) = by_penalty(line(), A * X, [1 / t])
    # The optimum is N(a t, 1).
    assert found.strength == pytest.approx(t)
    assert found.kl == pytest.approx((A * t) ** 2 / 2, rel=1e-9)
    assert found.learnt == pytest.approx(A**2 * t, rel=1e-9)
    assert found.true == pytest.approx(A**2 * t - C / 2 * ((A * t) ** 2 + 1), rel=1e-9)
    assert found.true < found.attainable


def test_the_best_penalty_is_where_the_gain_ends() -> None:
    # a^2 t - c a^2 t^2 / 2 is largest at t = 1/c.
    assert best_penalty(line(), A * X, 0.05, 50.0) == pytest.approx(C, rel=1e-4)
    # Where the true reward rises all the way the strongest selection is the best.
    assert best_penalty(line(), line().rewards, 0.05, 50.0) == pytest.approx(0.05, rel=1e-4)


def test_slopes_are_the_covariances_with_the_learnt_reward() -> None:
    law, t, h = line(), 1.3, 1e-4
    learnt = np.sin(X) + 0.3 * X
    low, high = by_penalty(law, learnt, [1 / (t - h), 1 / (t + h)])
    tilted = law.probabilities * np.exp(t * learnt)
    tilted /= tilted.sum()
    mean = tilted @ learnt
    # Central differences: an error of order h^2 = 1e-8.
    assert (high.true - low.true) / (2 * h) == pytest.approx(
        tilted @ (law.rewards * (learnt - mean)), abs=1e-6
    )
    assert (high.learnt - low.learnt) / (2 * h) == pytest.approx(
        tilted @ (learnt - mean) ** 2, abs=1e-6
    )


def test_the_true_reward_aligned_with_is_on_the_frontier() -> None:
    for found in by_penalty(line(), line().rewards, [0.2, 1.0, 5.0]):
        assert found.true == pytest.approx(found.attainable, rel=1e-9)
        assert found.true == found.learnt


def test_best_of_n_by_a_learnt_reward_over_optimises_too() -> None:
    found = by_best_of(line(), A * X, [1, 4, 64, 4096])
    assert [one.strength for one in found] == [1, 4, 64, 4096]
    assert found[0].true == pytest.approx(-C / 2, rel=1e-9)
    assert np.all(np.diff([one.learnt for one in found]) > 0)
    assert found[0].true < found[1].true < found[2].true
    # The best of 4096 are beyond the peak of the true reward at x = 2, those of 64 just there.
    assert found[3].true < found[2].true - 0.5
    # The best of 4 normal numbers is 1.0294 on average, and its square 1.5514 (variance 0.4917).
    assert found[1].learnt == pytest.approx(1.0294, abs=2e-4)
    assert found[1].true == pytest.approx(1.0294 - C / 2 * (1.0294**2 + 0.4917), abs=3e-4)


PEAK = Quadratic(1.0, (1.5, 0.0))
DATA = GaussianMixture(1, 0.0, 1.0)
AXIS = np.linspace(-6, 6, 81)
PLANE = Law.from_density(DATA.density, PEAK, (AXIS, AXIS), normalise=True)
assert PLANE.atoms is not None
POINTS = torch.as_tensor(PLANE.atoms.copy())
PENALTIES = (1.0, 0.5, 0.2, 0.1, 0.02)


def asked(n: int, seed: int) -> Comparisons:
    rng = np.random.default_rng(seed)
    samples = torch.as_tensor(DATA.sample(2 * n, rng))
    return compare(samples, lambda x: torch.as_tensor(PEAK(x.numpy())), KChoice(2), rng)


def lost(learnt: torch.Tensor) -> float:
    """True reward lost between the best of the penalties and the smallest."""
    found = by_penalty(PLANE, learnt.numpy(), PENALTIES)
    assert np.all(np.diff([one.learnt for one in found]) > 0)
    return max(one.true for one in found) - found[-1].true


def network(n: int, seed: int) -> torch.Tensor:
    model = NetworkReward()
    model.fit(asked(n, seed), np.random.default_rng(seed))
    return model(POINTS)


def test_a_network_over_optimises_with_few_answers_and_not_with_many() -> None:
    few, many = ([lost(network(n, seed)) for seed in range(5)] for n in (400, 6400))
    # Where there were no samples the network goes on as a straight line, this way or that.
    assert np.median(few) > 1.0
    assert max(many) < 0.05


def test_standard_errors_taken_off_tame_it() -> None:
    centres = torch.cartesian_prod(*[torch.linspace(-5, 5, 11)] * 2)
    plain, cautious = [], []
    for seed in range(6):
        answers = asked(200, seed)
        model = LinearReward(bumps(centres, 1.0), ridge=1e-4)
        model.fit(answers)
        error = model.standard_error(POINTS, answers)
        plain.append(lost(model(POINTS)))
        cautious.append(lost(model(POINTS) - 2 * error))
    assert np.mean(plain) > 0.3
    assert np.mean(cautious) < np.mean(plain) / 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: by_penalty(line(), X, [0.0]), "beta = 0"),
        (lambda: by_penalty(line(), X[1:], [1.0]), "3000 learnt rewards for 3001"),
        (lambda: by_penalty(line(), np.where(X > 13, math.inf, X), [1.0]), "finite one"),
        (lambda: best_penalty(line(), X, 2.0, 1.0), "weakest < strongest"),
    ],
)
def test_bad_requests_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
