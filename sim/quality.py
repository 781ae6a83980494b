r"""Quality: keep the top share, or generate under a condition on quality.

*Filter.* The top share s of a law is the law conditioned on a reward above a threshold, at which
the level is split so that the mass kept is s; its divergence from the law is
:math:`-\log s` nats when no level is split.

*Condition.* Data are cut into levels of reward, and one model is fitted per level. Its samples with
shares :math:`v_l` of the levels follow :math:`\sum_l v_l\,p(\cdot\mid l)`: the last level alone is
the filter, the data's own shares give back p, and :math:`v_l\propto P(l)E[e^{r/\beta}\mid l]` is,
among laws that do not distinguish within levels, the closest to the KL-regularised optimum
(the one of least :math:`D_{\rm KL}(\text{optimum}\|\cdot)`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from sim.protocols import Generator, Progress, Reward, silent
from theory import Law


def top_share(law: Law, share: float) -> Law:
    """The top share of a law by its reward; the level at the threshold is kept in part.

    Raises
    ------
    ValueError
        For a share outside (0, 1].
    """
    _check_share(share)
    levels, index = np.unique(law.rewards, return_inverse=True)
    masses = np.bincount(index, weights=law.probabilities, minlength=len(levels))
    above = np.append(np.cumsum(masses[::-1])[::-1][1:], 0.0)
    # What of each level is kept: all above the threshold, a part at it.
    taken = np.clip(share - above, 0.0, masses)
    kept = np.divide(taken, masses, out=np.zeros_like(taken), where=masses > 0)
    with np.errstate(divide="ignore"):
        return law.reweighted(np.log(kept)[index])


def conditioned(law: Law, levels: int, beta: float) -> Law:
    r"""What a perfect model conditioned on ``levels`` levels of equal mass samples at the shares
    :math:`v_l\propto E[e^{r/\beta}\mid l]`, exactly."""
    if isinstance(levels, bool) or not isinstance(levels, int) or levels < 1:
        raise ValueError(f"levels = {levels!r} is not a whole number of at least 1.")
    _check_penalty(beta)
    shares = np.arange(1, levels + 1) / levels
    tops = [share * top_share(law, share).probabilities for share in shares]
    masses = np.diff([np.zeros(len(law)), *tops], axis=0)
    # What rounding leaves below 0 is no mass.
    masses = np.maximum(masses, 0.0)
    weights = np.exp((law.rewards - law.top_reward) / beta)
    return law.with_probabilities((masses @ weights) @ masses, normalise=True)


def top_samples(rewards: torch.Tensor, share: float, rng: np.random.Generator) -> torch.Tensor:
    """Indices of the top share of samples by their rewards (n,), best first, at least one; their
    number is rounded to the nearest, and ties at the threshold are broken at random."""
    _check_share(share)
    if rewards.ndim != 1 or len(rewards) == 0 or torch.isnan(rewards).any():
        raise ValueError(
            f"rewards of shape {tuple(rewards.shape)}: give a number, not NaN, for each sample."
        )
    shuffled = torch.as_tensor(rng.permutation(len(rewards)))
    order = torch.argsort(rewards.cpu()[shuffled], descending=True, stable=True)
    return shuffled[order[: max(1, round(share * len(rewards)))]]


class QualityConditioned:
    """One generator per level of reward, each level with the same share of the data.

    Parameters
    ----------
    make
        Makes the generator of a level.
    reward
        What the quality is.
    levels
        Number of levels, at least 2; the last is the best.

    Attributes
    ----------
    shares
        Shares of the levels in :meth:`sample`, shape (levels,): the data's own after a fit. See
        :meth:`condition`.
    """

    def __init__(self, make: Callable[[], Generator], reward: Reward, levels: int = 4) -> None:
        if isinstance(levels, bool) or not isinstance(levels, int) or levels < 2:
            raise ValueError(f"levels = {levels!r} is not a whole number of at least 2.")
        self.reward = reward
        self.generators = [make() for _ in range(levels)]
        self.shares = np.full(levels, 1 / levels)

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Fit each level's generator to its part of the data (n, ...); ``loss`` is the mean of the
        losses that the generators report, by the data's shares."""
        levels = len(self.generators)
        data = torch.as_tensor(data)
        rewards = self.reward(data)
        if len(data) < levels:
            raise ValueError(f"{len(data)} samples are fewer than the {levels} levels.")
        worst_first = top_samples(rewards, 1.0, rng).flip(0)
        parts = torch.tensor_split(worst_first, levels)
        losses = []
        for level, (generator, part) in enumerate(zip(self.generators, parts, strict=True)):
            found = generator.fit(data[part], rng, _in_part(progress, level, levels))
            losses.append(found.get("loss", math.nan))
        self.shares = np.array([len(part) for part in parts]) / len(data)
        return {"loss": float(self.shares @ losses)}

    def condition(self, shares: Any) -> None:
        """Sample the levels with these shares from now on: non-negative numbers with sum 1."""
        shares = np.asarray(shares, dtype=float)
        given = shares.shape == self.shares.shape and (shares >= 0).all()
        if not (given and 0 < shares.sum() < math.inf):
            raise ValueError(
                f"shares = {shares.tolist()}: give a finite number of at least 0 for each of the "
                f"{len(self.shares)} levels, one of them positive."
            )
        self.shares = shares / shares.sum()

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n samples, shape (n, ...), in random order of levels."""
        counts = rng.multinomial(n, self.shares)
        drawn = [
            generator.sample(int(count), rng)
            for generator, count in zip(self.generators, counts, strict=True)
            if count or n == 0
        ]
        return torch.cat(drawn)[torch.as_tensor(rng.permutation(n))]

    def state(self) -> Any:
        """Shares and the levels' states."""
        return {
            "shares": torch.tensor(self.shares),
            "levels": [generator.state() for generator in self.generators],
        }

    def load(self, state: Any) -> None:
        """From :meth:`state`, of as many levels."""
        if len(state["levels"]) != len(self.generators):
            raise ValueError(
                f"the state has {len(state['levels'])} levels and this model "
                f"{len(self.generators)}."
            )
        self.shares = state["shares"].numpy().copy()
        for generator, one in zip(self.generators, state["levels"], strict=True):
            generator.load(one)


def _in_part(progress: Progress, part: int, parts: int) -> Progress:
    """Progress of one part, told as that of the whole."""
    return lambda done, loss: progress((part + done) / parts, loss)


def tilted_shares(rewards: torch.Tensor, levels: int, beta: float) -> np.ndarray:
    r"""Shares :math:`v_l\propto P(l)E[e^{r/\beta}\mid l]` of the levels that data with these
    rewards (n,) are cut into, shape (levels,)."""
    _check_penalty(beta)
    if isinstance(levels, bool) or not isinstance(levels, int) or levels < 1:
        raise ValueError(f"levels = {levels!r} is not a whole number of at least 1.")
    if rewards.ndim != 1 or len(rewards) < levels or torch.isnan(rewards).any():
        raise ValueError(
            f"rewards of shape {tuple(rewards.shape)}: give a number, not NaN, for each sample, "
            f"and no fewer than the {levels} levels."
        )
    ordered = torch.sort(rewards.double()).values
    weights = torch.softmax(ordered / beta, dim=0)
    return np.array([float(part.sum()) for part in torch.tensor_split(weights, levels)])


def _check_penalty(beta: float) -> None:
    if not (math.isfinite(beta) and beta > 0):
        raise ValueError(f"beta = {beta} is not a KL penalty: give a positive, finite number.")


def _check_share(share: float) -> None:
    if not 0 < share <= 1:
        raise ValueError(f"share = {share} is not a share to keep: give a number in (0, 1].")
