r"""Where the loop goes: limits of the pure and of the mixed loop, tilts and rates.

Sources: Theorem 2.1 of Ferbach et al. (arXiv:2407.09499) for the pure limit; Kingman (J. Appl.
Prob. 15, 1978) and Dereich & Mörters (arXiv:1207.6203) for the mixed limit at K = ∞.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import brentq

from theory.iteration import Iteration, Plan
from theory.law import Law
from theory.threads import one_blas_thread
from theory.validation import check_candidates, check_ratio

# Rounds after which a fixed point that has not settled is reported instead of awaited.
MAX_ROUNDS = 100_000
# Relative change of the curation factor by rounding alone, also across a fresh deposit.
ROUNDING = 1e-14


class NoTopAtom(ValueError):
    """The law gives no mass to its largest reward, so the pure loop has no limit density."""


def pure_limit(law: Law) -> Law:
    r"""Limit of the pure loop: the law conditioned on its largest reward,

    .. math:: p^* = \frac{p_0\,\mathbf 1\{r=r^*\}}{P_0(r=r^*)},\qquad
              D_{\rm KL}(p^*\|p_t) = -\log P_t(r=r^*) \to 0.

    A density has a top atom when its reward has a plateau there: some cell of largest reward
    whose neighbours have it too. A lone top cell is a peak, and stands for no mass.

    Raises
    ------
    NoTopAtom
        For a density whose largest reward is a peak: then only :math:`E_{p_t}[w]\to w^*` and
        :math:`\mathrm{Var}_{p_t}[w]\to 0` hold, and :math:`p_t` concentrates where r is largest.

    Examples
    --------
    >>> pure_limit(Law([0.5, 0.25, 0.25], [0.0, 1.0, 1.0])).probabilities.tolist()
    [0.0, 0.5, 0.5]
    """
    top = top_level(law)
    if law.is_density and not has_plateau(law, top):
        assert law.atoms is not None
        place = law.atoms[int(np.argmax(top))]
        raise NoTopAtom(
            f"the law has no atom at its largest reward {law.top_reward + 0.0:.6g} (near "
            f"x = {place}): the pure loop concentrates there, E[w] -> w* and Var[w] -> 0, without "
            "a limit density."
        )
    if law.exact_probabilities is not None:
        kept = [p if t else Fraction(0) for p, t in zip(law.exact_probabilities, top, strict=True)]
        return law.with_probabilities(kept, normalise=True)
    return law.reweighted(np.where(top, 0.0, -np.inf))


def top_level(law: Law) -> Any:
    """Atoms of positive probability and largest reward, boolean (n,)."""
    charged = law.log_probabilities > -np.inf
    largest = np.max(law.rewards, where=charged, initial=-np.inf)
    if law.exact_weights is not None:  # rewards are rounded logarithms: compare the rationals
        weights = law.exact_weights
        best = max(w for w, c in zip(weights, charged, strict=True) if c)
        return charged & np.array([w == best for w in weights])
    return charged & (law.rewards == largest)


def has_plateau(law: Law, top: Any) -> bool:
    """Whether a charged top cell of a density has neighbours of its own reward only, and no larger
    reward is declared."""
    level = law.rewards[top][0]
    if law.top_reward > level:
        return False
    interior = (law.rewards == level).reshape(law.shape)
    for axis, size in enumerate(interior.shape):
        margins = [(1, 1) if other == axis else (0, 0) for other in range(interior.ndim)]
        padded = np.pad(interior, margins, mode="edge")  # the grid's edge is no neighbour
        interior = interior & padded.take(range(size), axis) & padded.take(range(2, size + 2), axis)
    return bool((interior.ravel() & top).any())


def tilt(law: Law, t: float) -> Law:
    r"""Exponential tilt :math:`p\,e^{t r}/E_p[e^{t r}]`: t rounds of the pure loop at K = ∞.

    It maximises :math:`E_q[r] - \beta D_{\rm KL}(q\|p)` over q at :math:`\beta = 1/t` (the
    Kullback–Leibler-regularised optimum of preference alignment). ``t`` is finite and >= 0; an
    exact law with whole t stays exact.

    Examples
    --------
    >>> tilt(Law([0.5, 0.5], [0.0, 1.0]), 2.0).probabilities.round(4).tolist()
    [0.1192, 0.8808]
    """
    if not math.isfinite(t) or t < 0:
        raise ValueError(f"t = {t} is not a number of rounds: give a finite number of at least 0.")
    if (
        law.exact_probabilities is not None
        and law.exact_weights is not None
        and float(t).is_integer()
    ):
        masses = [
            p * w ** int(t) for p, w in zip(law.exact_probabilities, law.exact_weights, strict=True)
        ]
        return law.with_probabilities(masses, normalise=True)
    if t == 0:
        return law
    if not np.isfinite(t * np.ptp(law.rewards[np.isfinite(law.rewards)])):
        raise ValueError(f"t = {t} times the range of the rewards overflows: take a smaller t.")
    return law.reweighted(t * (law.rewards - law.top_reward))


def decay_rate(law: Law, K: float) -> float:
    r"""Asymptotic factor per round of the mass off the top level in the pure loop,

    .. math:: \rho = \frac{K w_2}{w_2 + (K-1) w^*}, \qquad K=\infty:\ \rho = w_2/w^*,

    with :math:`w_2` the second-largest weight charged. 1 at K = 1; 0 without a second level, and
    when every lower atom has reward :math:`-\infty` (then the mass q off the top becomes
    :math:`q^K`, faster than any rate). For a density it is the rate of the discretised law.

    Examples
    --------
    >>> round(decay_rate(Law([0.5, 0.5], [0.0, math.log(2)]), 2), 12)
    0.666666666667
    """
    K = check_candidates(K)
    top = top_level(law)
    lower = (law.log_probabilities > -np.inf) & ~top
    if K == 1:
        return 1.0
    if not lower.any():
        return 0.0
    gap = float(law.rewards[lower].max() - law.rewards[top][0])
    ratio = math.exp(gap)
    return ratio if math.isinf(K) else K * ratio / (ratio + K - 1)


@dataclass(frozen=True)
class MixedLimit:
    r"""Limit of the mixed loop from :math:`p_{\rm ref}`.

    Attributes
    ----------
    law
        The limit on the reference's atoms. A condensate is placed on the atoms of largest reward.
    log_zeta
        At K = ∞, :math:`\log\zeta\ge r^*` in :math:`p = p_{\rm ref}/((1+\lambda)(1-w/\zeta))`;
        ``nan`` at finite K.
    condensate
        At K = ∞, mass gathered at the top of a density that has no atom there:
        :math:`1 - I^*/(1+\lambda)` when :math:`I^*=\int p_{\rm ref}/(1-w/w^*)\le1+\lambda`, else 0;
        always 0 for laws with a top atom. ``nan`` at finite K.
    critical_ratio
        At K = ∞, :math:`\lambda_c = I^* - 1 = \int p_{\rm ref}\,w/(w^*-w)`; ``inf`` with a top
        atom. ``nan`` at finite K.
    rounds
        Rounds iterated to the fixed point; 0 where it is solved directly.
    """

    law: Law
    log_zeta: float
    condensate: float
    critical_ratio: float
    rounds: int = 0

    @property
    def zeta(self) -> float:
        r""":math:`\zeta` itself, with :math:`E_p[w] = \lambda\zeta/(1+\lambda)` unless there is a
        condensate; ``inf`` when it overflows, and at :math:`\lambda = 0`."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.log_zeta))


def mixed_limit(
    law: Law,
    lam: float | Fraction,
    K: float = math.inf,
    *,
    tolerance: float = 1e-12,
    progress: Callable[[int], None] | None = None,
) -> MixedLimit:
    r"""Fixed point of the mixed loop with reference ``law``, reached from it.

    K = ∞ is solved directly: :math:`\zeta` is the root of
    :math:`\int p_{\rm ref}/(1-w/\zeta) = 1+\lambda`, or :math:`w^*` beyond the critical ratio,
    where a condensate forms. A density with a plateau at the top has an atom there. Without one the
    integrals run over the cells other than the top ones, and over all cells when ``reward_sup`` of
    :meth:`Law.from_density` declares a supremum between the grid points. Their error is that of the
    midpoint rule at the singularity, O(h) in two dimensions: use a grid that is finer there.

    Finite K is iterated on the reward grid until what is left of the geometric approach of the
    curation factor H is estimated below ``tolerance``, relative to its largest value. The estimate
    takes the slower of the last two changes' ratio and :math:`\lambda H(r^*)/(1+\lambda)`, the
    growth of the top atom beside its share of real data, which must be below 1.

    Parameters
    ----------
    law
        Reference :math:`p_{\rm ref}`.
    lam
        Finite synthetic-to-real ratio, at least 0.
    K
        Candidates, at least 1, or ``math.inf``.
    tolerance
        Of the finite-K fixed point.
    progress
        Called with the number of rounds done.

    Raises
    ------
    ValueError
        For a negative or infinite ``lam`` (see :func:`pure_limit`).
    ArithmeticError
        When finite-K iteration has not settled after ``MAX_ROUNDS`` rounds, naming what is left.

    Examples
    --------
    Weights in (0, 1) with density 2(1 - w): :math:`I^*=2`, condensate :math:`1-2/(1+\lambda)`.

    >>> w = (np.arange(1000) + 0.5) / 1000
    >>> law = Law.from_density(2 * (1 - w), np.log(w), (w,), reward_sup=0.0)
    >>> limit = mixed_limit(law, 3.0)
    >>> round(limit.condensate, 12), round(limit.critical_ratio, 12)
    (0.5, 1.0)
    """
    K, ratio = check_candidates(K), float(check_ratio(lam))
    if math.isinf(ratio):
        raise ValueError("lam is infinite: the loop without real data ends in pure_limit(law).")
    if not 0 < tolerance < math.inf:
        raise ValueError(f"tolerance = {tolerance} is not a positive number.")
    if math.isinf(K):
        return _kingman(law, ratio)
    return _iterated(law, ratio, int(K), tolerance, progress)


def _kingman(law: Law, lam: float) -> MixedLimit:
    depth = law.top_reward - law.rewards
    p, top = law.probabilities, top_level(law)
    peaked = law.is_density and not has_plateau(law, top)
    regular = (p > 0) & ~(top & (depth <= 0)) if peaked else p > 0
    masses, depth = p[regular], depth[regular]

    def integral(rise: float) -> float:  # of p_ref w / (ζ - w) at log ζ = r* + rise
        with np.errstate(over="ignore"):
            return float((masses / np.expm1(depth + rise)).sum())

    critical = integral(0.0) if peaked else math.inf
    if lam >= critical:
        rise, condensate = 0.0, 1 - (1 + critical) / (1 + lam)
    else:
        rise, condensate = _rise(integral, lam), 0.0
    limit = np.zeros(len(law))
    limit[regular] = masses / (-np.expm1(-depth - rise) * (1 + lam))
    # What the regular part leaves is the condensate (and, for a peak, the excluded top cells).
    if peaked:
        limit[top] += max(0.0, 1 - limit.sum()) / np.count_nonzero(top)
    return MixedLimit(
        law.with_probabilities(limit, normalise=True), law.top_reward + rise, condensate, critical
    )


def _rise(integral: Callable[[float], float], lam: float) -> float:
    """log ζ - r* > 0 with integral = λ; the integral falls from λ_c at 0 to 0 at infinity."""
    if lam == 0:
        return math.inf

    def excess(log_rise: float) -> float:
        return integral(math.exp(log_rise)) - lam

    low, high = -690.0, 0.0  # a rise of e^-690 = 1e-300
    if excess(low) <= 0:
        raise ValueError(
            f"lam = {lam:g} cannot be told from infinity beside so small a top atom: "
            "the loop without real data ends in pure_limit(law)."
        )
    while excess(high) > 0:
        high += 2.0
    root: float = brentq(excess, low, high, xtol=1e-14, rtol=1e-15)
    return math.exp(root)


def _iterated(
    law: Law, lam: float, K: int, tolerance: float, progress: Callable[[int], None] | None
) -> MixedLimit:
    iteration = Iteration(Plan(law, law, K, lam), law.log_probabilities, 0)
    top = np.flatnonzero(top_level(law))
    before, change, left = iteration.factor, math.nan, math.inf
    while iteration.step < MAX_ROUNDS:
        with one_blas_thread():
            iteration.advance()
        if progress is not None:
            progress(iteration.step)
        factor = iteration.factor
        last, change = change, float(np.abs(factor - before).max() / factor.max())
        before = factor
        # At a fixed point p = p_ref / (1 + λ - λH): while λH > 1 + λ at the top, its atom still
        # grows, however small it is and however little the rest moves.
        growth = lam * iteration.factor_at(top) / (1 + lam)
        contraction = max(growth, change / last if change > 0 else 0.0)
        left = change * contraction / (1 - contraction) if contraction < 1 else math.inf
        if left < tolerance or (growth < 1 + tolerance and change < ROUNDING):
            limit = law.with_log_probabilities(iteration.log_probabilities())
            return MixedLimit(limit, math.nan, math.nan, math.nan, iteration.step)
    raise ArithmeticError(
        f"the mixed loop at K = {K}, lam = {lam} is still an estimated {left:.2g} from its fixed "
        f"point after {MAX_ROUNDS} rounds: raise tolerance (now {tolerance})."
    )
