r"""Loops that follow the envelope: rewards so far apart that K-choice is best-of-K."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np

from theory.evidence.envelope import bracket
from theory.evidence.instance import Instance
from theory.evidence.separated import FAR_APART

# Digits to which m_0 is rounded up: short rationals make short runs.
DIGITS = 12
# A hundred thousandfold, in logarithms.
LOG_SETTLED = 12.0
# Points at which the loss of a chord is measured, and to which masses are rounded.
GRID = 1000
PARTS = 10**6


def nearly_best_of(n: int, K: int | float, lam: Fraction) -> Instance:
    r"""A loop on about n atoms whose laws are nearly the largest ones, run until it settles.

    With :math:`u(m) = (1+\lambda)m - \lambda(1-(1-m)^K)` and its largest root :math:`m_0`, the best
    atoms together have the reference masses :math:`u(m_i)` for :math:`m_i` from :math:`m_0` to 1,
    crowded quadratically at :math:`m_0`, so that in the limit they have the masses :math:`m_i`.

    Parameters
    ----------
    n
        Atoms, besides a first one of hardly any reference mass where :math:`m_0 > 0`.
    K, lam
        Candidates (2 or more) and finite :math:`\lambda > 0`.
    """
    edge = _edge(K, lam)
    marks = [1 - edge * (1 - Fraction(i, n) ** 2) for i in range(n + 1)]
    if edge < 1:
        # The best atom's share of the reference: an order below the width of the other cells.
        marks[0] += edge / (64 * n**2)
    masses = [Fraction(0), *(inverse_envelope(m, K, lam) for m in marks)]
    parts = [after - before for before, after in pairwise(masses) if after > before]
    weights = [FAR_APART**level for level in range(len(parts))]
    return Instance.of(parts, weights[::-1], K=K, lam=lam, steps=_rounds(n, K, lam))


def nearly_atomless(n: int, K: int | float, lam: Fraction, rounds: int) -> Instance:
    r"""A loop on n atoms whose law after some rounds is nearly that of an atomless reference.

    The largest law replaces the envelope :math:`f_t` by chords over the atoms, whose relative
    entropy falls short of the integral of :math:`f' \log f'` by
    :math:`\tfrac1{24} f''^2/f'\,h^3` over an atom of reference mass h. So the density of atoms is
    taken as :math:`(f''^2/f')^{1/3}`, for which the total is least.

    Parameters
    ----------
    n
        Atoms.
    K, lam
        Finite candidates (2 or more) and :math:`\lambda > 0`.
    rounds
        Rounds.
    """
    share, K = float(lam / (1 + lam)), int(K)
    u = np.linspace(0, 1, GRID + 1)
    rest, slope, curvature = 1 - u, np.ones_like(u), np.zeros_like(u)
    for _ in range(rounds):
        change = (K - 1) * rest ** (K - 2) * slope**2
        curvature = share * K * (rest ** (K - 1) * curvature - change)
        slope = 1 - share + share * K * rest ** (K - 1) * slope
        rest = (1 - share) * (1 - u) + share * rest**K
    # What the rounding of a float changes here is the choice of the atoms, not what is shown.
    loss = np.cumsum(np.cbrt(curvature**2 / slope))
    marks = np.interp(np.linspace(0, 1, n + 1), (loss - loss[0]) / (loss[-1] - loss[0]), u)
    masses = [after - before for before, after in pairwise(round(PARTS * mark) for mark in marks)]
    weights = [FAR_APART**level for level in range(n)]
    return Instance.of(masses, weights[::-1], K=K, lam=lam, steps=rounds)


def _rounds(n: int, K: int | float, lam: Fraction) -> int:
    """Rounds after which the largest law is near its limit."""
    if K == math.inf:
        return 3
    growth = float(lam * int(K) / (1 + lam))
    if lam * (int(K) - 1) > 1:
        # The best atom grows a hundred thousandfold by this factor a round, and stops.
        return 4 + math.ceil(LOG_SETTLED / math.log(growth))
    # On the threshold the best atoms take ever longer to gain the mass 1/n^2; below it distances
    # from the limit shrink by that factor a round at least.
    threshold = math.ceil(2 * lam * n**2)
    if growth < 1:
        return min(max(3, threshold), 3 + math.ceil(LOG_SETTLED / -math.log(growth)))
    return max(3, threshold)


def _edge(K: int | float, lam: Fraction) -> Fraction:
    """1 - m_0, rounded down where it is not rational."""
    if K == math.inf:
        return 1 / (1 + lam)
    if lam * (int(K) - 1) <= 1:
        return Fraction(1)
    low, _ = bracket(lam, int(K))
    return Fraction(math.floor(low * 10**DIGITS), 10**DIGITS)


def inverse_envelope(m: Fraction, K: int | float, lam: Fraction) -> Fraction:
    r""":math:`u(m) = (1+\lambda)m - \lambda(1-(1-m)^K)`."""
    chosen = 1 if K == math.inf else 1 - (1 - m) ** int(K)
    return (1 + lam) * m - lam * (chosen if m > 0 else 0)
