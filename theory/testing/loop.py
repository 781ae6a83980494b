r"""Does one round assemble the right training set? Share of real data, law of the kept, candidates.

A round of the loop trains on a mixture: real data with share :math:`1/(1+\lambda)`, and kept
samples with law :math:`C_K(p) = p\,H_p^K`. The candidates and the real data handed to the user's
code are marked, so that every row of the training set that comes back tells where it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.curation import curation_factor
from theory.law import Law
from theory.testing.multinomial import multinomial_pvalue
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
from theory.validation import check_candidates, check_ratio

FloatArray = NDArray[np.float64]
Reward = Callable[[FloatArray], FloatArray]
TrainingSet = Callable[[FloatArray, Reward, FloatArray, np.random.Generator], Any]

REWARDS = np.array([0.0, 0.5, 1.0, 2.0])
CANDIDATE_LAW = np.array([0.4, 0.3, 0.2, 0.1])
# Unlike the candidates', so that taking one for the other is seen.
REAL_LAW = np.array([0.1, 0.2, 0.3, 0.4])
# Real rows: 2 million are 50 MB. Rows below which nothing is decided.
MOST_REAL = 2_000_000
LEAST = 100
# Numbers of candidates tried in explaining a law of the kept that is wrong.
OTHER_K = (1, 2, 3, 4, 5, 8, 10, 16, 20, 50, 100)


def check_loop(
    training_set: TrainingSet,
    K: int,
    lam: float,
    *,
    groups: int = 20_000,
    reuse: bool = False,
    false_alarm: float = 1e-6,
    seed: int = 0,
) -> Conformance:
    r"""Check the code that turns candidates and real data into the next training set.

    Parameters
    ----------
    training_set
        ``training_set(candidates, reward, real, rng)``: candidates of shape (groups·K, 3), a
        reward function from (n, 3) to (n,), real data of shape (n, 3) and a NumPy generator, to
        the rows to train on, shape (m, 3). Columns: reward level, provenance (0 candidate, 1
        real), serial number; a correct function need not look at them.
    K
        Candidates per kept sample.
    lam
        Synthetic-to-real *ratio* :math:`\lambda`, ``math.inf`` for the pure loop.
    groups
        Candidates are groups·K; the real data are as many as the mixture could use, at most
        ``MOST_REAL``, so that fewer groups are shown where :math:`\lambda` is very small.
    reuse
        Whether a candidate may be kept more than once: because the kept are drawn again with
        replacement, or because the groups are drawn with replacement from all candidates.
        Real data may always be.
    false_alarm
        Probability, at most, that correct code fails; split over three tests.
    seed
        Of the data and of the generator handed over.

    Raises
    ------
    ValueError
        For K < 1 or infinite, :math:`\lambda < 0`, or a rate that is none.
    """
    check_candidates(K)
    check_ratio(lam)
    check_false_alarm(false_alarm)
    check_callable(training_set, "training_set")
    check_size(groups, K)
    rng = np.random.default_rng(seed)
    if 0 < lam < math.inf:
        groups = min(groups, int(MOST_REAL * lam))
        if groups < LEAST:
            raise ValueError(
                f"lam = {lam} needs {LEAST / lam:.0g} real rows to be told from 0: give lam = 0, "
                f"or at least {LEAST / MOST_REAL:g}."
            )
    needed = math.ceil(groups * max(1.0, 1 / lam)) if lam > 0 else groups
    candidates = _marked(rng, CANDIDATE_LAW, groups * int(K), provenance=0)
    real = _marked(rng, REAL_LAW, needed, provenance=1)
    pools = candidates.copy(), real.copy()
    subject = f"training set {getattr(training_set, '__name__', type(training_set).__name__)}"
    try:
        rng = np.random.default_rng([seed, 1])
        rows = as_array(called(training_set, candidates, _reward, real, rng))
    except Misbehaved as fault:
        return Conformance(subject, (Finding("runs", False, str(fault)),), false_alarm)
    check = _Assembled(rows, int(K), float(lam), pools, reuse, false_alarm / 3)
    untouched = bool((candidates == pools[0]).all() and (real == pools[1]).all())
    message = "are left as they were" if untouched else "were changed: work on copies"
    findings = [Finding("input untouched", untouched, f"candidates and real data {message}")]
    for finding in check.findings():
        findings.append(finding)
        if not finding.passed and finding.check == "rows of the input":
            break
    return Conformance(subject, tuple(findings), false_alarm)


def _marked(rng: np.random.Generator, law: FloatArray, n: int, provenance: int) -> FloatArray:
    levels = rng.choice(len(law), size=n, p=law)
    return np.stack([levels, np.full(n, provenance), np.arange(n)], axis=1).astype(np.float64)


def _reward(samples: FloatArray) -> FloatArray:
    return REWARDS[samples[:, 0].astype(np.int64)]


@dataclass(frozen=True)
class _Assembled:
    rows: NDArray[Any]
    K: int
    lam: float
    pools: tuple[FloatArray, FloatArray]
    reuse: bool
    level: float

    def findings(self) -> Iterator[Finding]:
        known = self._known()
        yield known
        if not known.passed:
            return
        kept, real = (self.rows[self.rows[:, 1] == mark] for mark in (0, 1))
        yield self._share(len(kept))
        if self.lam > 0:
            yield self._law_of_kept(kept)
            yield self._repeats(kept)
        if self.lam < math.inf:
            pvalue = self._real_pvalue(real)
            fits = "follow" if pvalue > self.level else "do not follow"
            yield Finding(
                "law of the real data",
                pvalue > self.level,
                f"{len(real)} real rows {fits} the real data (p = {pvalue:.2g})",
            )

    def _real_pvalue(self, real: FloatArray) -> float:
        """Rows taken once are independent draws of the real law; rows drawn with replacement are
        so of the law of the rows given. Code that does either is right: both must be excluded."""
        counts = _levels(real)
        pvalue = multinomial_pvalue(counts, REAL_LAW)
        if len(np.unique(real[:, 2])) < len(real):
            pool = _levels(self.pools[1])
            pvalue = max(pvalue, multinomial_pvalue(counts, pool / pool.sum()))
        return pvalue

    def _kept_pvalue(self, kept: FloatArray, K: int) -> float:
        """Kept rows of disjoint groups are independent draws of p·H; those of groups drawn with
        replacement are so for the law p of the candidates given. Kept rows drawn again with
        replacement have multiplicities that know nothing of the rewards: given these, their
        shares leave the law by no more than a bound of bounded differences."""
        counts = _levels(kept)
        pvalue = multinomial_pvalue(counts, _kept_law(CANDIDATE_LAW, K))
        repeats = np.unique(kept[:, 2], return_counts=True)[1]
        if not self.reuse or repeats.max(initial=1) == 1:
            return pvalue
        pool = _levels(self.pools[0])
        pvalue = max(pvalue, multinomial_pvalue(counts, _kept_law(pool / pool.sum(), K)))
        inverse = float((repeats / len(kept)) @ (repeats / len(kept)))
        gap = np.abs(counts / len(kept) - _kept_law(CANDIDATE_LAW, K)).sum() / 2
        excess = max(0.0, gap - math.sqrt(len(REWARDS) * inverse) / 2)
        return max(pvalue, math.exp(-2 * excess**2 / inverse))

    def _known(self) -> Finding:
        name = "rows of the input"
        shape = self.rows.shape
        if self.rows.ndim != 2 or shape[1] != 3:
            return Finding(name, False, f"returned shape {shape}, not (m, 3)")
        if shape[0] < LEAST:
            return Finding(name, False, f"{shape[0]} rows decide nothing: return at least {LEAST}")
        if not np.isfinite(self.rows).all():
            return Finding(name, False, "some rows are not finite")
        for mark, pool in enumerate(self.pools):
            part = self.rows[self.rows[:, 1] == mark]
            serial = np.clip(part[:, 2], 0, len(pool) - 1).astype(np.int64)
            if not (pool[serial] == part).all():
                return Finding(name, False, "some rows are neither candidates nor real data")
        if not np.isin(self.rows[:, 1], (0, 1)).all():
            return Finding(name, False, "some rows are neither candidates nor real data")
        return Finding(name, True, f"all {shape[0]} rows are candidates or real data")

    def _share(self, kept: int) -> Finding:
        m = len(self.rows)
        share = _synthetic(self.lam)
        # A share that is fixed in advance is right to one row; one that is drawn is binomial.
        fixed = 0 < share < 1 and abs(kept - share * m) <= 1
        pvalue = multinomial_pvalue(np.array([kept, m - kept]), np.array([share, 1 - share]))
        good = fixed or pvalue > self.level
        message = f"{kept / m:.4f} of the rows are synthetic, λ/(1+λ) = {share:.4f}"
        if not good:
            message += self._other_share(kept / m)
        return Finding("share of synthetic data", good, message)

    def _other_share(self, seen: float) -> str:
        error = 5 / math.sqrt(len(self.rows))
        if math.isfinite(self.lam) and abs(seen - 1 / (1 + self.lam)) < error:
            return ": λ is taken for the ratio of real to synthetic"
        if self.lam < 1 and abs(seen - self.lam) < error:
            return ": λ is taken for the synthetic fraction, not for the ratio"
        if seen == 1:
            return ": there are no real data"
        if seen == 0:
            return ": there are no synthetic data"
        return f": that is λ = {seen / (1 - seen):.3g}"

    def _law_of_kept(self, kept: FloatArray) -> Finding:
        if len(kept) == 0:
            return Finding("law of the kept", False, "no candidate is kept")
        counts = _levels(kept)
        pvalue = self._kept_pvalue(kept, self.K)
        if pvalue > self.level:
            message = f"{len(kept)} kept rows follow p·H (p = {pvalue:.2g})"
            return Finding("law of the kept", True, message)
        others = [(self._kept_pvalue(kept, K), K) for K in OTHER_K]
        fit, other = max(others)
        seen = np.array2string(counts / len(kept), precision=3, separator=", ")
        message = f"shares by reward level are {seen}, for p·H = " + np.array2string(
            _kept_law(CANDIDATE_LAW, self.K), precision=3, separator=", "
        )
        if fit > self.level:
            message += f": that is K = {other}" + (" (nothing is selected)" if other == 1 else "")
        return Finding("law of the kept", False, message)

    def _repeats(self, kept: FloatArray) -> Finding:
        repeats = len(kept) - len(np.unique(kept[:, 2]))
        return Finding(
            "no candidate kept twice",
            self.reuse or repeats == 0,
            f"{repeats} of {len(kept)} kept rows are repeats",
        )


def _synthetic(lam: float) -> float:
    return 1.0 if lam == math.inf else lam / (1 + lam)


def _levels(rows: FloatArray) -> NDArray[np.int64]:
    """How many rows have each reward."""
    return np.bincount(rows[:, 0].astype(np.int64), minlength=len(REWARDS))


def _kept_law(law: FloatArray, K: int) -> FloatArray:
    kept: FloatArray = law * curation_factor(Law(law, REWARDS, normalise=True), K)
    return kept / kept.sum()
