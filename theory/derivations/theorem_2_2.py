r"""The rate at which parametric retraining comes back to the best fit (Theorem 2.2).

:math:`A = -E_{p_{\rm data}}[\partial^2\log p_{\theta_*}]` (the paper's :math:`\alpha`), Fisher
information I, Lipschitz constant L of the Hessian in x, misfit
:math:`\varepsilon = W_1(p_{\rm data},p_{\theta_*})`, entering as :math:`b = L\varepsilon`.

Source: Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.2, after Bertrand et al. 2024
(arXiv:2310.00429).
"""

from __future__ import annotations

import sympy

A, FISHER, LAM, B, SLACK = sympy.symbols("A I lambda b z", positive=True)
U = sympy.Symbol("u", real=True)
SHIFT = sympy.Symbol("delta", real=True)


def rate() -> sympy.Expr:
    r""":math:`d\theta'/d\theta` at :math:`\theta_*` by implicit differentiation.

    To first order the condition
    :math:`E_{p_{\rm data}}[s(\theta')] + \lambda E_{p_\theta}[s(\theta')] = 0` reads
    :math:`-A\,d\theta' + \lambda I\,(d\theta - d\theta') = 0`: the score's slope in
    :math:`\theta'` is −A under the data and −I under the model, and
    :math:`\partial_\theta E_{p_\theta}[s(\theta_*)] = I`.
    """
    after, before = sympy.symbols("after before")
    condition = -A * after + LAM * FISHER * (before - after)
    (solution,) = sympy.solve(condition, after)
    return sympy.diff(solution, before)


def paper_rate() -> sympy.Expr:
    r"""The paper's :math:`\rho = \frac{\lambda(A+b)}{A+\lambda(A-b)}`, :math:`b = L\varepsilon`."""
    return LAM * (A + B) / (A + LAM * (A - B))


def slack_of_duality() -> sympy.Expr:
    r""":math:`\frac{\lambda(A+b)}{A+\lambda(A+b)} - \frac{\lambda I}{A+\lambda I}` at
    :math:`I = A + b - z`, which :math:`|I-A|\le b` allows with :math:`z\ge0`; factored."""
    fisher = A + B - SLACK
    largest = LAM * (A + B) / (A + LAM * (A + B))
    return sympy.factor(sympy.together(largest - rate().subs(FISHER, fisher)))


def slack_of_the_paper() -> sympy.Expr:
    r""":math:`\rho - \frac{\lambda(A+b)}{A+\lambda(A+b)}`, factored; positive while
    :math:`A + \lambda(A-b) > 0`, zero only for b = 0."""
    return sympy.factor(sympy.together(paper_rate() - LAM * (A + B) / (A + LAM * (A + B))))


def exponential_family_curvatures(statistic: sympy.Expr, log_partition: sympy.Expr) -> sympy.Expr:
    r""":math:`-\partial_\theta^2\log p_\theta(x)` of :math:`p_\theta \propto e^{\theta T(x)}`,
    natural parameter ``theta``: it does not depend on x, so that L = 0 and I = A."""
    theta = natural_parameter()
    return -sympy.diff(theta * statistic - log_partition, theta, 2)


def natural_parameter() -> sympy.Symbol:
    r""":math:`\theta`, negative for the exponential law, real for the Gaussian mean."""
    return sympy.Symbol("theta", real=True)


def student_density() -> sympy.Expr:
    r"""Student's t with three degrees of freedom: :math:`\frac{6\sqrt3}{\pi(3+u^2)^2}`."""
    return 6 * sympy.sqrt(3) / (sympy.pi * (3 + U**2) ** 2)


def student_score() -> sympy.Expr:
    r"""Score of its location, :math:`-\partial_u\log p = 4u/(3+u^2)`."""
    return sympy.factor(sympy.simplify(-sympy.diff(sympy.log(student_density()), U)))


def student_curvature() -> sympy.Expr:
    r""":math:`\partial_u` of the score: :math:`4(3-u^2)/(3+u^2)^2`."""
    return sympy.factor(sympy.diff(student_score(), U))


def student_mean_score() -> sympy.Expr:
    r"""Mean score at 0 when the data are moved by :math:`\delta`, by residues.

    The integrand :math:`\frac{4u}{3+u^2}\cdot\frac{6\sqrt3}{\pi(3+(u-\delta)^2)^2}` decays like
    :math:`u^{-5}` and has a simple pole at :math:`i\sqrt3` and a double one at
    :math:`\delta+i\sqrt3` in the upper half plane; the mean is :math:`2\pi i` times the sum of the
    residues, :math:`\frac{4\delta}{\delta^2+12}+\frac{48\delta}{(\delta^2+12)^2}`.
    """
    root = sympy.I * sympy.sqrt(3)
    density = student_density().subs(U, U - SHIFT)
    at_score = (4 * U / (U + root) * density).subs(U, root)
    height = 6 * sympy.sqrt(3) / (sympy.pi * (U - SHIFT + root) ** 2)
    at_density = sympy.diff(student_score() * height, U).subs(U, SHIFT + root)
    return sympy.factor(sympy.simplify(2 * sympy.pi * sympy.I * (at_score + at_density)))


def student_fisher() -> sympy.Expr:
    r"""Fisher information of the location: the slope of :func:`student_mean_score` at 0, 2/3."""
    return sympy.diff(student_mean_score(), SHIFT).subs(SHIFT, 0)


def student_lipschitz() -> tuple[sympy.Expr, sympy.Expr]:
    r""":math:`u^2` where the curvature is steepest, and the Lipschitz constant there.

    Stationary points of the curvature's derivative are the roots of
    :math:`u^4 - 18u^2 + 9 = 0`; the nearer ones, :math:`u^2 = 9-6\sqrt2`, are the steepest.
    """
    slope = sympy.diff(student_curvature(), U)
    square = sympy.Symbol("square", positive=True)
    numerator = sympy.numer(sympy.together(sympy.diff(slope, U)))
    squares = sympy.solve(sympy.expand(numerator).subs(U, sympy.sqrt(square)), square)
    steepest = max(squares, key=lambda s: abs(slope.subs(U, sympy.sqrt(s))).evalf())
    value = sympy.sqrt(sympy.radsimp(sympy.expand(slope.subs(U, sympy.sqrt(steepest)) ** 2)))
    return steepest, sympy.simplify(value)
