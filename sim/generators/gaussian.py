"""A Gaussian with full covariance, fitted by maximum likelihood: the loop's simplest generator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sim.protocols import Progress, silent
from sim.streams import torch_generator


class Gaussian:
    """N(mean, covariance) of vectors, in float64."""

    def __init__(self) -> None:
        self.mean = torch.zeros(0, dtype=torch.float64)
        self.covariance = torch.zeros(0, 0, dtype=torch.float64)

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Mean and covariance of the data (n, d), n at least 2; the loss is the mean negative
        log-likelihood in nats."""
        data = torch.as_tensor(data, dtype=torch.float64)
        if data.ndim != 2 or len(data) < 2:
            raise ValueError(
                f"data of shape {tuple(data.shape)} do not fit a Gaussian: give (n, d)."
            )
        self.mean = data.mean(dim=0)
        self.covariance = torch.cov(data.T, correction=0).reshape(data.shape[1], data.shape[1])
        law = torch.distributions.MultivariateNormal(self.mean, self.covariance)
        return {"loss": -float(law.log_prob(data).mean())}

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n samples, shape (n, d)."""
        generator = torch_generator(rng, "cpu")
        noise = torch.randn(n, len(self.mean), generator=generator, dtype=torch.float64)
        return self.mean + noise @ torch.linalg.cholesky(self.covariance).T

    def state(self) -> Any:
        """Mean and covariance."""
        return {"mean": self.mean.clone(), "covariance": self.covariance.clone()}

    def load(self, state: Any) -> None:
        """From :meth:`state`."""
        self.mean, self.covariance = state["mean"].clone(), state["covariance"].clone()
