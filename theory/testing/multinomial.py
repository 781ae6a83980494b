r"""Exact goodness of fit of counts to a multinomial law: no asymptotics, any probabilities.

Counts :math:`(N_1, \dots, N_m)` of n independent draws with probabilities :math:`\pi` are a chain
of binomials: :math:`N_j` given :math:`N_1, \dots, N_{j-1}` is binomial with
:math:`n - N_1 - \dots - N_{j-1}` trials and success probability
:math:`\pi_j/(\pi_j + \dots + \pi_m)`. Each link has an exact two-sided p-value, and given the links
before it that p-value is no smaller than uniform. So the smallest of m − 1 of them is at most c
with probability at most :math:`1 - (1-c)^{m-1}` (Šidák 1967), and that is the p-value returned.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

FloatArray = NDArray[np.float64]

BINS = 6


def multinomial_pvalue(counts: NDArray[np.int64], probabilities: FloatArray) -> float:
    r"""Exact p-value of the counts, shape (m,) or (patterns, m) with one law a row.

    Rows are independent experiments; their p-values are combined in the same way. A count in a cell
    of probability 0 has p-value 0.

    Examples
    --------
    >>> multinomial_pvalue(np.array([10, 0]), np.array([0.5, 0.5])) == 2 / 2**10
    True
    >>> multinomial_pvalue(np.array([3, 1]), np.array([1.0, 0.0]))
    0.0
    """
    counts = np.atleast_2d(counts)
    probabilities = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    if ((counts > 0) & (probabilities == 0)).any():
        return 0.0
    # From the least probable cell on, the probability left is a sum of larger ones: a cell of 1e-20
    # does not vanish in the rounding beside one of 1.
    order = np.argsort(probabilities, axis=1, kind="stable")
    counts = np.take_along_axis(counts, order, axis=1)
    probabilities = np.take_along_axis(probabilities, order, axis=1)
    trials = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    rest = np.cumsum(probabilities[:, ::-1], axis=1)[:, ::-1]
    # The last cell is what the others leave. A link that happens to have no trials counts too, with
    # p-value 1: were it left out, the number of links would depend on the counts and the combined
    # p-value would be too small.
    links = (probabilities > 0) & (probabilities < rest)
    links[:, -1] = False
    share = probabilities[links] / rest[links]
    seen, n = counts[links], trials[links]
    below, above = binom.cdf(seen, n, share), binom.sf(seen - 1, n, share)
    pvalues = np.minimum(1.0, 2 * np.minimum(below, above))
    if pvalues.size == 0:
        return 1.0
    return combined(pvalues)


def pattern_pvalue(patterns: FloatArray, counts: NDArray[np.int64], laws: FloatArray) -> float:
    """Exact p-value of counts, laws and rewards of one shape (patterns, K).

    With many candidates a small change of every probability shows in no single cell. So the cells
    are also tested in ``BINS`` bins of neighbouring rewards; the two tests share the level.
    """
    fine = multinomial_pvalue(counts, laws)
    K = patterns.shape[1]
    if K <= BINS:
        return fine
    order = np.argsort(patterns, axis=1, kind="stable")
    starts = np.arange(BINS) * K // BINS
    binned, law = (
        np.add.reduceat(np.take_along_axis(values, order, axis=1), starts, axis=1)
        for values in (counts, laws)
    )
    return min(1.0, 2 * min(fine, multinomial_pvalue(binned, law)))


def combined(pvalues: FloatArray) -> float:
    """One p-value for the smallest of several, each valid given those before it."""
    smallest, count = float(np.min(pvalues)), len(pvalues)
    return float(-np.expm1(count * np.log1p(-smallest))) if smallest < 1 else 1.0
