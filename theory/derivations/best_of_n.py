r"""Best of n, exponential tilts, and the frontier between reward and divergence.

Source: Beirami et al. 2024 (arXiv:2401.01879), Theorem 3.1, for the divergence of best-of-n;
Gibbs' variational principle; Ferbach et al. 2024 (arXiv:2407.09499), Section 2, for the reading of
the loop at K = ∞ as alignment with a penalty on the divergence. All divergences in nats.
"""

from __future__ import annotations

import sympy

X, SIZE, T, BETA = sympy.symbols("x n t beta", positive=True)


def best_of_distribution() -> sympy.Expr:
    r"""Distribution function of the best of n uniform draws, :math:`x^n`; any atomless reward
    becomes uniform on (0, 1) by its own distribution function."""
    return X**SIZE


def compose_rounds(K: int, t: int) -> sympy.Expr:
    r"""Distribution function after t rounds of best-of-K: :math:`x \mapsto x^K` t times, which is
    :math:`x^{K^t}`."""
    if K < 1 or t < 0:
        raise ValueError(f"K = {K}, t = {t}: give K of at least 1 and t of at least 0.")
    result: sympy.Expr = X
    for _ in range(t):
        result = result**K
    return sympy.powdenest(result)


def best_of_antiderivative() -> sympy.Expr:
    r"""A function with derivative :math:`f\log f`, :math:`f = n x^{n-1}` the density of the best
    of n: :math:`x^n\big(\log n + (n-1)\log x - \frac{n-1}{n}\big)`."""
    return X**SIZE * (sympy.log(SIZE) + (SIZE - 1) * sympy.log(X) - (SIZE - 1) / SIZE)


def best_of_divergence() -> sympy.Expr:
    r""":math:`\log n - 1 + \frac1n`: the antiderivative vanishes at 0."""
    return sympy.expand(best_of_antiderivative().subs(X, 1))


def uniform_log_partition() -> sympy.Expr:
    r""":math:`\log E_{p_0}[e^{tr}] = \log\frac{e^t-1}t` for r uniform on (0, 1)."""
    return sympy.log((sympy.exp(T) - 1) / T)


def tilt_reward(log_partition: sympy.Expr) -> sympy.Expr:
    r"""Mean reward of the tilt :math:`p_0e^{tr}`: the derivative of the log-partition."""
    return sympy.diff(log_partition, T)


def tilt_divergence(log_partition: sympy.Expr) -> sympy.Expr:
    r""":math:`D_{\rm KL}(p_t\|p_0) = t\,E_{p_t}[r] - \log E_{p_0}[e^{tr}]`."""
    return T * tilt_reward(log_partition) - log_partition


def frontier_slope(log_partition: sympy.Expr) -> sympy.Expr:
    r"""Reward per nat along the frontier, :math:`dE/dD = 1/t = \beta`, simplified."""
    reward = sympy.diff(tilt_reward(log_partition), T)
    return sympy.simplify(reward / sympy.diff(tilt_divergence(log_partition), T))


def gibbs_defect(atoms: int) -> sympy.Expr:
    r"""Gibbs' identity on a finite law, expanded: 0.

    .. math:: E_q[r] - \beta D_{\rm KL}(q\|p) - \beta\log Z + \beta D_{\rm KL}(q\|q_\beta),\qquad
              q_\beta = p\,e^{r/\beta}/Z,\ Z = E_p[e^{r/\beta}]

    for arbitrary q, p (as positive symbols; only :math:`\sum q = 1` is used) and r.
    """
    if atoms < 2:
        raise ValueError(f"{atoms} atoms: give at least 2.")
    p = sympy.symbols(f"p1:{atoms + 1}", positive=True)
    free = sympy.symbols(f"q1:{atoms}", positive=True)
    q = (*free, 1 - sum(free))
    r = sympy.symbols(f"r1:{atoms + 1}", real=True)
    log_q = sympy.symbols(f"L1:{atoms + 1}", real=True)  # log q_i, a function that cancels
    Z = sum(a * sympy.exp(b / BETA) for a, b in zip(p, r, strict=True))
    total = -BETA * sympy.log(Z)
    for a, b, c, log_c in zip(p, r, q, log_q, strict=True):
        log_tilt = sympy.log(a) + b / BETA - sympy.log(Z)
        total += c * b - BETA * c * (log_c - sympy.log(a)) + BETA * c * (log_c - log_tilt)
    return sympy.expand(total)
