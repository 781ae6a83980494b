r"""Theorem 2.2: retraining a parametric model by maximum likelihood comes back to the best fit.

Assumptions
    No curation. :math:`\theta_{t+1}` maximises
    :math:`E_{p_{\rm data}}[\log p_\theta] + \lambda E_{p_{\theta_t}}[\log p_\theta]` near
    :math:`\theta_*`, a strict local maximiser of :math:`E_{p_{\rm data}}[\log p_\theta]`; one
    parameter, starts close to it.
Claim
    With :math:`A = -E_{p_{\rm data}}[\partial^2\log p_{\theta_*}] > 0`, Fisher information I,

    .. math:: \frac{|\theta_{t+1}-\theta_*|}{|\theta_t-\theta_*|} \to \frac{\lambda I}{A+\lambda I}
              < 1, \qquad D_{\rm KL}(p_{\theta_*}\|p_{\theta_t}) \sim
              \tfrac12 I\,|\theta_t-\theta_*|^2

    for every :math:`\lambda`; and where :math:`L\varepsilon<\alpha=A` and
    :math:`\lambda<\alpha/(2L\varepsilon)`,

    .. math:: \frac{\lambda I}{A+\lambda I} \le \rho =
              \frac{\lambda(\alpha+\varepsilon L)}{\alpha+\lambda(\alpha-\varepsilon L)}.
Kind
    Rate; the paper's :math:`\rho` is reached as the misfit :math:`\varepsilon` vanishes.
Source
    Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.2, after Bertrand et al. 2024
    (arXiv:2310.00429): the bound :math:`\rho`. The rate itself: below.
Remarks
    The maximiser is a zero of
    :math:`E_{p_{\rm data}}[s(\theta')] + \lambda E_{p_\theta}[s(\theta')]`, s the score.
    Differentiating in :math:`\theta` at :math:`\theta_*`, where
    :math:`\partial_\theta E_{p_\theta}[s(\theta_*)] = I`, gives
    :math:`(A+\lambda I)\,d\theta' = \lambda I\,d\theta`. Since :math:`I \ge 0` always, the factor
    is below 1 for every :math:`\lambda` and every misfit: near the best fit the paper's conditions
    on :math:`\lambda` and :math:`\varepsilon` are not needed, only :math:`A > 0` is. With several
    parameters the factors are :math:`\lambda\mu/(1+\lambda\mu)`, :math:`\mu \ge 0` the eigenvalues
    of :math:`A^{-1}I`. Kantorovich duality, :math:`|I-A| \le L\varepsilon`, gives

    .. math:: \frac{\lambda I}{A+\lambda I} \le
              \frac{\lambda(\alpha+L\varepsilon)}{\alpha+\lambda(\alpha+L\varepsilon)} \le \rho.

    In an exponential family with its natural parameter L = 0 and I = A, hence
    :math:`\rho = \lambda/(1+\lambda)` whatever the misfit. At a stationary point with A < 0, a
    *minimum* of the data's likelihood between two peaks, the factor exceeds 1 and the loop leaves;
    where even :math:`A+\lambda I < 0`, it is no maximum of a round's likelihood either, and the
    next parameter lies elsewhere.

    A limit is checked at finite t by a gauge: the squared gap to the limit is below the distance
    left, which it is once the distance is small, since the gap is of the order of the distance.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.evidence.parametric import ParametricRun, Retraining, Retrainings, quantiles
from theory.evidence.sides import Sides
from theory.evidence.verdict import Strength


def sides(run: ParametricRun) -> Iterator[Sides]:
    """The rate of each round, the size of the KL, and the paper's rate."""
    yield from rate(run)
    yield from divergence(run)
    yield from paper_rate(run)


def rate(run: ParametricRun, factor: Fraction = Fraction(1)) -> Iterator[Sides]:
    """Ratios of successive distances against the limit, by the gauge."""
    limit = run.number(factor) * _rate(run)
    for t, (before, after) in enumerate(
        zip(run.distances[:-1], run.distances[1:], strict=True), start=1
    ):
        gap = after / before - limit
        yield Sides.at_most("rate of the distance", t, gap * gap, before)


def divergence(run: ParametricRun, half: Fraction = Fraction(1, 2)) -> Iterator[Sides]:
    """KL of a late round against half the Fisher information times the squared distance."""
    t = run.late
    distance = run.distances[t]
    value = run.kl(t)
    if value is None:
        return
    size = run.number(half) * run.fisher * distance * distance
    gap = value / size - 1
    yield Sides.at_most("size of the KL", t, gap * gap, distance)


def paper_rate(run: ParametricRun, slack: Fraction = Fraction(1)) -> Iterator[Sides]:
    """The rate against the paper's, where the paper's hypotheses hold."""
    lam, alpha = run.lam, run.curvature
    product = run.lipschitz * run.misfit()
    if not (product < alpha and 2 * lam * product < alpha):
        return
    # With L = 0 the two are one number, which balls cannot tell; a smaller bound they can.
    if run.lipschitz == 0 and slack == 1:
        return
    bound = lam * (alpha + product) / (alpha + lam * (alpha - product))
    yield Sides.at_most("the paper's rate", 0, _rate(run), run.number(slack) * bound)


def ignoring_misfit(run: ParametricRun) -> Iterator[Sides]:
    """The rate of a perfect fit, for every data law."""
    bound = run.lam / (1 + run.lam)
    yield Sides.at_most("rate of a perfect fit", 0, _rate(run), bound)


def approach(run: ParametricRun) -> Iterator[Sides]:
    """Every round comes closer."""
    for t, (before, after) in enumerate(
        zip(run.distances[:-1], run.distances[1:], strict=True), start=1
    ):
        yield Sides.at_most("distance falls", t, after, before)


def _rate(run: ParametricRun) -> Any:
    return run.lam * run.fisher / (run.curvature + run.lam * run.fisher)


def _smaller_misfit(rung: int, K: int | float, lam: Fraction | float) -> Retraining:
    return quantiles("Gaussian log-mean", Fraction(lam), atoms=4 * 3**rung)


maximum_likelihood = Claim(
    id="theorem-2.2",
    title="parametric retraining near the best fit",
    kind=Kind.RATE,
    tight=True,
    source=(
        "Ferbach et al. 2024, Theorem 2.2 (bound ρ), after Bertrand et al. 2024; the rate itself "
        "is derived in the claim file"
    ),
    statement=(
        r"\frac{|\theta_{t+1}-\theta_*|}{|\theta_t-\theta_*|}\to\frac{\lambda I}{A+\lambda I}"
        r"\le\rho=\frac{\lambda(\alpha+\varepsilon L)}{\alpha+\lambda(\alpha-\varepsilon L)},"
        r"\qquad D_{\mathrm{KL}}(p_{\theta_*}\|p_{\theta_t})\sim\tfrac12 I\,|\theta_t-\theta_*|^2"
    ),
    plain=(
        "Retrained on real data and its own samples without curation, a model that starts near the "
        "best fit returns to it. Each round multiplies the distance by a factor that is known, is "
        "below 1 for every amount of synthetic data, and does not exceed the paper's."
    ),
    hypotheses=(
        "exact maximum likelihood, no curation",
        "θ* is a strict local maximum of the data's likelihood, A > 0, and the start is near it",
        "for the comparison with ρ: Lε < α and λ < α/(2Lε), L the Lipschitz constant in x of the "
        "Hessian and ε the Wasserstein-1 misfit",
    ),
    sides=sides,
    family=Retrainings(),
    strengths=(Strength.CERTIFIED, Strength.NUMERIC),
    false_twins=(
        FalseTwin(
            name="rate 2 % smaller",
            says="The distance shrinks by 0.98 of the factor.",
            sides=partial(rate, factor=Fraction(49, 50)),
        ),
        FalseTwin(
            name="rate 2 % larger",
            says="The distance shrinks by 1.02 times the factor.",
            sides=partial(rate, factor=Fraction(51, 50)),
        ),
        FalseTwin(
            name="paper's rate 2 % smaller",
            says="The factor is at most 0.98 of the paper's rate.",
            sides=partial(paper_rate, slack=Fraction(49, 50)),
        ),
        FalseTwin(
            name="misfit ignored",
            says="The factor is at most λ/(1+λ) in every family, whatever the misfit.",
            sides=ignoring_misfit,
        ),
        FalseTwin(
            name="KL 2 % smaller",
            says="The divergence is 0.49 times the Fisher information times the squared distance.",
            sides=partial(divergence, half=Fraction(49, 100)),
        ),
        FalseTwin(
            name="any stationary point",
            says="The loop also returns to a stationary point that is a minimum of the likelihood.",
            sides=approach,
            family=Retrainings(maximum=False),
        ),
    ),
    extremal=Extremal(part="the paper's rate", instance=_smaller_misfit, rungs=4),
)
