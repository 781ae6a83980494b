r"""The reward with real data (Theorem 2.3): the constant of the paper, and a sharper one.

Notation: :math:`s = \lambda/(1+\lambda)`, excess :math:`x_t = E_{p_t}[w] - E_{\rm ref}[w]`,
:math:`V = {\rm Var}_{\rm ref}[w]`, :math:`c = \frac{K-1}{K\,w^*}`. Lemma 2.2 gives
:math:`x_{t+1} \ge s\,(x_t + c\,{\rm Var}_{p_t}[w])`, and a floor
:math:`{\rm Var}_{p_t} \ge v V` turns it into a recursion.

Source: Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.3.
"""

from __future__ import annotations

import sympy

LAM, V, C = sympy.symbols("lambda V c", positive=True)
# Two laws with their means and variances; the first has the share a of the mixture.
SHARE, MEAN_1, MEAN_2 = sympy.symbols("a m1 m2", real=True)
VARIANCE_1, VARIANCE_2 = sympy.symbols("v1 v2", positive=True)
# Two rivals' weights b and b + d with masses, the increase of the density, and w and w + e.
B, D, W, E = sympy.symbols("b d w e", positive=True)
Q_B, Q_D, G, RISE = sympy.symbols("q_b q_d g rho", positive=True)


def synthetic_share() -> sympy.Expr:
    r""":math:`s = \lambda/(1+\lambda)`."""
    return LAM / (1 + LAM)


def variance_of_mixture() -> sympy.Expr:
    r"""Variance of a mixture from its first two moments, expanded.

    It equals :math:`a v_1 + (1-a)v_2 + a(1-a)(m_1-m_2)^2`, so a share a of the real data keeps at
    least a times its variance: the floor is :math:`1/(1+\lambda)`.
    """
    second = SHARE * (VARIANCE_1 + MEAN_1**2) + (1 - SHARE) * (VARIANCE_2 + MEAN_2**2)
    first = SHARE * MEAN_1 + (1 - SHARE) * MEAN_2
    return sympy.expand(second - first**2)


def floor_by_pairs() -> sympy.Expr:
    r"""The floor that comes from
    :math:`{\rm Var}_p = \frac12\iint(w-w')^2\,dp\,dp` and :math:`p \ge p_{\rm ref}/(1+\lambda)` on
    both factors: :math:`1/(1+\lambda)^2`."""
    return 1 / (1 + LAM) ** 2


def floor_by_mixture() -> sympy.Expr:
    r"""The floor :math:`1/(1+\lambda)` of :func:`variance_of_mixture`."""
    return 1 / (1 + LAM)


def one_round(floor: sympy.Expr) -> sympy.Expr:
    r"""Gain when the excess of the round before is dropped: :math:`s\,v\,cV`."""
    return sympy.factor(synthetic_share() * floor * C * V)


def settled(floor: sympy.Expr) -> sympy.Expr:
    r"""Fixed point of :math:`x \mapsto s\,(x + v\,cV)`, which is :math:`\lambda v\,cV`.

    The first round, where :math:`p_0 = p_{\rm ref}` has the whole variance, gives at least
    :math:`s\,cV`, no less than the fixed point while :math:`v \le 1/(1+\lambda)`; so no later round
    falls below it.
    """
    x = sympy.Symbol("x")
    (solution,) = sympy.solve(sympy.Eq(x, synthetic_share() * (x + floor * C * V)), x)
    return sympy.factor(solution)


def excess(floor: sympy.Expr, t: int) -> sympy.Expr:
    r"""The lower bound of :math:`x_t` by the recursion, from :math:`x_1 = s\,cV`."""
    if t < 1:
        raise ValueError(f"t = {t}: the bound speaks about rounds from 1 on.")
    x = synthetic_share() * C * V
    for _ in range(t - 1):
        x = sympy.factor(synthetic_share() * (x + floor * C * V))
    return x


def likelihood_ratio_step() -> sympy.Expr:
    r"""Why :math:`p_t/p_{\rm ref}` rises with w: one rival exchanged, numerator over a square.

    Rivals have weight b or b + d; under q with masses :math:`q_b, q_d`, under :math:`g\,q` with the
    density g on the first and :math:`g + \rho` on the second. For weights w and w + e the
    cross-difference

    .. math:: E_{gq}\Big[\frac1{w+e+X}\Big]E_q\Big[\frac1{w+X}\Big] -
              E_{gq}\Big[\frac1{w+X}\Big]E_q\Big[\frac1{w+e+X}\Big]

    comes out as a product of positive factors: exchanging a rival for a better one raises the
    factor of large weights relative to that of small ones. With more levels it is a sum of such
    products over pairs of levels. Where K > 2 the other rivals' total is random as well: see
    :func:`other_rivals`. Factored.
    """

    def mean(w: sympy.Expr, low: sympy.Expr, high: sympy.Expr) -> sympy.Expr:
        return Q_B * low / (w + B) + Q_D * high / (w + B + D)

    crossed = mean(W + E, G, G + RISE) * mean(W, sympy.Integer(1), sympy.Integer(1)) - mean(
        W, G, G + RISE
    ) * mean(W + E, sympy.Integer(1), sympy.Integer(1))
    return sympy.factor(sympy.together(crossed))


def other_rivals() -> sympy.Expr:
    r"""What the other rivals need, who add a random S' to the weights: :math:`f f'' - f'^2` for
    :math:`f(y) = E[1/(y+S')]`, where S' is 0 or d with masses :math:`q_b` and :math:`q_d` (a
    common part of S' belongs to y = w), coefficient by coefficient.

    With f in place of 1/y the cross-difference of :func:`likelihood_ratio_step` is
    :math:`q_b q_d\rho\,\big(f(y)f(y+d+e) - f(y+d)f(y+e)\big)`, :math:`y = w+b`, which is not
    negative for every d and e just if :math:`\log f` is convex. It is: all terms are positive.
    (For any S' by Cauchy and Schwarz: :math:`f'^2 \le E[(y+S')^{-1}]\,
    E[(y+S')^{-3}] = \frac12 f f''`.)
    """
    f = Q_B / W + Q_D / (W + D)
    curvature = sympy.Poly(f * sympy.diff(f, W, 2) - sympy.diff(f, W) ** 2, Q_B, Q_D)
    return sum(sympy.factor(c) * Q_B**i * Q_D**j for (i, j), c in curvature.terms())
