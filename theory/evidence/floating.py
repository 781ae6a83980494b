r"""float64 arithmetic for a few atoms: the search's own plain quadrature, sharing no code with
:func:`theory.curation_factor`.

.. math:: H_i = K w_i \int_0^\infty e^{-s w_i} \varphi(s)^{K-1}\,ds,\qquad s = e^y
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from theory.evidence.run import Numbers, infinite_factor

# The trapezoid rule in y errs by about exp(-pi^2 / step): 7e-18 at 1/4.
STEP = 0.25
# Below, the integrand is under e^-40 of its peak times K; above, under exp(-e^4).
LOWER, UPPER_MARGIN = -40.0, 4.0


class FloatArithmetic:
    """``float`` numbers and float64 arrays."""

    def number(self, value: int | Fraction) -> float:
        """The nearest float, as NumPy's: divided by 0 it is infinite or not a number."""
        return np.float64(value)

    def array(self, values: Sequence[Fraction]) -> Numbers:
        """The nearest float64 array, shape (n,)."""
        return np.array([float(value) for value in values])

    def log(self, value: Any) -> Any:
        """Natural logarithm."""
        return np.log(value)

    def exp(self, value: Any) -> Any:
        """Exponential."""
        return np.exp(value)

    def hypergeometric(self, a: Any, b: Any, c: Any, z: Any) -> float:
        r"""Gauss's :math:`{}_2F_1(a, b; c; z)`."""
        return float(special.hyp2f1(a, b, c, z))

    def digamma(self, value: Any) -> float:
        r"""The digamma function :math:`\psi`."""
        return float(special.digamma(value))

    def euler(self) -> float:
        r"""Euler's constant :math:`\gamma`."""
        return float(np.euler_gamma)

    def between(self, low: Fraction, high: Fraction) -> float:
        """The middle of the bounds."""
        return float((low + high) / 2)

    def integral(self, integrand: Callable[[Any, Callable[[Any], Any]], Any]) -> float:
        r""":math:`\int_0^1` by the double exponential rule, to seven digits and more also where
        the integrand is steep at 0."""
        s = np.arange(-4.5, 4.5, 1 / 256)
        with np.errstate(over="ignore"):
            u = 1 / (1 + np.exp(-np.pi * np.sinh(s)))
            one_minus_u = 1 / (1 + np.exp(np.pi * np.sinh(s)))
        weights = np.pi * np.cosh(s) * u * one_minus_u / 256
        return float((weights * integrand(u, np.log)).sum())

    def is_zero(self, values: Numbers) -> NDArray[np.bool_]:
        """Where the entries are 0, or too small for float64."""
        return np.asarray(values == 0)

    def factor(self, law: Numbers, weights: Sequence[Any], K: int | float) -> Numbers:
        """Curation factor by the plain trapezoid rule: n atoms times some 200 nodes."""
        w = np.asarray(weights, dtype=np.float64)
        if K == math.inf:
            return infinite_factor(law, w)
        w = w / w.max()
        upper = UPPER_MARGIN - math.log(w.min())
        s = np.exp(np.arange(LOWER - math.log(K), upper, STEP))
        decay = np.exp(-np.multiply.outer(w, s))
        # phi^(K-1) in logs: as a power it would lose K times the rounding of phi.
        with np.errstate(divide="ignore"):
            log_phi = np.log(law @ decay)
        factor: Numbers = K * STEP * w * (decay @ (np.exp((K - 1) * log_phi) * s))
        # One scale for all atoms restores the identity E_p[H] = 1 that rounding breaks by K eps.
        factor /= law @ factor
        return factor
