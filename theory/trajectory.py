"""What a run of the retraining loop leaves: laws on demand, and statistics as arrays."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from theory.choice import Choice
from theory.curation import Method, curation_factor
from theory.divergences import entropy, kl, total_variation
from theory.iteration import Iteration, Plan
from theory.law import Law, log_of_rational, log_total
from theory.threads import one_blas_thread
from theory.validation import FloatArray

# Laws kept at the atoms so that any law of a run can be formed again without starting over.
SNAPSHOTS = 4


class Laws(Sequence[Law]):
    """The laws of a run, indices 0 to ``steps``, formed when asked for.

    Iteration in order costs one pass through the loop; a slice is a list.
    """

    def __init__(self, steps: int, form: Callable[[int], Law], stream: Callable[[], Iterator[Law]]):
        self._steps, self._form, self._stream = steps, form, stream

    def __len__(self) -> int:
        return self._steps + 1

    def __iter__(self) -> Iterator[Law]:
        return self._stream()

    @overload
    def __getitem__(self, index: int) -> Law: ...
    @overload
    def __getitem__(self, index: slice) -> list[Law]: ...
    def __getitem__(self, index: int | slice) -> Law | list[Law]:
        if isinstance(index, slice):
            return [self._form(step) for step in range(len(self))[index]]
        try:
            return self._form(range(len(self))[index])
        except IndexError:
            raise IndexError(
                f"law {index} was asked of a run of {self._steps} rounds: indices go from 0 to "
                f"{self._steps}."
            ) from None


class Trajectory(ABC):
    r"""What a run of :class:`~theory.RetrainingLoop` did: laws on demand and statistics as arrays.

    Every array has shape (steps + 1,), entry t belonging to :math:`p_t`. Divergences and the
    entropy are in nats. For an exact run the entries marked † are ``Fraction`` in an object array.

    Attributes
    ----------
    laws
        Lazy sequence of :class:`~theory.law.Law`; no more than a few are held at a time.
    expected_weight †, weight_variance †
        :math:`E_{p_t}[w]` and :math:`\mathrm{Var}_{p_t}[w]`, ``inf`` when :math:`e^r` overflows. In
        float64 the variance is right to about 1e-16 of the square of the largest weight.
    log_expected_weight
        :math:`\log E_{p_t}[w]`, finite whatever the rewards.
    expected_reward, reward_variance
        Of r; ``-inf`` and ``nan`` when atoms of reward :math:`-\infty` have mass. In float64 right
        to about 1e-16 of a unit, or of a squared unit, beside the rounding of the rewards.
    top_mass †
        :math:`P_t(r = r^*)` with :math:`r^*` the largest reward charged by :math:`p_0` or
        (mixed loop) :math:`p_{\rm ref}`.
    mass_defect
        :math:`\sum_i p_i H_i - 1` of each round before renormalisation, entry 0 being 0.
    """

    expected_weight: NDArray[Any]
    weight_variance: NDArray[Any]
    log_expected_weight: FloatArray
    expected_reward: FloatArray
    reward_variance: FloatArray
    top_mass: NDArray[Any]
    mass_defect: FloatArray
    laws: Laws
    is_exact: bool

    def __init__(
        self,
        reference: Law,
        initial: Law,
        K: float,
        lam: float | Fraction,
        steps: int,
        progress: Callable[[int], None] | None = None,
        choice: Choice | None = None,
    ) -> None:
        self.reference, self.initial = reference, initial
        self.K, self.lam, self.steps, self.choice = K, lam, steps, choice
        self._run(progress if progress is not None else lambda done: None)

    @abstractmethod
    def _run(self, progress: Callable[[int], None]) -> None:
        """Iterate the rounds and set the arrays and ``laws``."""

    @cached_property
    def _law_statistics(self) -> FloatArray:
        """KL, reverse KL, total variation to the reference; entropy. One pass of the laws."""
        rows = np.empty((self.steps + 1, 4))
        for step, law in enumerate(self.laws):
            rows[step] = (
                kl(law, self.reference),
                kl(self.reference, law),
                total_variation(law, self.reference),
                entropy(law),
            )
        rows.flags.writeable = False
        return rows

    @property
    def kl_to_reference(self) -> FloatArray:
        r""":math:`D_{\rm KL}(p_t\,\|\,p_{\rm ref})` in nats."""
        return self._law_statistics[:, 0]

    @property
    def reverse_kl_to_reference(self) -> FloatArray:
        r""":math:`D_{\rm KL}(p_{\rm ref}\,\|\,p_t)` in nats."""
        return self._law_statistics[:, 1]

    @property
    def tv_to_reference(self) -> FloatArray:
        r"""Total variation :math:`\tfrac12\sum_i|p_t - p_{\rm ref}|`, in [0, 1]."""
        return self._law_statistics[:, 2]

    @property
    def entropy(self) -> FloatArray:
        r"""Entropy :math:`-\sum p_t\log p_t` in nats; for a density, its differential entropy."""
        return self._law_statistics[:, 3]

    def shares(self, labels: Any) -> tuple[list[Any], FloatArray]:
        """Mass of named groups of atoms (modes, classes) at every round.

        Parameters
        ----------
        labels
            Group of each atom, shape (n,), any sortable values.

        Returns
        -------
        names, shares
            The m distinct labels in order, and their masses, shape (steps + 1, m), rows summing
            to 1.
        """
        groups = np.asarray(labels)
        if groups.shape != (len(self.reference),):
            raise ValueError(
                f"labels have shape {groups.shape} for {len(self.reference)} atoms: one label each."
            )
        names, members = np.unique(groups, return_inverse=True)
        rows = np.array(
            [np.bincount(members, law.probabilities, minlength=names.size) for law in self.laws]
        )
        return names.tolist(), rows

    def __repr__(self) -> str:
        kind = "exact" if self.is_exact else "float64"
        return f"Trajectory({self.steps} rounds, K={self.K}, lam={self.lam}, {kind})"


class GridTrajectory(Trajectory):
    """A run in float64, its rounds computed on a reward grid (:mod:`theory.iteration`)."""

    is_exact = False

    def _run(self, progress: Callable[[int], None]) -> None:
        self._plan = Plan(self.reference, self.initial, self.K, self.lam)
        self._tops = self._top_atoms()
        log_top = self._plan.top
        rows = np.empty((self.steps + 1, 6))
        self._snapshots: dict[int, FloatArray] = {}
        spacing = 1
        iteration = Iteration(self._plan, self.initial.log_probabilities, 0)
        for step in range(self.steps + 1):
            if step:
                with one_blas_thread():
                    iteration.advance()
                progress(step)
            if iteration.anchor_step == step and step >= spacing * len(self._snapshots):
                self._snapshots[step] = iteration.anchor
                if len(self._snapshots) > SNAPSHOTS:  # keep every other one
                    self._snapshots = dict(list(self._snapshots.items())[::2])
                    spacing = max(spacing, step // SNAPSHOTS)
            rows[step, :4] = iteration.moments()
            rows[step, 4] = iteration.mass_at(self._tops)
            rows[step, 5] = iteration.mass_defect
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            self.expected_weight = np.exp(np.log(rows[:, 0]) + log_top)
            # Centred sums over signed masses: 0 to rounding may come out just below it.
            self.weight_variance = np.exp(np.log(np.maximum(rows[:, 1], 0)) + 2 * log_top)
        self.log_expected_weight = np.log(rows[:, 0]) + log_top
        self.expected_reward, self.reward_variance = rows[:, 2], rows[:, 3]
        self.top_mass, self.mass_defect = rows[:, 4], rows[:, 5]
        self.laws = Laws(self.steps, self._form, self._stream)

    def _top_atoms(self) -> NDArray[np.intp]:
        charged = self.initial.log_probabilities > -np.inf
        if not math.isinf(self.lam):
            charged |= self.reference.log_probabilities > -np.inf
        rewards = self.reference.rewards
        top = np.max(rewards, where=charged, initial=-np.inf)
        return np.flatnonzero((rewards == top) & charged)

    def _law_of(self, iteration: Iteration) -> Law:
        if iteration.step == 0:
            return self.initial
        log_probabilities = iteration.log_probabilities()
        return self.reference.with_log_probabilities(log_probabilities, normalised=True)

    def _form(self, step: int) -> Law:
        start = max(anchor for anchor in self._snapshots if anchor <= step)
        with one_blas_thread():
            iteration = Iteration(self._plan, self._snapshots[start], start)
            while iteration.step < step:
                iteration.advance()
            return self._law_of(iteration)

    def _stream(self) -> Iterator[Law]:
        iteration = Iteration(self._plan, self.initial.log_probabilities, 0)
        yield self._law_of(iteration)
        for _ in range(self.steps):
            with one_blas_thread():
                iteration.advance()
                law = self._law_of(iteration)
            yield law


class ExactTrajectory(Trajectory):
    """A run in rational arithmetic; its laws are exact and all held."""

    is_exact = True

    def _run(self, progress: Callable[[int], None]) -> None:
        laws = [self.initial]
        for step in range(1, self.steps + 1):
            laws.append(self._next(laws[-1]))
            progress(step)
        weights, rewards = _rationals(self.reference.exact_weights), self.reference.rewards
        charged = _rationals(self.initial.exact_probabilities) > 0
        if not math.isinf(self.lam):
            charged |= _rationals(self.reference.exact_probabilities) > 0
        top = weights == weights[charged.astype(bool)].max()
        masses = [_rationals(law.exact_probabilities) for law in laws]
        means = [(p * weights).sum() for p in masses]
        spreads = [(p * (weights - m) ** 2).sum() for p, m in zip(masses, means, strict=True)]
        self.expected_weight = np.array(means, dtype=object)
        self.weight_variance = np.array(spreads, dtype=object)
        self.top_mass = np.array([(p * top).sum() for p in masses], dtype=object)
        self.log_expected_weight = np.array([log_of_rational(mean) for mean in means])
        self.expected_reward = np.array([law.expectation(rewards) for law in laws])
        self.reward_variance = np.array(
            [
                law.expectation((rewards - mean) ** 2) if math.isfinite(mean) else math.nan
                for law, mean in zip(laws, self.expected_reward, strict=True)
            ]
        )
        self.mass_defect = np.zeros(self.steps + 1)
        self.laws = Laws(self.steps, laws.__getitem__, laws.__iter__)

    def _next(self, law: Law) -> Law:
        method: Method = "enumeration" if self.choice is None else "auto"
        factor = curation_factor(law, self.K, method, self.choice)
        p = _rationals(law.exact_probabilities) * factor
        if isinstance(self.lam, Fraction):
            p = (_rationals(self.reference.exact_probabilities) + self.lam * p) / (1 + self.lam)
        return self.reference.with_probabilities(p)


class AtomTrajectory(Trajectory):
    """A run in float64 under a choice model, iterated atom by atom; its laws are all held."""

    is_exact = False

    def _run(self, progress: Callable[[int], None]) -> None:
        laws = [self.initial]
        self.mass_defect = np.zeros(self.steps + 1)
        for step in range(1, self.steps + 1):
            law, self.mass_defect[step] = self._next(laws[-1])
            laws.append(law)
            progress(step)
        rewards = self.reference.rewards
        charged = self.initial.log_probabilities > -np.inf
        if not math.isinf(self.lam):
            charged |= self.reference.log_probabilities > -np.inf
        highest = float(np.max(rewards, where=charged, initial=-np.inf))
        masses = np.array([law.probabilities for law in laws])
        # Atoms that no law charges may have any reward: they do not count.
        weights = np.exp(np.where(charged, rewards - highest, -np.inf))
        means = masses @ weights
        spreads = (masses * (weights - means[:, None]) ** 2).sum(axis=1)
        self.log_expected_weight = np.log(means) + highest
        with np.errstate(over="ignore", divide="ignore"):
            self.expected_weight = np.exp(self.log_expected_weight)
            self.weight_variance = np.exp(np.log(spreads) + 2 * highest)
        self.expected_reward = np.array([law.expectation(rewards) for law in laws])
        self.reward_variance = np.array(
            [
                law.expectation((rewards - mean) ** 2) if math.isfinite(mean) else math.nan
                for law, mean in zip(laws, self.expected_reward, strict=True)
            ]
        )
        self.top_mass = masses[:, rewards == highest].sum(axis=1)
        self.laws = Laws(self.steps, laws.__getitem__, laws.__iter__)

    def _next(self, law: Law) -> tuple[Law, float]:
        """The next law, and by how much the curated one missed the mass 1."""
        factor = curation_factor(law, self.K, choice=self.choice)
        with np.errstate(divide="ignore"):
            kept = law.log_probabilities + np.log(factor)
            defect = math.expm1(log_total(kept))
            if not math.isinf(self.lam):
                log_lam = np.log(float(self.lam))
                kept = np.logaddexp(self.reference.log_probabilities, kept + log_lam)
        return self.reference.with_log_probabilities(kept), defect


def _rationals(entries: tuple[Fraction, ...] | None) -> NDArray[Any]:
    return np.array(entries, dtype=object)
