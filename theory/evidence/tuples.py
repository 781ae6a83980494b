r"""The law of the kept sample draw by draw: every ordered K-tuple, with no curation factor.

.. math:: C_K(p)(i) = \sum_{x \in \{1..n\}^K} p_{x_1} \cdots p_{x_K}
          \sum_{k: x_k = i} \frac{w_{x_k}}{w_{x_1} + \dots + w_{x_K}}

A second road to what :func:`theory.enumeration.enumerate_factor` and the quadrature compute, in any
arithmetic whose numbers NumPy can hold; under another choice model its probabilities stand for the
fraction, multiset by multiset. It costs :math:`n^K` terms.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations_with_replacement

import numpy as np

from theory.evidence.run import Numbers, Run

# Tuples visited: a few milliseconds of numbers that are Python objects, or of float64.
OBJECTS_LIMIT, FLOATS_LIMIT = 300, 300_000


def few_enough(law: Numbers, K: int) -> bool:
    """Whether the tuples of K draws from the law can be visited in milliseconds."""
    limit = OBJECTS_LIMIT if law.dtype == object else FLOATS_LIMIT
    # In logarithms: n^K of a large K is no integer one would want.
    return K * math.log(law.size) <= math.log(limit)


def kept_law(run: Run, t: int) -> Numbers:
    """Law of the one that is kept of K independent draws from :math:`p_t`, K finite, shape (n,)."""
    if run.choice is not None:
        return _chosen_law(run, t)
    law, weights, K = run.laws[t], run.weights, int(run.K)
    n = law.size
    # One axis per draw: entry (x_1, ..., x_K) of the arrays below belongs to that tuple.
    axes = [np.arange(n).reshape([-1 if k == axis else 1 for axis in range(K)]) for k in range(K)]
    total, probability = weights[axes[0]], law[axes[0]]
    for axis in axes[1:]:
        total, probability = total + weights[axis], probability * law[axis]
    kept = law * 0
    for k, axis in enumerate(axes):
        chosen = np.moveaxis(probability * weights[axis] / total, k, 0)
        kept = kept + chosen.reshape(n, -1).sum(axis=1)
    return kept


def _chosen_law(run: Run, t: int) -> Numbers:
    assert run.choice is not None
    law, K = run.laws[t], int(run.K)
    kept = law * 0
    # A choice model does not see the order of the candidates: one order stands for all.
    for draws in combinations_with_replacement(range(law.size), K):
        weights = [run.exact_weights[atom] for atom in draws]
        chances = run.choice.probabilities(weights, draws)
        probability = math.prod((law[atom] for atom in draws), start=run.number(_orders(draws)))
        for atom, chance in zip(draws, chances, strict=True):
            kept[atom] = kept[atom] + probability * run.number(chance)
    return kept


def _orders(draws: tuple[int, ...]) -> int:
    """In how many orders the draws can come."""
    repeats = (math.factorial(copies) for copies in Counter(draws).values())
    return math.factorial(len(draws)) // math.prod(repeats)
