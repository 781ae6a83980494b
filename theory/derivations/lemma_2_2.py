r"""The reward gained in one round of curation, as an equality, and the best constant (Lemma 2.2).

Source: Ferbach et al. 2024 (arXiv:2407.09499), Lemma 2.2 (the inequality).
"""

from __future__ import annotations

import math
from itertools import combinations

import sympy

SHARE = sympy.Symbol("q", positive=True)
GAP = sympy.Symbol("delta", positive=True)


def candidates(K: int) -> tuple[sympy.Symbol, ...]:
    r"""Weights :math:`a_1, \dots, a_K > 0` of K candidates."""
    if K < 1:
        raise ValueError(f"K = {K} candidates: give at least 1.")
    symbols: tuple[sympy.Symbol, ...] = sympy.symbols(f"a1:{K + 1}", positive=True)
    return symbols


def kept_minus_drawn(K: int) -> sympy.Expr:
    r""":math:`\sum a_i^2/\sum a_i - \sum a_i/K`: mean weight kept from a group less its mean."""
    a = candidates(K)
    return sum(x**2 for x in a) / sum(a) - sum(a) / K


def pairwise_gain(K: int) -> sympy.Expr:
    r""":math:`\sum_{i<j}(a_i-a_j)^2/(K\sum a_i)`."""
    a = candidates(K)
    return sum((x - y) ** 2 for x, y in combinations(a, 2)) / (K * sum(a))


def two_level_gain(K: int) -> sympy.Expr:
    r"""Gain :math:`E_{C_K(p)}[w] - E_p[w]` for weights 1 (mass q) and :math:`1-\delta`.

    With j of the K candidates on the top, :math:`\sum_{i<j}(a_i-a_j)^2 = j(K-j)\delta^2` and
    :math:`\sum a_i = K - (K-j)\delta`; j is binomial.
    """
    return sum(
        sympy.binomial(K, j)
        * SHARE**j
        * (1 - SHARE) ** (K - j)
        * j
        * (K - j)
        * GAP**2
        / (K * (K - (K - j) * GAP))
        for j in range(1, K)
    )


def two_level_bound(K: int) -> sympy.Expr:
    r"""The bound of Lemma 2.2 there: :math:`\frac{K-1}K q(1-q)\delta^2`, as :math:`w^* = 1`."""
    return sympy.Rational(K - 1, K) * SHARE * (1 - SHARE) * GAP**2


def gain_over_bound(K: int, order: int = 3) -> sympy.Expr:
    r"""Ratio of the two, as a series in :math:`\delta` below :math:`\delta^{\rm order}`.

    The constant term 1 says that no larger constant holds in Lemma 2.2: let the weights draw
    together. Every term of the sum is a geometric series in :math:`\delta`.
    """
    if K < 2:
        raise ValueError(f"K = {K}: one candidate gains nothing, give at least 2.")
    terms = sympy.Integer(0)
    for n in range(order):
        moment = sum(
            math.comb(K, j)
            * SHARE**j
            * (1 - SHARE) ** (K - j)
            * j
            * (K - j)
            * sympy.Rational(K - j, K) ** n
            for j in range(1, K)
        )
        coefficient = moment / (K * (K - 1) * SHARE * (1 - SHARE))
        terms += sympy.factor(sympy.cancel(coefficient)) * GAP**n
    return terms
