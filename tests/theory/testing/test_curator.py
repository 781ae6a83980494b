"""Correct curators conform; each deliberately wrong one is caught, and its fault named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from theory.testing import check_curator
from theory.testing.curator import Select
from theory.testing.diagnosis import temperature

FloatArray = NDArray[np.float64]
Rng = np.random.Generator
Indices = NDArray[np.int64]


def gumbel(rewards: FloatArray, rng: Rng) -> Indices:
    """Luce's choice by the Gumbel-max trick."""
    return (rewards + rng.gumbel(size=rewards.shape)).argmax(axis=1)


def inverse(rewards: FloatArray, rng: Rng) -> Indices:
    """Luce's choice by inverting the cumulative sum, by another route than Gumbel's."""
    weights = np.exp(rewards - rewards.max(axis=1, keepdims=True))
    cumulative = weights.cumsum(axis=1)
    return (cumulative <= cumulative[:, -1:] * rng.random((len(rewards), 1))).sum(axis=1)


def flat(rewards: FloatArray, rng: Rng) -> tuple[Indices, FloatArray]:
    indices = 4 * np.arange(len(rewards) // 4) + gumbel(rewards.reshape(-1, 4), rng)
    return indices, rewards[indices]


def own_groups(rewards: FloatArray, rng: Rng) -> Indices:
    groups = rng.permutation(rewards.size).reshape(-1, 4)
    return groups[np.arange(len(groups)), gumbel(rewards[groups], rng)]


@pytest.mark.parametrize("K", [1, 2, 3, 4, 20, 200])
@pytest.mark.parametrize("select", [gumbel, inverse])
def test_correct_curators_conform(select: Select, K: int) -> None:
    check_curator(select, K).require()


@pytest.mark.parametrize("seed", range(20))
def test_correct_curators_conform_at_any_seed(seed: int) -> None:
    check_curator(inverse, 3, groups=3000, seed=seed).require()


def test_correct_flat_curators_conform() -> None:
    check_curator(flat, 4, layout="flat").require()
    check_curator(own_groups, 4, layout="flat", grouping="any").require()


# Wrong curators: what each does, and the words that must appear in the report.


def too_steep(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(10 * rewards, rng)


def too_flat(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(rewards / 2, rng)


def negated(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(-rewards, rng)


def argmax(rewards: FloatArray, rng: Rng) -> Indices:
    return rewards.argmax(axis=1)


def best_ties_last(rewards: FloatArray, rng: Rng) -> Indices:
    return rewards.shape[1] - 1 - rewards[:, ::-1].argmax(axis=1)


def argmin(rewards: FloatArray, rng: Rng) -> Indices:
    return rewards.argmin(axis=1)


def blind(rewards: FloatArray, rng: Rng) -> Indices:
    return rng.integers(rewards.shape[1], size=len(rewards))


def shared_noise(rewards: FloatArray, rng: Rng) -> Indices:
    return (rewards + rng.gumbel(size=rewards.shape[1])).argmax(axis=1)


def linear(rewards: FloatArray, rng: Rng) -> Indices:
    weights = rewards + (rewards.max(axis=1, keepdims=True) < 1e-3)
    cumulative = weights.cumsum(axis=1)
    return (cumulative <= cumulative[:, -1:] * rng.random((len(rewards), 1))).sum(axis=1)


def index_in_sorted(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(np.sort(rewards, axis=1), rng)


def sorted_ties(rewards: FloatArray, rng: Rng) -> Indices:
    kept = []
    for row in rewards:
        levels = np.unique(row)
        chosen = levels[(levels + rng.gumbel(size=len(levels))).argmax()]
        kept.append(int(np.argmax(row == chosen)))
    return np.array(kept)


def noisy(rewards: FloatArray, rng: Rng) -> Indices:
    return np.where(rng.random(len(rewards)) < 0.1, blind(rewards, rng), gumbel(rewards, rng))


def last_forgotten(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(rewards[:, :-1], rng)


def overflowing(rewards: FloatArray, rng: Rng) -> Indices:
    cumulative = np.exp(rewards).cumsum(axis=1)
    return (cumulative < cumulative[:, -1:] * rng.random((len(rewards), 1))).sum(axis=1)


def raising(rewards: FloatArray, rng: Rng) -> Indices:
    if not np.isfinite(np.exp(rewards)).all():
        raise FloatingPointError("overflow")
    return gumbel(rewards, rng)


def own_randomness() -> Select:
    hidden = np.random.default_rng(3)
    return lambda rewards, rng: gumbel(rewards, hidden)


def changing_input(rewards: FloatArray, rng: Rng) -> Indices:
    kept = gumbel(rewards, rng)
    rewards -= rewards.max()
    return kept


def one_short(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(rewards, rng)[:-1]


def as_floats(rewards: FloatArray, rng: Rng) -> Any:
    return gumbel(rewards, rng).astype(float)


def one_based(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(rewards, rng) + 1


@pytest.mark.parametrize(
    ("select", "named"),
    [
        (too_steep, "rewards multiplied by"),
        (too_flat, "rewards multiplied by 0."),
        (negated, "rewards multiplied by -"),
        (argmax, "largest reward is always kept (ties to the first)"),
        (best_ties_last, "largest reward is always kept (ties to the last)"),
        (argmin, "smallest reward is always kept"),
        (blind, "ignores the rewards"),
        (shared_noise, "one random draw is shared"),
        (linear, "proportional to the reward r"),
        (index_in_sorted, "sorted in ascending order"),
        (sorted_ties, "equal rewards are counted once (to the first)"),
        (noisy, "of the choices ignores the rewards (noise)"),
        (last_forgotten, "only the first 3 of the 4 candidates"),
        (overflowing, "subtract the largest reward before the exponential"),
        (raising, "raised FloatingPointError: overflow"),
        (own_randomness(), "draw from the one passed in"),
        (changing_input, "the rewards passed in were changed"),
        (one_short, "returned shape (29999,)"),
        (as_floats, "of float64"),
        (one_based, "kept index 4, not in 0..3"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong_curators_are_caught_and_named(select: Select, named: str) -> None:
    report = check_curator(select, 4)
    assert not report.passed
    assert len(report.failures) == 1
    assert named in report.failures[0].message
    with pytest.raises(AssertionError, match="DOES NOT CONFORM"):
        report.require()


def off_by_one_group(rewards: FloatArray, rng: Rng) -> Indices:
    indices, _ = flat(np.roll(rewards, -1), rng)
    return (indices + 1) % rewards.size


def statistics_of_another(rewards: FloatArray, rng: Rng) -> tuple[Indices, FloatArray]:
    indices, kept = flat(rewards, rng)
    return indices, np.roll(kept, 1)


def with_replacement(rewards: FloatArray, rng: Rng) -> Indices:
    groups = rng.integers(rewards.size, size=(rewards.size // 4, 4))
    return groups[np.arange(len(groups)), gumbel(rewards[groups], rng)]


def too_few_candidates(rewards: FloatArray, rng: Rng) -> Indices:
    groups = rng.permutation(rewards.size).reshape(-1, 4)[:, :2]
    return groups[np.arange(len(groups)), gumbel(rewards[groups], rng)]


@pytest.mark.parametrize(
    ("select", "grouping", "named"),
    [
        (off_by_one_group, "consecutive", "every group is off by 1 candidate"),
        (statistics_of_another, "consecutive", "not those of the kept draws"),
        (own_groups, "consecutive", "say grouping='any'"),
        (with_replacement, "any", "groups share candidates"),
        (too_few_candidates, "any", "are kept with shares"),
    ],
)
def test_wrong_flat_curators_are_caught_and_named(
    select: Select, grouping: Any, named: str
) -> None:
    report = check_curator(select, 4, layout="flat", grouping=grouping)
    assert len(report.failures) == 1
    assert named in report.failures[0].message


def test_reuse_may_be_declared() -> None:
    # Still the law of the pool's choices: the candidates of a group are equally likely.
    report = check_curator(with_replacement, 4, layout="flat", grouping="any", reuse=True)
    assert report.passed


@pytest.mark.parametrize("factor", [0.5, 2.0, 10.0])
def test_the_effective_temperature_is_right_within_its_error(factor: float) -> None:
    rng = np.random.default_rng(5)
    patterns = np.array([[0.0, 0.1, 0.05], [0.0, 1.0, 0.3]])
    inside = 0
    for _ in range(200):
        law = np.exp(factor * patterns)
        law /= law.sum(axis=1, keepdims=True)
        counts = np.stack([rng.multinomial(3000, row) for row in law])
        beta, error = temperature(patterns, counts)
        inside += abs(beta - factor) < 1.96 * error
    # Binomial(200, 0.95) leaves 176..200 with probability below 1e-4.
    assert inside >= 176


def test_another_choice_law_can_be_asked_for() -> None:
    def noisy_law(rewards: FloatArray) -> FloatArray:
        weights = np.exp(rewards - rewards.max())
        law: FloatArray = 0.9 * weights / weights.sum() + 0.1 / len(weights)
        return law

    assert check_curator(noisy, 4, choice=noisy_law).passed
    report = check_curator(gumbel, 4, choice=noisy_law)
    assert "the choice is Luce's" in report.failures[0].message


def test_the_rate_of_false_alarms_is_kept() -> None:
    # At 5 % a correct curator may fail; in 200 seeds more than 24 failures have probability 1e-4.
    failures = sum(
        not check_curator(gumbel, 2, groups=600, false_alarm=0.05, seed=seed).passed
        for seed in range(200)
    )
    assert failures <= 24


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"K": 0}, "K"),
        ({"K": float("inf")}, "whole number of candidates"),
        ({"K": 2, "groups": 10}, "at least 100"),
        ({"K": 2, "false_alarm": 0.0}, "between 0 and 1"),
        ({"K": 2, "grouping": "any"}, "layout='flat'"),
    ],
)
def test_bad_requests_are_refused_before_the_function_is_called(
    arguments: dict[str, Any], message: str
) -> None:
    def never(rewards: FloatArray, rng: Rng) -> Indices:
        raise RuntimeError("called")

    with pytest.raises(ValueError, match=message):
        check_curator(never, **arguments)


def test_the_fixture_fails_the_test(check_curator_fixture: Callable[..., Any]) -> None:
    check_curator_fixture(gumbel, K=2)
    with pytest.raises(AssertionError, match="always kept"):
        check_curator_fixture(argmax, K=2)


@pytest.fixture
def check_curator_fixture(request: pytest.FixtureRequest) -> Any:
    from theory.testing import fixtures

    return fixtures._required(check_curator)
