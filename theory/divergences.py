r"""Divergences between laws on the same atoms, entropy, and the bounds of the mixed loop.

Every divergence is in nats. The *envelope* bounds the mass that the loop can give to any set by
the mass that the reference gives it, :math:`P_t(A) \le f_t(P_{\rm ref}(A))`; it dominates the
Lorenz (ROC) curve of :math:`p_t` against :math:`p_{\rm ref}`, hence every f-divergence.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import brentq

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
    v, weights = _double_exponential()
    real, c = 1 / (1 + lam), lam * (k + 1) / (1 + lam)
    rest = (1 - load) * real - c * np.expm1(-v)  # 1 - c e^{-v}, exact where both terms vanish
    integrand = (-lam * (k + 1) * np.exp(-v) - np.log(rest)) * np.exp(-v / k) / k
    return float((integrand * weights).sum())


def _double_exponential() -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on (0, ∞) for integrands that decay like e^{-v}."""
    s = np.arange(-6.0, 4.5, 1 / 16)
    v = np.exp(s - np.exp(-s))
    return v, v * (1 + np.exp(-s)) / 16


def sharp_chi2_bound(lam: float, K: float) -> float:
    r"""Best bound of :math:`\chi^2(p_t\|p_{\rm ref})`, :math:`\int_0^1 dx/h - 1` with
    :math:`h = 1+\lambda-\lambda Kx^{K-1}`.

    Valid for :math:`\lambda(K-1)<1`; inf from the threshold on. With c the sharp bound of the
    relative entropy, k = K − 1 and :math:`\ell = \lambda k`, it is
    :math:`\frac{-\log(1-\ell) - \ell - c}{k(1+\lambda)}`; evaluated by a series where that cancels.

    Examples
    --------
    >>> round(sharp_chi2_bound(0.5, 2), 4), sharp_chi2_bound(0.5, 3)
    (0.0986, inf)
    """
    K, lam = check_candidates(K), float(check_ratio(lam))
    if K == 1 or lam == 0:
        return 0.0
    k = K - 1
    load = lam * k
    if load >= 1:
        return math.inf
    x = lam / (1 + lam)
    c = K * x
    if c <= 0.5:
        # Positive terms c^n/(kn+1) - x^n, n >= 2, each below half the one before.
        n = np.arange(2, 62)
        return float((c**n / (k * n + 1) - x**n).sum()) / (1 + lam)
    return (-math.log1p(-load) - load - sharp_kl_bound(lam, K)) / (k * (1 + lam))


def sharp_tv_bound(lam: float, K: float) -> float:
    r"""Best bound of the total variation between :math:`p_t` and :math:`p_{\rm ref}`, any λ and K.

    :math:`\lambda K^{-1/(K-1)}(1-1/K)` while :math:`(1+\lambda(1-1/K))^{K-1} \le K`; beyond, the
    largest mass that an atom without real data can take, see :func:`largest_atom`.

    Examples
    --------
    >>> sharp_tv_bound(1.0, 2), sharp_tv_bound(4.0, 2)
    (0.25, 0.75)
    """
    K, lam = check_candidates(K), float(check_ratio(lam))
    if K == 1 or lam == 0:
        return 0.0
    if math.isinf(K) or math.isinf(lam):
        return largest_atom(lam, K)
    if (K - 1) * math.log1p(lam * (1 - 1 / K)) > math.log(K):
        return largest_atom(lam, K)
    return lam * math.exp(-math.log(K) / (K - 1)) * (1 - 1 / K)


def sharp_reverse_kl_bound(lam: float, K: float) -> float:
    r"""Best bound of :math:`D_{\rm KL}(p_{\rm ref}\|p_t)` in nats, for every finite λ and every K:
    :math:`\int_0^y h\log h\,dx` with :math:`h = 1+\lambda-\lambda Kx^{K-1}`, and 1 − y the
    :func:`largest_atom`; inf in the pure loop.

    Examples
    --------
    >>> round(sharp_reverse_kl_bound(0.3, 4), 4), round(sharp_reverse_kl_bound(1.0, math.inf), 4)
    (0.0711, 0.6931)
    """
    K, lam = check_candidates(K), float(check_ratio(lam))
    if K == 1 or lam == 0:
        return 0.0
    if math.isinf(lam):
        return math.inf
    if math.isinf(K):
        return math.log1p(lam)
    k = K - 1
    load = lam * k
    if load <= 1:
        return (_entropy_gap(load) - k * (1 + lam) * sharp_kl_bound(lam, K)) / K
    y = 1 - largest_atom(lam, K)
    # x = y e^{-v/k}: h reaches 1 + λ exponentially fast, and that constant is integrated apart.
    v, weights = _double_exponential()
    h = np.maximum(1 + lam - lam * K * y**k * np.exp(-v), np.finfo(float).tiny)
    flat = (1 + lam) * math.log1p(lam)
    return y * (flat + float(((h * np.log(h) - flat) * np.exp(-v / k) * weights).sum()) / k)


def _entropy_gap(load: float) -> float:
    """(1 - l) log(1 - l) + l, by its series where that cancels."""
    if load < 0.25:
        n = np.arange(2, 30)
        return float((load**n / (n * (n - 1))).sum())
    return load if load == 1 else (1 - load) * math.log1p(-load) + load


def largest_atom(lam: float, K: float) -> float:
    r"""Largest mass that the loop gives, in the limit, to a set of hardly any reference mass: 0 up
    to the threshold :math:`\lambda(K-1) = 1`, beyond it the positive root of
    :math:`(1+\lambda)m = \lambda(1-(1-m)^K)`; 1 in the pure loop.

    Examples
    --------
    >>> largest_atom(1.0, 2), largest_atom(4.0, 2), largest_atom(1.0, math.inf)
    (0.0, 0.75, 0.5)
    """
    K, lam = check_candidates(K), float(check_ratio(lam))
    if K == 1 or lam * (K - 1) <= 1:
        return 0.0
    if math.isinf(lam):
        return 1.0
    if math.isinf(K):
        return lam / (1 + lam)
    if K == 2:
        return 1 - 1 / lam

    def excess(m: float) -> float:
        missed = math.expm1(K * math.log1p(-m)) if m < 1 else -1.0
        return (1 + lam) * m + lam * missed

    # Convex with a zero at 0: its other zero lies beyond its minimum.
    lowest = -math.expm1(math.log((1 + lam) / (lam * K)) / (K - 1))
    return float(brentq(excess, lowest, 1.0, xtol=1e-300, rtol=1e-15))


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


def envelope_kl(lam: float, K: float, t: int) -> float:
    r"""Largest :math:`D_{\rm KL}(p_t\|p_{\rm ref})` that the loop from :math:`p_{\rm ref}` can have
    at round t, whatever the reward: :math:`\int_0^1 f_t' \log f_t' \, du`, nats, for every λ and K.

    Below the threshold :math:`\lambda(K-1)=1` it rises to :func:`sharp_kl_bound`, beyond it without
    limit; in the pure loop it is :math:`t\log K - 1 + K^{-t}`. Infinite at K = ∞, where one round
    can give all to a single sample.

    Examples
    --------
    >>> round(envelope_kl(1.0, 4, 1), 4), round(math.log(4) - 1 + 1 / 4, 4)
    (0.1448, 0.6363)
    """
    K, lam, t = check_candidates(K), float(check_ratio(lam)), check_steps(t)
    if K == 1 or lam == 0 or t == 0:
        return 0.0
    if math.isinf(K):
        return math.inf
    if math.isinf(lam):
        return t * math.log(K) + math.expm1(-t * math.log(K))
    # In u = e^-x: f_t' varies where u is about K^-j for a j up to t, hence slowly in x. The piece
    # beyond the last x has mass f_t(u) <= K^t u and at most that times log K^t of the integral.
    end = t * math.log(K) + math.log1p(t * math.log(K)) - math.log(np.finfo(np.float64).eps)
    # Near u = 1 the density can come down to almost 0, where its logarithm varies as log x.
    edges = np.concatenate([[0.0], 2.0 ** np.arange(-40, 0), np.arange(1.0, end + 1)])
    nodes, weights = np.polynomial.legendre.leggauss(16)
    half = np.diff(edges)[:, None] / 2
    x = edges[:-1, None] + half * (nodes + 1)
    u, density = np.exp(-x), np.ones_like(x)
    # Mass and what lacks of 1, each by itself: the one small at first, the other at last.
    mass, lack = u, -np.expm1(-x)
    real = 1 / (1 + lam)
    for _ in range(t):
        log_lack = np.where(mass < 0.5, np.log1p(-np.minimum(mass, 0.5)), np.log(lack))
        density = real + (1 - real) * K * np.exp((K - 1) * log_lack) * density
        mass = real * u - (1 - real) * np.expm1(K * log_lack)
        lack = real * -np.expm1(-x) + (1 - real) * np.exp(K * log_lack)
    return float((half * weights * density * np.log(density) * u).sum())
