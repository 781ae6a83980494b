r"""The retraining loop: curate, mix with real data, refit perfectly, repeat.

.. math:: p_{t+1} = \frac{1}{1+\lambda}\,p_{\rm ref} + \frac{\lambda}{1+\lambda}\,C_K(p_t),
          \qquad\text{pure loop } (\lambda=\infty):\quad p_{t+1} = C_K(p_t)

(Ferbach et al., arXiv:2407.09499, equations for retraining on curated and on mixed data.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from theory.divergences import kl, total_variation
from theory.enumeration import enumerate_factor, enumeration_cost
from theory.iteration import Iteration, Plan
from theory.law import Law
from theory.threads import one_blas_thread
from theory.validation import FloatArray, check_candidates, check_ratio, check_steps

Arithmetic = Literal["auto", "exact", "float64"]

# Laws kept at the atoms so that any law of a run can be formed again without starting over.
SNAPSHOTS = 4
# "auto" iterates an exact law exactly while its predicted denominators stay below this many bits.
AUTO_EXACT_BITS = 20_000
AUTO_EXACT_TERMS = 2_000


class RetrainingLoop:
    r"""The loop of K-choice curation and retraining, started anywhere.

    Parameters
    ----------
    reference
        Law :math:`p_{\rm ref}` of the real data.
    K
        Candidates per kept sample, at least 1, or ``math.inf``.
    lam
        Synthetic-to-real ratio :math:`\lambda \ge 0`; ``math.inf`` (default) is the pure loop.
    initial
        Law :math:`p_0`, on the same atoms with the same rewards; by default the reference.
    arithmetic
        ``"exact"`` keeps rationals (exact laws, a rational or infinite ``lam``): denominators grow
        about K-fold in bits per round. ``"float64"`` iterates on a reward grid. ``"auto"`` is exact
        while that is cheap: see :attr:`Trajectory.is_exact` for what a run used.

    Raises
    ------
    ValueError
        For K < 1, ``lam`` < 0, an initial law on other atoms, or exact arithmetic on float64 input.

    Examples
    --------
    >>> loop = RetrainingLoop(Law([0.5, 0.5], [0.0, 1.0]), K=2)
    >>> loop.run(3).expected_reward.round(4).tolist()
    [0.5, 0.6155, 0.7249, 0.817]
    """

    def __init__(
        self,
        reference: Law,
        K: float,
        lam: float | Fraction = math.inf,
        initial: Law | None = None,
        *,
        arithmetic: Arithmetic = "auto",
    ) -> None:
        self.K = check_candidates(K)
        self.lam = check_ratio(lam)
        self.reference = reference
        self.initial = reference if initial is None else initial
        if len(self.initial) != len(reference):
            raise ValueError(
                f"the initial law has {len(self.initial)} atoms, the reference {len(reference)}: "
                "give laws on the same atoms (zero probabilities are allowed)."
            )
        differs = self.initial.rewards != reference.rewards
        if differs.any():
            index = int(np.argmax(differs))
            raise ValueError(
                f"atom {index} has reward {self.initial.rewards[index]} under the initial law and "
                f"{reference.rewards[index]} under the reference: give the same rewards."
            )
        if arithmetic not in ("auto", "exact", "float64"):
            raise ValueError(f'arithmetic = {arithmetic!r} is none of "auto", "exact", "float64".')
        self.arithmetic = arithmetic
        self._exact_input = (
            reference.is_exact
            and self.initial.is_exact
            and (math.isinf(self.lam) or isinstance(self.lam, Fraction))
        )
        if arithmetic == "exact" and not self._exact_input:
            raise ValueError(
                "exact arithmetic needs laws made by Law.from_weights from int or Fraction entries "
                "and lam an int, a Fraction or math.inf."
            )

    def run(self, steps: int, progress: Callable[[int], None] | None = None) -> Trajectory:
        """Iterate ``steps`` rounds (a whole number, at least 0) and return the trajectory.

        ``progress``, if given, is called with the number of rounds done after each of them.
        """
        steps = check_steps(steps)
        if self.arithmetic == "exact" or (
            self.arithmetic == "auto" and self._exact_input and self._exact_is_cheap(steps)
        ):
            return ExactTrajectory(self, steps, progress)
        return GridTrajectory(self, steps, progress)

    def _exact_is_cheap(self, steps: int) -> bool:
        weights = self.reference.exact_weights
        assert weights is not None
        growth = 2.0 if math.isinf(self.K) else self.K
        if not math.isinf(self.K) and enumeration_cost(weights, int(self.K)) > AUTO_EXACT_TERMS:
            return False
        entries = [*weights, *(self.initial.exact_probabilities or ())]
        bits = max(x.numerator.bit_length() + x.denominator.bit_length() for x in entries) * len(
            weights
        )
        return steps * math.log(growth) + math.log(bits) <= math.log(AUTO_EXACT_BITS)


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


class Trajectory:
    r"""What a run of :class:`RetrainingLoop` did: laws on demand and statistics as arrays.

    Every array has shape (steps + 1,), entry t belonging to :math:`p_t`. Divergences and the
    entropy are in nats. For an exact run the entries marked † are ``Fraction`` in an object array.

    Attributes
    ----------
    laws
        Lazy sequence of :class:`~theory.law.Law`; no more than a few are held at a time.
    expected_weight †, weight_variance †
        :math:`E_{p_t}[w]` and :math:`\mathrm{Var}_{p_t}[w]`, ``inf`` when :math:`e^r` overflows.
    log_expected_weight
        :math:`\log E_{p_t}[w]`, finite whatever the rewards.
    expected_reward, reward_variance
        Of r; ``-inf`` and ``nan`` when atoms of reward :math:`-\infty` have mass.
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

    def __init__(self, loop: RetrainingLoop, steps: int) -> None:
        self.loop = loop
        self.steps = steps
        self.reference = loop.reference

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
        return f"Trajectory({self.steps} rounds, K={self.loop.K}, lam={self.loop.lam}, {kind})"


def entropy(law: Law) -> float:
    r"""Entropy :math:`-\sum p_i\log p_i` in nats; :math:`-\int f\log f` for a density on a grid."""
    log_p = law.log_probabilities
    log_density = log_p if law.cell_volumes is None else log_p - np.log(law.cell_volumes)
    p = np.exp(log_p)
    return -float(np.multiply(p, log_density, where=p > 0, out=np.zeros_like(p)).sum())


class GridTrajectory(Trajectory):
    """A run in float64, its rounds computed on a reward grid (:mod:`theory.iteration`)."""

    is_exact = False

    def __init__(
        self, loop: RetrainingLoop, steps: int, progress: Callable[[int], None] | None = None
    ) -> None:
        super().__init__(loop, steps)
        self._plan = Plan(loop.reference, loop.K, loop.lam)
        self._tops = self._top_atoms()
        log_top = self._plan.top
        rows = np.empty((steps + 1, 6))
        self._snapshots: dict[int, FloatArray] = {}
        spacing = 1
        iteration = Iteration(self._plan, loop.initial.log_probabilities, 0)
        for step in range(steps + 1):
            if step:
                with one_blas_thread():
                    iteration.advance()
                if progress is not None:
                    progress(step)
            if iteration.anchor_step == step and step >= spacing * len(self._snapshots):
                self._snapshots[step] = iteration.anchor
                if len(self._snapshots) > SNAPSHOTS:  # keep every other one
                    self._snapshots = dict(list(self._snapshots.items())[::2])
                    spacing = max(spacing, step // SNAPSHOTS)
            rows[step, :4] = iteration.moments()
            rows[step, 4] = iteration.mass_at(self._tops)
            rows[step, 5] = iteration.mass_defect
        with np.errstate(over="ignore", under="ignore"):
            self.expected_weight = rows[:, 0] * np.exp(log_top)
            self.weight_variance = rows[:, 1] * np.exp(2 * log_top)
        self.log_expected_weight = np.log(rows[:, 0]) + log_top
        self.expected_reward, self.reward_variance = rows[:, 2], rows[:, 3]
        self.top_mass, self.mass_defect = rows[:, 4], rows[:, 5]
        self.laws = Laws(steps, self._form, self._stream)

    def _top_atoms(self) -> NDArray[np.intp]:
        loop = self.loop
        charged = loop.initial.log_probabilities > -np.inf
        if not math.isinf(loop.lam):
            charged |= loop.reference.log_probabilities > -np.inf
        rewards = loop.reference.rewards
        top = np.max(rewards, where=charged, initial=-np.inf)
        return np.flatnonzero((rewards == top) & charged)

    def _law_of(self, iteration: Iteration) -> Law:
        if iteration.step == 0:
            return self.loop.initial
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
        iteration = Iteration(self._plan, self.loop.initial.log_probabilities, 0)
        yield self._law_of(iteration)
        for _ in range(self.steps):
            with one_blas_thread():
                iteration.advance()
                law = self._law_of(iteration)
            yield law


class ExactTrajectory(Trajectory):
    """A run in rational arithmetic; its laws are exact and all held."""

    is_exact = True

    def __init__(
        self, loop: RetrainingLoop, steps: int, progress: Callable[[int], None] | None = None
    ) -> None:
        super().__init__(loop, steps)
        w, reference = loop.reference.exact_weights, loop.reference.exact_probabilities
        p = loop.initial.exact_probabilities
        assert w is not None
        assert reference is not None
        assert p is not None
        lam = loop.lam
        laws = [loop.initial]
        for step in range(1, steps + 1):
            if math.isinf(loop.K):
                mean = sum((a * b for a, b in zip(p, w, strict=True)), Fraction(0))
                factors = [weight / mean for weight in w]
            else:
                factors = enumerate_factor(p, w, int(loop.K))
            p = tuple(a * h for a, h in zip(p, factors, strict=True))
            if isinstance(lam, Fraction):
                p = tuple((a + lam * b) / (1 + lam) for a, b in zip(reference, p, strict=True))
            laws.append(loop.reference.with_probabilities(p))
            if progress is not None:
                progress(step)
        charged = [q > 0 for q in loop.initial.exact_probabilities or ()]
        if not math.isinf(lam):
            charged = [c or q > 0 for c, q in zip(charged, reference, strict=True)]
        top = max(weight for weight, c in zip(w, charged, strict=True) if c)
        mean_w, var_w, top_mass = [], [], []
        for law in laws:
            q = law.exact_probabilities
            assert q is not None
            mean_w.append(sum((a * b for a, b in zip(q, w, strict=True)), Fraction(0)))
            var_w.append(
                sum((a * (b - mean_w[-1]) ** 2 for a, b in zip(q, w, strict=True)), Fraction(0))
            )
            top_mass.append(sum((a for a, b in zip(q, w, strict=True) if b == top), Fraction(0)))
        self.expected_weight = np.array(mean_w, dtype=object)
        self.weight_variance = np.array(var_w, dtype=object)
        self.top_mass = np.array(top_mass, dtype=object)
        self.log_expected_weight = np.array([math.log(float(m)) for m in mean_w])
        rewards = loop.reference.rewards
        self.expected_reward = np.array([law.expectation(rewards) for law in laws])
        with np.errstate(invalid="ignore"):
            self.reward_variance = np.array(
                [
                    law.expectation((rewards - m) ** 2) if math.isfinite(m) else math.nan
                    for law, m in zip(laws, self.expected_reward, strict=True)
                ]
            )
        self.mass_defect = np.zeros(steps + 1)
        self.laws = Laws(steps, laws.__getitem__, lambda: iter(laws))
