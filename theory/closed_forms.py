r"""Families of the loop with analytic answers: oracles that the numerics are tested against.

Nothing here uses the package's own quadrature, enumeration or iteration. Each function states the
law, the reward and the answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import binom

from theory.validation import FloatArray


def gaussian_linear_tilt(mean: float, variance: float, slope: float, t: int) -> tuple[float, float]:
    r"""Mean and variance of :math:`p_t` from :math:`N(m,\sigma^2)`, :math:`r(x)=ax`, K = ∞, pure.

    :math:`p_t = N(m + t a\sigma^2, \sigma^2)`: a shift by :math:`a\sigma^2` per round.
    """
    return mean + t * slope * variance, variance


def gaussian_quadratic_tilt(
    mean: float, variance: float, gamma: float, centre: float, t: int
) -> tuple[float, float]:
    r"""Mean and variance of :math:`p_t`: :math:`N(m,\sigma^2)`,
    :math:`r=-\frac\gamma2(x-\mu)^2`, K = ∞.

    Precisions add: :math:`1/\sigma_t^2 = 1/\sigma^2 + t\gamma`, with the precision-weighted mean.
    """
    precision = 1 / variance + t * gamma
    return (mean / variance + t * gamma * centre) / precision, 1 / precision


def two_atom_factors(
    p: Fraction, low: Fraction, high: Fraction, K: int
) -> tuple[Fraction, Fraction]:
    r"""Factors of the atoms with weights ``low`` (mass p) and ``high`` (mass 1 - p), any K, exact.

    .. math:: H(w) = \sum_{j=0}^{K-1}\binom{K-1}{j}p^j(1-p)^{K-1-j}
              \frac{Kw}{w + j\,low + (K-1-j)\,high}
    """
    factors = []
    for weight in (low, high):
        total = Fraction(0)
        for j in range(K):
            chance = math.comb(K - 1, j) * p**j * (1 - p) ** (K - 1 - j)
            total += chance * Fraction(K * weight) / (weight + j * low + (K - 1 - j) * high)
        factors.append(total)
    return factors[0], factors[1]


def two_atom_factors_float(p: float, low: float, high: float, K: int) -> tuple[float, float]:
    r"""The binomial sum of :func:`two_atom_factors` in float64, for K up to millions.

    Terms beyond 1e-40 in the binomial law are left out.
    """
    mean, spread = (K - 1) * p, math.sqrt((K - 1) * p * (1 - p))
    reach = 14 * spread + 200  # P(|J - mean| > reach) < 1e-40
    j = np.arange(max(0, math.floor(mean - reach)), min(K - 1, math.ceil(mean + reach)) + 1)
    chance = binom.pmf(j, K - 1, p)
    chance /= chance.sum()
    rivals = j * low + (K - 1 - j) * high
    return (
        float((chance * (K * low / (low + rivals))).sum()),
        float((chance * (K * high / (high + rivals))).sum()),
    )


def pair_factors(p: Sequence[Fraction], w: Sequence[Fraction]) -> list[Fraction]:
    r"""K = 2 by hand: :math:`H_i = 2\sum_j p_j\,w_i/(w_i+w_j)`, exact."""
    return [
        2 * sum((q * a / Fraction(a + b) for q, b in zip(p, w, strict=True)), Fraction(0))
        for a in w
    ]


def uniform_reward_pair_factor(r: FloatArray) -> FloatArray:
    r"""Reward uniform on (0, 1), K = 2: :math:`H(r) = 2\big(1 - \log\frac{e^r+e}{e^r+1}\big)`."""
    w = np.exp(r)
    return 2 * (1 - np.log((w + math.e) / (w + 1)))


def uniform_reward_tilt_mean(t: float) -> float:
    r"""Reward uniform on (0, 1), K = ∞, t > 0: :math:`E_{p_t}[r] = \frac{e^t}{e^t-1}-\frac1t`."""
    return 1 / -math.expm1(-t) - 1 / t


def power_law_weight_factor(w: FloatArray, exponent: float) -> FloatArray:
    r"""Weight with density :math:`a\,w^{a-1}` on (0, 1), K = 2.

    .. math:: H(w) = 2\,{}_2F_1(1, a; a+1; -1/w)
    """
    return np.asarray(2 * hyp2f1(1, exponent, exponent + 1, -1 / w), dtype=np.float64)


def best_of_K_masses(p: Sequence[Fraction], K: int) -> list[Fraction]:
    r"""Curated masses when rewards increase with the index and their gaps grow without bound.

    The best of K is kept: :math:`C_K(p)_i = F_i^K - F_{i-1}^K`, F the cumulative masses.
    """
    cumulative, masses = Fraction(0), []
    for q in p:
        masses.append((cumulative + q) ** K - cumulative**K)
        cumulative += q
    return masses


def no_curation_law(start: FloatArray, reference: FloatArray, lam: float, t: int) -> FloatArray:
    r"""K = 1: :math:`p_t - p_{\rm ref} = (\frac{\lambda}{1+\lambda})^t(p_0-p_{\rm ref})`."""
    return reference + (lam / (1 + lam)) ** t * (start - reference)


def triangular_condensate(lam: float) -> float:
    r"""Density :math:`2(1-w)` on (0, 1), K = ∞: condensate :math:`\max(0, 1-2/(1+\lambda))`."""
    return max(0.0, 1 - 2 / (1 + lam))


def triangular_zeta_residual(zeta: float, lam: float) -> float:
    r"""Zero at the fixed point of the density :math:`2(1-w)`, K = ∞, :math:`\lambda<1`:
    :math:`\int_0^1\frac{2(1-w)}{1-w/\zeta}dw - (1+\lambda)`, the integral being
    :math:`2\zeta + 2\zeta(\zeta-1)\log(1-1/\zeta)`."""
    return 2 * zeta + 2 * zeta * (zeta - 1) * math.log1p(-1 / zeta) - (1 + lam)


def gaussian_peak_critical_ratio(gamma: float, sigma: float) -> float:
    r"""Critical :math:`\lambda_c = \int p_{\rm ref}\,w/(w^*-w)` for :math:`N(0,\sigma^2I_2)` and
    :math:`r=-\gamma\|x\|`.

    :math:`\lambda_c = \int_0^\infty \rho\,e^{-\rho^2/2}/(e^{\gamma\sigma\rho}-1)\,d\rho`.
    """
    rate = gamma * sigma
    value, _ = quad(
        lambda rho: rho * math.exp(-rho * rho / 2 - rate * rho) / -math.expm1(-rate * rho),
        0,
        math.inf,
        epsabs=0,
        epsrel=1e-12,
    )
    return float(value)


def two_level_shares(top_mass: float, ratio: float, t: int) -> float:
    r"""Two atoms, K = ∞, pure: :math:`P_t(r=r^*) = (1 + \frac{1-q}{q}(w_2/w^*)^t)^{-1}`.

    ``top_mass`` is q, ``ratio`` is :math:`w_2/w^*`.
    """
    return 1 / (1 + (1 - top_mass) / top_mass * ratio**t)
