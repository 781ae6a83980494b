r"""Where a condensate forms: the critical ratio :math:`\lambda_c(K)` of synthetic to real data.

In the mixed loop a density :math:`p_{\rm ref}` without an atom at the top can still end in a law
that has one, a *condensate* (Kingman 1978 at K = ∞). A fixed point with a condensate of mass c is
:math:`p = p_{\rm ref}/(1+\lambda-\lambda H_p) + c\,\delta_{w^*}` with
:math:`\lambda H_p(w^*) = 1+\lambda`; one without has :math:`\lambda H_p(w^*) \le 1+\lambda`. At the
threshold both hold with c = 0, which in terms of :math:`h = H_p/H_p(w^*)` reads

.. math:: p = \frac{p_{\rm ref}}{(1+\lambda_c)(1-h)}, \qquad
          \lambda_c(K) = \int p_{\rm ref}\,\frac{h}{1-h}.

:math:`\lambda_c` is the fixed point of :math:`h \mapsto p \mapsto h`, found here by iteration.

Proved, for every fixed point of the loop (H and :math:`p/p_{\rm ref}` increase with w, so that p
has likelihood ratio above :math:`p_{\rm ref}` and :math:`H_p/H_{p_{\rm ref}}` increases too):

.. math:: \frac{w}{w^*} \le h \le h_{\rm ref} := \frac{H_{p_{\rm ref}}}{H_{p_{\rm ref}}(w^*)},
          \qquad H_p(w^*) \le H_{p_{\rm ref}}(w^*),

the first because :math:`h = \frac{w}{w^*} E[\frac1{w+S}]/E[\frac1{w^*+S}]`. Hence

.. math:: \max\Big(\lambda_c(\infty), \frac{1}{H_{p_{\rm ref}}(w^*)-1}\Big) \le \lambda_c(K) \le
          \Lambda(K) := \int p_{\rm ref}\,\frac{h_{\rm ref}}{1-h_{\rm ref}}

and, for a condensate of mass c at ratio :math:`\lambda`,

.. math:: 1 - \frac{1+\Lambda(K)}{1+\lambda} \le c \le 1 - \frac{1+\lambda_c(\infty)}{1+\lambda}:

fewer candidates never condense sooner, nor more, than K = ∞. All of it is infinite together: some K
condenses at some :math:`\lambda` exactly if every K does, exactly if
:math:`\int p_{\rm ref}\,w/(w^*-w)` is finite. For a peaked reward :math:`-\gamma\|x-\mu\|` that
is so in two dimensions and more.

That :math:`\lambda_c(K)` falls with K is a conjecture: for fixed p, h does (one more competitor is
one moved up from weight 0), and so do both bounds; every computed table agrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.validation import FloatArray, check_candidates

# Nodes of the double exponential rule in the depth, on |x| <= REACH before the transformation;
# beyond, what is left of the integrals is below 1e-20 of them.
NODES = 400
REACH = 4.0
# Trapezoid rule in log σ; its error is about exp(-π²/step): 7e-18 at 1/4, 1e-13 at the coarser 1/3
# that the error is estimated with.
STEP, COARSE_STEP = 1 / 4, 1 / 3
# Relative change of λ_c between two rounds of the iteration that ends it.
SETTLED = 1e-13
MAX_ROUNDS = 10_000


@dataclass(frozen=True)
class Threshold:
    r"""The critical ratio at one K.

    Attributes
    ----------
    ratio
        :math:`\lambda_c(K)`; ``inf`` where no ratio makes a condensate.
    error
        Difference to the same computation on half the nodes and a coarser grid of Laplace's
        variable: an estimate, far above the error where the density is smooth.
    lower, upper
        What is proved: the larger of :math:`\lambda_c(\infty)` and
        :math:`1/(H_{p_{\rm ref}}(w^*)-1)`, and :math:`\Lambda(K)`. Computed by the same rule.
    """

    ratio: float
    error: float
    lower: float
    upper: float


def critical_ratio(
    density: Callable[[FloatArray], FloatArray], K: float, deepest: float = math.inf
) -> Threshold:
    r""":math:`\lambda_c(K)` for a law of the depth :math:`u = r^* - r` below the largest reward.

    Parameters
    ----------
    density
        Of u on (0, ``deepest``) with respect to du, shape (n,) to (n,), not normalised; positive
        and smooth inside, like a power of u near 0.
    K
        Candidates, at least 2, or ``math.inf``.
    deepest
        Largest depth, positive; ``math.inf`` for a density that decays like an exponential.

    Raises
    ------
    ValueError
        For K = 1, which never condenses, or a depth that is not positive.
    ArithmeticError
        When the iteration has not settled.

    Examples
    --------
    Weights in (0, 1) with density 2(1 - w), that is w = e^(-u):

    >>> linear = lambda u: -np.expm1(-u) * np.exp(-u)
    >>> round(critical_ratio(linear, math.inf).ratio, 10)
    1.0
    """
    K = check_candidates(K)
    if K == 1:
        raise ValueError("K = 1 selects nothing and has no condensate: give at least 2.")
    if not deepest > 0:
        raise ValueError(f"deepest = {deepest} is not a depth: give a positive number.")
    fine = _Rule(density, deepest, NODES, STEP)
    ratio = fine.critical(K)
    if math.isinf(ratio):
        return Threshold(math.inf, 0.0, math.inf, math.inf)
    coarse = _Rule(density, deepest, NODES // 2, COARSE_STEP).critical(K)
    infinite = fine.integral(fine.shortfall(fine.masses, math.inf))
    gain = fine.top_factor(fine.masses, K) - 1
    upper = fine.integral(fine.shortfall(fine.masses, K))
    return Threshold(ratio, abs(ratio - coarse), max(infinite, 1 / gain), upper)


class _Rule:
    """A quadrature of the depth: nodes u, weights w = e^-u (w* = 1), masses of p_ref."""

    def __init__(
        self,
        density: Callable[[FloatArray], FloatArray],
        deepest: float,
        nodes: int,
        step: float,
    ) -> None:
        self.step = step
        x = np.linspace(-REACH, REACH, nodes)
        if math.isinf(deepest):
            depth = np.exp(x - np.exp(-x))
            slope = depth * (1 + np.exp(-x))
        else:
            depth = deepest / (1 + np.exp(-np.pi * np.sinh(x)))
            slope = depth * np.pi * np.cosh(x) / (1 + np.exp(np.pi * np.sinh(x)))
        with np.errstate(under="ignore"):
            masses = density(depth) * slope
        kept = masses > 0
        self.depth, self.masses = depth[kept], masses[kept] / masses[kept].sum()
        # The grid of σ follows the smallest weight that float64 knows.
        deepest_node = min(float(self.depth.max()), 700.0)
        self.sigma = np.exp(np.arange(-45.0, deepest_node + 4.0, step))
        self.decay = np.exp(-np.multiply.outer(np.exp(-self.depth), self.sigma))
        # 1 - e^{-(1-w)σ} and 1 - e^{-wσ}, without cancellation.
        self.gap = -np.expm1(np.multiply.outer(np.expm1(-self.depth), self.sigma))
        self.missing = -np.expm1(-np.multiply.outer(np.exp(-self.depth), self.sigma))

    def critical(self, K: float) -> float:
        r""":math:`\int p_{\rm ref}h/(1-h)` at the fixed point of h."""
        if self._diverges():
            return math.inf
        masses, before = self.masses, math.nan
        for _ in range(MAX_ROUNDS):
            shortfall = self.shortfall(masses, K)
            ratio = self.integral(shortfall)
            if abs(ratio - before) <= SETTLED * ratio:
                return ratio
            before = ratio
            masses = self.masses / shortfall
            masses /= masses.sum()
        raise ArithmeticError(f"the threshold at K = {K} has not settled in {MAX_ROUNDS} rounds.")

    def _diverges(self) -> bool:
        r"""Whether :math:`\int p_{\rm ref}/u` has no limit at 0: its terms, equally spaced in
        log u, do not fall towards the top."""
        terms = self.masses / self.depth
        return bool(terms[0] > 1e-6 * terms.max())

    def integral(self, shortfall: FloatArray) -> float:
        r""":math:`\int p_{\rm ref}\,h/(1-h)` for 1 - h given, shape (n,)."""
        return float((self.masses * (1 - shortfall) / shortfall).sum())

    def shortfall(self, masses: FloatArray, K: float) -> FloatArray:
        r""":math:`1 - h` at the nodes, as an integral of positive terms.

        .. math:: 1-h(w) = \frac{\int (-\varphi^{K-1})'(\sigma)\,e^{-w\sigma}
                  (1-e^{-(1-w)\sigma})\,d\sigma}{\int e^{-\sigma}\varphi^{K-1}(\sigma)\,d\sigma}
        """
        if math.isinf(K):
            return -np.expm1(-self.depth)
        power, slope = self._powers(masses, int(K))
        top = (np.exp(-self.sigma) * power * self.sigma).sum()
        result: FloatArray = (self.decay * self.gap) @ (slope * self.sigma) / top
        return result

    def top_factor(self, masses: FloatArray, K: float) -> float:
        r""":math:`H(w^*)` of the law with these masses."""
        if math.isinf(K):
            return float(1 / (masses * np.exp(-self.depth)).sum())
        power, _ = self._powers(masses, int(K))
        return float(K * self.step * (np.exp(-self.sigma) * power * self.sigma).sum())

    def _powers(self, masses: FloatArray, K: int) -> tuple[FloatArray, FloatArray]:
        r""":math:`\varphi^{K-1}` and :math:`-(\varphi^{K-1})'` on the grid of :math:`\sigma`."""
        phi, missing = masses @ self.decay, masses @ self.missing
        with np.errstate(divide="ignore"):
            log_phi = np.where(missing < 0.5, np.log1p(-np.minimum(missing, 0.5)), np.log(phi))
        descent = (masses * np.exp(-self.depth)) @ self.decay
        return np.exp((K - 1) * log_phi), (K - 1) * np.exp((K - 2) * log_phi) * descent
