"""Reward families: values by hand, refusals in one sentence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theory.rewards import (
    ClassProbability,
    ClippedDistance,
    Confidence,
    Linear,
    Quadratic,
    Tabulated,
)

PLANE = np.array([[0.0, 0.0], [3.0, 4.0]])
LINE = np.array([0.0, -2.0])
PROBABILITIES = np.array([[0.2, 0.8], [0.6, 0.4]])


@pytest.mark.parametrize(
    ("reward", "points", "expected"),
    [
        (ClippedDistance(2.0, (0.0, 0.0), 1.0), PLANE, [0.0, -8.0]),
        (ClippedDistance(2.0, 1.0), LINE, [-2.0, -6.0]),
        (Linear((1.0, -1.0)), PLANE, [0.0, -1.0]),
        (Linear(3.0), LINE, [0.0, -6.0]),
        (Quadratic(2.0, (0.0, 0.0)), PLANE, [0.0, -25.0]),
        (Quadratic(1.0, 0.0), LINE, [0.0, -2.0]),
        (Tabulated((5.0, 7.0)), np.array([1, 0, 1]), [7.0, 5.0, 7.0]),
        (ClassProbability(5.0, 1), PROBABILITIES, [4.0, 2.0]),
        (Confidence(15.0), PROBABILITIES, [12.0, 9.0]),
    ],
)
def test_rewards_by_hand(reward, points, expected):
    assert reward(points).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ClippedDistance(-1.0, 0.0), "gamma = -1.0 is not a finite number >= 0"),
        (lambda: ClippedDistance(1.0, 0.0, math.nan), "radius = nan"),
        (lambda: Quadratic(math.inf, 0.0), "gamma = inf"),
        (lambda: Confidence(math.nan), "gamma = nan is not a finite number"),
        (lambda: ClassProbability(5.0, 2)(PROBABILITIES), "class index 2 is outside the 2 classes"),
        (lambda: Tabulated((1.0,))(np.array([1])), "takes whole numbers from 0 to 0"),
        (lambda: Tabulated((1.0, 2.0))(np.array([0.5])), "takes whole numbers from 0 to 1"),
    ],
)
def test_bad_rewards_are_refused_in_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
