r"""Diffusion of Gaussian data in closed form: what DDPM and DDIM do with the best noise prediction.

For data :math:`x_0 \sim N(m, C)` everything is Gaussian: :math:`x_t \sim N(\sqrt{\bar\alpha_t}\,m,
S_t)` with :math:`S_t = \bar\alpha_t C + (1-\bar\alpha_t) I`, the best prediction of the noise in
:math:`x_t` is affine,

.. math:: E[\epsilon \mid x_t] = \sqrt{1-\bar\alpha_t}\, S_t^{-1} (x_t - \sqrt{\bar\alpha_t}\,m),

and so is every step of a sampler that uses it: means and covariances follow from one time to the
one before without error. These are the numbers that samplers of :mod:`sim.generators.diffusion` are
held against.

Units: lengths are those of the data; divergences and bounds are in nats.

Sources: Ho, Jain, Abbeel 2020 (arXiv:2006.11239), eq. (2)-(11), the bound in eq. (5); Song, Meng,
Ermon 2021 (arXiv:2010.02502), eq. (7), (12), (16).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve, sqrtm

from sim.generators.noise_schedule import NoiseSchedule

FloatArray = NDArray[np.float64]
# Variance of a DDPM step: beta, the posterior's, or the true covariance of x_{t-1} given x_t.
Variance = Literal["beta", "posterior", "exact"]


@dataclass(frozen=True, eq=False)
class Normal:
    """N(mean, covariance), shapes (d,) and (d, d).

    Raises
    ------
    ValueError
        For shapes that do not belong together, or a covariance that is not symmetric.
    """

    mean: FloatArray
    covariance: FloatArray

    def __post_init__(self) -> None:
        d = len(self.mean)
        if self.mean.shape != (d,) or self.covariance.shape != (d, d):
            raise ValueError(
                f"mean and covariance have shapes {self.mean.shape} and {self.covariance.shape}: "
                "give (d,) and (d, d)."
            )
        if not np.allclose(self.covariance, self.covariance.T, rtol=1e-10, atol=1e-14):
            raise ValueError("the covariance is not symmetric.")

    @classmethod
    def of(cls, mean: ArrayLike, covariance: ArrayLike) -> Normal:
        """From anything that NumPy takes."""
        return cls(np.asarray(mean, dtype=np.float64), np.asarray(covariance, dtype=np.float64))

    @classmethod
    def standard(cls, d: int) -> Normal:
        """N(0, I)."""
        return cls(np.zeros(d), np.eye(d))

    def through(self, slope: FloatArray, shift: FloatArray, noise: FloatArray) -> Normal:
        """Law of slope x + shift + independent N(0, noise)."""
        covariance = slope @ self.covariance @ slope.T + noise
        return Normal(slope @ self.mean + shift, (covariance + covariance.T) / 2)

    @property
    def entropy(self) -> float:
        """Differential entropy in nats."""
        d = len(self.mean)
        return 0.5 * (d * math.log(2 * math.pi * math.e) + _log_det(self.covariance))


def divergence(p: Normal, q: Normal) -> float:
    r"""KL divergence of p from q in nats:
    :math:`\frac12[\operatorname{tr}(Q^{-1}P) - d - \log\det(Q^{-1}P) + \delta^\top Q^{-1}\delta]`.
    """
    factor = cho_factor(q.covariance)
    gap = p.mean - q.mean
    ratio = cho_solve(factor, p.covariance)
    log_ratio = _log_det(p.covariance) - 2 * float(np.log(np.diag(factor[0])).sum())
    spread = float(np.trace(ratio)) - len(gap) - log_ratio
    return 0.5 * (spread + float(gap @ cho_solve(factor, gap)))


def distance(p: Normal, q: Normal) -> float:
    r"""Wasserstein distance of order 2: :math:`W_2^2 = \|\delta\|^2 + \operatorname{tr}\big(P + Q -
    2(Q^{1/2}PQ^{1/2})^{1/2}\big)`."""
    root = np.real(sqrtm(q.covariance))
    cross = np.real(sqrtm(root @ p.covariance @ root))
    spread = float(np.trace(p.covariance + q.covariance - 2 * cross))
    gap = p.mean - q.mean
    # Rounding leaves the sum of two equal laws a little below 0.
    return math.sqrt(max(0.0, float(gap @ gap) + spread))


def diffused(data: Normal, alpha_bar: float) -> Normal:
    r"""Law of :math:`x_t`."""
    d = len(data.mean)
    covariance = alpha_bar * data.covariance + (1 - alpha_bar) * np.eye(d)
    return Normal(math.sqrt(alpha_bar) * data.mean, covariance)


def best_noise(data: Normal, alpha_bar: float) -> tuple[FloatArray, FloatArray]:
    r"""Slope (d, d) and shift (d,) of :math:`E[\epsilon \mid x_t]`."""
    law = diffused(data, alpha_bar)
    slope = math.sqrt(1 - alpha_bar) * np.linalg.inv(law.covariance)
    return slope, -slope @ law.mean


@dataclass(frozen=True)
class Step:
    r"""One step of a sampler, :math:`x_{t-1} = A x_t + b + N(0, V)`."""

    slope: FloatArray
    shift: FloatArray
    noise: FloatArray


def ddpm_step(data: Normal, schedule: NoiseSchedule, t: int, variance: Variance = "beta") -> Step:
    r"""DDPM's step from t to t − 1, t in 1, …, T, noise on the last one too.

    Its mean is that of :math:`x_{t-1}` given :math:`x_t` and the predicted :math:`x_0`.
    """
    alpha_bar, before = schedule.alpha_bar[t - 1], schedule.before[t - 1]
    beta = schedule.betas[t - 1]
    of_data = math.sqrt(before) * beta / (1 - alpha_bar)
    of_sample = math.sqrt(1 - beta) * (1 - before) / (1 - alpha_bar)
    slope, shift = _predicted_data(data, alpha_bar)
    identity = np.eye(len(data.mean))
    if variance == "exact":
        # x_{t-1} given x_t and x_0, and then x_0 given x_t.
        left = np.linalg.inv(diffused(data, alpha_bar).covariance)
        hidden = (1 - alpha_bar) * left @ data.covariance
        noise = schedule.posterior[t - 1] * identity + of_data**2 * (hidden + hidden.T) / 2
    else:
        noise = {"beta": beta, "posterior": schedule.posterior[t - 1]}[variance] * identity
    return Step(of_data * slope + of_sample * identity, of_data * shift, noise)


def ddim_step(data: Normal, schedule: NoiseSchedule, t: int, eta: float = 0.0) -> Step:
    r"""DDIM's step from t to t − 1 with noise :math:`\sigma_t^2 = \eta^2 \tilde\beta_t`."""
    alpha_bar, before = schedule.alpha_bar[t - 1], schedule.before[t - 1]
    fresh = eta**2 * schedule.posterior[t - 1]
    along = math.sqrt(1 - before - fresh)
    data_slope, data_shift = _predicted_data(data, alpha_bar)
    noise_slope, noise_shift = best_noise(data, alpha_bar)
    root = math.sqrt(before)
    return Step(
        root * data_slope + along * noise_slope,
        root * data_shift + along * noise_shift,
        fresh * np.eye(len(data.mean)),
    )


def sampled(steps: list[Step]) -> list[Normal]:
    r"""Laws of :math:`x_T, \dots, x_0` from :math:`x_T \sim N(0, I)`, given the steps in order."""
    laws = [Normal.standard(len(steps[0].shift))]
    for step in steps:
        laws.append(laws[-1].through(step.slope, step.shift, step.noise))
    return laws


def ddpm(data: Normal, schedule: NoiseSchedule, variance: Variance = "beta") -> list[Normal]:
    r"""Laws of :math:`x_T, \dots, x_0` under DDPM, whose last step adds no noise."""
    steps = [ddpm_step(data, schedule, t, variance) for t in range(schedule.steps, 0, -1)]
    steps[-1] = Step(steps[-1].slope, steps[-1].shift, np.zeros_like(steps[-1].noise))
    return sampled(steps)


def ddim(data: Normal, schedule: NoiseSchedule, eta: float = 0.0) -> list[Normal]:
    r"""Laws of :math:`x_T, \dots, x_0` under DDIM; deterministic given :math:`x_T` for η = 0."""
    return sampled([ddim_step(data, schedule, t, eta) for t in range(schedule.steps, 0, -1)])


def bound_terms(
    data: Normal, schedule: NoiseSchedule, variance: Literal["beta", "exact"] = "beta"
) -> FloatArray:
    r"""Terms :math:`L_0, \dots, L_T` of the variational bound on :math:`-E\log p(x_0)`, in nats.

    .. math:: L_T = E\,\mathrm{KL}\big(q(x_T|x_0) \,\|\, N(0,I)\big), \quad
              L_{t-1} = E\,\mathrm{KL}\big(q(x_{t-1}|x_t,x_0) \,\|\, p(x_{t-1}|x_t)\big), \quad
              L_0 = -E\log p(x_0|x_1),

    with p the DDPM steps of :func:`ddpm_step`, the one from :math:`x_1` included. The posterior's
    variance is not offered: at t = 1 it is 0 and the bound infinite.

    Returns
    -------
    Shape (T + 1,); the sum is the bound.
    """
    d = len(data.mean)
    last = schedule.alpha_bar[-1]
    # The KL of N(a x_0, v I) from N(0, I), averaged over x_0.
    square = float(data.mean @ data.mean + np.trace(data.covariance))
    top = 0.5 * (last * square - d * last - d * math.log1p(-last))
    terms = [0.0] * schedule.steps + [top]
    for t in range(1, schedule.steps + 1):
        step = ddpm_step(data, schedule, t, variance)
        # The two means differ by this multiple of the error of the predicted x_0.
        alpha_bar, before = schedule.alpha_bar[t - 1], schedule.before[t - 1]
        reach = math.sqrt(before) * schedule.betas[t - 1] / (1 - alpha_bar)
        left = np.linalg.inv(diffused(data, alpha_bar).covariance)
        error = reach**2 * (1 - alpha_bar) * left @ data.covariance
        true = schedule.posterior[t - 1] * np.eye(d)
        inverse = np.linalg.inv(step.noise)
        spread = float(np.trace(inverse @ (true + error))) + _log_det(step.noise)
        if t == 1:
            terms[0] = 0.5 * (spread + d * math.log(2 * math.pi))
        else:
            terms[t - 1] = 0.5 * (spread - d - d * math.log(schedule.posterior[t - 1]))
    return np.array(terms)


def _predicted_data(data: Normal, alpha_bar: float) -> tuple[FloatArray, FloatArray]:
    r"""Slope and shift of :math:`E[x_0|x_t]`, from the predicted noise."""
    slope, shift = best_noise(data, alpha_bar)
    noise, left = math.sqrt(1 - alpha_bar), math.sqrt(alpha_bar)
    return (np.eye(len(shift)) - noise * slope) / left, -noise * shift / left


def _log_det(matrix: FloatArray) -> float:
    return float(np.linalg.slogdet(matrix)[1])
