r"""Does a selection function follow its choice law? Structure first, then exact statistics.

The same few rewards are shown to the function again and again, in interleaved groups: then the
positions it keeps are exactly multinomial with the probabilities of the choice law, and the test of
:mod:`theory.testing.multinomial` has no approximation in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theory.choice import Choice
from theory.testing.choice_law import Probabilities, choice_law, kept_law
from theory.testing.diagnosis import PLAUSIBLE, UNEXPLAINED, explain, temperature
from theory.testing.multinomial import multinomial_pvalue, pattern_pvalue
from theory.testing.report import (
    Conformance,
    Finding,
    Misbehaved,
    as_array,
    called,
    check_callable,
    check_false_alarm,
    check_size,
)
from theory.validation import check_candidates

FloatArray = NDArray[np.float64]
Select = Callable[[FloatArray, np.random.Generator], Any]

# Rewards of this size overflow a naive exponential and lose no accuracy in a careful one.
SHIFTS = (1000.0, -1000.0)
# Faults that leave the later checks meaningful.
CARRY_ON = ("input untouched", "reproducible", "statistics of the kept draw")
# Small batches, and how often each is shown: enough to see a last group that is never drawn.
BATCHES = (1, 7)
REPEATS = 400
# Rewards and their masses where the function forms the groups itself.
LEVELS = np.array([0.0, 0.1, 1.0, 3.0])
MASSES = np.array([0.4, 0.3, 0.2, 0.1])
# What cannot happen by chance, in nats: e^-70 is below 1e-30.
NEVER = -70.0


def check_curator(
    select: Select,
    K: int,
    *,
    layout: Literal["rows", "flat"] = "rows",
    grouping: Literal["consecutive", "any"] = "consecutive",
    choice: Choice | Probabilities | None = None,
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
        a pair ``(indices, rewards of the kept)``; then the second part is checked as well, to the
        precision of its type. It is called with ``groups`` groups and, in groups of its own, with
        1 and 7. What it raises is a finding.
    K
        Candidates per kept sample, at least 1.
    grouping
        For flat rewards: ``"consecutive"`` when candidates iK, …, iK + K − 1 form group i,
        ``"any"`` when the function forms the groups itself. Then only how often each reward is
        kept can be tested, against :math:`p\,H_p^K`.
    choice
        K rewards to K probabilities, or a model of :mod:`theory.choice` without a table; Luce's
        :math:`e^{r_k}/\sum_j e^{r_j}` by default.
    reuse
        Whether a candidate may be kept by more than one group. With ``"any"`` grouping the groups
        are then taken to be drawn with replacement, independently of each other, from all
        candidates; groups that overlap in another way are dependent, and may fail by chance.
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
        For K < 1, fewer than 100 groups, a rate not between 0 and 1, an unknown layout or
        grouping, rows grouped ``"any"``, or a choice that is no law.
    TypeError
        For a ``select`` or ``choice`` that cannot be called.

    Examples
    --------
    >>> def ten_times_too_steep(rewards, rng):
    ...     return (10 * rewards + rng.gumbel(size=rewards.shape)).argmax(axis=1)
    >>> report = check_curator(ten_times_too_steep, K=4)
    >>> report.passed
    False
    >>> print(report.failures[0].message)  # doctest: +ELLIPSIS
    selection frequencies match rewards multiplied by ...

    Another choice law, here one of the two best of four:

    >>> from theory.choice import TopFraction
    >>> def one_of_the_two_best(rewards, rng):
    ...     order = (rewards + 1e-12 * rng.random(rewards.shape)).argsort(axis=1)
    ...     return order[np.arange(len(rewards)), rng.integers(2, 4, len(rewards))]
    >>> check_curator(one_of_the_two_best, K=4, choice=TopFraction(2)).passed
    True
    """
    check_candidates(K)
    check_false_alarm(false_alarm)
    check_callable(select, "select")
    check_size(groups, K)
    if layout not in ("rows", "flat"):
        raise ValueError(f"layout = {layout!r} is neither 'rows' nor 'flat'.")
    if grouping not in ("consecutive", "any"):
        raise ValueError(f"grouping = {grouping!r} is neither 'consecutive' nor 'any'.")
    if layout == "rows" and grouping == "any":
        raise ValueError("rows are groups already: grouping='any' goes with layout='flat'.")
    check = _Check(select, int(K), layout, grouping, reuse, choice, groups, seed)
    check.expected()
    shifts = (0.0, *(SHIFTS if shift_invariant else ()))
    tests = len(shifts) + (2 if grouping == "consecutive" else 0)
    findings: list[Finding] = []
    try:
        for finding in chain(check.structure(), check.laws(shifts, false_alarm / tests)):
            findings.append(finding)
            if not finding.passed and finding.check not in CARRY_ON:
                break
    except Misbehaved as fault:
        findings.append(Finding("runs", False, str(fault)))
    name = getattr(select, "__name__", type(select).__name__)
    return Conformance(f"curator {name}", tuple(findings), false_alarm)


@dataclass(frozen=True)
class _Check:
    select: Select
    K: int
    layout: str
    grouping: str
    reuse: bool
    choice: Any
    groups: int
    seed: int

    @cached_property
    def patterns(self) -> FloatArray:
        """Rewards of the groups, shape (6, K): all equal, two levels with ties, three spreads, and
        one candidate far above the rest. Not all in one order, none negative."""
        rng = np.random.default_rng(self.seed)
        ladder = np.linspace(0.0, 1.0, self.K) if self.K > 1 else np.zeros(1)
        mixed = [rng.permutation(ladder) for _ in range(2)]
        # Two candidates are always sorted one way or the other: both are shown.
        mixed.append(mixed[1][::-1])
        ties = np.arange(self.K) % 2 * math.log(2)
        outlier = np.where(np.arange(self.K) == self.K // 2, 3.0, 0.0)
        return np.stack([np.zeros(self.K), ties, 0.1 * mixed[0], mixed[1], 3 * mixed[2], outlier])

    @cached_property
    def assignment(self) -> NDArray[np.int64]:
        """Which pattern each group shows, in random order, shape (groups,)."""
        rng = np.random.default_rng([self.seed, 1])
        return rng.permutation(np.arange(self.groups) % len(self.patterns))

    @cached_property
    def law(self) -> FloatArray:
        """The choice law on the patterns, shape (6, K)."""
        law = choice_law(self.choice, self.K)
        return np.array([law(row) for row in self.patterns])

    def expected(self) -> FloatArray:
        """The law that counts are compared with: on the patterns, or of the levels of the kept."""
        if self.grouping == "any":
            return kept_law(self.choice, MASSES, LEVELS, self.K)
        return self.law

    def call(self, rewards: FloatArray, rng: np.random.Generator) -> tuple[NDArray[Any], Any]:
        """Indices, and the rewards of the kept where the function gives them.

        Raises
        ------
        Misbehaved
            When it raises or returns something else.
        """
        result = called(self.select, rewards if self.layout == "rows" else rewards.ravel(), rng)
        kept = None
        if isinstance(result, tuple):
            if len(result) != 2:
                raise Misbehaved(
                    f"returned {len(result)} things: give the indices, or a pair (indices, rewards "
                    "of the kept)"
                )
            result, kept = result[0], as_array(result[1])
        indices = as_array(result)
        if np.issubdtype(indices.dtype, np.integer):
            indices = indices.astype(np.int64)
        return indices, kept

    def rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, 2, stream])

    def structure(self) -> Iterator[Finding]:
        """What needs no statistics: count, range, groups, reuse, the statistics returned."""
        rewards = self.patterns[self.assignment]
        # Distinct rewards, so that what is said about the kept can be told from their neighbours.
        rewards = rewards + 1e-9 * np.arange(rewards.size).reshape(rewards.shape)
        before = rewards.copy()
        indices, kept = self.call(rewards, self.rng(0))
        untouched = bool((rewards == before).all())
        yield Finding(
            "input untouched",
            untouched,
            "the rewards passed in are left as they were"
            if untouched
            else "the rewards passed in were changed: work on a copy",
        )
        # What the function changed must not count against what it returned.
        rewards = before
        yield self._count(indices, kept)
        yield self._groups(indices)
        if self.layout == "flat":
            yield self._reuse(indices)
        if kept is not None:
            yield self._kept(rewards, indices, kept)
        yield from self._randomness(rewards, indices)

    def _count(self, indices: NDArray[Any], kept: Any) -> Finding:
        name = "one index per group"
        if indices.shape == (self.groups,) and indices.dtype == np.int64:
            return Finding(name, True, f"{self.groups} whole numbers")
        message = (
            f"returned shape {indices.shape} of {indices.dtype}, not ({self.groups},) whole "
            f"numbers for {self.groups} groups of {self.K}"
        )
        if kept is not None and kept.shape == indices.shape and kept.dtype.kind in "iu":
            message += ": the pair is the wrong way round, the indices come first"
        elif indices.dtype == np.bool_:
            message += ": give places, not a mask"
        return Finding(name, False, message)

    def _groups(self, indices: NDArray[Any]) -> Finding:
        name = "kept from its own group"
        top = self.K if self.layout == "rows" else self.K * self.groups
        outside = (indices < 0) | (indices >= top)
        blocks = np.arange(self.groups)
        if outside.any():
            first = int(np.argmax(outside))
            message = f"group {first} kept index {indices[first]}, not in 0..{top - 1}"
            if self.layout == "rows" and (indices // self.K == blocks).all():
                message += ": these count all candidates, give the place in the row"
            elif indices.min() == 1 and indices.max() == top:
                message += ": the places are counted from 1"
            return Finding(name, False, message)
        if self.layout == "rows" or self.grouping == "any":
            return Finding(name, True, f"indices in 0..{top - 1}")
        own = indices // self.K == blocks
        if own.all():
            return Finding(name, True, "each index lies in its own block of K candidates")
        first = int(np.argmin(own))
        return Finding(
            name,
            False,
            f"group {first} (candidates {first * self.K}..{(first + 1) * self.K - 1}) kept "
            f"candidate {indices[first]}{self._offset(indices, own)}",
        )

    def _offset(self, indices: NDArray[Any], own: NDArray[np.bool_]) -> str:
        blocks = np.arange(self.groups)
        if (indices < self.K).all():
            return ": these are places within the groups, add iK to those of group i"
        if (indices % self.groups == blocks).all():
            return (
                ": group i is made of candidates i, i + groups, ...: reshape to (groups, K), not "
                "(K, groups)"
            )
        for size in range(1, 2 * self.K + 1):
            for shift in (size, -size):
                shifted = (indices - shift) % (self.K * self.groups) // self.K
                if (shifted == blocks).all():
                    return f": every group is off by {abs(shift)} candidate{'s'[: abs(shift) != 1]}"
        wrong = self.groups - int(own.sum())
        if wrong < self.groups / 2:
            return f": this happens in {wrong} of {self.groups} groups, the others keep their own"
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
        name = "statistics of the kept draw"
        flat = self.layout == "flat"
        right = rewards.ravel()[indices] if flat else rewards[np.arange(self.groups), indices]
        # Rewards returned in single precision are right to its rounding.
        coarse = np.finfo(kept.dtype).eps if kept.dtype.kind == "f" else 0.0
        tolerance = max(1e-12, 2 * float(coarse))
        if kept.shape != right.shape:
            message = f"the rewards returned have shape {kept.shape}, not {right.shape}"
            return Finding(name, False, message)
        same = np.isclose(kept, right, rtol=tolerance, atol=1e-12)
        if same.all():
            return Finding(name, True, "the rewards returned are those of the kept")
        first = int(np.argmin(same))
        return Finding(
            name,
            False,
            f"the rewards returned are not those of the kept draws: group {first} says "
            f"{kept[first]:.9g}, its kept draw {right[first]:.9g}",
        )

    def _randomness(self, rewards: FloatArray, indices: NDArray[Any]) -> Iterator[Finding]:
        again, _ = self.call(rewards.copy(), self.rng(0))
        same = np.array_equal(again, indices)
        yield Finding(
            "reproducible",
            same,
            "the same generator state gives the same choices"
            if same
            else "the same generator state gave other choices: draw from the one passed in only",
        )
        agreement = np.log((self.law**2).sum(axis=1))[self.assignment].sum()
        if agreement > NEVER:
            return
        other, _ = self.call(rewards.copy(), self.rng(1))
        fresh = not np.array_equal(other, indices)
        if not fresh and self._constant(indices):
            # A function that makes no draw at all is named by its law.
            return
        yield Finding(
            "other generator, other choices",
            fresh,
            "they differ"
            if fresh
            else "every generator gave the same choices: the one passed in is ignored",
        )

    def _constant(self, indices: NDArray[Any]) -> bool:
        """Whether all groups of one pattern kept one place."""
        places = indices % self.K
        return all(
            np.ptp(places[self.assignment == pattern]) == 0 for pattern in range(len(self.patterns))
        )

    def laws(self, shifts: Sequence[float], level: float) -> Iterator[Finding]:
        """The choices against the law, and again with a constant added to every reward."""
        for shift in shifts:
            if shift == 0:
                yield from self._unshifted(level)
                continue
            name = f"law unchanged at rewards {shift:+g}"
            # A naive exponential overflows here; what then goes wrong is the finding.
            try:
                with np.errstate(all="ignore"):
                    finding = self._shifted(name, shift, level)
            except Misbehaved as error:
                finding = Finding(name, False, str(error))
            if not finding.passed:
                remedy = (
                    "a constant added to every reward must change nothing: subtract the largest "
                    "reward before the exponential"
                )
                finding = replace(finding, message=f"{finding.message}; {remedy}")
            yield finding

    def _unshifted(self, level: float) -> Iterator[Finding]:
        name = "choice law"
        if self.grouping == "any":
            yield self._marginal(name, 0.0, level)
            return
        places = self._places(0.0)
        yield self._law(name, places, level)
        if places is not None and self.K > 1:
            yield self._independence(places, level, self.law)
            yield self._edges(level)

    def _shifted(self, name: str, shift: float, level: float) -> Finding:
        if self.grouping == "any":
            return self._marginal(name, shift, level)
        return self._law(name, self._places(shift), level)

    def _places(self, shift: float) -> NDArray[np.int64] | None:
        """Place kept in each group, ``None`` where some are none."""
        stream = 3 + int(shift > 0) + 2 * int(shift < 0)
        indices, _ = self.call(self.patterns[self.assignment] + shift, self.rng(stream))
        return self._within(indices, self.groups)

    def _within(self, indices: NDArray[Any], groups: int) -> NDArray[np.int64] | None:
        if indices.shape != (groups,) or indices.dtype != np.int64:
            return None
        places: NDArray[np.int64] = indices.astype(np.int64)
        if self.layout == "flat":
            places -= self.K * np.arange(groups)
        return None if ((places < 0) | (places >= self.K)).any() else places

    def _law(self, name: str, places: NDArray[np.int64] | None, level: float) -> Finding:
        if places is None:
            return Finding(name, False, "the indices are no longer those of the groups")
        counts = np.zeros(self.patterns.shape, dtype=np.int64)
        np.add.at(counts, (self.assignment, places), 1)
        pvalue = pattern_pvalue(self.patterns, counts, self.law)
        if pvalue > level:
            seen = f"{self.groups} choices fit (p = {pvalue:.2g})"
            beta, error = temperature(self.patterns, counts)
            if math.isfinite(beta) and self.choice is None:
                seen += f"; effective factor on the rewards {beta:.3f} ± {1.96 * error:.3f}"
            return Finding(name, True, seen)
        asked = None if self.choice is None else self.law
        message = explain(self.patterns, counts, asked)
        if message.startswith(UNEXPLAINED):
            # Dependent groups scatter more than the law allows; then that is the fault.
            seen = counts / counts.sum(axis=1, keepdims=True)
            dependence = self._independence(places, PLAUSIBLE, seen)
            message = message if dependence.passed else dependence.message
        return Finding(name, False, f"{message} (p = {pvalue:.1g})")

    def _independence(self, places: NDArray[np.int64], level: float, law: FloatArray) -> Finding:
        """Whether groups a lag apart keep the same place as often as independent ones of the law.

        For each lag the groups are paired without overlap, so that the agreements are independent
        and, for given patterns of the two groups, equally likely; the lags share the level.
        """
        agreement = np.minimum(law @ law.T, 1.0).ravel()
        cells = np.stack([agreement, 1 - agreement], axis=1)
        lags = _lags(self.groups)
        smallest, found = 1.0, ""
        for lag in lags:
            first = np.arange(self.groups - lag)
            first = first[first % (2 * lag) < lag]
            pair = self.assignment[first] * len(self.patterns) + self.assignment[first + lag]
            equal = places[first] == places[first + lag]
            counts = np.stack(
                [np.bincount(pair[kept], minlength=len(cells)) for kept in (equal, ~equal)], axis=1
            )
            pvalue = multinomial_pvalue(counts, cells)
            if pvalue < smallest:
                smallest = pvalue
                found = (
                    f"groups {lag} apart keep the same place in {equal.mean():.3f} of the pairs, "
                    f"independent ones in {agreement[pair].mean():.3f}"
                )
        pvalue = min(1.0, len(lags) * smallest)
        if pvalue > level:
            message = f"groups up to {lags[-1]} apart are independent (p = {pvalue:.2g})"
            return Finding("independent groups", True, message)
        return Finding("independent groups", False, f"{found}: groups share random draws")

    def _edges(self, level: float) -> Finding:
        """The first and last group of small batches against the law."""
        name = "law at the ends of small batches"
        rng = self.rng(7)
        counts = np.zeros((2 * len(BATCHES) - 1, self.K), dtype=np.int64)
        for size in BATCHES:
            # The steep pattern at the ends, others between.
            shown = self.patterns[(np.arange(size) + 4) % 6]
            shown[-1] = self.patterns[4]
            for _ in range(REPEATS):
                indices, _ = self.call(shown.copy(), rng)
                places = self._within(indices, size)
                if places is None:
                    message = (
                        f"for {size} group{'s'[: size != 1]} returned shape {indices.shape} of "
                        f"{indices.dtype}, or indices outside the groups"
                    )
                    return Finding(name, False, message)
                if size == 1:
                    counts[0, places[0]] += 1
                else:
                    counts[1, places[0]] += 1
                    counts[2, places[-1]] += 1
        where = ("a single group", "the first group", "the last group")
        each = [multinomial_pvalue(row, self.law[4]) for row in counts]
        pvalue = multinomial_pvalue(counts, np.tile(self.law[4], (len(counts), 1)))
        if pvalue > level:
            return Finding(name, True, f"{REPEATS} batches of each size fit (p = {pvalue:.2g})")
        worst = int(np.argmin(each))
        message = f"{where[worst]} of a batch does not follow the law (p = {pvalue:.1g})"
        return Finding(name, False, message)

    def _marginal(self, name: str, shift: float, level: float) -> Finding:
        rng = np.random.default_rng([self.seed, 7])
        drawn = rng.choice(4, size=self.groups * self.K, p=MASSES)
        shown = LEVELS[drawn].reshape(self.groups, self.K) + shift
        indices, _ = self.call(shown, self.rng(6))
        if indices.shape != (self.groups,) or indices.dtype != np.int64:
            return Finding(name, False, "indices no longer point at candidates")
        if ((indices < 0) | (indices >= drawn.size)).any():
            return Finding(name, False, "indices no longer point at candidates")
        counts = np.bincount(drawn[indices], minlength=4)
        # Disjoint groups of independent candidates are independent draws of p. Groups drawn with
        # replacement are so only given the candidates, and then of the law that these have.
        masses = np.bincount(drawn, minlength=4) / drawn.size if self.reuse else MASSES
        expected = kept_law(self.choice, masses, LEVELS, self.K)
        pvalue = multinomial_pvalue(counts, expected)
        message = f"{self.groups} kept candidates fit p·H (p = {pvalue:.2g})"
        if pvalue <= level:
            shares = ", ".join(
                f"{seen / self.groups:.3f} for {right:.3f}"
                for seen, right in zip(counts, expected, strict=True)
            )
            message = f"rewards {LEVELS.tolist()} are kept with shares {shares} (p = {pvalue:.1g})"
        return Finding(name, pvalue > level, message)


def _lags(groups: int) -> list[int]:
    """Distances at which random draws are shared in practice: neighbours, batches of round size,
    halves and other equal parts."""
    powers = [2**k for k in range(20)]
    tens = [digit * 10**k for k in range(1, 6) for digit in (1, 2, 5)]
    parts = [groups // part for part in (2, 3, 4, 5, 6, 8, 10)]
    return sorted({lag for lag in (*powers, *tens, *parts) if lag <= groups // 2})
