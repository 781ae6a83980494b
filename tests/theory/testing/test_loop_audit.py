"""Training sets of the kinds that users assemble: with replacement, too small, from errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from theory.testing import check_loop
from theory.testing.loop import Reward, TrainingSet

FloatArray = NDArray[np.float64]
Rng = np.random.Generator


def chosen(groups: FloatArray, reward: Reward, rng: Rng) -> FloatArray:
    """The kept of groups of shape (groups, K, 3)."""
    rewards = reward(groups.reshape(-1, 3)).reshape(groups.shape[:2])
    best = (rewards + rng.gumbel(size=rewards.shape)).argmax(axis=1)
    return groups[np.arange(len(groups)), best]


def mixed(kept: FloatArray, real: FloatArray) -> FloatArray:
    """Two real rows to each kept: λ = 1/2."""
    return np.concatenate([kept, real[: 2 * len(kept)]])


def real_with_replacement(
    candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng
) -> FloatArray:
    kept = chosen(candidates.reshape(-1, 2, 3), reward, rng)
    return mixed(kept, real[rng.integers(len(real), size=2 * len(kept))])


def kept_again(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    kept = chosen(candidates.reshape(-1, 2, 3), reward, rng)
    return mixed(kept[rng.integers(len(kept) // 5, size=len(kept))], real)


def pool_with_replacement(
    candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng
) -> FloatArray:
    """Nothing is selected: where the candidates' own spread counts most."""
    return mixed(candidates[rng.integers(len(candidates), size=len(candidates))], real)


def groups_with_replacement(
    candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng
) -> FloatArray:
    groups = candidates[rng.integers(len(candidates), size=(len(candidates) // 2, 2))]
    return mixed(chosen(groups, reward, rng), real)


@pytest.mark.parametrize(
    ("training_set", "K", "reuse"),
    [(real_with_replacement, 2, False), (kept_again, 2, True), (pool_with_replacement, 1, True)],
)
def test_draws_with_replacement_keep_the_rate_of_false_alarms(
    training_set: TrainingSet, K: int, reuse: bool
) -> None:
    failures = sum(
        not check_loop(
            training_set, K, 0.5, groups=500, reuse=reuse, false_alarm=0.05, seed=seed
        ).passed
        for seed in range(400)
    )
    # 38 of 400 at 5 % has probability 1e-4.
    assert failures < 38


@pytest.mark.parametrize("training_set", [kept_again, groups_with_replacement])
def test_repeats_do_not_hide_a_wrong_law(training_set: TrainingSet) -> None:
    report = check_loop(training_set, 4, 0.5, reuse=True)
    failed = {f.check: f.message for f in report.failures}
    assert "that is K = 2" in failed["law of the kept"]


def all_real(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    return real


@pytest.mark.parametrize("lam", [0.0, 0.001])
def test_small_ratios_are_affordable(lam: float) -> None:
    def mostly_real(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> Any:
        assert len(real) <= 2_000_000
        kept = chosen(candidates.reshape(-1, 4, 3), reward, rng)
        return real if lam == 0 else np.concatenate([kept, real[: round(len(kept) / lam)]])

    check_loop(mostly_real, 4, lam).require()


def greedy(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    groups = candidates.reshape(-1, 4, 3)
    best = reward(candidates).reshape(-1, 4).argmax(axis=1)
    return mixed(groups[np.arange(len(groups)), best], real)


def losers(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    groups = candidates.reshape(-1, 4, 3)
    return mixed(chosen(groups, lambda rows: -reward(rows), rng), real)


def best_of_the_batch(
    candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng
) -> FloatArray:
    """One softmax over the whole batch, not one a group: Gumbel top-k."""
    noisy = reward(candidates) + rng.gumbel(size=len(candidates))
    return mixed(candidates[np.argsort(-noisy)[: len(candidates) // 4]], real)


def nothing(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> Any:
    return None


def raising(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> Any:
    return reward(candidates[:, :1], 3)  # type: ignore[call-arg]


def tiny(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    return mixed(candidates[:1], real)


def undefined(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    rows = mixed(chosen(candidates.reshape(-1, 4, 3), reward, rng), real)
    rows[3, 2] = np.nan
    return rows


@pytest.mark.parametrize(
    ("training_set", "check", "named"),
    [
        (greedy, "law of the kept", "shares by reward level"),
        (losers, "law of the kept", "shares by reward level"),
        (best_of_the_batch, "law of the kept", "shares by reward level"),
        (all_real, "share of synthetic data", "there are no synthetic data"),
        (all_real, "law of the kept", "no candidate is kept"),
        (nothing, "runs", "returned None"),
        (raising, "runs", "raised TypeError"),
        (tiny, "rows of the input", "3 rows decide nothing"),
        (undefined, "rows of the input", "not finite"),
    ],
)
def test_wrong_training_sets_are_caught_and_named(
    training_set: TrainingSet, check: str, named: str
) -> None:
    report = check_loop(training_set, 4, 0.5)
    finding = next(f for f in report.failures if f.check == check)
    assert named in finding.message


def test_a_pure_loop_without_kept_rows_is_named() -> None:
    report = check_loop(all_real, 4, math.inf)
    assert "there are no synthetic data" in report.failures[0].message


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"training_set": 3}, TypeError, "training_set is 3"),
        ({"lam": 1e-9}, ValueError, "told from 0"),
        ({"groups": 10}, ValueError, "at least 100"),
        ({"K": 10**6}, ValueError, "fewer groups"),
    ],
)
def test_bad_requests_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_loop(**{"training_set": all_real, "K": 4, "lam": 0.5, **options})
