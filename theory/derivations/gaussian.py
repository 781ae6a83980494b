r"""A Gaussian under curation by infinitely many candidates, and what finitely many do instead.

:math:`p_0 = N(m, v)` on the line; rewards :math:`-\frac\gamma2(x-\mu)^2` and :math:`ax`.

Source: Ferbach et al. 2024 (arXiv:2407.09499), Lemma 2.1: K = ∞ curates to :math:`p\,w/E_p[w]`, so
that t rounds make :math:`p_0 e^{tr}` up to a factor.
"""

from __future__ import annotations

import sympy

X, MEAN, CENTRE, SLOPE = sympy.symbols("x m mu a", real=True)
VARIANCE, GAMMA, T = sympy.symbols("v gamma t", positive=True)
Moments = tuple[sympy.Expr, sympy.Expr]


def log_density(mean: sympy.Expr = MEAN, variance: sympy.Expr = VARIANCE) -> sympy.Expr:
    r""":math:`\log N(x; m, v)` in nats."""
    return -((X - mean) ** 2) / (2 * variance) - sympy.log(2 * sympy.pi * variance) / 2


def quadratic_reward() -> sympy.Expr:
    r""":math:`-\frac\gamma2(x-\mu)^2`."""
    return -GAMMA * (X - CENTRE) ** 2 / 2


def linear_reward() -> sympy.Expr:
    r""":math:`ax`."""
    return SLOPE * X


def tilted(
    reward: sympy.Expr,
    times: sympy.Expr = T,
    mean: sympy.Expr = MEAN,
    variance: sympy.Expr = VARIANCE,
) -> Moments:
    r"""Mean and variance of the law proportional to :math:`N(m,v)\,e^{tr}`, r at most quadratic.

    By completing the square: if the exponent is :math:`-\frac A2x^2 + Bx + \dots`, the mean is B/A
    and the variance 1/A.
    """
    exponent = sympy.Poly(sympy.expand(-((X - mean) ** 2) / (2 * variance) + times * reward), X)
    if exponent.degree() > 2:
        raise ValueError(f"the reward has degree {exponent.degree()} in x: give at most 2.")
    precision = -2 * exponent.coeff_monomial(X**2)
    centre = exponent.coeff_monomial(X) / precision
    return sympy.factor(centre), sympy.factor(1 / precision)


def rounds(reward: sympy.Expr, t: int) -> Moments:
    r"""The recursion itself: mean and variance after t single rounds."""
    if t < 0:
        raise ValueError(f"t = {t} rounds: give at least 0.")
    mean, variance = MEAN, VARIANCE
    for _ in range(t):
        mean, variance = tilted(reward, sympy.Integer(1), mean, variance)
    return mean, variance


def divergence(first: Moments, second: Moments) -> sympy.Expr:
    r""":math:`D_{\rm KL}(N(m_1,v_1)\|N(m_2,v_2)) =
    \frac12\big(\frac{v_1 + (m_1-m_2)^2}{v_2} - 1 - \log\frac{v_1}{v_2}\big)` nats, as the mean of
    the difference of the logarithms under the first."""
    (m_1, v_1), (m_2, v_2) = first, second
    moments = [sympy.Integer(1), m_1, v_1 + m_1**2]
    difference = (X - m_2) ** 2 / (2 * v_2) - (X - m_1) ** 2 / (2 * v_1)
    polynomial = sympy.Poly(sympy.expand(difference), X)
    mean = sum(polynomial.coeff_monomial(X**j) * moment for j, moment in enumerate(moments))
    return sympy.simplify(mean) + sympy.log(v_2 / v_1) / 2


def weak_reward_factor(K: int) -> sympy.Expr:
    r"""First-order change of the chance to keep candidate 1 of K when rewards are small.

    :math:`\frac{d}{d\epsilon}\,\frac{K e^{\epsilon r_1}}{\sum_j e^{\epsilon r_j}}` at 0, the
    others' rewards replaced by their mean :math:`\bar r`: it is
    :math:`\frac{K-1}{K}(r_1-\bar r)`. So once the rewards hardly differ, K-choice acts like
    K = ∞ with the reward :math:`\frac{K-1}K r`.
    """
    if K < 1:
        raise ValueError(f"K = {K} candidates: give at least 1.")
    scale = sympy.Symbol("epsilon", real=True)
    reward, *others = sympy.symbols(f"r1:{K + 1}", real=True)
    average = sympy.Symbol("rbar", real=True)
    chance = K * sympy.exp(scale * reward) / sum(sympy.exp(scale * r) for r in (reward, *others))
    derivative = sympy.diff(chance, scale).subs(scale, 0)
    return sympy.factor(derivative.subs(dict.fromkeys(others, average)))
