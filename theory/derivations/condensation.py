r"""The fixed point with real data at K = ∞, and when part of it condenses at the best reward.

Weights scaled so that :math:`w^* = 1`; :math:`I^* = \int p_{\rm ref}/(1-w)`.

Source: Kingman 1978 (J. Appl. Prob. 15); Dereich and Mörters (arXiv:1207.6203) for the name.
"""

from __future__ import annotations

import sympy

P, P_REF, W, LAM, ZETA, MEAN = sympy.symbols("p p_ref w lambda zeta E", positive=True)
EXPONENT = sympy.Symbol("a", positive=True)
GAMMA, RADIUS = sympy.symbols("gamma rho", positive=True)
N = sympy.Symbol("n", integer=True, positive=True)


def fixed_point() -> sympy.Expr:
    r"""Solution p of :math:`(1+\lambda)p = p_{\rm ref} + \lambda\,p\,w/E` at one atom."""
    equation = sympy.Eq((1 + LAM) * P, P_REF + LAM * P * W / MEAN)
    (solution,) = sympy.solve(equation, P)
    return sympy.simplify(solution)


def zeta() -> sympy.Expr:
    r""":math:`\zeta = (1+\lambda)E/\lambda`, where the fixed point's denominator vanishes."""
    (pole,) = sympy.solve(sympy.denom(sympy.together(fixed_point())), W)
    return sympy.factor(pole)


def in_zeta() -> sympy.Expr:
    r"""The fixed point as :math:`\frac{p_{\rm ref}}{(1+\lambda)(1-w/\zeta)}`."""
    return P_REF / ((1 + LAM) * (1 - W / ZETA))


def weight_of_fixed_point() -> sympy.Expr:
    r""":math:`p\,w - \zeta p + \zeta p_{\rm ref}/(1+\lambda)` at one atom, simplified: 0.

    Summed over atoms, with total masses 1: :math:`E_p[w] = \zeta - \frac{\zeta}{1+\lambda} =
    \frac{\lambda\zeta}{1+\lambda}`, in agreement with :func:`zeta`.
    """
    return sympy.simplify(in_zeta() * W - ZETA * in_zeta() + ZETA * P_REF / (1 + LAM))


def triangular_antiderivative() -> sympy.Expr:
    r"""A function of w with derivative :math:`2(1-w)/(1-w/\zeta)`, :math:`\zeta > 1`:
    :math:`2\zeta w + 2\zeta(\zeta-1)\log(1-w/\zeta)`."""
    return 2 * ZETA * W + 2 * ZETA * (ZETA - 1) * sympy.log(1 - W / ZETA)


def triangular_total() -> sympy.Expr:
    r""":math:`\int_0^1\frac{2(1-w)}{1-w/\zeta}dw`, which the fixed point sets to
    :math:`1+\lambda`."""
    primitive = triangular_antiderivative()
    return primitive.subs(W, 1) - primitive.subs(W, 0)


def triangular_largest() -> sympy.Expr:
    r"""Its limit :math:`I^* = 2` as :math:`\zeta \to 1`: beyond :math:`\lambda_c = 1` no
    :math:`\zeta` is left."""
    return sympy.limit(triangular_total(), ZETA, 1, "+")


def power_law_integral() -> sympy.Expr:
    r""":math:`I^*` of the density :math:`a(1-w)^{a-1}` on (0, 1): :math:`\frac{a}{a-1}` for a > 1;
    infinite for :math:`a \le 1`, where nothing condenses."""
    shift = sympy.Symbol("b", positive=True)  # a = 1 + b
    integrand = (1 + shift) * (1 - W) ** (shift - 1)
    value = sympy.integrate(integrand.subs(W, 1 - RADIUS), (RADIUS, 0, 1))
    return sympy.factor(value.subs(shift, EXPONENT - 1))


def condensate(largest: sympy.Expr) -> sympy.Expr:
    r"""Mass :math:`1 - I^*/(1+\lambda)` that the regular part leaves, for
    :math:`\lambda \ge \lambda_c = I^*-1`."""
    return sympy.factor(1 - largest / (1 + LAM))


def peak_term(dimension: int) -> sympy.Expr:
    r"""Term n of :math:`\lambda_c = \sum_n E_{\rm ref}[w^n]` for the reward
    :math:`-\gamma\|x-\mu\|` and the reference :math:`\propto e^{-\|x-\mu\|}` in d dimensions.

    :math:`\frac{w}{1-w} = \sum_{n\ge1}w^n`, the radius has density
    :math:`\rho^{d-1}e^{-\rho}/\Gamma(d)`, and
    :math:`E[e^{-n\gamma\rho}] = (1+n\gamma)^{-d}`.
    """
    if dimension < 1:
        raise ValueError(f"dimension = {dimension}: give at least 1.")
    density = RADIUS ** (dimension - 1) * sympy.exp(-RADIUS) / sympy.gamma(dimension)
    integrand = sympy.powsimp(density * sympy.exp(-N * GAMMA * RADIUS))
    return sympy.factor(sympy.integrate(integrand, (RADIUS, 0, sympy.oo)))


def peak_critical_ratio(dimension: int) -> sympy.Expr:
    r""":math:`\lambda_c = \gamma^{-d}\,\zeta(d, 1+\frac1\gamma)`, Hurwitz's zeta function, for
    :math:`d \ge 2`; infinite for d = 1, the terms being those of a harmonic series."""
    if dimension < 1:
        raise ValueError(f"dimension = {dimension}: give at least 1.")
    if dimension == 1:
        return sympy.oo
    return GAMMA**-dimension * sympy.zeta(dimension, 1 + 1 / GAMMA)
