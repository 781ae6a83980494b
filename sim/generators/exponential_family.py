r"""Exponential families fitted by maximum likelihood, each coordinate on its own.

In an exponential family :math:`\log p_\theta(x) = \langle\eta(\theta), T(x)\rangle - A(\theta) +
\log h(x)` the likelihood is largest where the model's mean of T is that of the data. That equation
is solved in closed form, or by Newton's method to rounding where it has none (gamma, beta, von
Mises). Source: Barndorff-Nielsen, Information and Exponential Families, 1978.

A family does not contain the laws that the loop leads to unless the reward is linear in T: a loop
with it shows what a model that cannot follow makes of the selection.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaln, digamma, gammaln, i0e, i1e, polygamma, xlog1py, xlogy

from sim.protocols import Progress, silent

FloatArray = NDArray[np.float64]
# Newton's iterations stop when a step is this small relative to the parameter; they converge
# quadratically, so that the next step would be rounding.
SMALL_STEP = 1e-9
MOST_STEPS = 100
TINY = float(np.finfo(np.float64).tiny)
EPSILON = float(np.finfo(np.float64).eps)
# Numbers of larger size have squares that overflow.
LARGEST = 1e150
# Largest shape of a gamma law, sum of the parameters of a beta law and concentration of a von Mises
# law: beyond it they are normal to a part in ten thousand, and their log-likelihoods, differences
# of numbers of that size, would be wrong by more than 1e-6.
MOST_CONCENTRATED = 1e8


class Family(ABC):
    """One family on the line: its maximum likelihood fit, its sampler and its log density."""

    parameters: ClassVar[tuple[str, ...]]
    domain: ClassVar[str]

    @abstractmethod
    def contains(self, x: FloatArray) -> bool:
        """Whether all of x, shape (n,), lies where the family has mass."""

    @abstractmethod
    def fit(self, x: FloatArray) -> tuple[float, ...]:
        """Parameters of the largest likelihood for x, shape (n,)."""

    @abstractmethod
    def sample(self, theta: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """n draws, shape (n,)."""

    @abstractmethod
    def log_density(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        """Natural logarithm of the density, or of the probability, at x, shape (n,)."""


class _Normal(Family):
    parameters, domain = ("mean", "std"), "finite numbers"

    def contains(self, x: FloatArray) -> bool:
        return True

    def fit(self, x: FloatArray) -> tuple[float, ...]:
        _refuse_constant(x)
        std = float(x.std())
        if std == 0:
            raise ValueError(
                "the data differ by less than the root of the smallest number: give another unit."
            )
        return float(x.mean()), std

    def sample(self, theta: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        return theta[0] + theta[1] * rng.standard_normal(n)

    def log_density(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        z = (x - theta[0]) / theta[1]
        return -0.5 * z * z - math.log(math.sqrt(2 * math.pi) * theta[1])


class _Exponential(Family):
    parameters, domain = ("scale",), "positive numbers"

    def contains(self, x: FloatArray) -> bool:
        return bool((x > 0).all())

    def fit(self, x: FloatArray) -> tuple[float, ...]:
        return (float(x.mean()),)

    def sample(self, theta: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        return np.maximum(rng.exponential(theta[0], n), TINY)

    def log_density(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        return -x / theta[0] - math.log(theta[0])


class _Gamma(Family):
    parameters, domain = ("shape", "scale"), "positive numbers"

    def contains(self, x: FloatArray) -> bool:
        return bool((x > 0).all())

    def fit(self, x: FloatArray) -> tuple[float, ...]:
        _refuse_constant(x)
        mean = float(x.mean())
        # log of the mean less the mean of the log: about 1/(2a), without cancellation.
        off = x / mean - 1
        _refuse_concentrated("gamma", float((off * off).mean()))
        gap = float((off - np.where(off < -0.5, np.log(x / mean), np.log1p(off.clip(-0.5)))).mean())
        a = (3 - gap + math.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
        for _ in range(MOST_STEPS):
            # Newton in log a: the left side of log a - digamma(a) = gap is convex in it.
            value, slope = _log_less_digamma(a)
            step = (value - gap) / slope
            a *= math.exp(-step)
            if abs(step) < SMALL_STEP:
                return a, mean / a
        raise ArithmeticError("the likelihood equation of the gamma family was not solved.")

    def sample(self, theta: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        # A small shape puts draws below the smallest number; 0 is outside the family.
        return np.maximum(rng.gamma(theta[0], theta[1], n), TINY)

    def log_density(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        a, scale = theta
        y = x / scale
        return xlogy(a - 1, y) - y - gammaln(a) - math.log(scale)


class _Beta(Family):
    parameters, domain = ("a", "b"), "numbers strictly between 0 and 1"

    def contains(self, x: FloatArray) -> bool:
        return bool(((x > 0) & (x < 1)).all())

    def fit(self, x: FloatArray) -> tuple[float, ...]:
        _refuse_constant(x)
        target = np.array([np.log(x).mean(), np.log1p(-x).mean()])
        mean, variance = float(x.mean()), float(x.var())
        _refuse_concentrated("beta", variance / (mean * (1 - mean)))
        total = max(mean * (1 - mean) / variance - 1, 0.01)
        logs = np.log([mean * total, (1 - mean) * total])
        loss = _beta_loss(logs, target)
        for _ in range(MOST_STEPS):
            a = np.exp(logs)
            residual = digamma(a) - digamma(a.sum()) - target
            # Hessian of the negative log-likelihood in (a, b): positive definite.
            hessian = np.diag(polygamma(1, a)) - polygamma(1, a.sum())
            step = np.linalg.solve(hessian, residual) / a
            # Along the sum of the parameters the curvature is the less the larger they are, and a
            # step has that much rounding in it.
            if np.abs(step).max() < max(SMALL_STEP, 100 * EPSILON * a.sum()):
                return float(a[0]), float(a[1])
            # Newton's direction in (a, b), carried to their logarithms, descends; halve it until
            # it does.
            size = 1.0 / max(1.0, np.abs(step).max())
            while _beta_loss(logs - size * step, target) > loss + 1e-12 * (abs(loss) + a.sum()):
                size /= 2
            logs = logs - size * step
            loss = _beta_loss(logs, target)
        raise ArithmeticError("the likelihood equations of the beta family were not solved.")

    def sample(self, theta: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        # Small parameters put draws beyond the numbers next to 0 and 1, which are outside.
        return np.clip(rng.beta(theta[0], theta[1], n), TINY, 1 - 2.0**-53)

    def log_density(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        a, b = theta
        return xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)


class _VonMises(Family):
    parameters, domain = ("angle", "concentration"), "angles in radians"

    def contains(self, x: FloatArray) -> bool:
        return True

    def fit(self, x: FloatArray) -> tuple[float, ...]:
        mean = np.exp(1j * x).mean()
        angle = float(np.angle(mean))
        # One less the length of the mean, without cancellation; about 1/(2k).
        short = float((2 * np.sin((x - angle) / 2) ** 2).mean())
        _refuse_concentrated("von Mises", 2 * short)
        # The concentration k solves 1 - I_1(k)/I_0(k) = short; the left side is about 1/(2k) for
        # large k and 0.14 at k = 4, so that the upper end of the bracket is beyond the root.
        top = max(4.0, 4.0 / short)
        # Nothing is left of the mean of angles that are evenly spread, but for rounding.
        if short >= 1:
            return angle, 0.0
        found = brentq(lambda k: short - 1 + i1e(k) / i0e(k), 0.0, top, xtol=1e-14, rtol=1e-14)
        return angle, float(found)

    def sample(self, theta: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        return rng.vonmises(theta[0], theta[1], n)

    def log_density(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        k = theta[1]
        return -2 * k * np.sin((x - theta[0]) / 2) ** 2 - math.log(2 * math.pi * float(i0e(k)))


class _Bernoulli(Family):
    parameters, domain = ("probability",), "zeros and ones"

    def contains(self, x: FloatArray) -> bool:
        return bool(((x == 0) | (x == 1)).all())

    def fit(self, x: FloatArray) -> tuple[float, ...]:
        return (float(x.mean()),)

    def sample(self, theta: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        return (rng.random(n) < theta[0]).astype(np.float64)

    def log_density(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        return xlogy(x, theta[0]) + xlog1py(1 - x, -theta[0])


class _Poisson(Family):
    parameters, domain = ("rate",), "whole numbers from 0 up"

    def contains(self, x: FloatArray) -> bool:
        return bool(((x >= 0) & (x == np.floor(x))).all())

    def fit(self, x: FloatArray) -> tuple[float, ...]:
        return (float(x.mean()),)

    def sample(self, theta: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        return rng.poisson(theta[0], n).astype(np.float64)

    def log_density(self, theta: FloatArray, x: FloatArray) -> FloatArray:
        return xlogy(x, theta[0]) - theta[0] - gammaln(x + 1)


FAMILIES: Mapping[str, Family] = {
    "normal": _Normal(),
    "exponential": _Exponential(),
    "gamma": _Gamma(),
    "beta": _Beta(),
    "von-mises": _VonMises(),
    "bernoulli": _Bernoulli(),
    "poisson": _Poisson(),
}


class ExponentialFamily:
    """Independent coordinates, each from the same family, in float64.

    Parameters
    ----------
    family
        One of :data:`FAMILIES`.

    Raises
    ------
    ValueError
        For another name.
    """

    def __init__(self, family: str) -> None:
        if family not in FAMILIES:
            raise ValueError(f"family = {family!r} is none of {', '.join(FAMILIES)}.")
        self.name = family
        self.family = FAMILIES[family]
        self.theta = np.zeros((0, len(self.family.parameters)))

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Maximum likelihood for data (n, d), n at least 2; the loss is the mean negative
        log-likelihood in nats."""
        x = torch.as_tensor(data, dtype=torch.float64).cpu().numpy()
        if x.ndim != 2 or len(x) < 2 or x.shape[1] == 0:
            raise ValueError(
                f"data of shape {tuple(x.shape)} do not fit a family on the line: give (n, d), "
                "n >= 2 and d >= 1."
            )
        if not (np.isfinite(x).all() and self.family.contains(x)):
            raise ValueError(
                f"the {self.name} family is for {self.family.domain}: the data have others."
            )
        if np.abs(x).max() > LARGEST:
            raise ValueError(
                f"data of size {np.abs(x).max():.3g} have squares that overflow: give another unit."
            )
        theta = np.array([self.family.fit(column) for column in x.T])
        self.theta = theta
        logs = [self.family.log_density(p, column) for p, column in zip(theta, x.T, strict=True)]
        return {"loss": -float(np.sum(logs, axis=0).mean())}

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n samples, shape (n, d)."""
        if len(self.theta) == 0:
            raise ValueError("the family has not been fitted: call fit or load first.")
        return torch.as_tensor(
            np.column_stack([self.family.sample(theta, n, rng) for theta in self.theta])
        )

    def state(self) -> Any:
        """Name of the family, and parameters of each coordinate."""
        return {"family": self.name, "theta": torch.tensor(self.theta)}

    def load(self, state: Any) -> None:
        """From :meth:`state`, of the same family."""
        if state["family"] != self.name:
            raise ValueError(
                f"the state is of the {state['family']} family and this one is {self.name}."
            )
        self.theta = state["theta"].numpy().copy()


def _refuse_constant(x: FloatArray) -> None:
    if (x == x[0]).all():
        raise ValueError(
            f"all data are {x[0]}: the likelihood grows without bound; give data that differ."
        )


def _refuse_concentrated(family: str, spread: float) -> None:
    """Refuse data of too small a spread, about the inverse of the law's concentration."""
    if spread * MOST_CONCENTRATED < 1:
        raise ValueError(
            f"the data differ too little for a {family} law in double precision, which is normal "
            "there: fit the normal family, or add noise."
        )


def _log_less_digamma(a: float) -> tuple[float, float]:
    """log a - digamma(a), and its derivative by log a."""
    if a < 20:
        return math.log(a) - float(digamma(a)), 1 - a * float(polygamma(1, a))
    # The two nearly cancel: Stirling's series, whose next terms are below 1e-15 of the first.
    y = 1 / (a * a)
    value = 0.5 / a + y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132))))
    slope = -0.5 / a - y * (1 / 6 - y * (1 / 30 - y * (1 / 42 - y * (1 / 30 - y * 5 / 66))))
    return value, slope


def _beta_loss(logs: FloatArray, target: FloatArray) -> float:
    """Mean negative log-likelihood of a beta law with these log parameters."""
    a = np.exp(logs)
    return float(betaln(*a) - (a - 1) @ target)
