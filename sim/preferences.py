r"""Comparisons of samples, and the likelihood of a reward given them.

A comparison shows K samples and says which one was kept. Under Luce's choice (Bradley–Terry's for
pairs) sample k is kept with probability :math:`\pi_k = e^{r_k}/\sum_j e^{r_j}`, so a reward has the
mean negative log-likelihood

.. math:: L(r) = -\frac1n \sum_i \Big[r(x_{i,c_i}) - \log\sum_k e^{r(x_{ik})}\Big]

in nats per comparison: log K for a constant reward. A constant added to r changes nothing, so
rewards are learnt up to a constant. A round of the loop *is* a set of comparisons: its groups of K
candidates, and the kept ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sim.protocols import Curator, Reward


@dataclass(frozen=True)
class Comparisons:
    """Groups of samples, and the place of the one kept in each.

    Attributes
    ----------
    groups
        Samples, shape (n, K, ...), K at least 2.
    chosen
        Place in its group of the kept one, whole numbers from 0 to K - 1, shape (n,).

    Raises
    ------
    ValueError
        For shapes that do not match, no comparison, or a place that does not exist.
    """

    groups: torch.Tensor
    chosen: torch.Tensor

    def __post_init__(self) -> None:
        shape = tuple(self.groups.shape)
        if self.groups.ndim < 2 or shape[0] < 1 or shape[1] < 2:
            raise ValueError(
                f"groups have shape {shape}: give (n, K, ...) with n >= 1 comparisons of K >= 2."
            )
        if tuple(self.chosen.shape) != shape[:1] or self.chosen.is_floating_point():
            raise ValueError(
                f"chosen has shape {tuple(self.chosen.shape)} and type {self.chosen.dtype}: give a "
                f"whole number for each of the {shape[0]} comparisons."
            )
        if int(self.chosen.min()) < 0 or int(self.chosen.max()) >= shape[1]:
            raise ValueError(
                f"chosen has places from {int(self.chosen.min())} to {int(self.chosen.max())}: "
                f"give places from 0 to {shape[1] - 1}."
            )

    @property
    def K(self) -> int:
        """Samples per comparison."""
        return int(self.groups.shape[1])

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def samples(self) -> torch.Tensor:
        """All samples shown, shape (nK, ...), group by group."""
        return self.groups.flatten(0, 1)

    def take(self, index: torch.Tensor) -> Comparisons:
        """Those comparisons alone, in that order; a mask or whole numbers."""
        return Comparisons(self.groups[index], self.chosen[index])


def from_round(candidates: torch.Tensor, kept: torch.Tensor, K: int) -> Comparisons:
    """What a round of the loop says about preferences.

    Parameters
    ----------
    candidates
        Samples in consecutive groups of K, shape (nK, ...).
    kept
        Index of the kept one of every group, shape (n,), as of :meth:`sim.curation.KChoice.keep`.
    K
        Candidates per kept sample.
    """
    n = len(kept)
    if len(candidates) != n * K or not torch.equal(kept.cpu() // K, torch.arange(n)):
        raise ValueError(
            f"{len(candidates)} candidates and {n} kept are not one kept of each {K} consecutive "
            "candidates: give a round's candidates, its kept and its K."
        )
    return Comparisons(candidates.unflatten(0, (n, K)), kept % K)


def compare(
    samples: torch.Tensor, reward: Reward, curator: Curator, rng: np.random.Generator
) -> Comparisons:
    """Show consecutive groups of K samples to a curator who goes by this reward."""
    return from_round(samples, curator.keep(reward(samples), rng), curator.K)


def negative_log_likelihood(rewards: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood, nats per comparison, of rewards (n, K) given places (n,)."""
    return torch.nn.functional.cross_entropy(rewards, chosen)


def agreement(reward: Reward, comparisons: Comparisons) -> float:
    """Share of the comparisons whose kept sample has the largest reward; ties count as lost."""
    rewards = reward(comparisons.samples).reshape(len(comparisons), comparisons.K)
    kept = rewards.gather(1, comparisons.chosen[:, None])
    others = torch.ones_like(rewards, dtype=torch.bool).scatter_(
        1, comparisons.chosen[:, None], False
    )
    return float(((rewards < kept) | ~others).all(dim=1).double().mean())
