r"""K-choice curation: keep one of K candidates with probability proportional to :math:`w = e^r`.

The curated law is :math:`C_K(p) = p\,H^K_p` with

.. math:: H^K_p(x) = E_{X_2,\dots,X_K\sim p}\Big[\frac{K w(x)}{w(x) + w(X_2) + \dots + w(X_K)}\Big]

(Ferbach et al., arXiv:2407.09499, section 2). Groups whose candidates all have reward
:math:`-\infty` keep each with probability 1/K, the limit of equal rewards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from theory.choice import Choice, PlackettLuce
from theory.enumeration import enumerate_factor, enumeration_cost
from theory.law import Law, log_total
from theory.quadrature import ONE_ROUND_TERMS, NodeSolver, RewardGrid
from theory.threads import one_blas_thread
from theory.validation import FloatArray, check_candidates

Method = Literal["auto", "enumeration", "quadrature"]

# For a choice model that is not Plackett–Luce rewards are made weights e^r: beyond this span, those
# of other curators (products, inverses) could leave the range of float64.
CHOICE_SPAN = 300.0

# "auto" enumerates an exact law up to this many terms over all atoms: about a second while masses
# and weights have a few digits, more when they are long.
AUTO_ENUMERATION_TERMS = 1_000_000


def curation_factor(
    law: Law, K: float, method: Method = "auto", choice: Choice | None = None
) -> NDArray[Any]:
    r"""Curation factors :math:`H^K_p(x_i)` at the atoms of a law.

    Parameters
    ----------
    law
        The law p; atoms without mass get the factor that they would have.
    K
        Number of candidates, at least 1, or ``math.inf`` for :math:`H = w/E_p[w]`.
    method
        ``"enumeration"`` sums over all draws: exact ``Fraction`` results for an exact law.
        ``"quadrature"`` evaluates the one-dimensional integral, near-linear in n, for any K.
        ``"auto"`` enumerates exact laws that are small enough and integrates otherwise.
    choice
        Who curates (see :mod:`theory.choice`); by default Plackett–Luce. With another model an
        exact law is always enumerated, and ``method`` must be ``"auto"``.

    Returns
    -------
    numpy.ndarray
        Shape (n,): object array of ``Fraction`` when the computation is exact, else float64.
        Factors below the smallest float64 are 0 there; :func:`log_curation_factor` keeps them.

    Raises
    ------
    ValueError
        For K below 1 or not whole, an unknown method, an enumeration that is too large, or a choice
        model that does not speak about this K, this number of atoms or these rewards.

    Examples
    --------
    >>> law = Law.from_weights([Fraction(1, 2), Fraction(1, 2)], [1, 3])
    >>> curation_factor(law, 2).tolist()
    [Fraction(3, 4), Fraction(5, 4)]
    >>> curation_factor(law, 2, method="quadrature").round(12).tolist()
    [0.75, 1.25]
    """
    K = check_candidates(K)
    if method not in ("auto", "enumeration", "quadrature"):
        raise ValueError(f'method = {method!r} is none of "auto", "enumeration", "quadrature".')
    if choice is not None and not isinstance(choice, PlackettLuce):
        if method != "auto":
            raise ValueError(
                f'method = {method!r} is for Plackett–Luce: give method="auto" with {choice}.'
            )
        return _factor_by_choice(law, K, choice)
    if law.is_exact and method != "quadrature":
        factors = _exact_factors(law, K, anyway=method == "enumeration")
        if factors is not None:
            exact = np.empty(len(law), dtype=object)
            exact[:] = factors
            return exact
    if method == "enumeration":
        return _float_enumeration(law, K)
    with np.errstate(under="ignore"):
        return np.exp(log_curation_factor(law, K))


def log_curation_factor(law: Law, K: float) -> FloatArray:
    r"""Natural logarithm of the curation factors, shape (n,), float64, by quadrature.

    Accurate to about 1e-14 relative to :math:`\max(1, |\log H|)`, also where H underflows, and
    scaled on the nodes so that :math:`\sum_i p_iH_i = 1` to rounding. Atoms of mass below
    :math:`e^{-745}` have a factor like any other, and count as rivals of none.
    """
    K = check_candidates(K)
    if K == 1:
        return np.zeros(len(law))
    rewards, log_p = law.rewards, law.log_probabilities
    if math.isinf(K):
        return rewards - log_total(log_p + rewards)
    finite = np.isfinite(rewards)
    if finite.all():
        return _log_factor_of_finite(rewards, log_p, int(K), -math.inf)
    kept = math.exp(log_total(log_p[finite]))
    missing = float(np.exp(log_p[~finite]).sum())
    # Whichever of the two is small is known to its own rounding.
    log_missing = math.log1p(-kept) if kept < 0.5 else _log(missing)
    factors = np.empty(len(law))
    # A candidate of reward -inf is kept, with probability 1/K, only when all its rivals have it.
    factors[~finite] = (K - 1) * log_missing
    factors[finite] = _log_factor_of_finite(rewards[finite], log_p[finite], int(K), log_missing)
    return factors


def _log(number: float) -> float:
    return math.log(number) if number > 0 else -math.inf


def curate(law: Law, K: float, choice: Choice | None = None) -> Law:
    r"""The law :math:`C_K(p)` of the kept sample; exact when enumeration is (see above).

    ``choice`` says who curates, as for :func:`curation_factor`.

    Examples
    --------
    >>> curate(Law([0.5, 0.5], [0.0, math.log(3)]), 2).probabilities.round(12).tolist()
    [0.375, 0.625]
    """
    K = check_candidates(K)
    if choice is not None and not isinstance(choice, PlackettLuce):
        factor = _factor_by_choice(law, K, choice)
        if law.exact_probabilities is not None:
            return law.with_probabilities(
                [p * h for p, h in zip(law.exact_probabilities, factor, strict=True)]
            )
        with np.errstate(divide="ignore"):
            return law.reweighted(np.log(factor))
    if law.exact_probabilities is not None:
        factors = _exact_factors(law, K, anyway=False)
        if factors is not None:
            return law.with_probabilities(
                [p * h for p, h in zip(law.exact_probabilities, factors, strict=True)]
            )
    log_probabilities = log_curation_factor(law, K)
    log_probabilities += law.log_probabilities
    return law.with_log_probabilities(log_probabilities, normalised=True)


def _factor_by_choice(law: Law, K: float, choice: Choice) -> NDArray[Any]:
    """Curation factor under a choice model, in rationals for an exact law."""
    choice.check(K, len(law))
    if law.is_exact:
        assert law.exact_probabilities is not None
        assert law.exact_weights is not None
        masses = np.array(law.exact_probabilities, dtype=object)
        weights: list[Any] = list(law.exact_weights)
        if min(weights) == 0 and not choice.ordinal:
            raise ValueError(f"weights of 0 are not supported under {choice}: give positive ones.")
        return choice.factor(masses, weights, K, _RationalLuce())
    if choice.ordinal:
        return choice.factor(law.probabilities, law.rewards.tolist(), K, _FloatLuce())
    span = float(law.rewards.max() - law.rewards.min())
    if span > CHOICE_SPAN:
        raise ValueError(
            f"rewards span {span:g}, more than {CHOICE_SPAN:g}: under {choice} rescale the "
            "rewards, or clip them from below."
        )
    weights = np.exp(law.rewards - law.rewards.max()).tolist()
    return choice.factor(law.probabilities, weights, K, _FloatLuce())


class _RationalLuce:
    """Plackett–Luce in rationals."""

    def number(self, value: int | Fraction) -> Fraction:
        return Fraction(value)

    def factor(self, law: NDArray[Any], weights: Sequence[Any], K: int | float) -> NDArray[Any]:
        if math.isinf(K):
            w = np.array(weights, dtype=object)
            return w / (law * w).sum()
        return np.array(enumerate_factor(list(law), list(weights), int(K)), dtype=object)


class _FloatLuce:
    """Plackett–Luce in float64, by quadrature."""

    def number(self, value: int | Fraction) -> float:
        return float(value)

    def factor(self, law: NDArray[Any], weights: Sequence[Any], K: int | float) -> NDArray[Any]:
        masses = Law.from_weights(law, np.asarray(weights, dtype=np.float64), normalise=True)
        return np.exp(log_curation_factor(masses, K))


def _exact_factors(law: Law, K: float, *, anyway: bool) -> list[Fraction] | None:
    assert law.exact_probabilities is not None
    assert law.exact_weights is not None
    p, w = law.exact_probabilities, law.exact_weights
    if math.isinf(K):
        mean = sum((a * b for a, b in zip(p, w, strict=True)), Fraction(0))
        return [weight / mean for weight in w]
    if anyway or enumeration_cost(w, int(K)) * len(w) <= AUTO_ENUMERATION_TERMS:
        return enumerate_factor(p, w, int(K))
    return None


def _float_enumeration(law: Law, K: float) -> FloatArray:
    if math.isinf(K):
        raise ValueError('K is infinite: nothing to enumerate, use method="auto".')
    with np.errstate(under="ignore"):
        weights = np.exp(law.rewards - law.rewards.max())
    if (weights[np.isfinite(law.rewards)] == 0).any():
        raise ValueError(
            "rewards span more than 745: float64 weights vanish; "
            'use method="quadrature", or an exact law made by Law.from_weights.'
        )
    return np.array(enumerate_factor(law.probabilities.tolist(), weights.tolist(), int(K)))


def _log_factor_of_finite(
    rewards: FloatArray, log_probabilities: FloatArray, K: int, log_missing: float
) -> FloatArray:
    """Log-factors of atoms of finite reward, beside atoms of reward -inf."""
    with one_blas_thread():
        grid = RewardGrid(rewards)
        masses = grid.deposit(log_probabilities, ONE_ROUND_TERMS)
        log_factor = NodeSolver(grid, K).log_factor(masses, math.exp(log_missing))
        with np.errstate(under="ignore"):
            kept = float((masses * np.exp(log_factor)).sum())
        # Every group keeps a finite reward but those that have none.
        log_factor -= math.log(kept / -math.expm1(K * log_missing))
        return grid.at_atoms(log_factor, ONE_ROUND_TERMS)
