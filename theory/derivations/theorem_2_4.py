r"""How far the loop can move from the real data (Theorem 2.4): the envelope and its divergences.

Reference mass u of a set, mass m of it in the loop; :math:`x = 1 - m`, k = K − 1,
:math:`h(x) = 1 + \lambda - \lambda K x^k`, in nats.

Source: Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.4, for the bound
:math:`-\log(1-\lambda k)`. Antiderivatives are given, and checked by differentiation: definite
integrals of logarithms with parameters come out on wrong branches.
"""

from __future__ import annotations

import sympy

U, M, X, LAM = sympy.symbols("u m x lambda", positive=True)
K = sympy.Symbol("K", positive=True)
N, RIVALS = sympy.symbols("n k", integer=True, positive=True)


def step(mass: sympy.Expr, reference: sympy.Expr, candidates: sympy.Expr = K) -> sympy.Expr:
    r"""Largest mass of a set after a round,
    :math:`\frac{u}{1+\lambda}+\frac{\lambda}{1+\lambda}(1-(1-m)^K)`."""
    return (reference + LAM * (1 - (1 - mass) ** candidates)) / (1 + LAM)


def envelope(t: int, candidates: int) -> sympy.Expr:
    r""":math:`f_t(u)`, a polynomial: :func:`step` t times from :math:`f_0(u) = u`."""
    if t < 0 or candidates < 1:
        raise ValueError(f"t = {t}, K = {candidates}: give t of at least 0 and K of at least 1.")
    mass: sympy.Expr = U
    for _ in range(t):
        mass = sympy.factor(step(mass, U, sympy.Integer(candidates)))
    return mass


def inverse() -> sympy.Expr:
    r"""The limit envelope's inverse :math:`u(m) = (1+\lambda)m - \lambda(1-(1-m)^K)`: f = m solves
    m = :func:`step`."""
    solution: sympy.Expr = sympy.solve(sympy.Eq(M, step(M, U)), U)[0]
    return sympy.expand(solution)


def slope() -> sympy.Expr:
    r""":math:`h(x) = u'(1-x) = 1+\lambda-\lambda K x^{K-1}`."""
    return sympy.powsimp(sympy.diff(inverse(), M).subs(M, 1 - X))


def kl_antiderivative(candidates: int) -> sympy.Expr:
    r"""A function with derivative :math:`-\log h(x)`, for K = 2 and 3.

    K = 2: :math:`\frac{h\log h}{2\lambda} + x`. K = 3:
    :math:`-x\log h + 2x - a\log\frac{a+x}{a-x}` with :math:`a^2 = \frac{1+\lambda}{3\lambda}`, the
    zero of h, at least 1 up to the threshold.
    """
    if candidates == 2:
        h = 1 + LAM - 2 * LAM * X
        return h * sympy.log(h) / (2 * LAM) + X
    if candidates == 3:
        h = 1 + LAM - 3 * LAM * X**2
        a = sympy.sqrt((1 + LAM) / (3 * LAM))
        return -X * sympy.log(h) + 2 * X - a * sympy.log((a + X) / (a - X))
    raise ValueError(f"K = {candidates}: the antiderivative is elementary for K = 2 and 3 here.")


def sharp_constant(candidates: int) -> sympy.Expr:
    r""":math:`c(\lambda, K) = -\int_0^1\log h\,dx` for K = 2, 3 and :math:`\lambda(K-1) < 1`."""
    primitive = kl_antiderivative(candidates)
    return primitive.subs(X, 1) - primitive.subs(X, 0)


def by_parts() -> sympy.Expr:
    r"""What is left after integrating :math:`-\log h` by parts,
    :math:`-\log h - \frac{d}{dx}(-x\log h)`: it equals :math:`x h'/h`, and with
    :math:`z = \frac{\lambda K}{1+\lambda}` that is :math:`k\big(1 - \frac{1}{1-zx^k}\big)`, whose
    integral is :math:`-k\,({}_2F_1(1,\frac1k;1+\frac1k;z)-1)`."""
    h = slope()
    return sympy.simplify(-sympy.log(h) + sympy.diff(X * sympy.log(h), X))


def series_coefficient() -> sympy.Expr:
    r"""Coefficient of :math:`z^n` in :math:`{}_2F_1(1,\frac1k;1+\frac1k;z)`, simplified:
    :math:`\frac{1}{kn+1} = \int_0^1 x^{kn}dx`."""
    ratio = sympy.rf(1 / RIVALS, N) / sympy.rf(1 + 1 / RIVALS, N)
    return sympy.factor(sympy.gammasimp(ratio.rewrite(sympy.gamma)))


def general_constant(candidates: int, ratio: sympy.Expr) -> sympy.Expr:
    r""":math:`c = -\log(1-\lambda k) - k\big({}_2F_1(1,\tfrac1k;1+\tfrac1k;z)-1\big)`, any K > 1,
    :math:`\lambda k < 1`."""
    k = sympy.Integer(candidates) - 1
    z = ratio * (k + 1) / (1 + ratio)
    hypergeometric = sympy.hyper((1, 1 / k), (1 + 1 / k,), z)
    return -sympy.log(1 - ratio * k) - k * (hypergeometric - 1)


def threshold_constant(candidates: int) -> sympy.Expr:
    r"""At :math:`\lambda k = 1`: :math:`-\log\frac Kk + \gamma + \psi(1+\frac1k)`.

    There :math:`h = \frac Kk(1-x^k)` and
    :math:`-\int_0^1\log(1-x^k)dx = \sum_n\frac{1}{n(kn+1)} = \gamma+\psi(1+\frac1k)`.
    """
    k = sympy.Integer(candidates) - 1
    return -sympy.log((k + 1) / k) + sympy.EulerGamma + sympy.digamma(1 + 1 / k)


def paper_constant(candidates: int) -> sympy.Expr:
    r"""The paper's bound, :math:`-\log(1-\lambda(K-1))`."""
    return -sympy.log(1 - LAM * (candidates - 1))


def total_variation() -> tuple[sympy.Expr, sympy.Expr]:
    r"""Where :math:`m - u(m) = \lambda(x - x^K)` is largest, and the value:
    :math:`\kappa = K^{-1/(K-1)}` and :math:`\lambda\kappa(1-\frac1K)`."""
    peak = K ** (-1 / (K - 1))
    gap = sympy.expand(M - inverse()).subs(M, 1 - X)
    share = sympy.powsimp(sympy.expand(gap / X)).subs(X, peak)
    return peak, peak * sympy.factor(sympy.powdenest(share, force=True))


def chi_square_antiderivative() -> sympy.Expr:
    r"""A function with derivative :math:`1/h` for K = 2: :math:`-\frac{\log h}{2\lambda}`."""
    return -sympy.log(1 + LAM - 2 * LAM * X) / (2 * LAM)


def chi_square_constant() -> sympy.Expr:
    r""":math:`\int_0^1 dx/h - 1` for K = 2, :math:`\lambda < 1`:
    :math:`\frac1{2\lambda}\log\frac{1+\lambda}{1-\lambda} - 1`."""
    primitive = chi_square_antiderivative()
    return primitive.subs(X, 1) - primitive.subs(X, 0) - 1


def reverse_kl_antiderivative() -> sympy.Expr:
    r"""A function with derivative :math:`h\log h` for K = 2:
    :math:`\frac{h^2(1-2\log h)}{8\lambda}`."""
    h = 1 + LAM - 2 * LAM * X
    return h**2 * (1 - 2 * sympy.log(h)) / (8 * LAM)


def reverse_kl_constant() -> sympy.Expr:
    r""":math:`\int_0^1 h\log h\,dx` for K = 2, :math:`\lambda < 1`:
    :math:`\frac{(1+\lambda)^2\log(1+\lambda) - (1-\lambda)^2\log(1-\lambda)}{4\lambda}-\frac12`."""
    primitive = reverse_kl_antiderivative()
    return primitive.subs(X, 1) - primitive.subs(X, 0)
