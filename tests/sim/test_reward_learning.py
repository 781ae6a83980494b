"""Learning curves: their slope, and their height by Fisher's information."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sim.curation import KChoice
from sim.reward_learning import Learnt, learning_curve
from sim.reward_models import LinearReward, NetworkReward
from sim.streams import Streams


def draw(n: int, rng: np.random.Generator) -> torch.Tensor:
    return torch.as_tensor(rng.normal(size=(n, 2)))


def true(x: torch.Tensor) -> torch.Tensor:
    return x[:, 0] - 0.5 * x[:, 1].square()


def squares(x: torch.Tensor) -> torch.Tensor:
    return torch.column_stack([x, x.square(), x[:, 0] * x[:, 1]])


JUDGED = draw(500, np.random.default_rng(99))


def curve(K: int, sizes: tuple[int, ...], repeats: int) -> list[Learnt]:
    return learning_curve(
        lambda: LinearReward(squares), draw, true, KChoice(K), sizes, repeats, JUDGED, Streams(K)
    )


@pytest.mark.parametrize("K", [2, 5])
def test_the_error_falls_as_one_over_root_n_at_fishers_height(K: int) -> None:
    sizes, repeats = (200, 800, 3200), 100
    found = curve(K, sizes, repeats)
    # Relative standard errors of the roots of the mean squares, by the spread of the squares.
    noises = []
    for one in found:
        squared = np.square(one.errors)
        noises.append(np.std(squared, ddof=1) / squared.mean() / 2 / math.sqrt(repeats))
    assert max(noises) < 0.06
    for one, noise in zip(found[1:], noises[1:], strict=True):
        assert one.error == pytest.approx(one.predicted, rel=4 * noise)
    # The middle weighs nothing in the slope; at n = 200 the next order of 1/n adds some 5 %.
    slope = np.polyfit(np.log(sizes), np.log([one.error for one in found]), 1)[0]
    error = 4 * math.hypot(noises[0], noises[2]) + 0.05
    assert slope == pytest.approx(-0.5, abs=error / math.log(16))


def test_more_candidates_per_comparison_tell_more() -> None:
    (pairs,), (fives,) = (curve(K, (3000,), 2) for K in (2, 5))
    assert 0.5 * pairs.predicted < fives.predicted < 0.9 * pairs.predicted


def test_a_network_has_no_prediction_and_learns_too() -> None:
    found = learning_curve(
        NetworkReward, draw, true, KChoice(2), (200, 5000), 1, JUDGED.float(), Streams(0)
    )
    assert math.isnan(found[0].predicted)
    assert found[1].error < 0.5 * found[0].error


def test_progress_and_refusals() -> None:
    heard: list[float] = []
    learning_curve(
        lambda: LinearReward(squares),
        draw,
        true,
        KChoice(2),
        (200, 300),
        2,
        JUDGED,
        Streams(0),
        lambda done, loss: heard.append(done),
    )
    assert heard == [0.25, 0.5, 0.75, 1.0]
    with pytest.raises(ValueError, match="repeats = 0"):
        learning_curve(NetworkReward, draw, true, KChoice(2), (200,), 0, JUDGED, Streams(0))
