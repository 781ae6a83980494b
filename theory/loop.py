r"""The retraining loop: curate, mix with real data, refit perfectly, repeat.

.. math:: p_{t+1} = \frac{1}{1+\lambda}\,p_{\rm ref} + \frac{\lambda}{1+\lambda}\,C_K(p_t),
          \qquad\text{pure loop } (\lambda=\infty):\quad p_{t+1} = C_K(p_t)

(Ferbach et al., arXiv:2407.09499, equations for retraining on curated and on mixed data.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Literal

import numpy as np

from theory.choice import Choice, PlackettLuce
from theory.enumeration import enumeration_cost
from theory.law import Law
from theory.trajectory import AtomTrajectory, ExactTrajectory, GridTrajectory, Trajectory
from theory.validation import check_candidates, check_ratio, check_steps

Arithmetic = Literal["auto", "exact", "float64"]

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
    choice
        Who curates (see :mod:`theory.choice`); by default Plackett–Luce. Another model is iterated
        atom by atom, and holds every law.

    Raises
    ------
    ValueError
        For K < 1, ``lam`` < 0, an initial law on other atoms, exact arithmetic on float64 input, or
        a choice model that does not speak about this K or this number of atoms.

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
        choice: Choice | None = None,
    ) -> None:
        for name, law in (("reference", reference), ("initial", initial)):
            if not isinstance(law, Law) and not (name == "initial" and law is None):
                raise TypeError(f"the {name} is of type {type(law).__name__}: give a Law.")
        self.K = check_candidates(K)
        self.lam = check_ratio(lam)
        # Plackett–Luce has faster roads than any other.
        self.choice = None if isinstance(choice, PlackettLuce) else choice
        if self.choice is not None:
            self.choice.check(self.K, len(reference))
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
        if reference.exact_weights != self.initial.exact_weights and (
            reference.is_exact and self.initial.is_exact
        ):
            raise ValueError("the initial law has other exact weights than the reference.")
        if not _same_coordinates(self.initial, reference):
            raise ValueError("the initial law has other atom coordinates than the reference.")
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
        setting = (self.reference, self.initial, self.K, self.lam, steps, progress, self.choice)
        if self.arithmetic == "exact" or (
            self.arithmetic == "auto" and self._exact_input and self._exact_is_cheap(steps)
        ):
            return ExactTrajectory(*setting)
        return (GridTrajectory if self.choice is None else AtomTrajectory)(*setting)

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


def _same_coordinates(a: Law, b: Law) -> bool:
    if a.atoms is None or b.atoms is None:
        return a.atoms is b.atoms
    return a.shape == b.shape and np.array_equal(a.atoms, b.atoms)
