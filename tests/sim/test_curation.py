"""K-choice of batches: conforming for every choice model, and nothing silent."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from sim.curation import KChoice
from theory.choice import AdversarialShare, BestOf, Choice, Cyclic, Noisy, PlackettLuce, TopFraction
from theory.testing import check_curator


def select(curator: KChoice) -> Callable[[Any, Any], Any]:
    return lambda rewards, rng: curator.keep(torch.as_tensor(rewards), rng).numpy()


@pytest.mark.parametrize("K", [1, 2, 4, 20])
def test_luce_by_gumbel_conforms(K: int) -> None:
    check_curator(select(KChoice(K)), K, layout="flat").require()


@pytest.mark.parametrize(
    "choice",
    [
        BestOf(),
        TopFraction(2),
        Noisy(Fraction(1, 5), PlackettLuce()),
        AdversarialShare(Fraction(1, 3)),
    ],
    ids=lambda choice: choice.name,
)
def test_other_models_follow_their_law(choice: Choice) -> None:
    def law(rewards: Any) -> Any:
        return np.array(choice.probabilities(np.exp(rewards - rewards.max()).tolist()), dtype=float)

    check_curator(select(KChoice(4, choice)), 4, layout="flat", choice=law).require()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steep_rewards_keep_the_best(dtype: torch.dtype) -> None:
    rewards = torch.tensor([0.0, 1e4, -1e4, 5.0, 0.0, -1e30], dtype=dtype)
    assert KChoice(3).keep(rewards, np.random.default_rng(0)).tolist() == [1, 3]


@pytest.mark.parametrize("lowest", [-math.inf])
def test_candidates_of_weight_zero_are_never_kept(lowest: float) -> None:
    rewards = torch.tensor([lowest, 0.0] * 1000)
    assert (KChoice(2).keep(rewards, np.random.default_rng(0)) % 2 == 1).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KChoice(0), "K = 0"),
        (lambda: KChoice(2.0), "K = 2.0"),  # type: ignore[arg-type]
        (
            lambda: KChoice(2, Cyclic.from_probabilities([["1/2", "2/3"], ["1/3", "1/2"]])),
            "labelled atoms",
        ),
        (lambda: KChoice(2).keep(torch.zeros(3), np.random.default_rng(0)), "a multiple of K"),
        (lambda: KChoice(2).keep(torch.zeros(2, 2), np.random.default_rng(0)), "multiple"),
        (
            lambda: KChoice(2).keep(torch.tensor([0.0, math.nan]), np.random.default_rng(0)),
            "bounded above",
        ),
        (
            lambda: KChoice(2).keep(torch.tensor([0.0, math.inf]), np.random.default_rng(0)),
            "bounded above",
        ),
    ],
)
def test_bad_requests_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
