"""Comparisons, their likelihood, and who foretells them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from sim.curation import KChoice
from sim.generators.gaussian import Gaussian
from sim.loop import Loop, LoopSettings
from sim.preferences import (
    Comparisons,
    agreement,
    compare,
    from_round,
    negative_log_likelihood,
)
from sim.streams import Streams


def test_the_likelihood_is_that_of_luces_choice() -> None:
    rewards = torch.tensor([[0.3, -1.0, 2.0], [0.0, 0.5, 0.5]], dtype=torch.float64)
    shares = [math.exp(2) / (math.exp(0.3) + math.exp(-1) + math.exp(2)), 1 / (1 + 2 * math.e**0.5)]
    found = negative_log_likelihood(rewards, torch.tensor([2, 0]))
    assert float(found) == pytest.approx(-sum(map(math.log, shares)) / 2, rel=1e-14, abs=0)


@pytest.mark.parametrize("K", [2, 5])
def test_equal_rewards_tell_nothing(K: int) -> None:
    found = negative_log_likelihood(torch.full((4, K), 7.0).double(), torch.tensor([0, 1, 0, 1]))
    assert float(found) == pytest.approx(math.log(K), rel=1e-14, abs=0)


def test_pairs_are_answered_by_bradley_terry() -> None:
    true = torch.tensor([0.0, 1.2]).double()
    items = torch.tensor([0, 1]).repeat(100_000)
    found = compare(items, lambda x: true[x], KChoice(2), np.random.default_rng(0))
    share = float(found.chosen.double().mean())
    # Five standard errors of 1e5 answers.
    assert share == pytest.approx(1 / (1 + math.exp(-1.2)), abs=5 * math.sqrt(0.25 / 1e5))


def test_a_round_of_the_loop_is_a_set_of_comparisons() -> None:
    real = torch.as_tensor(np.random.default_rng(1).normal(size=(500, 2)))
    loop = Loop(Gaussian, real, lambda x: x[:, 0], KChoice(4), LoopSettings(1, 50), Streams(0))
    first = next(loop.rounds())
    assert first.kept is not None
    found = from_round(first.candidates, first.kept, 4)
    assert found.groups.shape == (50, 4, 2)
    kept = found.groups[torch.arange(50), found.chosen]
    assert torch.equal(kept, first.candidates[first.kept])
    assert torch.equal(found.samples, first.candidates)


def test_agreement_counts_the_kept_that_are_strictly_first() -> None:
    groups = torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 3.0], [5.0, 4.0]])
    found = Comparisons(groups, torch.tensor([1, 0, 0, 0]))
    assert agreement(lambda x: x, found) == 0.5
    assert agreement(lambda x: -x, found) == 0.25
    assert len(found.take(found.chosen == 0)) == 3


PAIRS = torch.zeros(3, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Comparisons(torch.zeros(3), torch.zeros(3).long()), "groups have shape"),
        (lambda: Comparisons(torch.zeros(3, 1), torch.zeros(3).long()), "K >= 2"),
        (lambda: Comparisons(torch.zeros(0, 2), torch.zeros(0).long()), "n >= 1"),
        (lambda: Comparisons(PAIRS, torch.zeros(2).long()), "each of the 3"),
        (lambda: Comparisons(PAIRS, torch.zeros(3)), "whole number"),
        (lambda: Comparisons(PAIRS, torch.tensor([0, 1, 2])), "from 0 to 1"),
        (lambda: Comparisons(PAIRS, torch.tensor([0, 1, -1])), "from 0 to 1"),
        (lambda: from_round(torch.zeros(6), torch.tensor([0, 1, 4]), 2), "one kept of each 2"),
        (lambda: from_round(torch.zeros(5), torch.tensor([0, 2]), 2), "5 candidates"),
    ],
)
def test_bad_requests_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
