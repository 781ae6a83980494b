r"""The law that a selection function is tested against: Luce's, a model's, or a function's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from theory.choice import Choice
from theory.curation import curation_factor
from theory.law import Law
from theory.testing.report import check_callable

FloatArray = NDArray[np.float64]
Probabilities = Callable[[FloatArray], FloatArray]

# Groups that show every multiset of levels: C(K + 3, 3) at four levels, 23 426 at this K.
MOST_ENUMERATED = 50


def choice_law(choice: Any, K: int) -> Probabilities:
    """From K rewards to the probabilities with which each is kept.

    Parameters
    ----------
    choice
        ``None`` for Luce's choice, a model of :mod:`theory.choice` (or its method
        ``probabilities``, which takes weights), or a function of the rewards.

    Raises
    ------
    TypeError
        When it is none of these.
    ValueError
        For a model with a table, whose choice does not depend on the rewards alone, and one that
        does not speak about K candidates.
    """
    if choice is None:
        return _luce
    owner = getattr(choice, "__self__", None)
    model = choice if isinstance(choice, Choice) else owner if isinstance(owner, Choice) else None
    if model is None:
        check_callable(choice, "choice")
        return lambda rewards: _checked(choice(rewards), K)
    model.check(K)
    if model.columns is not None:
        raise ValueError(
            f"the choice model {model.name!r} has a table: give choice as a function of the "
            "rewards, if they alone decide."
        )

    def law(rewards: FloatArray) -> FloatArray:
        weights = rewards if model.ordinal else np.exp(rewards - rewards.max())
        return _checked([float(kept) for kept in model.probabilities(weights.tolist())], K)

    return law


def kept_law(choice: Any, masses: FloatArray, levels: FloatArray, K: int) -> FloatArray:
    r"""Law :math:`p\,H_p^K` of the reward of the kept, when candidates are drawn from p.

    Raises
    ------
    ValueError
        For a choice other than Luce's and too many candidates to enumerate.
    """
    if choice is None:
        luce: FloatArray = masses * curation_factor(Law(masses, levels, normalise=True), K)
        return luce / luce.sum()
    if K > MOST_ENUMERATED:
        raise ValueError(
            f"K = {K} is too many candidates for grouping='any' with another choice than Luce's: "
            f"give at most {MOST_ENUMERATED}."
        )
    law = choice_law(choice, K)
    kept = np.zeros(len(levels))
    for copies in _compositions(K, len(levels)):
        shown = np.repeat(levels, copies)
        ways = math.factorial(K) // math.prod(math.factorial(c) for c in copies)
        chance = ways * float(np.prod(masses ** np.array(copies)))
        np.add.at(kept, np.repeat(np.arange(len(levels)), copies), chance * law(shown))
    return kept / kept.sum()


def _compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _compositions(total - first, parts - 1):
            yield (first, *rest)


def _luce(rewards: FloatArray) -> FloatArray:
    law: FloatArray = softmax(rewards)
    return law


def _checked(law: Any, K: int) -> FloatArray:
    probabilities = np.asarray(law, dtype=np.float64)
    if probabilities.shape != (K,):
        raise ValueError(
            f"choice returned shape {probabilities.shape} for {K} rewards: give {K} probabilities."
        )
    # Sums of K rounded numbers: 1e-9 is far from rounding and from any law that is meant otherwise.
    if not (probabilities >= 0).all() or abs(probabilities.sum() - 1) > 1e-9:
        raise ValueError(
            f"choice returned numbers from {probabilities.min():g} with sum "
            f"{probabilities.sum():g}: give probabilities with sum 1."
        )
    return probabilities
