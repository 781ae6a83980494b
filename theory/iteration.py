r"""The retraining loop in float64, iterated on a reward grid instead of on the atoms.

Every law of the loop is :math:`p_t = a_t\,p_{\rm ref} + b_t\,p_T`, where :math:`p_T` is an earlier
law kept at the atoms and :math:`a_t, b_t` are functions of the reward alone:

.. math:: a_{t+1} = \frac{1 + \lambda a_t H_t}{1+\lambda}, \qquad
          b_{t+1} = \frac{\lambda}{1+\lambda}\, b_t H_t, \qquad a_T = 0,\ b_T = 1.

They are smooth, so a round costs one integral on a few hundred nodes. As rounds accumulate
:math:`b_t` steepens, at most like :math:`e^{-(t-T)u}`; before the cells stop resolving that, after
``MOST_ROUNDS`` rounds or when rounding would be amplified more than ``AMPLIFICATION`` times, the
law is formed at the atoms and deposited anew (T := t). Atoms of reward :math:`-\infty` share one
more value of a and b.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from theory.law import Law
from theory.quadrature import MOST_ROUNDS, NodeSolver, RewardGrid
from theory.validation import FloatArray

# A few roundings of 1e-16 times this are what a law's masses may lose between two deposits. A law
# that is uniform in the reward near its top stays below for MOST_ROUNDS, at 45/2.
AMPLIFICATION = 25.0
OVERFLOW = 1e300


class Plan:
    """What every round of one loop shares: the grid, the kernel table, the deposited reference."""

    def __init__(self, reference: Law, initial: Law, K: float, lam: float | Fraction) -> None:
        self.K = K
        self.real_share = 0.0 if math.isinf(lam) else float(1 / (1 + lam))
        self.synthetic_share = 1.0 if math.isinf(lam) else float(lam / (1 + lam))
        # A slice when every reward is finite, so that nothing is copied.
        self.finite: slice | NDArray[np.intp] = slice(None)
        self.lowest = np.flatnonzero(~np.isfinite(reference.rewards))
        # Atoms that neither law charges stay without mass, and out of the grid.
        charged = (reference.log_probabilities > -np.inf) | (initial.log_probabilities > -np.inf)
        if self.lowest.size or not charged.all():
            self.finite = np.flatnonzero(np.isfinite(reference.rewards) & charged)
        self.rewards = reference.rewards
        finite_rewards = self.rewards[self.finite]
        self.top = float(finite_rewards.max())
        self.grid = RewardGrid(finite_rewards)
        self.solver = None if math.isinf(K) or K == 1 else NodeSolver(self.grid, int(K))
        self.log_reference = reference.log_probabilities
        self.reference_missing = self.missing_from(self.log_reference)
        self.reference_masses = (
            self.grid.deposit(self.log_reference[self.finite]) if self.real_share > 0 else None
        )

    def missing_from(self, log_probabilities: FloatArray) -> float:
        """Mass of the atoms of reward -inf."""
        return float(np.exp(log_probabilities[self.lowest]).sum())

    def log_factor(self, masses: FloatArray, missing: float) -> FloatArray:
        """log H at the nodes for a law given by its masses there."""
        if self.K == 1:
            return np.zeros_like(masses)
        if self.solver is None:
            depth = self.grid.depth_of_nodes
            return -depth - math.log(float((masses * np.exp(-depth)).sum()))
        return self.solver.log_factor(masses, missing)

    def log_factor_at_minus_infinity(self, missing: float) -> float:
        """log H for a candidate of reward -inf: kept only, with probability 1/K, among its kind."""
        if self.K == 1:
            return 0.0
        if missing == 0 or math.isinf(self.K):
            return -math.inf
        return (self.K - 1) * math.log(missing)


class Iteration:
    """State of the loop after ``step`` rounds; :meth:`advance` moves it on by one.

    Attributes
    ----------
    masses, missing
        The law on the nodes, and the mass of its atoms of reward -inf.
    factor
        Curation factor H at the nodes in the last round (1 before the first).
    mass_defect
        Sum of p H in the last round, minus 1, before it was divided out.
    anchor, anchor_step
        Log-probabilities at the atoms, up to a constant, of the last law formed there.
    """

    def __init__(self, plan: Plan, log_probabilities: FloatArray, step: int) -> None:
        self.plan = plan
        self.step = step
        self.mass_defect = 0.0
        self.factor: FloatArray = np.ones_like(plan.grid.depth_of_nodes)
        self._anchor_at(log_probabilities)

    def _anchor_at(self, log_probabilities: FloatArray) -> None:
        plan = self.plan
        self.anchor, self.anchor_step = log_probabilities, self.step
        self._anchor_missing = plan.missing_from(log_probabilities)
        if log_probabilities is plan.log_reference and plan.reference_masses is not None:
            self._anchor_masses = plan.reference_masses
        else:
            self._anchor_masses = plan.grid.deposit(log_probabilities[plan.finite])
        total = float(self._anchor_masses.sum()) + self._anchor_missing
        self._log_scale = -math.log(total)  # p_T is the anchor divided by its total
        self._a = np.zeros_like(self._anchor_masses)
        self._log_b = np.zeros_like(self._anchor_masses)
        self._a_missing, self._log_b_missing = 0.0, 0.0
        self._update_masses()

    def _update_masses(self) -> None:
        plan = self.plan
        with np.errstate(under="ignore"):
            self.masses = self._anchor_masses * _exp(self._log_b + self._log_scale)
        self.missing = self._anchor_missing * math.exp(self._log_b_missing + self._log_scale)
        if plan.reference_masses is not None:
            self.masses += plan.reference_masses * self._a
            self.missing += plan.reference_missing * self._a_missing

    def advance(self) -> None:
        """One round: curate, mix with the reference, renormalise."""
        plan = self.plan
        log_factor = plan.log_factor(self.masses, self.missing)
        log_missing = plan.log_factor_at_minus_infinity(self.missing)
        factor = _exp(log_factor)
        total = float((self.masses * factor).sum()) + self.missing * math.exp(log_missing)
        self.mass_defect = total - 1
        real, synthetic = plan.real_share, plan.synthetic_share / total
        self.factor = factor
        with np.errstate(over="ignore"):
            self._a = np.minimum(real + synthetic * self._a * factor, OVERFLOW)
        self._a_missing = real + synthetic * self._a_missing * math.exp(log_missing)
        self._log_b += log_factor
        self._log_b_missing += log_missing
        self._log_scale += math.log(synthetic) if synthetic > 0 else -math.inf
        self.step += 1
        self._update_masses()
        worn = self.step - self.anchor_step == MOST_ROUNDS
        if worn or self._amplification() > AMPLIFICATION:
            self._anchor_at(self.log_probabilities())

    def _amplification(self) -> float:
        """How much larger a cell's rounding is than the law that is left of it, over all cells.

        A cell's masses on its nodes carry a rounding of the cell's mass; where b is largest on
        nodes far from the atoms, that is what a round multiplies most.
        """
        factors = _exp(self._log_b.max(axis=1) + self._log_scale)
        total = float((np.abs(self._anchor_masses.sum(axis=1)) * factors).sum())
        if self.plan.reference_masses is not None:
            cells = np.abs(self.plan.reference_masses.sum(axis=1))
            total += float((cells * self._a.max(axis=1)).sum())
        return total

    def log_probabilities(self) -> FloatArray:
        """Log-probabilities at the atoms, shape (n,), normalised to rounding."""
        plan, grid = self.plan, self.plan.grid
        if self.step == self.anchor_step:
            return self.anchor + self._log_scale
        anchor, reference = self.anchor[plan.finite], self.plan.log_reference[plan.finite]
        synthetic, real = self._log_scale > -math.inf, plan.reference_masses is not None
        values = np.empty_like(anchor)

        def synthetic_part(block: slice, log_b: FloatArray) -> None:
            log_b += self._log_scale
            np.add(log_b, anchor[block], out=values[block])

        def real_part(block: slice, a: FloatArray) -> None:
            np.add(np.log(a, out=a), reference[block], out=values[block])

        def both_parts(block: slice, log_b: FloatArray, a: FloatArray) -> None:
            log_b += self._log_scale
            log_b += anchor[block]
            log_a = np.log(a, out=a)
            log_a += reference[block]
            _add_logarithms(log_a, log_b, values[block])

        if synthetic and real:
            grid.prolong([self._log_b, self._a], both_parts)
        elif synthetic:
            grid.prolong([self._log_b], synthetic_part)
        else:
            grid.prolong([self._a], real_part)
        if isinstance(plan.finite, slice):
            return values
        result = np.full_like(self.anchor, -np.inf)
        result[plan.finite] = values
        log_lowest = self.anchor[plan.lowest] + (self._log_b_missing + self._log_scale)
        if self._a_missing > 0:
            log_real = plan.log_reference[plan.lowest] + math.log(self._a_missing)
            log_lowest = np.logaddexp(log_lowest, log_real)
        result[plan.lowest] = log_lowest
        return result

    def moments(self) -> tuple[float, float, float, float]:
        r"""Expectation and variance of the relative weight :math:`w e^{-\rm top}`, then of the
        reward (``-inf`` and ``nan`` when atoms of reward -inf have mass), from the nodes."""
        depth = self.plan.grid.depth_of_nodes
        relative = np.exp(-depth)
        weight = float((self.masses * relative).sum())
        weight_variance = float((self.masses * (relative - weight) ** 2).sum())
        weight_variance += self.missing * weight**2
        if self.missing > 0:
            return weight, weight_variance, -math.inf, math.nan
        drop = float((self.masses * depth).sum())
        reward_variance = float((self.masses * (depth - drop) ** 2).sum())
        return weight, weight_variance, self.plan.top - drop, reward_variance

    def factor_at(self, atoms: NDArray[np.intp]) -> float:
        """Curation factor of the last round at atoms that share one finite reward."""
        row, cell = self._place(atoms)
        return float(row @ self.factor[cell])

    def _place(self, atoms: NDArray[np.intp]) -> tuple[FloatArray, int]:
        plan = self.plan
        return plan.grid.interpolation(float(plan.top - plan.rewards[atoms[0]]))

    def mass_at(self, atoms: NDArray[np.intp]) -> float:
        """Mass of atoms that share one finite reward, given by their indices."""
        plan = self.plan
        row, cell = self._place(atoms)
        anchor = float(np.exp(self.anchor[atoms]).sum())
        mass = anchor * math.exp(float(row @ self._log_b[cell]) + self._log_scale)
        if plan.reference_masses is not None:
            mass += float(np.exp(plan.log_reference[atoms]).sum()) * float(row @ self._a[cell])
        return mass


def _exp(logarithms: FloatArray) -> FloatArray:
    """Exponential, cut at ``OVERFLOW``: only on nodes far from all mass does a factor get there."""
    with np.errstate(under="ignore"):
        return np.exp(np.minimum(logarithms, math.log(OVERFLOW)))


def _add_logarithms(x: FloatArray, y: FloatArray, out: FloatArray) -> None:
    """log(e^x + e^y), x and y overwritten; faster than ``numpy.logaddexp``, as accurate in the
    absolute error of a logarithm."""
    np.maximum(x, y, out=out)
    with np.errstate(invalid="ignore", under="ignore"):  # -inf minus -inf: both masses are nil
        x -= y
        np.abs(x, out=x)
        np.negative(x, out=x)
        np.exp(x, out=x)
        x += 1
        np.log(x, out=x)
        x[np.isnan(x)] = 0
    out += x
