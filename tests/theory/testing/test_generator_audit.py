"""Generators of the kinds that users write: what single precision, sorted data and errors do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from theory.testing import check_generator
from theory.testing.generator import Generator

FloatArray = NDArray[np.float64]
Rng = np.random.Generator


class Gaussian:
    """Unit variance, fitted mean."""

    mean: FloatArray

    def fit(self, data: FloatArray, rng: Rng) -> None:
        self.mean = data.mean(axis=0)

    def sample(self, n: int, rng: Rng) -> FloatArray:
        return self.mean + rng.normal(size=(n, len(self.mean)))

    def state(self) -> Any:
        return self.mean.copy()

    def load(self, state: Any) -> None:
        self.mean = state


class Single(Gaussian):
    def sample(self, n: int, rng: Rng) -> Any:
        return super().sample(n, rng).astype(np.float32)


class SingleReplay(Gaussian):
    """Keeps the training data as a network would, in float32, and hands them out."""

    def fit(self, data: FloatArray, rng: Rng) -> None:
        self.mean = data.astype(np.float32)

    def sample(self, n: int, rng: Rng) -> FloatArray:
        return self.mean[rng.integers(len(self.mean), size=n)]


class Rounded(Gaussian):
    def sample(self, n: int, rng: Rng) -> FloatArray:
        return super().sample(n, rng).round(2)


class Listed(Gaussian):
    def sample(self, n: int, rng: Rng) -> Any:
        return super().sample(n, rng).tolist()


class Silent(Gaussian):
    def sample(self, n: int, rng: Rng) -> Any:
        super().sample(n, rng)


class Raising(Gaussian):
    def load(self, state: Any) -> None:
        raise KeyError("mean")


class Unsaved:
    fit, sample = Gaussian.fit, Gaussian.sample


class Replaying(Gaussian):
    """One sample in five is a training row."""

    def fit(self, data: FloatArray, rng: Rng) -> None:
        super().fit(data, rng)
        self.rows = data.copy()

    def sample(self, n: int, rng: Rng) -> FloatArray:
        drawn = super().sample(n, rng)
        old = rng.random(n) < 0.2
        drawn[old] = self.rows[rng.integers(len(self.rows), size=int(old.sum()))]
        return drawn

    def state(self) -> Any:
        return self.mean, self.rows

    def load(self, state: Any) -> None:
        self.mean, self.rows = state


class OneKnown(Replaying):
    """A single sample of many is a training row."""

    def sample(self, n: int, rng: Rng) -> FloatArray:
        drawn = Gaussian.sample(self, n, rng)
        drawn[-1] = self.rows[rng.integers(len(self.rows))]
        return drawn


class Shuffled(Gaussian):
    """The right margins, but one coordinate drawn from the other's noise."""

    def sample(self, n: int, rng: Rng) -> FloatArray:
        drawn = super().sample(n, rng)
        drawn[:, 1] = self.mean[1] + drawn[:, 0] - self.mean[0]
        return drawn


DATA, HELD_OUT = (np.random.default_rng(seed).normal(size=(8000, 2)) for seed in (1, 2))


@pytest.mark.parametrize("make", [Gaussian, Single, Listed, lambda: Gaussian()])
def test_right_generators_conform(make: Callable[[], Generator]) -> None:
    check_generator(make, DATA, HELD_OUT).require()


def test_chance_repeats_in_single_precision_are_no_copies() -> None:
    # On the line float32 has so few numbers that some samples meet a training row by chance.
    data, held_out = (np.random.default_rng(s).normal(size=(40_000, 1)) for s in (3, 4))
    report = check_generator(Single, data, held_out, samples=40_000)
    assert not next(f for f in report.findings if f.check == "new samples").message.startswith("0 ")
    report.require()


def test_rounded_data_may_repeat_as_often_as_held_out_rows_do() -> None:
    check_generator(Rounded, DATA.round(2), HELD_OUT.round(2)).require()
    report = check_generator(Replaying, DATA.round(2), HELD_OUT.round(2))
    assert [f.check for f in report.failures] == ["new samples"]


def test_sorted_held_out_data_are_no_fault_of_the_generator() -> None:
    check_generator(Gaussian, DATA, HELD_OUT[HELD_OUT[:, 0].argsort()]).require()


@pytest.mark.parametrize(
    ("make", "check", "named"),
    [
        (SingleReplay, "new samples", "10000 of 10000"),
        (Silent, "runs", "returned None"),
        (Raising, "runs", "raised KeyError: 'mean' (test_generator_audit.py"),
        (Unsaved, "runs", "no method state, load"),
        (Replaying, "new samples", "0 of 4000 held-out rows"),
        (OneKnown, "new samples", "1 of 10000"),
        (Shuffled, "law", "total variation"),
        (lambda: 1, "runs", "no method fit, sample"),
        (lambda: 1 / 0, "runs", "raised ZeroDivisionError"),
    ],
)
def test_wrong_generators_are_caught_and_named(
    make: Callable[[], Any], check: str, named: str
) -> None:
    report = check_generator(make, DATA, HELD_OUT)
    finding = next(f for f in report.failures if f.check == check)
    assert named in finding.message


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (Gaussian(), {}, TypeError, "make is"),
        (Gaussian, {"samples": 0}, ValueError, "at least 100"),
    ],
)
def test_bad_requests_are_refused(
    make: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_generator(make, DATA, HELD_OUT, **options)
