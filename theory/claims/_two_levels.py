r"""The pure loop on two levels, against which laws with more levels are measured.

A law with mass P on one weight and :math:`m = 1 - P` on a lower one multiplies m, in one round, by

.. math:: F_K(P) = E_J\Big[\frac{K\,w_{\rm low}}{J w_{\rm up} + (K - J) w_{\rm low}}\Big],
          \quad J \sim {\rm Bin}(K - 1, P), \qquad
          F_\infty(P) = \frac{w_{\rm low}}{P w_{\rm up} + m\,w_{\rm low}},

which falls with P to :math:`\rho = K w_{\rm low}/(w_{\rm low} + (K-1) w_{\rm up})`
(K = ∞: :math:`w_{\rm low}/w_{\rm up}`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theory.evidence.run import Numbers, Run


def lower_factor(run: Run, mass: Any, rest: Any, upper: Any, lower: Any) -> Any:
    """The factor :math:`F_K(P)`; ``mass`` is P and ``rest`` is m, given apart because their sum
    is 1 only up to rounding. All four may be arrays of one shape."""
    if run.K == math.inf:
        return lower / (mass * upper + rest * lower)
    K = int(run.K)
    return sum(
        math.comb(K - 1, j)
        * mass**j
        * rest ** (K - 1 - j)
        * (K * lower / (j * upper + (K - j) * lower))
        for j in range(K)
    )


def limit_factor(run: Run, upper: Any, lower: Any) -> Any:
    r"""The factor's limit :math:`\rho` when the upper level has all the mass."""
    if run.K == math.inf:
        return lower / upper
    K = int(run.K)
    return K * lower / (lower + (K - 1) * upper)


def level_masses(run: Run, t: int) -> Numbers:
    r"""Mass that :math:`p_t` gives to each level, largest weight first, shape (levels,)."""
    law = run.laws[t]
    masses: Numbers = np.zeros(run.level_count, dtype=law.dtype)
    np.add.at(masses, run.levels, law)
    return masses


def level_weights(run: Run) -> Numbers:
    """Weight of each level, largest first, shape (levels,)."""
    _, first = np.unique(run.levels, return_index=True)
    weights: Numbers = run.weights[first]
    return weights
