r"""The curation factor of weights far apart, enclosed without listing the draws.

The k = K − 1 opponents of a candidate have a best level j, met a times, with probability
:math:`\binom{k}{a} P_j^a F_{j-1}^{k-a}` where :math:`F_{j-1}` is the mass below level j. With
:math:`c = w_i + a w_j`, and r the sum of the others' weights, at most :math:`(k-a)w_{j-1}`,

.. math:: \frac1{c+r} \in \frac1c - \frac r{c^2}\Big[1 - \frac{(k-a)w_{j-1}}c,\ 1\Big],

and r has the mean :math:`(k-a)M_{j-1}/F_{j-1}`, :math:`M_{j-1}` the expected weight below level j.
That encloses :math:`K w_i E[1/(w_i + S)]` always; where every weight is R times the one before, up
to about :math:`(K/R)^2`. It is enough to see best-of-K selection on dozens of levels, whose
multisets are beyond listing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import flint

from theory.evidence.precision import ball

# Weights this far apart leave an enclosure of sixteen digits for K up to 10.
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
    tables = _tables(tuple(weights), K, flint.ctx.prec)
    chances, others = [], []
    below, below_weight = masses[0] * 0, masses[0] * 0
    for mass, weight in zip(masses, tables.weights, strict=True):
        own, rest = _powers(mass, k), _powers(below, k)
        for times in range(1, k + 1):
            ways = math.comb(k, times) * own[times]
            chances.append([ways * rest[k - times]])
            free = k - times
            others.append([ways * free * rest[free - 1] * below_weight if free else mass * 0])
        below, below_weight = below + mass, below_weight + mass * weight
    factors = tables.alone * flint.arb_mat(chances) - tables.with_others * flint.arb_mat(others)
    return list(factors.entries())


def _powers(value: flint.arb, highest: int) -> list[flint.arb]:
    powers = [value * 0 + 1]
    for _ in range(highest):
        powers.append(powers[-1] * value)
    return powers


@dataclass(frozen=True)
class _Tables:
    r"""The weights as balls, ascending, and the matrices :math:`K w_i/c` and
    :math:`(K w_i/c^2)[1 - (k-a)w_{j-1}/c, 1]`: rows i, columns (j, a)."""

    weights: list[flint.arb]
    alone: flint.arb_mat
    with_others: flint.arb_mat


@lru_cache(maxsize=64)
def _tables(weights: tuple[Fraction, ...], K: int, precision: int) -> _Tables:
    with flint.ctx.workprec(precision):
        balls = [ball(weight) for weight in weights]
        one = flint.arb(1)
        alone, with_others = [], []
        for own in balls:
            # Below the lowest level there is nobody: its entries meet probability 0.
            columns = [
                (own + times * best, (K - 1 - times) * lower)
                for best, lower in zip(balls, (flint.arb(0), *balls), strict=False)
                for times in range(1, K)
            ]
            alone.append([K * own / c for c, _ in columns])
            with_others.append(
                [K * own / (c * c) * (1 - most / c).union(one) for c, most in columns]
            )
        return _Tables(balls, flint.arb_mat(alone), flint.arb_mat(with_others))
