r"""Gaussian kernel density estimation: a training point, drawn at random, plus Gaussian noise.

.. math:: \hat p(x) = \frac1n\sum_i \prod_k
          \frac{1}{\sqrt{2\pi}\,b_k}\,e^{-(x_k-x_{ik})^2/(2b_k^2)}

Retrained on its own samples the model adds :math:`b_k^2` to the variance of coordinate k each
round: a known departure from the perfect fit, which vanishes as n grows. Source of the rule of
thumb: Silverman, Density Estimation for Statistics and Data Analysis, 1986, section 4.3.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from sim.protocols import Progress, silent
from sim.streams import torch_generator

# Points whose left-out likelihood is evaluated: 2000 know its mean to 2 % of its spread.
JUDGED = 2000
# Numbers of larger size have squares that overflow.
LARGEST = 1e150
# Points x centres held at once (8 MiB of float64).
TABLE = 1 << 20
# Cross-validation looks for bandwidths between this fraction of Silverman's and a little above it:
# his rule is the best for one Gaussian, and too wide for anything with more structure.
NARROWEST, WIDEST = 0.02, 2.0


class KernelDensity:
    r"""A kernel density estimate, in float64.

    Parameters
    ----------
    bandwidth
        ``"silverman"``: :math:`b_k = \big(\tfrac{4}{(d+2)n}\big)^{1/(d+4)}\,s_k` with the standard
        deviation :math:`s_k` of coordinate k. ``"cross-validation"``: that times the factor
        that maximises the likelihood of points left out. A number: that, in every coordinate.

    Raises
    ------
    ValueError
        For another word, or a number that is not positive.
    """

    def __init__(
        self, bandwidth: Literal["silverman", "cross-validation"] | float = "silverman"
    ) -> None:
        if isinstance(bandwidth, str):
            if bandwidth not in ("silverman", "cross-validation"):
                raise ValueError(
                    f'bandwidth = {bandwidth!r} is neither "silverman" nor "cross-validation" nor '
                    "a number."
                )
        elif not (math.isfinite(bandwidth) and bandwidth > 0):
            raise ValueError(f"bandwidth = {bandwidth} is not a positive number.")
        self.bandwidth = bandwidth
        self.points = torch.zeros(0, 0, dtype=torch.float64)
        self.widths = torch.zeros(0, dtype=torch.float64)

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Keep the data (n, d), n at least 2, and choose the bandwidth.

        The loss is the mean negative log-likelihood, in nats, of up to ``JUDGED`` points, each left
        out of the estimate that judges it; ``bandwidth`` is in units of the first coordinate.
        Copies of one point judge each other: data that repeat, as those of a loop that resamples,
        make cross-validation choose the narrowest bandwidth.
        """
        points = torch.as_tensor(data, dtype=torch.float64).clone()
        if points.ndim != 2 or len(points) < 2 or points.shape[1] == 0:
            raise ValueError(
                f"data of shape {tuple(points.shape)} make no kernel density: give (n, d), n >= 2 "
                "and d >= 1."
            )
        if not (points.abs() < LARGEST).all():
            raise ValueError(
                f"data contain numbers that are not finite, or beyond {LARGEST:g}: mend the rows."
            )
        n, d = points.shape
        judged = torch.as_tensor(rng.permutation(n)[:JUDGED])
        if isinstance(self.bandwidth, str):
            spread = points.std(dim=0)
            # Of equal numbers rounding may leave a standard deviation.
            if not ((points != points[0]).any(dim=0) & (spread > 0)).all():
                raise ValueError(
                    "a coordinate of the data is constant: no bandwidth follows from its spread; "
                    "give a number."
                )
            widths = (4 / ((d + 2) * n)) ** (1 / (d + 4)) * spread
            if self.bandwidth == "cross-validation":
                widths *= _best_factor(points, judged, widths)
        else:
            widths = torch.full((d,), float(self.bandwidth), dtype=torch.float64)
        self.points, self.widths = points, widths
        return {
            "loss": -_left_out(points, judged, widths),
            "bandwidth": float(widths[0]),
        }

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n samples, shape (n, d)."""
        if len(self.points) == 0:
            raise ValueError("the estimate has not been fitted: call fit or load first.")
        generator = torch_generator(rng, "cpu")
        chosen = torch.randint(len(self.points), (n,), generator=generator)
        noise = torch.randn(n, len(self.widths), generator=generator, dtype=torch.float64)
        return self.points[chosen] + noise * self.widths

    def state(self) -> Any:
        """Centres and bandwidths."""
        return {"points": self.points.clone(), "widths": self.widths.clone()}

    def load(self, state: Any) -> None:
        """From :meth:`state`."""
        self.points, self.widths = state["points"].clone(), state["widths"].clone()


def _best_factor(points: torch.Tensor, judged: torch.Tensor, widths: torch.Tensor) -> float:
    """Multiple of the widths with the largest left-out likelihood; 2 % off costs nothing."""
    found = minimize_scalar(
        lambda log: -_left_out(points, judged, widths * math.exp(log)),
        bounds=(math.log(NARROWEST), math.log(WIDEST)),
        method="bounded",
        options={"xatol": 0.02},
    )
    return math.exp(float(found.x))


def _left_out(points: torch.Tensor, judged: torch.Tensor, widths: torch.Tensor) -> float:
    """Mean log density of the judged points, each under the estimate from all others."""
    scaled = points / widths
    n, d = points.shape
    total = 0.0
    for part in judged.split(max(1, TABLE // n)):
        # By differences: the rounding of products would be a fault where points are many millions
        # of bandwidths apart.
        table = torch.cdist(scaled[part], scaled, compute_mode="donot_use_mm_for_euclid_dist")
        table = table.square_().mul_(-0.5)
        table[torch.arange(len(part)), part] = -math.inf
        total += float(table.logsumexp(dim=1).sum())
    constant = math.log(n - 1) + 0.5 * d * math.log(2 * math.pi) + float(widths.log().sum())
    return total / len(judged) - constant
