r"""The largest law that the loop can reach from the real data, in the arithmetic of a run.

A kept sample lies in a set A only if a candidate does: :math:`C_K(p)(A) \le 1 - (1-p(A))^K`. From
:math:`p_0 = p_{\rm ref}` therefore :math:`P_t(A) \le f_t(P_{\rm ref}(A))` with :math:`f_0(u) = u`,

.. math:: f_{t+1}(u) = \frac{u}{1+\lambda} + \frac{\lambda}{1+\lambda}\big(1-(1-f_t(u))^K\big),

increasing and concave. So the law :math:`q_t` that gives every set of best atoms exactly
:math:`f_t(P_{\rm ref})` has the largest Lorenz curve against :math:`p_{\rm ref}`, hence every
f-divergence of :math:`p_t` from :math:`p_{\rm ref}`, in either direction, is at most that of
:math:`q_t`; and rewards far apart from one another bring the loop as close to it as one likes.

As :math:`t \to \infty` the envelope rises to f, the inverse of
:math:`u(m) = (1+\lambda)m - \lambda(1-(1-m)^K)` on :math:`[m_0, 1]`, where :math:`m_0` is the
largest root of u: 0 for :math:`\lambda(K-1) \le 1`, positive beyond. With
:math:`h(x) = 1 + \lambda - \lambda K x^{K-1} = u'(1-x)` and :math:`y = 1 - m_0`, divergences on
[0, 1] become integrals over [0, y], given here in closed form with k = K − 1:

.. math:: \int_0^y \frac{dx}{h} = \frac{y}{h(y)}\,
          {}_2F_1\Big(1, 1; 1+\tfrac1k; -\frac{\lambda K y^k}{h(y)}\Big), \qquad
          \int_0^y \log h\,dx = y\log h(y) - k y + k(1+\lambda)\int_0^y\frac{dx}{h},

.. math:: K \int_0^y h\log h\,dx = y\,h(y)\log h(y) + k(1+\lambda)\int_0^y\log h\,dx
          + k\lambda y^K,

by Pfaff's transformation and by parts, as :math:`x h' = k(h - 1 - \lambda)`. Where h(y) = 0, on the
threshold, :math:`\int_0^1\log h\,dx = \log\frac Kk - \gamma - \psi(1+\tfrac1k)`. At K = 2 the first
is a logarithm of rationals, at K = ∞ h is constant.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from theory.evidence.run import Numbers, Run

# Bits of the bracket of 1 - m_0: a relative margin of 1e-30 is still decided.
ROOT_BITS = 160


def by_level(run: Run, values: Numbers) -> Numbers:
    """Totals of one number per atom over the atoms of each weight, the largest weight first."""
    totals: Numbers = np.full(run.level_count, run.number(0), dtype=values.dtype)
    np.add.at(totals, run.levels, values)
    return totals


def upper_masses(run: Run, law: Numbers) -> Numbers:
    """Masses of the sets of atoms of at least each weight but the lowest, largest weight first."""
    masses: Numbers = np.cumsum(by_level(run, law)[:-1])
    return masses


def envelope(run: Run, rest: Numbers, fewer: int = 0) -> list[Numbers]:
    r"""Complements :math:`1 - f_0, \dots, 1 - f_T` at the reference masses ``1 - rest``.

    In complements nothing cancels: those of the pure loop are :math:`(1-u)^{K^t}`. With ``fewer``,
    those of so many candidates fewer.
    """
    share = run.synthetic_share
    complements = [rest]
    for _ in range(run.steps):
        missed = rest * 0 if run.K == math.inf else power(complements[-1], int(run.K) - fewer)
        complements.append((1 - share) * rest + share * missed)
    return complements


def power(base: Any, exponent: int) -> Any:
    """A power as products: that of a ball around 0 is not a number."""
    result = base
    for _ in range(exponent - 1):
        result = result * base
    return result


def largest_laws(run: Run) -> list[Numbers]:
    r"""The laws :math:`q_0, \dots, q_T` by level, the largest weight first."""
    levels = by_level(run, run.reference)
    # From the lowest level up: what lies below each level, then the whole.
    rest = np.append(np.cumsum(levels[:0:-1])[::-1], run.number(0))
    laws = []
    for complement in envelope(run, rest[:-1]):
        bounds = np.concatenate(([run.number(1)], complement, [run.number(0)]))
        laws.append(bounds[:-1] - bounds[1:])
    return laws


def total_variation(p: Numbers, q: Numbers) -> Any:
    r"""Total variation :math:`\tfrac12\sum|p - q|`."""
    return abs(p - q).sum() / 2


def chi_square(p: Numbers, q: Numbers) -> Any:
    r"""Pearson divergence :math:`\sum(p-q)^2/q`."""
    return ((p - q) * (p - q) / q).sum()


def limit_edge(run: Run) -> Any:
    r""":math:`y = 1 - m_0`: 1 up to the threshold, else the root of
    :math:`y + \dots + y^{K-1} = 1/\lambda`."""
    if run.K == math.inf:
        return 1 / (1 + run.lam)
    if run.exact_lam * (int(run.K) - 1) <= 1:
        return run.number(1)
    return run.arithmetic.between(*bracket(Fraction(run.exact_lam), int(run.K)))


@lru_cache(maxsize=256)
def bracket(lam: Fraction, K: int) -> tuple[Fraction, Fraction]:
    r"""Rationals around the root of :math:`y + \dots + y^{K-1} = 1/\lambda` in (0, 1), equal at
    K = 2."""
    if K == 2:
        return 1 / lam, 1 / lam
    low, high = 0, 1 << ROOT_BITS
    target = Fraction(1 << (ROOT_BITS * (K - 1))) / lam
    while high - low > 1:
        middle = (low + high) // 2
        total = 0
        for power_of_scale in range(K - 1):
            total = (total + (1 << (ROOT_BITS * power_of_scale))) * middle
        low, high = (middle, high) if total <= target else (low, middle)
    return Fraction(low, 1 << ROOT_BITS), Fraction(high, 1 << ROOT_BITS)


def slope(run: Run, y: Any) -> Any:
    r""":math:`h(y) = 1 + \lambda - \lambda K y^{K-1}`, for finite K > 1."""
    k = int(run.K) - 1
    # Written so that in floats it vanishes on the threshold and nowhere below.
    return 1 - run.lam * k + run.lam * (k + 1) * (1 - power(y, k))


def reciprocal_integral(run: Run, y: Any) -> Any:
    r""":math:`\int_0^y dx/h`, for h > 0 on [0, y]."""
    if run.K in (1, math.inf) or run.exact_lam == 0:
        return y / (1 + run.lam * (run.K == math.inf))
    K, lam, at_y = int(run.K), run.lam, slope(run, y)
    if K == 2:
        return run.arithmetic.log((1 + lam) / at_y) / (2 * lam)
    one, inverse = run.number(1), run.number(Fraction(1, K - 1))
    series = run.arithmetic.hypergeometric(one, one, 1 + inverse, -lam * K * power(y, K - 1) / at_y)
    return y / at_y * series


def log_integral(run: Run, y: Any) -> Any:
    r""":math:`\int_0^y \log h\,dx` in nats, for h > 0 on [0, y); y = 1 on the threshold."""
    log = run.arithmetic.log
    if run.K == 1 or run.exact_lam == 0:
        return run.number(0)
    if run.K == math.inf:
        return y * log(1 + run.lam)
    K = int(run.K)
    k = K - 1
    if run.exact_lam * k != 1:
        rest = k * (1 + run.lam) * reciprocal_integral(run, y) - k * y
        return y * log(slope(run, y)) + rest
    if K == 2:
        return log(run.number(2)) - 1
    digamma, euler = run.arithmetic.digamma, run.arithmetic.euler
    return log(run.number(Fraction(K, k))) - euler() - digamma(1 + run.number(Fraction(1, k)))


def entropy_integral(run: Run, y: Any) -> Any:
    r""":math:`\int_0^y h\log h\,dx` in nats, for h > 0 on [0, y); y = 1 on the threshold."""
    lam, log = run.lam, run.arithmetic.log
    if run.K == 1 or run.exact_lam == 0:
        return run.number(0)
    if run.K == math.inf:
        return y * (1 + lam) * log(1 + lam)
    K = int(run.K)
    k = K - 1
    total = k * (1 + lam) * log_integral(run, y) + k * lam * power(y, K)
    if run.exact_lam * k != 1:
        at_y = slope(run, y)
        total = total + y * at_y * log(at_y)
    return total / K
