"""A correct assembly of the training set conforms; wrong mixtures are caught and named."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from theory.testing import check_loop
from theory.testing.loop import Reward, TrainingSet

FloatArray = NDArray[np.float64]
Rng = np.random.Generator


def assembly(
    K: int = 4, lam: float = 0.5, used_K: int | None = None, share: float | None = None
) -> TrainingSet:
    """Luce's choice among K (or another number), mixed to the share λ/(1+λ) (or another)."""
    part = share if share is not None else (1.0 if lam == math.inf else lam / (1 + lam))

    def training_set(
        candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng
    ) -> FloatArray:
        groups = candidates.reshape(-1, K, 3)[:, : used_K or K]
        rewards = reward(groups.reshape(-1, 3)).reshape(groups.shape[:2])
        kept = groups[
            np.arange(len(groups)), (rewards + rng.gumbel(size=rewards.shape)).argmax(axis=1)
        ]
        if part == 1.0:
            return kept
        total = min(int(len(kept) / max(part, 1e-9)), int(len(real) / (1 - part)))
        synthetic = round(part * total)
        return np.concatenate([kept[:synthetic], real[: total - synthetic]])

    return training_set


@pytest.mark.parametrize("lam", [0.0, 0.25, 0.5, 1.0, 4.0, math.inf])
@pytest.mark.parametrize("K", [1, 2, 4])
def test_correct_assemblies_conform(K: int, lam: float) -> None:
    check_loop(assembly(K, lam), K, lam).require()


def test_a_share_drawn_at_random_conforms() -> None:
    def drawn(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
        kept = assembly(4, math.inf)(candidates, reward, real, rng)
        synthetic = rng.random(len(kept)) < 1 / 3
        return np.where(synthetic[:, None], kept, real[: len(kept)])

    check_loop(drawn, 4, 0.5).require()


def uncurated(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    return np.concatenate([candidates[:10_000], real[:20_000]])


def real_is_synthetic(
    candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng
) -> FloatArray:
    rows = assembly(4, 0.5)(candidates, reward, candidates, rng)
    return rows


def curated_real(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    best = real[np.argsort(-reward(real), kind="stable")]
    return assembly(4, 0.5)(candidates, reward, best[: len(best) // 2], rng)


def repeating(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    rows = assembly(4, 0.5)(candidates, reward, real, rng)
    rows[1] = rows[0]
    return rows


def in_place(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    rows = assembly(4, 0.5)(candidates, reward, real, rng).copy()
    real[0] = 0
    return rows


def invented(candidates: FloatArray, reward: Reward, real: FloatArray, rng: Rng) -> FloatArray:
    rows = assembly(4, 0.5)(candidates, reward, real, rng)
    rows[0, 0] += 0.5
    return rows


@pytest.mark.parametrize(
    ("training_set", "check", "named"),
    [
        (assembly(share=2 / 3), "share of synthetic data", "ratio of real to synthetic"),
        (assembly(share=0.5), "share of synthetic data", "taken for the synthetic fraction"),
        (assembly(share=1.0), "share of synthetic data", "there are no real data"),
        (assembly(share=0.2), "share of synthetic data", "that is λ = 0.25"),
        (assembly(used_K=2), "law of the kept", "that is K = 2"),
        (uncurated, "law of the kept", "K = 1 (nothing is selected)"),
        (real_is_synthetic, "share of synthetic data", "there are no real data"),
        (curated_real, "law of the real data", "do not follow"),
        (repeating, "no candidate kept twice", "1 of 20000"),
        (in_place, "input untouched", "were changed"),
        (invented, "rows of the input", "neither candidates nor real data"),
    ],
)
def test_wrong_assemblies_are_caught_and_named(
    training_set: TrainingSet, check: str, named: str
) -> None:
    report = check_loop(training_set, 4, 0.5)
    finding = next(f for f in report.failures if f.check == check)
    assert named in finding.message


@pytest.mark.parametrize(("K", "lam"), [(0, 1.0), (2, -1.0), (math.inf, 1.0)])
def test_bad_requests_are_refused(K: float, lam: float) -> None:
    with pytest.raises(ValueError, match=r"K|lam"):
        check_loop(uncurated, K, lam)  # type: ignore[arg-type]
