r"""Alignment with a reward: the KL-regularised optimum, best of n, and the reward–KL frontier.

.. math:: \max_q\; E_q[r] - \beta D_{\rm KL}(q\|p_0)
          \quad\text{is reached by}\quad q = p_0\,e^{r/\beta}/Z,\qquad Z = E_{p_0}[e^{r/\beta}].

On a grid law everything is exact (:func:`theory.limits.tilt`); a law known by its samples is
aligned by weighting them. No law has more reward for its divergence than these optima: their curve
is the *frontier* that any other method is held against. Divergences in nats. Sources: Korbak et al.
2022 (arXiv:2205.11275) for alignment as a tilt; Beirami et al. 2024 (arXiv:2401.01879) for best of
n, whose divergence is :math:`\log n - (n-1)/n` without ties; Kong 1992 for the effective number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq

from theory import Law, curate
from theory.choice import BestOf
from theory.divergences import kl
from theory.limits import tilt, top_level

# Beyond this logarithm of an exponent a tilt is the top level to rounding.
LARGEST_LOG_STRENGTH = 500.0


@dataclass(frozen=True)
class Point:
    """A law's place beside the frontier.

    Attributes
    ----------
    kl
        Divergence from the law that was aligned, in nats.
    reward
        Expected reward.
    """

    kl: float
    reward: float


@dataclass(frozen=True)
class WeightedSamples:
    r"""The KL-regularised optimum, as weights on samples of the law that is aligned.

    Attributes
    ----------
    weights
        :math:`v_i \propto e^{r_i/\beta}` with sum 1, shape (n,), float64.
    log_partition
        :math:`\log\frac1n\sum_i e^{r_i/\beta}`.
    reward, reward_error
        Estimate of :math:`E_q[r]` and its standard error (of a ratio of two means).
    kl
        :math:`\sum_i v_i\log(n v_i)`, which cannot exceed log n: it is the divergence only while
        the effective number is large.
    effective
        Effective number of samples :math:`1/\sum_i v_i^2`, from 1 to n.
    """

    weights: torch.Tensor
    log_partition: float
    reward: float
    reward_error: float
    kl: float
    effective: float


def align_samples(rewards: torch.Tensor, beta: float) -> WeightedSamples:
    """Weight samples of a law, with rewards (n,), into its optimum at KL penalty ``beta``.

    Raises
    ------
    ValueError
        For a penalty that is not positive, or rewards that are NaN or +inf.
    """
    r = _checked(rewards)
    _check_penalty(beta)
    # Less the largest before the division, which could overflow.
    top = r.max()
    log_weights = torch.log_softmax((r - top) / beta, dim=0)
    weights = log_weights.exp()
    charged = weights > 0
    mean = float((weights * torch.where(charged, r, 0.0)).sum())
    deviation = torch.where(charged, r - mean, 0.0)
    return WeightedSamples(
        weights,
        float(torch.logsumexp((r - top) / beta, dim=0) + top / beta) - math.log(len(r)),
        mean,
        float((weights * deviation).square().sum().sqrt()),
        float((weights * torch.where(charged, log_weights, 0.0)).sum()) + math.log(len(r)),
        1 / float(weights.square().sum()),
    )


def resample(weights: torch.Tensor, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Indices (n,) drawn by these weights, systematically: item i comes up n times its weight,
    rounded down or up, in random order."""
    weights = weights.double().cpu()
    if weights.ndim != 1 or not (weights >= 0).all() or not 0 < float(weights.sum()) < math.inf:
        raise ValueError(
            f"weights of shape {tuple(weights.shape)}: give a finite number of at least 0 for each "
            "item, one of them positive."
        )
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"n = {n!r} is not a whole number of at least 1.")
    # The last of the partial sums may fall short of 1 by rounding.
    ends = torch.cumsum(weights, 0)
    points = torch.as_tensor((rng.random() + np.arange(n)) / n) * ends[-1]
    index = torch.searchsorted(ends, points, right=True).clamp(max=len(weights) - 1)
    return index[torch.as_tensor(rng.permutation(n))]


def best_of_samples(rewards: torch.Tensor, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Indices of the best of every n consecutive samples, ties broken at random."""
    r = _checked(rewards)
    if n < 1 or len(r) % n:
        raise ValueError(f"{len(r)} samples are not groups of {n}: give a multiple of n >= 1.")
    chosen = BestOf().select(r.reshape(-1, n).cpu().numpy(), rng)
    return torch.as_tensor(chosen) + n * torch.arange(len(r) // n)


def best_of(law: Law, n: int) -> Law:
    """The law of the best of n draws, exact on a grid or a finite law."""
    return curate(law, n, BestOf())


def point(law: Law, reference: Law) -> Point:
    """Where a law on the atoms of the reference is, with the reference's rewards."""
    return Point(kl(law, reference), law.expectation(reference.rewards))


def optimum(law: Law, beta: float) -> Law:
    """The KL-regularised optimum at penalty ``beta``."""
    _check_penalty(beta)
    return tilt(law, 1 / beta)


def frontier(law: Law, divergence: float) -> Point:
    r"""The largest expected reward within a divergence of a law, and the divergence it takes.

    From :math:`-\log P(r=r^*)` nats on it is the largest reward itself; below, that of the tilt
    whose divergence is the one asked for (error 1e-12 in the logarithm of its exponent).

    Raises
    ------
    ValueError
        For a divergence that is negative or no number, or a reward of -inf.
    """
    if not divergence >= 0:
        raise ValueError(f"divergence = {divergence} is not a number of nats of at least 0.")
    if not np.isfinite(law.rewards).all():
        raise ValueError("rewards of -inf have no frontier: every law near this one has them too.")
    top = top_level(law)
    # A sum of probabilities may exceed 1 by rounding.
    most = max(0.0, -math.log(float(law.probabilities[top].sum())))
    if divergence >= most:
        return Point(most, float(law.rewards[top][0]))
    if divergence == 0:
        return Point(0.0, law.expectation(law.rewards))

    def excess(log_strength: float) -> float:
        return kl(tilt(law, math.exp(log_strength)), law) - divergence

    low, high = 0.0, 0.0
    while excess(low) > 0:
        low -= 2.0
    while excess(high) < 0:
        high += 2.0
        if high > LARGEST_LOG_STRENGTH:
            return Point(most, float(law.rewards[top][0]))
    strength = math.exp(float(brentq(excess, low, high, xtol=1e-12)))
    best = tilt(law, strength)
    return Point(kl(best, law), best.expectation(best.rewards))


def _checked(rewards: torch.Tensor) -> torch.Tensor:
    r = torch.as_tensor(rewards).double()
    if r.ndim != 1 or len(r) == 0:
        raise ValueError(f"rewards have shape {tuple(r.shape)}: give one for each sample.")
    if torch.isnan(r).any() or torch.isposinf(r).any() or not torch.isfinite(r).any():
        raise ValueError("rewards contain NaN or +inf, or no finite number.")
    return r


def _check_penalty(beta: float) -> None:
    if not (math.isfinite(beta) and beta > 0):
        raise ValueError(f"beta = {beta} is not a KL penalty: give a positive, finite number.")
