r"""Retraining a parametric model by exact maximum likelihood, with all of Theorem 2.2's constants.

.. math:: \theta_{t+1} = \arg\max_\theta\; E_{p_{\rm data}}[\log p_\theta]
          + \lambda\,E_{p_{\theta_t}}[\log p_\theta]

near a maximiser :math:`\theta_*` of :math:`E_{p_{\rm data}}[\log p_\theta]`; no samples are drawn,
:math:`\lambda` is the synthetic-to-real ratio. Let
:math:`A = -E_{p_{\rm data}}[\nabla^2\log p_{\theta_*}] \ge \alpha` be the curvature of the
likelihood, :math:`I = -E_{p_{\theta_*}}[\nabla^2\log p_{\theta_*}]` the Fisher information, L the
Lipschitz constant of :math:`x\mapsto\nabla^2\log p_{\theta_*}(x)`, and
:math:`\varepsilon = W_1(p_{\rm data},p_{\theta_*})`. The paper bounds the rate of
:math:`|\theta_t-\theta_*|` by

.. math:: \rho = \frac{\lambda(\alpha+\varepsilon L)}{\alpha+\lambda(\alpha-\varepsilon L)}
          \qquad\text{if } L\varepsilon<\alpha,\ \lambda<\frac{\alpha}{2L\varepsilon}.

Differentiating the stationarity condition gives the rate itself, for one parameter

.. math:: \frac{\lambda I}{A + \lambda I} < 1 \qquad\text{for every } \lambda
          \text{ as soon as } A > 0,

and :math:`|I - A| \le L\varepsilon` by Kantorovich duality recovers a bound below the paper's.

Sources: Ferbach et al. (arXiv:2407.09499), Theorem 2.2, after Bertrand et al. (arXiv:2310.00429).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr, roots_legendre, stdtr

from theory.validation import check_ratio

FloatArray = NDArray[np.float64]

# Gauss-Legendre nodes for expectations under a model: 1e-14 for the smooth densities below.
NODES = 400
# Half-width of the search for the maximiser around the last parameter, doubled until it brackets.
REACH = 0.01
# Beyond this step there is no maximiser: the scales of the families are of order 1.
FARTHEST = 100.0


class Model(Protocol):
    r"""A one-parameter family of laws on the line."""

    def log_density(self, x: FloatArray, theta: float) -> FloatArray:
        r""":math:`\log p_\theta(x)` in nats."""

    def score(self, x: FloatArray, theta: float) -> FloatArray:
        r""":math:`\partial_\theta\log p_\theta(x)`."""

    def curvature(self, x: FloatArray, theta: float) -> FloatArray:
        r""":math:`-\partial_\theta^2\log p_\theta(x)`."""

    def lipschitz(self, theta: float) -> float:
        r"""Lipschitz constant of :math:`x\mapsto\partial_\theta^2\log p_\theta(x)`."""

    def distribution(self, x: float, theta: float) -> float:
        r""":math:`P_\theta((-\infty, x])`."""

    def rule(self, theta: float) -> tuple[FloatArray, FloatArray]:
        r"""Points and masses of a quadrature rule for expectations under :math:`p_\theta`."""


@dataclass(frozen=True)
class GaussianMean:
    r"""N(θ, 1): an exponential family in its natural parameter, L = 0."""

    def log_density(self, x: FloatArray, theta: float) -> FloatArray:
        """In nats."""
        value: FloatArray = -((x - theta) ** 2) / 2 - math.log(2 * math.pi) / 2
        return value

    def score(self, x: FloatArray, theta: float) -> FloatArray:
        """x − θ."""
        return x - theta

    def curvature(self, x: FloatArray, theta: float) -> FloatArray:
        """1."""
        return np.ones_like(x)

    def lipschitz(self, theta: float) -> float:
        """0."""
        return 0.0

    def distribution(self, x: float, theta: float) -> float:
        """Gaussian distribution function."""
        return float(ndtr(x - theta))

    def rule(self, theta: float) -> tuple[FloatArray, FloatArray]:
        """Gauss–Legendre on ten standard deviations either side."""
        return _rule(lambda x: np.exp(self.log_density(x, theta)), theta - 10, theta + 10)


@dataclass(frozen=True)
class GaussianLogMean:
    r"""N(e^θ, 1): the same laws in another parameter, so that the Hessian depends on x."""

    def log_density(self, x: FloatArray, theta: float) -> FloatArray:
        """In nats."""
        return GaussianMean().log_density(x, math.exp(theta))

    def score(self, x: FloatArray, theta: float) -> FloatArray:
        r""":math:`(x - e^\theta)e^\theta`."""
        mean = math.exp(theta)
        return (x - mean) * mean

    def curvature(self, x: FloatArray, theta: float) -> FloatArray:
        r""":math:`e^{2\theta} - (x - e^\theta)e^\theta`."""
        mean = math.exp(theta)
        return mean**2 - (x - mean) * mean

    def lipschitz(self, theta: float) -> float:
        r""":math:`e^\theta`."""
        return math.exp(theta)

    def distribution(self, x: float, theta: float) -> float:
        """Gaussian distribution function."""
        return GaussianMean().distribution(x, math.exp(theta))

    def rule(self, theta: float) -> tuple[FloatArray, FloatArray]:
        """As for the mean."""
        return GaussianMean().rule(math.exp(theta))


@dataclass(frozen=True)
class StudentLocation:
    r"""Student's t with three degrees of freedom, moved by θ: heavy tails, finite mean.

    With u = x − θ the score is :math:`4u/(3+u^2)`, the curvature :math:`4(3-u^2)/(3+u^2)^2`, and
    its derivative :math:`8u(u^2-9)/(3+u^2)^3` is largest at :math:`u^2 = 9-6\sqrt2`.
    """

    def log_density(self, x: FloatArray, theta: float) -> FloatArray:
        """In nats."""
        value: FloatArray = math.log(6 * math.sqrt(3) / math.pi) - 2 * np.log(3 + (x - theta) ** 2)
        return value

    def score(self, x: FloatArray, theta: float) -> FloatArray:
        """See the class."""
        u = x - theta
        return 4 * u / (3 + u**2)

    def curvature(self, x: FloatArray, theta: float) -> FloatArray:
        """See the class."""
        square = (x - theta) ** 2
        value: FloatArray = 4 * (3 - square) / (3 + square) ** 2
        return value

    def lipschitz(self, theta: float) -> float:
        """See the class."""
        square = 9 - 6 * math.sqrt(2)
        return 8 * math.sqrt(square) * (9 - square) / (3 + square) ** 3

    def distribution(self, x: float, theta: float) -> float:
        """Student's distribution function."""
        return float(stdtr(3, x - theta))

    def rule(self, theta: float) -> tuple[FloatArray, FloatArray]:
        r"""In the angle :math:`\varphi` of :math:`u = \sqrt3\tan\varphi`, where the density is
        :math:`(2/\pi)\cos^2\varphi`."""
        angles, masses = _rule(lambda a: 2 / math.pi * np.cos(a) ** 2, -math.pi / 2, math.pi / 2)
        return theta + math.sqrt(3) * np.tan(angles), masses


@dataclass(frozen=True)
class MixtureLocation:
    r"""Half N(θ − a, 1), half N(θ + a, 1), moved by θ.

    With u = x − θ the score is :math:`u - a\tanh(au)` and the curvature
    :math:`1 - a^2\,{\rm sech}^2(au)`, with Lipschitz constant :math:`4a^3/(3\sqrt3)`.
    """

    a: float = 1.0

    def log_density(self, x: FloatArray, theta: float) -> FloatArray:
        """In nats."""
        u = x - theta
        cosh = np.logaddexp(self.a * u, -self.a * u) - math.log(2)
        value: FloatArray = -(u**2 + self.a**2) / 2 + cosh - math.log(2 * math.pi) / 2
        return value

    def score(self, x: FloatArray, theta: float) -> FloatArray:
        """See the class."""
        u = x - theta
        value: FloatArray = u - self.a * np.tanh(self.a * u)
        return value

    def curvature(self, x: FloatArray, theta: float) -> FloatArray:
        """See the class."""
        value: FloatArray = 1 - self.a**2 * (1 - np.tanh(self.a * (x - theta)) ** 2)
        return value

    def lipschitz(self, theta: float) -> float:
        """See the class."""
        return 4 * self.a**3 / (3 * math.sqrt(3))

    def distribution(self, x: float, theta: float) -> float:
        """Mean of two Gaussian distribution functions."""
        u = x - theta
        return float(ndtr(u - self.a) + ndtr(u + self.a)) / 2

    def rule(self, theta: float) -> tuple[FloatArray, FloatArray]:
        """Gauss–Legendre on ten standard deviations beyond either centre."""
        reach = 10 + self.a
        return _rule(lambda x: np.exp(self.log_density(x, theta)), theta - reach, theta + reach)


@dataclass(frozen=True)
class Data:
    """A finite law on the line: atoms and masses, shape (n,)."""

    atoms: FloatArray
    masses: FloatArray

    def __post_init__(self) -> None:
        if self.atoms.ndim != 1 or self.atoms.shape != self.masses.shape or self.atoms.size == 0:
            raise ValueError(
                f"atoms {self.atoms.shape} and masses {self.masses.shape} must have one shape (n,)."
            )
        if not np.isfinite(self.atoms).all() or not (self.masses > 0).all():
            raise ValueError("atoms must be finite and masses positive.")
        if abs(self.masses.sum() - 1) > 1e-12:
            raise ValueError(f"masses sum to {self.masses.sum():.15g}: divide them by their sum.")


def best_fit(model: Model, data: Data, start: float) -> float:
    r"""A stationary point :math:`\theta_*` of :math:`E_{p_{\rm data}}[\log p_\theta]`: the start
    itself, or uphill from it. Of several in a row, closer than the steps of the search, it may be
    any that ascent leads to.

    Raises
    ------
    ArithmeticError
        When the likelihood rises without end.
    """
    return _ascend(lambda theta: float(data.masses @ model.score(data.atoms, theta)), start)


def retrain(model: Model, data: Data, theta: float, lam: float) -> float:
    r"""One round: the maximiser of
    :math:`E_{p_{\rm data}}[\log p_\cdot] + \lambda E_{p_\theta}[\log p_\cdot]` next to
    :math:`\theta`.

    Raises
    ------
    ValueError
        For :math:`\lambda` negative or infinite.
    ArithmeticError
        When the likelihood rises without end.

    Examples
    --------
    >>> data = Data(np.array([0.0, 2.0]), np.array([0.5, 0.5]))
    >>> round(retrain(GaussianMean(), data, 3.0, 1.0), 12)
    2.0
    """
    check_ratio(lam)
    if math.isinf(lam):
        raise ValueError("lam is infinite: without real data a perfect fit stands still.")
    points, masses = model.rule(theta)

    def slope(other: float) -> float:
        real = float(data.masses @ model.score(data.atoms, other))
        return real + lam * float(masses @ model.score(points, other))

    return _ascend(slope, theta)


def run(model: Model, data: Data, start: float, lam: float, steps: int) -> list[float]:
    r""":math:`\theta_0, \dots, \theta_T` of the exact loop."""
    path = [start]
    for _ in range(steps):
        path.append(retrain(model, data, path[-1], lam))
    return path


@dataclass(frozen=True)
class Constants:
    r"""What Theorem 2.2 needs to know at :math:`\theta_*`.

    Attributes
    ----------
    curvature
        :math:`A = \alpha`, of the likelihood of the data; positive at a strict maximum.
    fisher
        I, of the model.
    lipschitz
        L, of the Hessian in x.
    misfit
        :math:`\varepsilon = W_1(p_{\rm data}, p_{\theta_*})`.
    """

    curvature: float
    fisher: float
    lipschitz: float
    misfit: float

    def covered(self, lam: float) -> bool:
        r"""Whether the paper's hypotheses hold: :math:`L\varepsilon<\alpha` and
        :math:`\lambda<\alpha/(2L\varepsilon)`."""
        product = self.lipschitz * self.misfit
        return product < self.curvature and 2 * lam * product < self.curvature

    def paper_rate(self, lam: float) -> float:
        r"""The paper's :math:`\rho`."""
        product = self.lipschitz * self.misfit
        return (
            lam * (self.curvature + product) / (self.curvature + lam * (self.curvature - product))
        )

    def rate(self, lam: float) -> float:
        r"""The rate itself, :math:`\lambda I/(A+\lambda I)`."""
        return lam * self.fisher / (self.curvature + lam * self.fisher)


def constants(model: Model, data: Data, theta: float) -> Constants:
    r"""All constants of Theorem 2.2 at :math:`\theta_*`, by quadrature."""
    points, masses = model.rule(theta)
    return Constants(
        curvature=float(data.masses @ model.curvature(data.atoms, theta)),
        fisher=float(masses @ model.curvature(points, theta)),
        lipschitz=model.lipschitz(theta),
        misfit=_wasserstein(model, data, theta),
    )


def _wasserstein(model: Model, data: Data, theta: float) -> float:
    r""":math:`W_1 = \int|F_{\rm data} - F_\theta|`, interval by interval of the data."""
    order = np.argsort(data.atoms)
    atoms, levels = data.atoms[order], np.cumsum(data.masses[order])

    def gap(level: float) -> Callable[[float], float]:
        return lambda x: abs(model.distribution(x, theta) - level)

    total = quad(gap(0.0), -math.inf, atoms[0])[0] + quad(gap(1.0), atoms[-1], math.inf)[0]
    for low, high, level in zip(atoms[:-1], atoms[1:], levels[:-1], strict=True):
        total += quad(gap(float(level)), low, high)[0]
    return float(total)


def _ascend(slope: Callable[[float], float], start: float) -> float:
    """A zero of a slope in the direction that it points to at the start, in steps that double."""
    uphill = slope(start)
    if uphill == 0:
        return start
    step = math.copysign(REACH, uphill)
    end = start + step
    while slope(end) * uphill > 0:
        step *= 2
        end += step
        if abs(step) > FARTHEST:
            raise ArithmeticError(
                f"the likelihood rises without end from theta = {start:g}: there is no maximiser."
            )
    return float(brentq(slope, start, end, xtol=1e-15, rtol=8.9e-16))


def _rule(
    density: Callable[[FloatArray], FloatArray], low: float, high: float
) -> tuple[FloatArray, FloatArray]:
    nodes, weights = _legendre()
    points = (low + high) / 2 + (high - low) / 2 * nodes
    masses = (high - low) / 2 * weights * density(points)
    return points, masses / masses.sum()


@cache
def _legendre() -> tuple[FloatArray, FloatArray]:
    nodes, weights = roots_legendre(NODES)
    return nodes, weights
