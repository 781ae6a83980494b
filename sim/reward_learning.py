r"""How fast a reward is learnt: its error against the number of comparisons.

The error is the root mean square, over fixed samples, of learnt minus true reward, both centred
there. For a linear reward that contains the true one, Fisher's information I says what it is when
comparisons are many: with the centred features :math:`\phi_i` of the m samples,

.. math:: E[\text{error}^2] \approx \frac1n \cdot \frac1m\sum_i \phi_i^\top I^+ \phi_i,

so the error falls as :math:`n^{-1/2}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sim.preferences import compare
from sim.protocols import Curator, Progress, Reward, silent
from sim.reward_models import LinearReward, RewardModel
from sim.streams import Streams


@dataclass(frozen=True)
class Learnt:
    """Rewards learnt from n comparisons, several times over.

    Attributes
    ----------
    n
        Comparisons.
    errors
        Error of every repeat, shape (repeats,), in the units of the reward (nats).
    predicted
        Root of the mean squared error that Fisher's information says, by its mean over the
        repeats; ``nan`` for a model that is not linear, or has a ridge.
    """

    n: int
    errors: tuple[float, ...]
    predicted: float

    @property
    def error(self) -> float:
        """Root of the mean squared error over the repeats."""
        return math.sqrt(float(np.mean(np.square(self.errors))))


def learning_curve(
    make: Callable[[], RewardModel],
    draw: Callable[[int, np.random.Generator], torch.Tensor],
    reward: Reward,
    curator: Curator,
    sizes: Sequence[int],
    repeats: int,
    judged: torch.Tensor,
    streams: Streams,
    progress: Progress = silent,
) -> list[Learnt]:
    """Learn a reward from each number of comparisons, ``repeats`` times from fresh ones.

    Parameters
    ----------
    make
        Makes a fresh model.
    draw
        Draws samples to compare, from their number.
    reward, curator
        True reward, and who answers: of every K consecutive samples one is kept.
    sizes, repeats
        Numbers of comparisons, and of times that each is done.
    judged
        Samples (m, ...) that the error is taken over.
    streams
        All randomness.
    progress
        Called after every fit.

    Raises
    ------
    ValueError
        Without sizes, repeats or at least two samples to judge by.
    """
    if not sizes or min(sizes) < 1 or repeats < 1 or len(judged) < 2:
        raise ValueError(
            f"sizes = {list(sizes)}, repeats = {repeats} and {len(judged)} judged samples: give at "
            "least one size and one repeat, each of at least 1, and two samples."
        )
    true = _centred(reward(judged).double())
    found = []
    for place, n in enumerate(sizes):
        errors, predictions = [], []
        for repeat in range(repeats):
            rng = streams("learning", place, repeat)
            asked = compare(draw(n * curator.K, rng), reward, curator, rng)
            model = make()
            model.fit(asked, rng)
            errors.append(_root_mean_square(_centred(model(judged).double()) - true))
            if isinstance(model, LinearReward) and model.ridge == 0:
                phi = _centred(model.features(judged).double())
                variances = ((phi @ model.covariance(asked)) * phi).sum(dim=1)
                predictions.append(float(variances.mean()))
            progress((place * repeats + repeat + 1) / (len(sizes) * repeats), None)
        predicted = math.sqrt(float(np.mean(predictions))) if predictions else math.nan
        found.append(Learnt(n, tuple(errors), predicted))
    return found


def _centred(values: torch.Tensor) -> torch.Tensor:
    return values - values.mean(dim=0)


def _root_mean_square(values: torch.Tensor) -> float:
    return math.sqrt(float(values.square().mean()))
