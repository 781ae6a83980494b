r"""Does a selection function follow its choice law? Structure first, then exact statistics.

The same few rewards are shown to the function again and again, in interleaved groups: then the
positions it keeps are exactly multinomial with the probabilities of the choice law, and the test of
:mod:`theory.testing.multinomial` has no approximation in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from theory.curation import curation_factor
from theory.law import Law
from theory.testing.diagnosis import explain, temperature
from theory.testing.multinomial import multinomial_pvalue
from theory.testing.report import Conformance, Finding, check_false_alarm
from theory.validation import check_candidates

FloatArray = NDArray[np.float64]
Select = Callable[[FloatArray, np.random.Generator], Any]
Probabilities = Callable[[FloatArray], FloatArray]

# Rewards of this size overflow a naive exponential and lose no accuracy in a careful one.
SHIFTS = (1000.0, -1000.0)
# Faults that leave the later checks meaningful.
CARRY_ON = ("input untouched", "reproducible", "statistics of the kept draw")


def check_curator(
    select: Select,
    K: int,
    *,
    layout: Literal["rows", "flat"] = "rows",
    grouping: Literal["consecutive", "any"] = "consecutive",
    choice: Probabilities | None = None,
    reuse: bool = False,
    shift_invariant: bool = True,
    groups: int = 30_000,
    false_alarm: float = 1e-6,
    seed: int = 0,
) -> Conformance:
    r"""Check a sampling-based selection function against the law of K-choice curation.

    Parameters
    ----------
    select
        ``select(rewards, rng)`` with a NumPy generator. In layout ``"rows"``, rewards have shape
        (groups, K) and it returns the index kept in each row, shape (groups,). In layout
        ``"flat"``, rewards have shape (groups·K,) and it returns indices into them. It may return
        a pair ``(indices, rewards of the kept)``; then the second part is checked as well.
    K
        Candidates per kept sample, at least 1.
    grouping
        For flat rewards: ``"consecutive"`` when candidates iK, …, iK + K − 1 form group i,
        ``"any"`` when the function forms the groups itself. Then only how often each reward is
        kept can be tested, against :math:`p\,H_p^K`.
    choice
        K rewards to K probabilities; Luce's :math:`e^{r_k}/\sum_j e^{r_j}` by default.
    reuse
        Whether a candidate may be kept by more than one group.
    shift_invariant
        Whether the law must be the same for r and r + c, tested at c = ±1000.
    groups
        Groups per statistical test.
    false_alarm
        Probability, at most, that a correct function fails; split evenly over the tests.
    seed
        Of the rewards and of the generators handed to the function.

    Returns
    -------
    Conformance
        Findings in order; ``passed``, ``str()``, ``require()``. A failed law is explained: by an
        effective temperature with its 95 % error, or by the name of the fault.

    Raises
    ------
    ValueError
        For K < 1, fewer than 100 groups, a rate not between 0 and 1, or rows grouped ``"any"``.

    Examples
    --------
    >>> def ten_times_too_steep(rewards, rng):
    ...     return (10 * rewards + rng.gumbel(size=rewards.shape)).argmax(axis=1)
    >>> report = check_curator(ten_times_too_steep, K=4)
    >>> report.passed
    False
    >>> print(report.failures[0].message)  # doctest: +ELLIPSIS
    selection frequencies match rewards multiplied by ...
    """
    check_candidates(K)
    check_false_alarm(false_alarm)
    if K == math.inf:
        raise ValueError("K = inf has no groups to sample: give a whole number of candidates.")
    if groups < 100:
        raise ValueError(f"groups = {groups} decides nothing: give at least 100.")
    if layout == "rows" and grouping == "any":
        raise ValueError("rows are groups already: grouping='any' goes with layout='flat'.")
    law = choice or (lambda rewards: softmax(rewards))
    check = _Check(select, int(K), layout, grouping, reuse, law, groups, seed)
    shifts = (0.0, *(SHIFTS if shift_invariant else ()))
    findings: list[Finding] = []
    for finding in chain(check.structure(), check.laws(shifts, false_alarm / len(shifts))):
        findings.append(finding)
        if not finding.passed and finding.check not in CARRY_ON:
            break
    name = getattr(select, "__name__", type(select).__name__)
    return Conformance(f"curator {name}", tuple(findings), false_alarm)


@dataclass(frozen=True)
class _Check:
    select: Select
    K: int
    layout: str
    grouping: str
    reuse: bool
    choice: Probabilities
    groups: int
    seed: int

    def patterns(self) -> FloatArray:
        """Rewards of the groups, shape (6, K): all equal, two levels with ties, three spreads, and
        one candidate far above the rest. None is sorted, none negative."""
        rng = np.random.default_rng(self.seed)
        ladder = np.linspace(0.0, 1.0, self.K) if self.K > 1 else np.zeros(1)
        mixed = [rng.permutation(ladder) for _ in range(3)]
        ties = np.arange(self.K) % 2 * math.log(2)
        outlier = np.where(np.arange(self.K) == self.K // 2, 3.0, 0.0)
        return np.stack([np.zeros(self.K), ties, 0.1 * mixed[0], mixed[1], 3 * mixed[2], outlier])

    def assignment(self) -> NDArray[np.int64]:
        """Which pattern each group shows, in random order, shape (groups,)."""
        rng = np.random.default_rng([self.seed, 1])
        return rng.permutation(np.arange(self.groups) % len(self.patterns()))

    def call(self, rewards: FloatArray, stream: int) -> tuple[NDArray[Any], Any]:
        """Indices, and the rewards of the kept where the function gives them."""
        shown = rewards if self.layout == "rows" else rewards.ravel()
        result = self.select(shown, np.random.default_rng([self.seed, 2, stream]))
        indices, kept = result if isinstance(result, tuple) else (result, None)
        return np.asarray(indices), kept

    def structure(self) -> Iterator[Finding]:
        """What needs no statistics: count, range, groups, reuse, the statistics returned."""
        rewards = self.patterns()[self.assignment()]
        # Distinct rewards, so that what is said about the kept can be told from their neighbours.
        rewards = rewards + 1e-9 * np.arange(rewards.size).reshape(rewards.shape)
        before = rewards.copy()
        indices, kept = self.call(rewards, 0)
        yield Finding(
            "input untouched",
            bool((rewards == before).all()),
            "the rewards passed in are left as they were"
            if (rewards == before).all()
            else "the rewards passed in were changed: work on a copy",
        )
        yield self._count(indices)
        yield self._groups(indices)
        if self.layout == "flat":
            yield self._reuse(indices)
        if kept is not None:
            yield self._kept(rewards, indices, np.asarray(kept))
        yield from self._randomness(rewards, indices)

    def _count(self, indices: NDArray[Any]) -> Finding:
        right = indices.shape == (self.groups,) and np.issubdtype(indices.dtype, np.integer)
        return Finding(
            "one index per group",
            bool(right),
            f"{self.groups} whole numbers"
            if right
            else f"returned shape {indices.shape} of {indices.dtype}, not ({self.groups},) whole "
            f"numbers for {self.groups} groups of {self.K}",
        )

    def _groups(self, indices: NDArray[Any]) -> Finding:
        name = "kept from its own group"
        top = self.K if self.layout == "rows" else self.K * self.groups
        outside = (indices < 0) | (indices >= top)
        if outside.any():
            first = int(np.argmax(outside))
            return Finding(
                name, False, f"group {first} kept index {indices[first]}, not in 0..{top - 1}"
            )
        if self.layout == "rows" or self.grouping == "any":
            return Finding(name, True, f"indices in 0..{top - 1}")
        own = indices // self.K == np.arange(self.groups)
        if own.all():
            return Finding(name, True, "each index lies in its own block of K candidates")
        first = int(np.argmin(own))
        return Finding(
            name,
            False,
            f"group {first} (candidates {first * self.K}..{(first + 1) * self.K - 1}) kept "
            f"candidate {indices[first]}{self._offset(indices)}",
        )

    def _offset(self, indices: NDArray[Any]) -> str:
        for size in range(1, 2 * self.K + 1):
            for shift in (size, -size):
                blocks = (indices - shift) % (self.K * self.groups) // self.K
                if (blocks == np.arange(self.groups)).all():
                    return f": every group is off by {abs(shift)} candidate{'s'[: abs(shift) != 1]}"
        return ": the groups are not consecutive; if that is meant, say grouping='any'"

    def _reuse(self, indices: NDArray[Any]) -> Finding:
        repeats = self.groups - len(np.unique(indices))
        return Finding(
            "no candidate kept twice",
            self.reuse or repeats == 0,
            f"{repeats} of {self.groups} kept candidates are repeats"
            + (" (declared)" if self.reuse else ": groups share candidates" if repeats else ""),
        )

    def _kept(self, rewards: FloatArray, indices: NDArray[Any], kept: NDArray[Any]) -> Finding:
        flat = self.layout == "flat"
        right = rewards.ravel()[indices] if flat else rewards[np.arange(self.groups), indices]
        good = kept.shape == right.shape and bool(np.allclose(kept, right, rtol=1e-12, atol=1e-12))
        message = "the rewards returned are those of the kept"
        if not good:
            message = "the rewards returned are not those of the kept draws"
            if kept.shape == right.shape:
                first = int(np.argmax(~np.isclose(kept, right, rtol=1e-12, atol=1e-12)))
                message += (
                    f": group {first} says {kept[first]:.6g}, its kept draw {right[first]:.6g}"
                )
        return Finding("statistics of the kept draw", good, message)

    def _randomness(self, rewards: FloatArray, indices: NDArray[Any]) -> Iterator[Finding]:
        again, _ = self.call(rewards, 0)
        same = again.shape == indices.shape and bool((again == indices).all())
        yield Finding(
            "reproducible",
            same,
            "the same generator state gives the same choices"
            if same
            else "the same generator state gave other choices: draw from the one passed in only",
        )

    def laws(self, shifts: Sequence[float], level: float) -> Iterator[Finding]:
        """The choices against the law, and again with a constant added to every reward."""
        for shift in shifts:
            if shift == 0:
                yield self._law("choice law", shift, level)
                continue
            name = f"law unchanged at rewards {shift:+g}"
            # A naive exponential overflows here; what then goes wrong is the finding.
            try:
                with np.errstate(all="ignore"):
                    finding = self._law(name, shift, level)
            except (ArithmeticError, ValueError, IndexError) as error:
                finding = Finding(name, False, f"raised {type(error).__name__}: {error}")
            if not finding.passed:
                remedy = "subtract the largest reward before the exponential"
                finding = replace(finding, message=f"{finding.message}; {remedy}")
            yield finding

    def _law(self, name: str, shift: float, level: float) -> Finding:
        if self.grouping == "any":
            return self._marginal(name, shift, level)
        patterns, assignment = self.patterns(), self.assignment()
        stream = 3 + int(shift > 0) + 2 * int(shift < 0)
        indices, _ = self.call(patterns[assignment] + shift, stream)
        if self.layout == "flat":
            indices = indices - self.K * np.arange(self.groups)
        if indices.shape != (self.groups,) or ((indices < 0) | (indices >= self.K)).any():
            return Finding(name, False, "the indices are no longer those of the groups")
        counts = np.zeros(patterns.shape, dtype=np.int64)
        np.add.at(counts, (assignment, indices), 1)
        pvalue = multinomial_pvalue(counts, np.array([self.choice(row) for row in patterns]))
        beta, error = temperature(patterns, counts)
        if pvalue > level:
            seen = f"{self.groups} choices fit (p = {pvalue:.2g})"
            if math.isfinite(beta):
                seen += f"; effective factor on the rewards {beta:.3f} ± {1.96 * error:.3f}"
            return Finding(name, True, seen)
        return Finding(name, False, f"{explain(patterns, counts)} (p = {pvalue:.1g})")

    def _marginal(self, name: str, shift: float, level: float) -> Finding:
        levels = np.array([0.0, 0.1, 1.0, 3.0])
        masses = np.array([0.4, 0.3, 0.2, 0.1])
        rng = np.random.default_rng([self.seed, 7])
        drawn = rng.choice(4, size=self.groups * self.K, p=masses)
        indices, _ = self.call(levels[drawn].reshape(self.groups, self.K) + shift, 6)
        if indices.shape != (self.groups,) or ((indices < 0) | (indices >= drawn.size)).any():
            return Finding(name, False, "indices no longer point at candidates")
        counts = np.bincount(drawn[indices], minlength=4)
        law = Law(masses, levels)
        expected = masses * curation_factor(law, self.K)
        pvalue = multinomial_pvalue(counts, expected / expected.sum())
        message = f"{self.groups} kept candidates fit p·H (p = {pvalue:.2g})"
        if pvalue <= level:
            shares = ", ".join(
                f"{seen / self.groups:.3f} for {right:.3f}"
                for seen, right in zip(counts, expected, strict=True)
            )
            message = f"rewards {levels.tolist()} are kept with shares {shares} (p = {pvalue:.1g})"
        return Finding(name, pvalue > level, message)
