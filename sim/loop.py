r"""Algorithm 1: retrain a generator on curated samples of its own, mixed with real data.

.. math:: p_{t+1} = \text{fit to } \tfrac{1}{1+\lambda}\,p_{\rm ref}
          + \tfrac{\lambda}{1+\lambda}\,C_K(p_t)

Source: Ferbach et al. 2024 (arXiv:2407.09499), Algorithm 1. Here once, for every generator, reward
and curator; what a round found is handed to the caller, who records it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sim.protocols import Curator, DivergedTraining, Generator, Progress, Reward, silent
from sim.streams import Streams


@dataclass(frozen=True)
class LoopSettings:
    r"""Sizes of the loop.

    Attributes
    ----------
    iterations
        Retraining rounds T; the generators are :math:`p_0, \dots, p_T`.
    kept
        Samples kept per round, out of K times as many candidates.
    lam
        Synthetic-to-real ratio :math:`\lambda`: kept / λ real samples join each training set.
        ``math.inf`` is the loop without real data.
    warm_start
        Whether a round's fit starts from the last parameters or from new ones.
    """

    iterations: int
    kept: int
    lam: float = math.inf
    warm_start: bool = True

    def __post_init__(self) -> None:
        for name in ("iterations", "kept"):
            value = getattr(self, name)
            least = 0 if name == "iterations" else 1
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least {least}.")
        if not self.lam > 0:
            raise ValueError(
                f"lam = {self.lam} keeps no synthetic data: give a positive ratio, or inf for none "
                "but synthetic data."
            )
        wanted = self.kept / self.lam
        if math.isinf(wanted):
            raise ValueError(f"lam = {self.lam} asks for more real data than there are numbers.")
        if not math.isinf(self.lam) and round(wanted) == 0:
            raise ValueError(
                f"lam = {self.lam} leaves no real sample beside {self.kept} kept ones: keep "
                "more, or give inf for no real data."
            )

    @property
    def real(self) -> int:
        """Real samples in each training set but the first."""
        return 0 if math.isinf(self.lam) else round(self.kept / self.lam)


@dataclass(frozen=True)
class Round:
    r"""What round t found.

    Attributes
    ----------
    t
        The round.
    candidates, rewards
        Samples of :math:`p_t`, shape (K·kept, ...), and their rewards.
    kept
        Indices of the kept among them, shape (kept,); ``None`` in the last round.
    fit
        What the generator said about the fit that made :math:`p_t`.
    """

    t: int
    candidates: torch.Tensor
    rewards: torch.Tensor
    kept: torch.Tensor | None
    fit: Mapping[str, float]


class Loop:
    r"""The loop, one fit at a time, so that a run can be recorded, stopped and resumed anywhere.

    Parameters
    ----------
    make
        Makes a fresh generator.
    real
        Real data, shape (N, ...): :math:`p_0` is fitted to all of them.
    reward, curator
        See :mod:`sim.protocols`.
    settings
        Sizes.
    streams
        All randomness of the run.
    progress
        Called during fits.

    Raises
    ------
    ValueError
        When the real data are too few for the mixture, before anything is fitted.
    """

    def __init__(
        self,
        make: Any,
        real: torch.Tensor,
        reward: Reward,
        curator: Curator,
        settings: LoopSettings,
        streams: Streams,
        progress: Progress = silent,
    ) -> None:
        if len(real) == 0:
            raise ValueError("there are no real data: the first model is fitted to them.")
        if settings.real > len(real):
            raise ValueError(
                f"lam = {settings.lam} asks for {settings.real} real samples per round and there "
                f"are {len(real)}: give more real data, keep fewer samples or raise lam."
            )
        self.make = make
        self.real = real
        self.reward = reward
        self.curator = curator
        self.settings = settings
        self.streams = streams
        self.progress = progress
        self.t = -1
        self.generator: Generator = make()
        self.fitted: Mapping[str, float] = {}

    def rounds(self) -> Iterator[Round]:
        r"""Rounds from the current one to the last; :attr:`generator` is :math:`p_t` meanwhile."""
        if self.t < 0:
            self._fit(self.real)
        while True:
            found = self._round()
            yield found
            if found.kept is None:
                return
            self._fit(self._training_set(found.candidates[found.kept]))

    def state(self) -> dict[str, Any]:
        """Everything that the rounds from the current one on depend on."""
        return {"t": self.t, "generator": self.generator.state(), "fit": dict(self.fitted)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.t, self.fitted = int(state["t"]), dict(state["fit"])
        self.generator = self.make()
        self.generator.load(state["generator"])

    def _fit(self, data: torch.Tensor) -> None:
        t = self.t + 1
        if not self.settings.warm_start:
            self.generator = self.make()
        try:
            self.fitted = self.generator.fit(data, self.streams("fit", t), self.progress)
        except DivergedTraining as error:
            raise DivergedTraining(
                f"training of p_{t} diverged ({error}): lower the learning rate in a new run."
            ) from error
        self.t = t

    def _round(self) -> Round:
        wanted = self.settings.kept * self.curator.K
        candidates = self.generator.sample(wanted, self.streams("candidates", self.t))
        if len(candidates) != wanted:
            raise ValueError(f"the generator gave {len(candidates)} of {wanted} candidates.")
        if not torch.isfinite(candidates).all():
            raise DivergedTraining(f"samples of p_{self.t} are not all finite numbers.")
        rewards = self.reward(candidates)
        if rewards.shape != (wanted,):
            raise ValueError(
                f"the rewards of {wanted} candidates have shape {tuple(rewards.shape)}: give one "
                "number for each."
            )
        if torch.isnan(rewards).any():
            raise ValueError(f"rewards of samples of p_{self.t} are not all numbers.")
        kept = None
        if self.t < self.settings.iterations:
            kept = self.curator.keep(rewards, self.streams("curation", self.t))
            if len(kept) != self.settings.kept:
                raise ValueError(f"the curator kept {len(kept)} of {self.settings.kept} samples.")
        return Round(self.t, candidates, rewards, kept, self.fitted)

    def _training_set(self, kept: torch.Tensor) -> torch.Tensor:
        if self.settings.real == 0:
            return kept
        rng = self.streams("real", self.t)
        chosen = rng.choice(len(self.real), size=self.settings.real, replace=False)
        return torch.cat([kept, self.real[torch.as_tensor(np.sort(chosen))].to(kept)])
