r"""K-choice curation of a batch: one of every K consecutive candidates is kept.

For Luce's choice the index :math:`\arg\max_k (r_k + g_k)` with independent standard Gumbel
:math:`g_k` is k with probability :math:`e^{r_k}/\sum_j e^{r_j}`, whatever constant is added to the
rewards; it runs on their device. Other choice models are those of :mod:`theory.choice`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from sim.streams import torch_generator
from theory.choice import Choice, PlackettLuce


@dataclass(frozen=True)
class KChoice:
    """Keep one of every K candidates by a choice model, Luce's by default.

    Raises
    ------
    ValueError
        For K below 1, or K that the choice model does not take.
    """

    K: int
    choice: Choice = field(default_factory=PlackettLuce)

    def __post_init__(self) -> None:
        if isinstance(self.K, bool) or not isinstance(self.K, int) or self.K < 1:
            raise ValueError(f"K = {self.K!r} is not a whole number of at least 1.")
        self.choice.check(self.K)
        if self.choice.columns is not None:
            raise ValueError(
                f"the choice model {self.choice.name!r} has a table for labelled atoms: samples of "
                "a generator have no labels, so take another model."
            )

    def keep(self, rewards: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """Indices of the kept, shape (n / K,), into rewards of shape (n,).

        Raises
        ------
        ValueError
            When n is not a multiple of K, or a reward is NaN or +inf.
        """
        if rewards.ndim != 1 or len(rewards) % self.K:
            raise ValueError(
                f"rewards have shape {tuple(rewards.shape)}: give a multiple of K = {self.K}."
            )
        if torch.isnan(rewards).any() or torch.isposinf(rewards).any():
            raise ValueError("rewards contain NaN or +inf: the reward must be bounded above.")
        groups = rewards.reshape(-1, self.K)
        if isinstance(self.choice, PlackettLuce):
            noise = torch.empty(groups.shape, dtype=torch.float64, device=groups.device)
            noise.exponential_(generator=torch_generator(rng, groups.device))
            # -log of an exponential variable is a Gumbel one.
            best = (groups.double() - noise.log()).argmax(dim=1)
        else:
            chosen = self.choice.select(groups.cpu().numpy(), rng)
            best = torch.as_tensor(chosen, device=groups.device)
        return best + self.K * torch.arange(len(groups), device=groups.device)
