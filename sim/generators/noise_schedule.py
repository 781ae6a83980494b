r"""How much of a sample is left after t steps of added noise: schedules of a diffusion.

A chain adds noise in T steps, :math:`x_t = \sqrt{1-\beta_t}\,x_{t-1} + \sqrt{\beta_t}\,\epsilon_t`
with independent standard normal :math:`\epsilon_t`, so that

.. math:: x_t \mid x_0 \sim N\big(\sqrt{\bar\alpha_t}\,x_0,\ (1-\bar\alpha_t) I\big), \qquad
          \bar\alpha_t = \prod_{s \le t} (1-\beta_s).

Times that are skipped leave a chain of the same kind, with their :math:`\bar\alpha`:
:meth:`NoiseSchedule.spaced`.

Sources: Ho, Jain, Abbeel 2020 (arXiv:2006.11239), eq. (2), (4), (7) and section 4; Nichol, Dhariwal
2021 (arXiv:2102.09672), eq. (17) (cosine) and section 4 (skipped times).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# The linear schedule's first and last beta at 1000 steps; at T steps they are 1000 / T times these.
LINEAR = (1e-4, 2e-2)
# The cosine schedule's offset, and its largest beta: the last would otherwise be 1.
OFFSET, MOST = 0.008, 0.999


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    r"""The numbers :math:`\bar\alpha_1 > \dots > \bar\alpha_T` in (0, 1), in float64.

    Attributes
    ----------
    alpha_bar
        Shape (T,); entry t − 1 belongs to time t, as in the schedulers of diffusers.

    Raises
    ------
    ValueError
        When they are not strictly decreasing numbers in (0, 1).
    """

    alpha_bar: FloatArray

    def __post_init__(self) -> None:
        values = np.asarray(self.alpha_bar, dtype=np.float64)
        inside = values.ndim == 1 and values.size and 0 < values[-1] and values[0] < 1
        if not inside or not (np.diff(values) < 0).all():
            raise ValueError(
                "alpha_bar is not a strictly decreasing sequence in (0, 1): every step adds noise "
                "and leaves some of the sample."
            )

    @classmethod
    def linear(cls, steps: int) -> NoiseSchedule:
        r"""Betas that grow linearly, those of Ho et al. at 1000 steps.

        Raises ``ValueError`` for fewer than 50 steps: the last beta would be too near 1.
        """
        if steps < 50:
            raise ValueError(
                f"steps = {steps} is too few for the linear schedule: give 50 or more."
            )
        betas = np.linspace(*LINEAR, steps) * (1000 / steps)
        return cls(np.cumprod(1 - betas))

    @classmethod
    def cosine(cls, steps: int) -> NoiseSchedule:
        r""":math:`\bar\alpha_t \propto \cos^2\big(\frac{t/T+s}{1+s}\frac\pi2\big)`, s = 0.008, the
        last step excepted, whose beta is 0.999."""
        if steps < 1:
            raise ValueError(f"steps = {steps} is not a number of steps: give 1 or more.")
        angle = (np.arange(steps + 1) / steps + OFFSET) / (1 + OFFSET) * np.pi / 2
        left = np.cos(angle) ** 2
        return cls(np.cumprod(np.maximum(left[1:] / left[:-1], 1 - MOST)))

    @property
    def steps(self) -> int:
        """Number of steps T."""
        return len(self.alpha_bar)

    @cached_property
    def before(self) -> FloatArray:
        r""":math:`\bar\alpha_{t-1}` for t = 1, …, T, the first of which is 1; shape (T,)."""
        return np.concatenate([[1.0], self.alpha_bar[:-1]])

    @cached_property
    def betas(self) -> FloatArray:
        r""":math:`\beta_t = 1 - \bar\alpha_t/\bar\alpha_{t-1}`, shape (T,)."""
        return 1 - self.alpha_bar / self.before

    @cached_property
    def posterior(self) -> FloatArray:
        r"""Variance of :math:`x_{t-1}` given :math:`x_t` and :math:`x_0`, shape (T,):
        :math:`\tilde\beta_t = \beta_t (1-\bar\alpha_{t-1})/(1-\bar\alpha_t)`, at t = 1 it is 0."""
        return self.betas * (1 - self.before) / (1 - self.alpha_bar)

    def spaced(self, count: int) -> NDArray[np.int64]:
        """``count`` times among 1, …, T as evenly as whole numbers allow, T among them.

        Raises
        ------
        ValueError
            For a count below 1 or above T.
        """
        if not 1 <= count <= self.steps:
            raise ValueError(f"{count} of {self.steps} times cannot be chosen: give 1 to T.")
        return (np.arange(1, count + 1) * self.steps + count // 2) // count

    def at(self, times: NDArray[np.int64]) -> NoiseSchedule:
        """The chain that visits only these times, in 1, …, T and increasing."""
        return NoiseSchedule(self.alpha_bar[times - 1])
