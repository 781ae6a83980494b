"""What is measured in a round of a loop on the line or in the plane.

=============================  ================================================================
``t``, ``candidates``          the round, and the number of samples that the figures are about
``reward``, ``reward_se``      mean reward of the candidates, and its standard error
``weight``, ``weight_se``      the same of the weight :math:`e^r`
``kept_reward``                mean reward of those that were kept, in all rounds but the last
``shares``, ``shares_se``      share of each group of the data, and its standard error
``fit``                        what the generator said about its fit, such as the loss
=============================  ================================================================

Standard errors are those of independent samples of the one generator of this run; how runs differ
takes several seeds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.comparison import DataSet
from sim.loop import Round


def measured(found: Round, data: DataSet) -> dict[str, Any]:
    """The metrics of a round; see the module."""
    rewards = found.rewards.detach().cpu().double().numpy()
    with np.errstate(over="ignore"):
        squares = np.square(rewards).sum()
    if not np.isfinite(squares):
        raise ValueError(
            f"rewards of samples of p_{found.t} go down to {rewards.min():.3g}, too far for their "
            "mean: lower gamma."
        )
    labels = data.labels(found.candidates.detach().cpu().double().numpy())
    n = len(rewards)
    shares = np.bincount(labels, minlength=len(data.names)) / n
    reward, reward_se = _mean(rewards)
    weight, weight_se = _mean(np.exp(rewards))
    kept = {}
    if found.kept is not None:
        kept["kept_reward"] = float(rewards[found.kept.cpu().numpy()].mean())
    return {
        "t": found.t,
        "candidates": n,
        "reward": reward,
        "reward_se": reward_se,
        "weight": weight,
        "weight_se": weight_se,
        **kept,
        "shares": dict(zip(data.names, shares.tolist(), strict=True)),
        "shares_se": dict(
            zip(data.names, np.sqrt(shares * (1 - shares) / n).tolist(), strict=True)
        ),
        "fit": {name: float(value) for name, value in found.fit.items()},
    }


def _mean(values: NDArray[np.float64]) -> tuple[float, float | None]:
    """Mean and standard error, which one value does not have."""
    n = len(values)
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else None
