r"""Rewards learnt from comparisons by maximum likelihood: linear in features, or a network.

For :math:`r_\theta(x) = \langle\theta, \phi(x)\rangle` the likelihood is concave: Newton's method
finds its maximum to rounding. With the choice probabilities :math:`\pi_k` of a group, the Fisher
information of one comparison is

.. math:: I(\theta) = E\Big[\sum_k \pi_k \phi_k\phi_k^\top - \bar\phi\bar\phi^\top\Big],
          \qquad \bar\phi = \sum_k \pi_k\phi_k,

which does not depend on who was kept, and :math:`\sqrt n(\hat\theta-\theta) \to N(0, I^+)` on the
directions that the comparisons identify. Sources: Bradley & Terry 1952; Luce 1959; McFadden 1974;
Ford 1957 and Albert & Anderson 1984 for when the maximum exists.

All learnt rewards are *centred*: their mean over the samples shown in the last fit is 0.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch

from sim.preferences import Comparisons, negative_log_likelihood
from sim.protocols import DivergedTraining, Progress, silent

Features = Callable[[torch.Tensor], torch.Tensor]

# Newton's method converges quadratically: after a step that moves no reward of the data by more
# than this, the next would be rounding.
SMALL_STEP = 1e-9
MOST_STEPS = 100
# The curvature of the likelihood along a direction, relative to that at equal rewards, falls below
# this only where one side wins every comparison by a reward of 25 and more: then there was no
# upset, and the likelihood grows for ever.
NO_UPSET = 1e-11
# Singular values of the information below this share of the largest, with all features in the unit
# of their own spread, are rounding: the features do not differ along those directions in any
# comparison. So is a spread below this share of the feature's size.
UNIDENTIFIED = 1e-12


class RewardModel(Protocol):
    """A reward that is learnt from comparisons."""

    def fit(
        self, comparisons: Comparisons, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Learn; the figures have the mean negative log-likelihood as ``loss``, in nats."""

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Rewards of samples (n, ...), shape (n,)."""

    def state(self) -> Any:
        """Everything that the rewards depend on."""

    def load(self, state: Any) -> None:
        """Become the model whose state this is."""


class LinearReward:
    r"""Linear in features, fitted by Newton's method, in float64.

    Parameters
    ----------
    features
        Function of samples (m, ...) to features (m, p). A constant feature is of no use, and does
        no harm. See :func:`table` and :func:`bumps`.
    ridge
        :math:`\tfrac{\rho}{2}\|\theta\|^2` is added to the mean negative log-likelihood, the prior
        of rewards that do not differ; 0 is maximum likelihood.

    Attributes
    ----------
    theta
        Parameters, shape (p,): of least norm among those of the largest likelihood.
    offset
        What is subtracted to centre the rewards.
    """

    def __init__(self, features: Features, ridge: float = 0.0) -> None:
        if not (math.isfinite(ridge) and ridge >= 0):
            raise ValueError(f"ridge = {ridge} is not a finite number of at least 0.")
        self.features = features
        self.ridge = ridge
        self.theta = torch.zeros(0, dtype=torch.float64)
        self.offset = 0.0

    def fit(
        self,
        comparisons: Comparisons,
        rng: np.random.Generator | None = None,
        progress: Progress = silent,
    ) -> Mapping[str, float]:
        """The largest likelihood; the result does not depend on where the search begins, and
        nothing is drawn.

        Raises
        ------
        ValueError
            When the maximum does not exist: some difference of rewards explains every comparison
            that it bears on, and the larger the better.
        """
        phi = self._features(comparisons.samples)
        mean = phi.mean(dim=0)
        phi = phi.reshape(len(comparisons), comparisons.K, -1)
        basis = _identified(phi)
        reduced = (phi - phi.mean(dim=1, keepdim=True)) @ basis
        coefficients = torch.zeros(basis.shape[1], dtype=torch.float64)
        gram = basis.T @ basis
        least = _curvature(_information(reduced, coefficients))
        loss = self._loss(reduced, coefficients, comparisons.chosen, gram)
        for step in range(MOST_STEPS):
            progress(step / MOST_STEPS, float(loss))
            hessian = _information(reduced, coefficients)
            if self.ridge == 0 and _curvature(hessian) < NO_UPSET * least:
                break
            hessian += self.ridge * gram
            gradient = self._gradient(reduced, coefficients, comparisons.chosen, gram)
            direction = torch.linalg.solve(hessian, -gradient)
            size, slope = 1.0, float(gradient @ direction)
            while True:
                moved = coefficients + size * direction
                found = self._loss(reduced, moved, comparisons.chosen, gram)
                # The decrease that Newton's step promises vanishes in rounding at the end.
                if float(found - loss) <= 1e-4 * size * slope + 1e-14 * (1 + abs(float(loss))):
                    break
                size /= 2
            change = float((reduced @ (moved - coefficients)).abs().max())
            coefficients, loss = moved, found
            if change < SMALL_STEP:
                progress(1.0, float(loss))
                self.theta = basis @ coefficients
                self.offset = float(mean @ self.theta)
                return {
                    "loss": float(
                        negative_log_likelihood(reduced @ coefficients, comparisons.chosen)
                    ),
                    "steps": float(step + 1),
                    "identified": float(basis.shape[1]),
                }
        raise ValueError(
            "the likelihood has no maximum: along some difference of rewards there was no upset in "
            f"{len(comparisons)} comparisons; give more comparisons, fewer features, or a ridge."
        )

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Rewards of samples (m, ...), shape (m,), float64."""
        if len(self.theta) == 0:
            raise ValueError("this reward has not learnt from comparisons yet: call fit first.")
        return self._features(samples) @ self.theta - self.offset

    def information(self, comparisons: Comparisons) -> torch.Tensor:
        """Mean Fisher information of these comparisons at :attr:`theta`, shape (p, p), per
        comparison."""
        phi = self._features(comparisons.samples)
        return _information(phi.reshape(len(comparisons), comparisons.K, -1), self.theta)

    def covariance(self, comparisons: Comparisons) -> torch.Tensor:
        r"""Covariance :math:`(I+\rho)^+/n` of the parameters fitted to these n comparisons, (p, p).

        Without a ridge it is that of the estimate for large n, and 0 along directions that are not
        identified. With one it is that of the posterior near its maximum, for the prior
        :math:`N(0, 1/(n\rho))`: wide where no comparison tells.
        """
        information = self.information(comparisons)
        if self.ridge == 0:
            phi = self._features(comparisons.samples)
            basis = _identified(phi.reshape(len(comparisons), comparisons.K, -1))
            inverse = basis @ torch.linalg.inv(basis.T @ information @ basis) @ basis.T
        else:
            inverse = torch.linalg.inv(
                information + self.ridge * torch.eye(len(information), dtype=torch.float64)
            )
        return inverse / len(comparisons)

    def standard_error(self, samples: torch.Tensor, comparisons: Comparisons) -> torch.Tensor:
        """Standard errors, shape (m,), of the centred rewards of samples (m, ...), by
        :meth:`covariance`."""
        centred = self._features(samples) - self._features(comparisons.samples).mean(dim=0)
        return ((centred @ self.covariance(comparisons)) * centred).sum(dim=1).clamp(min=0).sqrt()

    def state(self) -> Any:
        """Parameters and offset; the features are not part of it."""
        return {"theta": self.theta.clone(), "offset": self.offset}

    def load(self, state: Any) -> None:
        """From :meth:`state`, of a model with the same features."""
        self.theta, self.offset = state["theta"].clone(), float(state["offset"])

    def _features(self, samples: torch.Tensor) -> torch.Tensor:
        phi = self.features(samples).double()
        if phi.ndim != 2 or len(phi) != len(samples):
            raise ValueError(
                f"features of {len(samples)} samples have shape {tuple(phi.shape)}: return a row "
                "for each sample."
            )
        if not torch.isfinite(phi).all():
            raise ValueError("features contain numbers that are not finite.")
        return phi

    def _loss(
        self, phi: torch.Tensor, theta: torch.Tensor, chosen: torch.Tensor, gram: torch.Tensor
    ) -> torch.Tensor:
        penalty = 0.5 * self.ridge * theta @ gram @ theta
        return negative_log_likelihood(phi @ theta, chosen) + penalty

    def _gradient(
        self, phi: torch.Tensor, theta: torch.Tensor, chosen: torch.Tensor, gram: torch.Tensor
    ) -> torch.Tensor:
        surprise = torch.softmax(phi @ theta, dim=1)
        surprise[torch.arange(len(chosen)), chosen] -= 1
        return torch.einsum("nk,nkp->p", surprise, phi) / len(chosen) + self.ridge * gram @ theta


def _information(phi: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
    """Mean over groups (n, K, p) of the covariance of the features under the choice."""
    shares = torch.softmax(phi @ theta, dim=1)
    centred = phi - torch.einsum("nk,nkp->np", shares, phi)[:, None]
    weighted = (shares.sqrt()[:, :, None] * centred).flatten(0, 1)
    return weighted.T @ weighted / len(phi)


def _identified(phi: torch.Tensor) -> torch.Tensor:
    """Basis (p, q) of the directions along which features (n, K, p) differ within groups.

    Along each of its vectors the features have the same spread, whatever their units; it spans
    what has no part that no comparison tells.
    """
    centred = phi - phi.mean(dim=1, keepdim=True)
    spread = centred.square().mean(dim=(0, 1)).sqrt()
    varies = spread > UNIDENTIFIED * phi.abs().amax(dim=(0, 1))
    if not varies.any():
        raise ValueError(
            "the features are the same for all samples of every comparison: nothing can be learnt; "
            "give features that differ."
        )
    unit = torch.where(varies, spread, torch.inf)
    zero = torch.zeros(phi.shape[2], dtype=torch.float64)
    values, vectors = torch.linalg.eigh(_information(centred / unit, zero))
    kept = values > UNIDENTIFIED * values[-1]
    identified = vectors[:, kept]
    # Of the parameters that give the same rewards, those of least norm: a row of features is a
    # combination of the columns of this product.
    rows = torch.linalg.qr(torch.where(varies, spread, 0.0)[:, None] * identified).Q
    basis = rows @ (rows.T @ (identified / unit[:, None]))
    return basis / values[kept].sqrt()


def _curvature(information: torch.Tensor) -> float:
    return float(torch.linalg.eigvalsh(information)[0])


def table(size: int) -> Features:
    """One reward for each of ``size`` items: samples are their numbers, shape (m,)."""

    def features(samples: torch.Tensor) -> torch.Tensor:
        whole = samples.ndim == 1 and torch.equal(samples, samples.long().to(samples.dtype))
        if not (whole and bool(((samples >= 0) & (samples < size)).all())):
            raise ValueError(
                f"samples of shape {tuple(samples.shape)} are not numbers of items: give whole "
                f"numbers from 0 to {size - 1}."
            )
        return torch.nn.functional.one_hot(samples.long(), size)

    return features


def bumps(centres: torch.Tensor, width: float) -> Features:
    r"""Gaussian bumps :math:`e^{-\|x-c\|^2/(2b^2)}` about centres (p, d), b = ``width``: far from
    all centres the reward is flat."""
    if not (math.isfinite(width) and width > 0):
        raise ValueError(f"width = {width} is not a positive number.")
    centres = centres.double()

    def features(samples: torch.Tensor) -> torch.Tensor:
        return torch.exp(-0.5 * (torch.cdist(samples.double(), centres) / width) ** 2)

    return features


class NetworkReward:
    """A small network of the coordinates, trained by Adam in float32.

    Parameters
    ----------
    hidden
        Units in each of the two hidden layers.
    steps
        Gradient steps per fit, each on ``batch`` comparisons; the rate falls from ``rate`` to 0 as
        a cosine.
    batch, rate
        See above.
    decay
        Weight decay (decoupled from the gradient), per unit of the rate.
    """

    def __init__(
        self,
        hidden: int = 64,
        steps: int = 600,
        batch: int = 256,
        rate: float = 1e-2,
        decay: float = 1e-2,
    ) -> None:
        for name, value in (("hidden", hidden), ("steps", steps), ("batch", batch)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least 1.")
        if not (math.isfinite(rate) and rate > 0 and math.isfinite(decay) and decay >= 0):
            raise ValueError(
                f"rate = {rate} and decay = {decay}: give a positive rate and a decay of 0 or more."
            )
        self.hidden, self.steps, self.batch = hidden, steps, batch
        self.rate, self.decay = rate, decay
        self.network: torch.nn.Sequential | None = None
        self.centre = torch.zeros(0)
        self.scale = torch.ones(0)
        self.offset = 0.0

    def fit(
        self, comparisons: Comparisons, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Train, from the last parameters if there are any; samples are vectors (d,).

        The coordinates are standardised by the samples of the first fit, in double precision.

        Raises
        ------
        ValueError
            For samples that are not vectors of finite numbers of single precision's range.
        DivergedTraining
            When the loss is no number; the reward is then as before the fit.
        """
        samples = comparisons.samples.double()
        if samples.ndim != 2:
            raise ValueError(f"samples have shape {tuple(samples.shape[1:])}: give vectors.")
        if not torch.isfinite(samples.float()).all():
            raise ValueError("samples of the comparisons contain numbers that are not finite.")
        if self.network is not None and samples.shape[1] != len(self.centre):
            raise ValueError(
                f"samples have {samples.shape[1]} coordinates and the reward {len(self.centre)}: "
                "make a new one."
            )
        seed = int(rng.integers(2**63))
        centre, scale = self.centre, self.scale
        if self.network is None:
            spread = samples.std(dim=0)
            # Of equal numbers rounding may leave a standard deviation, and another mean.
            varies = (samples != samples[0]).any(dim=0) & (spread > 0)
            centre = torch.where(varies, samples.mean(dim=0), samples[0])
            scale = torch.where(varies, spread, torch.ones_like(spread))
            network = self._make(samples.shape[1], seed)
        else:
            network = copy.deepcopy(self.network)
        groups = ((samples - centre) / scale).float().unflatten(0, (-1, comparisons.K))
        optimiser = torch.optim.AdamW(network.parameters(), lr=self.rate, weight_decay=self.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
        drawn = torch.as_tensor(rng.integers(len(comparisons), size=(self.steps, self.batch)))
        for step, index in enumerate(drawn):
            rewards = network(groups[index]).squeeze(-1)
            loss = negative_log_likelihood(rewards, comparisons.chosen[index])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if step % 50 == 0 or step == self.steps - 1:
                current = float(loss.detach())
                if not math.isfinite(current):
                    raise DivergedTraining(f"loss {current} at step {step}")
                progress((step + 1) / self.steps, current)
        with torch.no_grad():
            rewards = network(groups).squeeze(-1)
        # The last step's parameters are judged here.
        found = float(negative_log_likelihood(rewards, comparisons.chosen))
        if not math.isfinite(found):
            raise DivergedTraining(f"loss {found} at step {self.steps}")
        self.network, self.centre, self.scale = network, centre, scale
        self.offset = float(rewards.double().mean())
        return {"loss": found}

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        """Rewards of samples (m, d), shape (m,), float32."""
        if self.network is None:
            raise ValueError("this reward has not learnt from comparisons yet: call fit first.")
        with torch.no_grad():
            scaled = (samples.double() - self.centre) / self.scale
            return self.network(scaled.float()).squeeze(-1) - self.offset

    def state(self) -> Any:
        """Standardisation, offset and parameters."""
        parameters = {} if self.network is None else self.network.state_dict()
        return {
            "centre": self.centre.clone(),
            "scale": self.scale.clone(),
            "offset": self.offset,
            "parameters": {name: value.clone() for name, value in parameters.items()},
        }

    def load(self, state: Any) -> None:
        """From :meth:`state`, of a network of the same size."""
        self.centre, self.scale = state["centre"].clone(), state["scale"].clone()
        self.offset = float(state["offset"])
        self.network = None
        if state["parameters"]:
            self.network = self._make(len(self.centre), 0)
            self.network.load_state_dict(state["parameters"])

    def _make(self, inputs: int, seed: int) -> torch.nn.Sequential:
        # Layers draw their first parameters from torch's global stream: seeded here, then put back.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return torch.nn.Sequential(
                torch.nn.Linear(inputs, self.hidden),
                torch.nn.SiLU(),
                torch.nn.Linear(self.hidden, self.hidden),
                torch.nn.SiLU(),
                torch.nn.Linear(self.hidden, 1),
            )
