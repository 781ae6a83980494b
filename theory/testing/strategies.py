r"""Hypothesis strategies for laws, rewards and loops, for this project's tests and for its users'.

Strategies are constructive (nothing is filtered) and wide: rewards from a point to hundreds of
units apart, masses down to :math:`e^{-60}`, zero-probability atoms.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from theory.law import Law
from theory.loop import RetrainingLoop


@st.composite
def laws(
    draw: st.DrawFn,
    min_atoms: int = 1,
    max_atoms: int = 12,
    max_range: float = 700.0,
    massless: bool = True,
) -> Law:
    r"""Float64 laws: rewards spread over at most ``max_range``, log-masses over 60.

    ``massless`` allows atoms of probability 0 beside at least one charged atom.
    """
    n = draw(st.integers(min_atoms, max_atoms))
    values = draw(rewards(n, max_range))
    unit = st.floats(0.0, 1.0, allow_subnormal=False)
    steepness = draw(st.sampled_from([0.0, 1.0, 10.0, 60.0]))
    logits = -steepness * np.array(draw(st.lists(unit, min_size=n, max_size=n)))
    masses = np.exp(logits - logits.max())
    if massless:
        empty = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
        empty[draw(st.integers(0, n - 1))] = False
        masses = np.where(empty, 0.0, masses)
    return Law(masses, values, normalise=True)


@st.composite
def rewards(draw: st.DrawFn, n: int, max_range: float = 700.0) -> NDArray[np.float64]:
    """Arrays of n rewards, spread over at most ``max_range`` around 0 or around plus or minus 300;
    nearly constant ones are as common as extreme ones."""
    spread = draw(st.sampled_from([0.0, 1e-9, 1e-3, 1.0, 15.0, 60.0, max_range]))
    offset = draw(st.sampled_from([0.0, -300.0, 300.0]))
    unit = st.floats(0.0, 1.0, allow_subnormal=False)
    places = np.array(draw(st.lists(unit, min_size=n, max_size=n)))
    values: NDArray[np.float64] = offset + min(spread, max_range) * places
    return values


@st.composite
def rational_laws(
    draw: st.DrawFn,
    min_atoms: int = 1,
    max_atoms: int = 6,
    max_integer: int = 1000,
    lowest: bool = False,
) -> Law:
    r"""Exact laws with integer masses and weights up to ``max_integer``.

    ``lowest`` allows atoms of weight 0, that is of reward :math:`-\infty`.
    """
    n = draw(st.integers(min_atoms, max_atoms))
    integers = st.integers(1, max_integer)
    masses = draw(st.lists(integers, min_size=n, max_size=n))
    weights = draw(st.lists(integers, min_size=n, max_size=n))
    if lowest:
        drop = draw(st.lists(st.booleans(), min_size=n, max_size=n))
        drop[draw(st.integers(0, n - 1))] = False
        weights = [0 if d else w for d, w in zip(drop, weights, strict=True)]
    return Law.from_weights(masses, weights, normalise=True)


def candidate_numbers(max_K: int = 10**6) -> st.SearchStrategy[int]:
    """Numbers of candidates from 1 to ``max_K``, small ones and powers of ten most often."""
    powers = [10**k for k in range(int(math.log10(max_K)) + 1)]
    return st.one_of(st.integers(1, 8), st.sampled_from(powers), st.integers(1, max_K))


def ratios(max_ratio: int = 20) -> st.SearchStrategy[Any]:
    r"""Synthetic-to-real ratios: 0, small rationals up to ``max_ratio``, and ``math.inf``."""
    rationals = st.builds(Fraction, st.integers(1, max_ratio), st.integers(1, 20))
    return st.one_of(st.just(Fraction(0)), rationals, st.just(math.inf))


@st.composite
def loops(draw: st.DrawFn, max_atoms: int = 12, max_K: int = 1000) -> RetrainingLoop:
    """Float64 loops, pure and mixed, that start at their reference."""
    return RetrainingLoop(
        draw(laws(max_atoms=max_atoms)),
        draw(candidate_numbers(max_K)),
        float(draw(ratios())),
    )
