r"""The curation factor of weights far apart, enclosed without listing the draws.

The K − 1 opponents of a candidate have a best level j, met a times, with probability
:math:`\binom{K-1}{a} P_j^a F_{j-1}^{K-1-a}` where :math:`F_{j-1}` is the mass below level j. Their
weights then add up to :math:`a w_j` plus those of the others, which lie between :math:`w_1` and
:math:`w_{j-1}` each. Bounds of the sum bound :math:`K w_i/(w_i + S)`, always; where every weight is
R times the one before they differ by K/R only. That is enough to see best-of-K selection on dozens
of levels, whose multisets are beyond listing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import flint

from theory.evidence.precision import ball

# Weights this far apart leave an enclosure of eight digits for K up to 10.
FAR_APART = 10**9


def far_apart(weights: Collection[Fraction]) -> bool:
    """Whether each of these distinct weights is at least ``FAR_APART`` times the one before."""
    return all(w >= FAR_APART * v for v, w in pairwise(sorted(weights)))


def enclose_factor(
    masses: Sequence[flint.arb], weights: Sequence[Fraction], K: int
) -> list[flint.arb]:
    r"""Balls around the curation factors of a law on distinct weights, lowest weight first.

    Parameters
    ----------
    masses
        Mass of each level, m balls.
    weights
        The m levels, ascending.
    K
        Candidates, at least 2.
    """
    k = K - 1
    chances = []
    below = masses[0] * 0
    for mass in masses:
        own, rest = _powers(mass, k), _powers(below, k)
        chances += [[math.comb(k, a) * own[a] * rest[k - a]] for a in range(1, k + 1)]
        below = below + mass
    table = _factors_by_best_opponent(tuple(weights), K, flint.ctx.prec)
    return list((table * flint.arb_mat(chances)).entries())


def _powers(value: flint.arb, highest: int) -> list[flint.arb]:
    powers = [value * 0 + 1]
    for _ in range(highest):
        powers.append(powers[-1] * value)
    return powers


@lru_cache(maxsize=64)
def _factors_by_best_opponent(
    weights: tuple[Fraction, ...], K: int, precision: int
) -> flint.arb_mat:
    """Factor of level i given the opponents' best level j, met a times: rows i, columns (j, a)."""
    with flint.ctx.workprec(precision):
        return flint.arb_mat(
            [
                [
                    _factor(own, best, times, K - 1 - times, weights[0], lower, K)
                    for best, lower in zip(weights, (weights[0], *weights), strict=False)
                    for times in range(1, K)
                ]
                for own in weights
            ]
        )


def _factor(
    own: Fraction,
    best: Fraction,
    times: int,
    others: int,
    lowest: Fraction,
    lower: Fraction,
    K: int,
) -> flint.arb:
    heaviest = ball(K * own / (own + times * best + others * lower))
    return heaviest.union(ball(K * own / (own + times * best + others * lowest)))
