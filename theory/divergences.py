r"""Divergences between laws on the same atoms, entropy, and the bounds of the mixed loop.

Every divergence is in nats. The *envelope* bounds the mass that the loop can give to any set by
the mass that the reference gives it, :math:`P_t(A) \le f_t(P_{\rm ref}(A))`; it dominates the
Lorenz (ROC) curve of :math:`p_t` against :math:`p_{\rm ref}`, hence every f-divergence.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theory.law import Law
from theory.validation import FloatArray, check_candidates, check_ratio, check_steps


def _same_atoms(p: Law, q: Law) -> None:
    if len(p) != len(q):
        raise ValueError(f"the laws have {len(p)} and {len(q)} atoms: give laws on the same atoms.")


def kl(p: Law, q: Law) -> float:
    r"""Kullback–Leibler divergence :math:`\sum_i p_i\log(p_i/q_i)` in nats; inf unless p ≪ q.

    Computed as :math:`\sum_i [p_i\log(p_i/q_i) - p_i + q_i]`, whose terms are all non-negative:
    the divergence of nearby laws keeps its relative accuracy.
    """
    _same_atoms(p, q)
    log_p, log_q = p.log_probabilities, q.log_probabilities
    masses = np.exp(log_p)
    charged = log_p > -np.inf
    if (log_q[charged] == -np.inf).any():
        return math.inf
    ratio = np.subtract(log_p, log_q, where=charged, out=np.zeros_like(log_p))
    # p log(p/q) - p + q = p (x + e^{-x} - 1), x = log(p/q), written q-side where p is small.
    with np.errstate(over="ignore", under="ignore"):
        small = np.abs(ratio) < 0.5
        bregman = np.where(
            small, masses * _exponential_gap(-ratio), masses * (ratio - 1) + np.exp(log_q)
        )
    bregman[~charged] = np.exp(log_q[~charged])
    return float(bregman.sum())


def _exponential_gap(x: FloatArray) -> FloatArray:
    """e^x - 1 - x without cancellation for |x| < 1/2: Taylor's series to rounding."""
    x = np.clip(x, -0.5, 0.5)
    total = np.zeros_like(x)
    for k in range(16, 1, -1):
        total = (total + 1 / math.factorial(k)) * x if k > 2 else (total + 0.5) * x * x
    return total


def total_variation(p: Law, q: Law) -> float:
    r"""Total variation :math:`\tfrac12\sum_i|p_i-q_i|`, in [0, 1]."""
    _same_atoms(p, q)
    return 0.5 * float(np.abs(p.probabilities - q.probabilities).sum())


def chi2(p: Law, q: Law) -> float:
    r"""Pearson divergence :math:`\sum_i (p_i-q_i)^2/q_i`; inf unless p ≪ q."""
    _same_atoms(p, q)
    masses, others = p.probabilities, q.probabilities
    charged = others > 0
    if (masses[~charged] > 0).any():
        return math.inf
    return float(((masses - others)[charged] ** 2 / others[charged]).sum())


def entropy(law: Law) -> float:
    r"""Entropy :math:`-\sum p_i\log p_i` in nats; :math:`-\int f\log f` for a density on a grid."""
    log_p = law.log_probabilities
    log_density = log_p if law.cell_volumes is None else log_p - np.log(law.cell_volumes)
    p = np.exp(log_p)
    return -float(np.multiply(p, log_density, where=p > 0, out=np.zeros_like(p)).sum())


def paper_kl_bound(lam: float, K: float) -> float:
    r"""Theorem 2.4 of arXiv:2407.09499: :math:`-\log(1-\lambda(K-1))` nats, inf from the threshold
    :math:`\lambda(K-1) = 1` on."""
    K, lam = check_candidates(K), float(check_ratio(lam))
    load = 0.0 if K == 1 or lam == 0 else lam * (K - 1)
    return -math.log1p(-load) if load < 1 else math.inf


def sharp_kl_bound(lam: float, K: float) -> float:
    r"""Best constant in Theorem 2.4, :math:`-\int_0^1\log(1+\lambda-\lambda Kx^{K-1})\,dx` nats.

    Valid for :math:`\lambda(K-1)\le1`, the threshold included; inf beyond it, where no bound holds
    for every t. In closed form, with k = K - 1 and c = λK/(1+λ),

    .. math:: -\log(1-\lambda k) - k\,\big({}_2F_1(1,\tfrac1k;1+\tfrac1k;c)-1\big),
              \qquad \lambda k = 1:\quad -\log\tfrac Kk + \gamma + \psi(1+\tfrac1k);

    evaluated by a series or a quadrature without its cancellation.

    Examples
    --------
    >>> round(sharp_kl_bound(0.9, 2), 4), round(sharp_kl_bound(1.0, 2), 4)
    (0.1946, 0.3069)
    """
    K, lam = check_candidates(K), float(check_ratio(lam))
    if K == 1 or lam == 0:
        return 0.0
    k = K - 1
    load = lam * k
    if load > 1:
        return math.inf
    x = lam / (1 + lam)
    c = K * x
    if c <= 0.5:
        # Positive terms sum_n x^n/n (K^n/(kn+1) - 1), n >= 2, each below half the one before.
        n = np.arange(2, 62)
        return float(((c**n / (k * n + 1) - x**n) / n).sum())
    return lam - math.log1p(lam) + _boundary_layer(lam, int(k), load)


def _boundary_layer(lam: float, k: int, load: float) -> float:
    r"""Part of the sharp bound from :math:`x = e^{-v/k}` near 1, where the closed form cancels.

    :math:`\frac1k\int_0^\infty[-\lambda Ke^{-v}-\log(1-ce^{-v})]e^{-v/k}dv` by the double
    exponential rule :math:`v = e^{s-e^{-s}}`: step 1/16 leaves rounding only, also at the
    threshold, where the integrand has a logarithm at 0.
    """
    s = np.arange(-6.0, 4.5, 1 / 16)
    v = np.exp(s - np.exp(-s))
    real, c = 1 / (1 + lam), lam * (k + 1) / (1 + lam)
    rest = (1 - load) * real - c * np.expm1(-v)  # 1 - c e^{-v}, exact where both terms vanish
    integrand = (-lam * (k + 1) * np.exp(-v) - np.log(rest)) * np.exp(-v / k) / k
    return float((integrand * v * (1 + np.exp(-s))).sum() / 16)


def envelope(u: Any, lam: float, K: float, t: int) -> FloatArray:
    r"""Largest mass :math:`f_t(u)` that the loop from :math:`p_{\rm ref}` can give at round t to a
    set of reference mass u.

    :math:`f_0(u)=u`, :math:`f_{t+1}(u) = \frac{u}{1+\lambda} + \frac{\lambda}{1+\lambda}
    (1-(1-f_t(u))^K)`, for every λ and K (at K = ∞ the last bracket
    is 1 where :math:`f_t(u)>0`). ``u`` holds numbers in [0, 1].
    """
    K, lam, t = check_candidates(K), float(check_ratio(lam)), check_steps(t)
    u = np.asarray(u, dtype=np.float64)
    if (u < 0).any() or (u > 1).any() or np.isnan(u).any():
        raise ValueError("u holds a value outside [0, 1]: it is a probability under the reference.")
    real = 0.0 if math.isinf(lam) else 1 / (1 + lam)
    mass = u.copy()
    for _ in range(t):
        if math.isinf(K):
            chosen = (mass > 0).astype(np.float64)
        else:
            with np.errstate(divide="ignore"):
                chosen = -np.expm1(K * np.log1p(-mass))
        mass = real * u + (1 - real) * chosen
    return mass
