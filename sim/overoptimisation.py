r"""Over-optimisation: aligned with a learnt reward, a law may lose by the true one.

With the learnt reward :math:`\hat r` the KL-regularised optimum is
:math:`q_\beta = p_0e^{\hat r/\beta}/Z`. As the penalty β falls, with t = 1/β,

.. math:: \frac{d}{dt}E_{q}[\hat r] = \mathrm{Var}_{q}(\hat r) \ge 0,\qquad
          \frac{d}{dt}E_{q}[r] = \mathrm{Cov}_{q}(r, \hat r):

the learnt reward never falls, the true one does from where the two rewards are no longer positively
correlated under the law itself. Exact on grid laws. Source: Gao, Schulman & Hilton 2023
(arXiv:2210.10760) for the phenomenon.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from sim.alignment import best_of, frontier
from theory import Law
from theory.divergences import kl


@dataclass(frozen=True)
class Optimised:
    """A law aligned with a learnt reward.

    Attributes
    ----------
    strength
        How hard it was optimised: 1/β for the penalty β, n for best of n.
    kl
        Divergence from the law that was aligned, nats.
    learnt, true
        Expected rewards.
    attainable
        The largest expected true reward within the same divergence: that of the frontier.
    """

    strength: float
    kl: float
    learnt: float
    true: float
    attainable: float


def by_penalty(law: Law, learnt: ArrayLike, penalties: Iterable[float]) -> list[Optimised]:
    """Align a law, which carries the true rewards, with learnt ones (n,) at each penalty β."""
    values = _values(law, learnt)
    found = []
    for beta in penalties:
        if not (math.isfinite(beta) and beta > 0):
            raise ValueError(f"beta = {beta} is not a KL penalty: give a positive, finite number.")
        found.append(_optimised(law, values, 1 / beta, _tilted(law, values, 1 / beta)))
    return found


def by_best_of(law: Law, learnt: ArrayLike, sizes: Sequence[int]) -> list[Optimised]:
    """Take the best of n by the learnt rewards, for each n."""
    values = _values(law, learnt)
    judged = Law(law.probabilities, values, normalise=True)
    return [
        _optimised(law, values, n, law.with_probabilities(best_of(judged, n).probabilities))
        for n in sizes
    ]


def best_penalty(law: Law, learnt: ArrayLike, weakest: float, strongest: float) -> float:
    """The penalty β between the strongest and the weakest with the largest true reward.

    The optimum is searched for on a logarithmic scale with 25 places per factor of ten and then
    refined to 1e-6 relative; peaks narrower than that scale may be missed.
    """
    if not 0 < weakest < strongest < math.inf:
        raise ValueError(f"penalties from {weakest} to {strongest}: give 0 < weakest < strongest.")
    values = _values(law, learnt)

    def lost(log_beta: float) -> float:
        return -_tilted(law, values, math.exp(-log_beta)).expectation(law.rewards)

    places = np.linspace(
        math.log(weakest), math.log(strongest), 2 + math.ceil(25 * math.log10(strongest / weakest))
    )
    best = int(np.argmin([lost(place) for place in places]))
    low, high = places[max(best - 1, 0)], places[min(best + 1, len(places) - 1)]
    found = minimize_scalar(lost, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return math.exp(float(found.x))


def _values(law: Law, learnt: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(learnt, dtype=np.float64).ravel()
    if values.size != len(law) or not np.isfinite(values).all():
        raise ValueError(
            f"{values.size} learnt rewards for {len(law)} atoms: give a finite one for each."
        )
    return values


def _tilted(law: Law, values: NDArray[np.float64], strength: float) -> Law:
    return law.reweighted(strength * (values - values.max()))


def _optimised(law: Law, values: NDArray[np.float64], strength: float, found: Law) -> Optimised:
    cost = kl(found, law)
    return Optimised(
        float(strength),
        cost,
        found.expectation(values),
        found.expectation(law.rewards),
        frontier(law, cost).reward,
    )
