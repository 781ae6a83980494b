r"""Does a generator keep its promises? Seeds, state, shapes, copies, and the law that it learnt.

The law is compared on cells, since any two laws can be told apart on cells of their own: the space
is cut at medians of half of the held-out data, put in random order, into cells of about equal mass,
and the other half is counted there together with fresh samples. With m and n points and c cells the
total variation between the two counts exceeds that between the laws by more than

.. math:: \tfrac12\sqrt{c\,(1/m + 1/n)} + \sqrt{\log(1/\alpha)\,(1/m + 1/n)/2}

with probability at most :math:`\alpha`: Cauchy–Schwarz for the mean, McDiarmid's inequality for the
deviation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from theory.testing.report import (
    Conformance,
    Finding,
    Misbehaved,
    as_array,
    called,
    check_callable,
    check_false_alarm,
)

FloatArray = NDArray[np.float64]

CELLS = 16
METHODS = ("fit", "sample", "state", "load")


class Generator(Protocol):
    """What is checked: any model that can be fitted, sampled, saved and restored."""

    def fit(self, data: FloatArray, rng: np.random.Generator) -> None:
        """Fit to data of shape (n, d)."""

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw n samples, shape (n, d)."""

    def state(self) -> Any:
        """Everything that :meth:`sample` depends on, as a value that later calls do not change."""

    def load(self, state: Any) -> None:
        """Become the generator that :meth:`state` was asked of."""


def check_generator(
    make: Callable[[], Generator],
    data: FloatArray,
    held_out: FloatArray,
    *,
    fit_error: float = 0.0,
    copies: bool = False,
    samples: int = 10_000,
    false_alarm: float = 1e-6,
    seed: int = 0,
) -> Conformance:
    r"""Check a generator for use in the loop.

    Parameters
    ----------
    make
        Makes a fresh, unfitted generator.
    data, held_out
        Independent draws of one law, shapes (n, d) and (m, d), m at least 64.
    fit_error
        Total variation on the cells that the fit may have, between 0 (the perfect fit that the
        theorems assume) and 1.
    copies
        Whether samples may be copies of the training data, exact or to the precision of the type
        of the samples. Where held-out data repeat training data too, as rounded data do, samples
        may do so as often.
    samples
        Samples drawn for the law.
    false_alarm
        Probability, at most, that a generator within ``fit_error`` fails.
    seed
        Of the generators handed over.

    Raises
    ------
    ValueError
        For data that are not (n, d) and (m, d) arrays of finite numbers, too few held-out rows, or
        numbers out of range.
    TypeError
        For a ``make`` that cannot be called.

    Examples
    --------
    >>> class Gaussian:
    ...     def fit(self, data, rng):
    ...         self.mean = data.mean(axis=0)
    ...     def sample(self, n, rng):
    ...         return self.mean + rng.normal(size=(n, len(self.mean)))
    ...     def state(self):
    ...         return self.mean.copy()
    ...     def load(self, state):
    ...         self.mean = state
    >>> rng = np.random.default_rng(0)
    >>> data, held_out = rng.normal(size=(5000, 2)), rng.normal(size=(5000, 2))
    >>> check_generator(Gaussian, data, held_out).passed
    True
    """
    check_false_alarm(false_alarm)
    check_callable(make, "make")
    data, held_out = np.asarray(data, dtype=np.float64), np.asarray(held_out, dtype=np.float64)
    if samples < 100:
        raise ValueError(f"samples = {samples} decides nothing: give at least 100.")
    if not 0 <= fit_error < 1:
        raise ValueError(f"fit_error = {fit_error} is not a total variation in [0, 1).")
    if data.ndim != 2 or held_out.ndim != 2 or data.shape[1] != held_out.shape[1]:
        raise ValueError(
            f"data and held_out have shapes {data.shape} and {held_out.shape}: give (n, d), (m, d)."
        )
    if len(held_out) < 4 * CELLS:
        raise ValueError(f"{len(held_out)} held-out rows are too few: give at least {4 * CELLS}.")
    if not (np.isfinite(data).all() and np.isfinite(held_out).all()):
        raise ValueError("data or held_out contain numbers that are not finite.")
    if len(data) == 0:
        raise ValueError("data have no rows to fit to.")
    # Held-out rows may come sorted; either half must be a sample of their law.
    held_out = np.random.default_rng([seed, 5]).permutation(held_out)
    half = len(held_out) // 2
    cells = _cells(held_out[:half])
    check = _Check(
        make, data, held_out[half:], cells, fit_error, copies, samples, false_alarm, seed
    )
    findings: list[Finding] = []
    try:
        for finding in check.findings():
            findings.append(finding)
            if not finding.passed and finding.check == "shape":
                break
    except Misbehaved as fault:
        findings.append(Finding("runs", False, str(fault)))
    return Conformance(f"generator {getattr(make, '__name__', make)}", tuple(findings), false_alarm)


@dataclass(frozen=True)
class _Check:
    make: Callable[[], Generator]
    data: FloatArray
    held_out: FloatArray
    cells: Callable[[FloatArray], NDArray[np.int64]]
    fit_error: float
    copies: bool
    samples: int
    false_alarm: float
    seed: int

    def fitted(self, data: FloatArray) -> Generator:
        model: Generator = called(self.make)
        called(model.fit, data, self.rng(0))
        return model

    def sampled(self, model: Generator, n: int, stream: int) -> NDArray[Any]:
        return as_array(called(model.sample, n, self.rng(stream)))

    def rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream])

    def findings(self) -> Iterator[Finding]:
        missing = [name for name in METHODS if not callable(getattr(called(self.make), name, None))]
        if missing:
            raise Misbehaved(f"what make returns has no method {', '.join(missing)}")
        given = self.data.copy()
        model = self.fitted(given)
        untouched = bool((given == self.data).all())
        yield Finding("data untouched", untouched, "kept" if untouched else "fit changed its data")
        yield self._shape(model)
        drawn = self.sampled(model, 200, 1)
        yield self._equal(
            "same seed, same samples",
            drawn,
            self.sampled(model, 200, 1),
            "sampling uses randomness of its own, or changes the model",
        )
        fresh = not np.array_equal(drawn, self.sampled(model, 200, 2))
        yield Finding(
            "other seed, other samples",
            fresh,
            "they differ" if fresh else "the generator passed to sample is ignored",
        )
        yield self._equal(
            "same seed, same fit",
            drawn,
            self.sampled(self.fitted(self.data.copy()), 200, 1),
            "fitting uses randomness of its own",
        )
        large = self.sampled(model, self.samples, 4)
        state = called(model.state)
        other: Generator = called(self.make)
        # Fitting the original to other data must not reach into the state it gave away.
        called(model.fit, self.data[::2] + 1.0, self.rng(3))
        called(other.load, state)
        yield self._equal(
            "state restored",
            drawn,
            self.sampled(other, 200, 1),
            "the restored generator draws other samples",
        )
        if large.shape != (self.samples, self.data.shape[1]) or not np.isfinite(large).all():
            message = f"{self.samples} samples have shape {large.shape} or are not finite"
            yield Finding("shape", False, message)
            return
        yield self._copied(large)
        yield self._law(large.astype(np.float64))

    def _shape(self, model: Generator) -> Finding:
        for n in (1, 7, 200):
            drawn = self.sampled(model, n, 1)
            right = (n, self.data.shape[1])
            if drawn.shape != right:
                return Finding("shape", False, f"{n} samples have shape {drawn.shape}, not {right}")
            if not np.isfinite(drawn).all():
                return Finding("shape", False, "some samples are not finite")
        return Finding("shape", True, f"(n, {self.data.shape[1]}), finite")

    def _equal(self, name: str, one: FloatArray, two: Any, otherwise: str) -> Finding:
        same = np.array_equal(one, np.asarray(two))
        return Finding(name, same, "identical" if same else otherwise)

    def _copied(self, drawn: NDArray[Any]) -> Finding:
        """Samples that equal a training row, against held-out rows that do.

        Both are compared in the type of the samples: a network's float32 tells apart less than the
        data's float64. A generator that does not copy meets training rows as often as held-out
        data do; where these never do, in float64, it does not either.
        """
        kind = drawn.dtype if drawn.dtype.kind == "f" else np.dtype(np.float64)
        known = {row.tobytes() for row in self.data.astype(kind)}
        count, usual = (
            sum(row.tobytes() in known for row in rows.astype(kind))
            for rows in (drawn, self.held_out)
        )
        chance = 0.0
        if count and (usual or kind != np.float64):
            # Given the sum, the copies among the samples are hypergeometric.
            both = len(drawn) + len(self.held_out)
            chance = float(hypergeom.sf(count - 1, both, count + usual, len(drawn)))
        return Finding(
            "new samples",
            self.copies or count == 0 or chance > self.level,
            f"{count} of {len(drawn)} are copies of training rows, {usual} of "
            f"{len(self.held_out)} held-out rows are",
        )

    @property
    def level(self) -> float:
        """Of each of two statistical tests."""
        return self.false_alarm / 2

    def _law(self, drawn: FloatArray) -> Finding:
        real, synthetic = self.cells(self.held_out), self.cells(drawn)
        distance = 0.5 * float(np.abs(real / real.sum() - synthetic / synthetic.sum()).sum())
        inverse = 1 / real.sum() + 1 / synthetic.sum()
        noise = 0.5 * math.sqrt(CELLS * inverse)
        noise += math.sqrt(math.log(1 / self.level) * inverse / 2)
        return Finding(
            "law",
            distance <= self.fit_error + noise,
            f"total variation on {CELLS} cells {distance:.3f}, allowed {self.fit_error:.3f} and "
            f"{noise:.3f} for the sampling",
        )


def _cells(points: FloatArray) -> Callable[[FloatArray], NDArray[np.int64]]:
    """Counter of points in cells cut at medians, along the widest axis each time."""
    cuts: list[tuple[int, float]] = []
    parts = [points]
    while len(parts) < CELLS:
        halves = []
        for part in parts:
            axis = int(np.argmax(np.ptp(part, axis=0)))
            cut = float(np.median(part[:, axis]))
            cuts.append((axis, cut))
            halves += [part[part[:, axis] <= cut], part[part[:, axis] > cut]]
        if min(map(len, halves)) == 0:
            raise ValueError(
                "held_out has too many equal rows to be cut into cells: give continuous data."
            )
        parts = halves

    def count(rows: FloatArray) -> NDArray[np.int64]:
        # The cuts are a complete binary tree, level by level.
        node = np.zeros(len(rows), dtype=np.int64)
        axes, values = np.array([axis for axis, _ in cuts]), np.array([cut for _, cut in cuts])
        for _ in range(int(math.log2(CELLS))):
            above = rows[np.arange(len(rows)), axes[node]] > values[node]
            node = 2 * node + 1 + above
        return np.bincount(node - len(cuts), minlength=CELLS)

    return count
