r"""Curation by K candidates as one integral, and its expansion in 1/K (Lemma 2.1).

Weights :math:`w > 0` under a law p: mean :math:`\mu`, variance :math:`\sigma^2`, third central
moment :math:`\mu_3`. The number of candidates enters as :math:`\epsilon = 1/K`.

Source: Ferbach et al. 2024 (arXiv:2407.09499), Section 2 and Lemma 2.1 (the limit).
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

W, MU = sympy.symbols("w mu", positive=True)
VARIANCE = sympy.Symbol("sigma", positive=True) ** 2
THIRD = sympy.Symbol("mu3", real=True)
EPSILON = sympy.Symbol("epsilon", positive=True)


def factor_by_integral(
    masses: Sequence[sympy.Expr], weights: Sequence[sympy.Expr], weight: sympy.Expr, K: int
) -> sympy.Expr:
    r"""Curation factor of a finite law, :math:`Kw\int_0^\infty e^{-sw}\varphi(s)^{K-1}ds`.

    :math:`\varphi(s) = \sum_i p_i e^{-sw_i}`; the power is multiplied out and each exponential
    :math:`e^{-sa}` integrates to :math:`1/a`.

    Parameters
    ----------
    masses, weights
        :math:`p_i` and :math:`w_i > 0`, equally many, symbols or numbers.
    weight
        Where the factor is wanted, w > 0.
    K
        Candidates, at least 1.
    """
    if K < 1 or len(masses) != len(weights) or not masses:
        raise ValueError(
            f"K = {K}, {len(masses)} masses and {len(weights)} weights: give K of at least 1 and "
            "one mass for each weight."
        )
    tags = sympy.symbols(f"e0:{len(masses)}")
    power = sympy.Poly(sum(p * e for p, e in zip(masses, tags, strict=True)) ** (K - 1), *tags)
    total = sympy.Integer(0)
    for counts, coefficient in power.terms():
        rate = weight + sum(n * a for n, a in zip(counts, weights, strict=True))
        total += sympy.factor(coefficient) / rate
    return K * weight * total


def inverse_of_the_mean() -> sympy.Expr:
    r""":math:`E[1/A]` to order :math:`\epsilon^2`, :math:`A = (w + W_2+\dots+W_K)/K`.

    Around :math:`\mu` the deviation of A is :math:`\epsilon(w-\mu)` plus the mean of K − 1
    independent deviations, whose central moments are, with K − 1 summands of size
    :math:`\epsilon`,

    .. math:: m_2 = \epsilon(1-\epsilon)\sigma^2,\qquad m_3 = \epsilon^2(1-\epsilon)\mu_3,\qquad
              m_4 = 3\epsilon^2\sigma^4 + O(\epsilon^3),

    and higher ones :math:`O(\epsilon^3)`; :math:`1/A = \sum_k (-1)^k (A-\mu)^k/\mu^{k+1}`.
    """
    shift = EPSILON * (W - MU)
    moments = {
        0: sympy.Integer(1),
        1: sympy.Integer(0),
        2: EPSILON * (1 - EPSILON) * VARIANCE,
        3: EPSILON**2 * (1 - EPSILON) * THIRD,
        4: 3 * EPSILON**2 * VARIANCE**2,
    }
    total = sum(
        (-1) ** k
        * sum(sympy.binomial(k, j) * shift ** (k - j) * moments[j] for j in range(k + 1))
        / MU ** (k + 1)
        for k in range(5)
    )
    kept = sympy.Poly(sympy.expand(total), EPSILON)
    return sum(kept.coeff_monomial(EPSILON**n) * EPSILON**n for n in range(3))


def expansion() -> list[sympy.Expr]:
    r"""Coefficients of :math:`H = c_0 + c_1/K + c_2/K^2 + O(K^{-3})` at weight w.

    :math:`c_0 = w/\mu` is Lemma 2.1, and
    :math:`c_1 = \frac w\mu\big(\frac{\sigma^2}{\mu^2} - \frac{w-\mu}\mu\big)`.
    """
    series = sympy.Poly(W * inverse_of_the_mean(), EPSILON)
    return [sympy.factor(series.coeff_monomial(EPSILON**n)) for n in range(3)]


def mean_over_the_law(expression: sympy.Expr) -> sympy.Expr:
    r""":math:`E_p` of a cubic polynomial in w, by :math:`E[w^j]` in terms of :math:`\mu, \sigma^2`
    and :math:`\mu_3`."""
    moments = [1, MU, VARIANCE + MU**2, THIRD + 3 * MU * VARIANCE + MU**3]
    polynomial = sympy.Poly(expression, W)
    if polynomial.degree() > 3:
        raise ValueError(f"degree {polynomial.degree()} in w: moments are known up to degree 3.")
    return sympy.simplify(
        sum(polynomial.coeff_monomial(W**j) * moment for j, moment in enumerate(moments))
    )
