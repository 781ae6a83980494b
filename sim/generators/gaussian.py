"""A Gaussian with full covariance, fitted by maximum likelihood: the loop's simplest generator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sim.protocols import Progress, silent
from sim.streams import torch_generator

# Numbers of larger size have squares that overflow.
LARGEST = 1e150
# Share of a standard deviation, the root of rounding.
RANK = 1e-7


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
        if data.ndim != 2 or len(data) < 2 or data.shape[1] == 0:
            raise ValueError(
                f"data of shape {tuple(data.shape)} do not fit a Gaussian: give (n, d), n >= 2 and "
                "d >= 1."
            )
        if not (data.abs() < LARGEST).all():
            raise ValueError(
                f"data contain numbers that are not finite, or beyond {LARGEST:g}: mend the rows."
            )
        mean = data.mean(dim=0)
        covariance = torch.cov(data.T, correction=0).reshape(data.shape[1], data.shape[1])
        factor, failed = torch.linalg.cholesky_ex(covariance)
        # What is left of a variance that the other coordinates explain is rounding below this.
        left = factor.diagonal() > RANK * covariance.diagonal().sqrt()
        if failed or not (left & (data != data[0]).any(dim=0)).all():
            raise ValueError(
                f"{len(data)} data lie in a flat of fewer than {data.shape[1]} dimensions, on which"
                " the likelihood grows without bound: give more data, or fewer coordinates."
            )
        self.mean, self.covariance = mean, covariance
        law = torch.distributions.MultivariateNormal(mean, scale_tril=factor)
        return {"loss": -float(law.log_prob(data).mean())}

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n samples, shape (n, d)."""
        if len(self.mean) == 0:
            raise ValueError("the Gaussian has not been fitted: call fit or load first.")
        generator = torch_generator(rng, "cpu")
        noise = torch.randn(n, len(self.mean), generator=generator, dtype=torch.float64)
        return self.mean + noise @ torch.linalg.cholesky(self.covariance).T

    def state(self) -> Any:
        """Mean and covariance."""
        return {"mean": self.mean.clone(), "covariance": self.covariance.clone()}

    def load(self, state: Any) -> None:
        """From :meth:`state`."""
        self.mean, self.covariance = state["mean"].clone(), state["covariance"].clone()
