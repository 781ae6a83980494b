r"""What a curator does instead: named wrong choice laws, tried against the counts.

Each suspect is a full law of the choices, fitted where it has a parameter; the one that fits best
names the fault, if the counts do not contradict it outright.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import log_ndtr, softmax

from theory.testing.multinomial import pattern_pvalue

FloatArray = NDArray[np.float64]
Counts = NDArray[np.int64]

# A suspect stands unless the counts contradict it at this level. It has been fitted to the same
# counts, so that no error rate is claimed for the name; the verdict itself does not depend on it.
PLAUSIBLE = 1e-3
# Beyond this factor on the rewards a choice is, for any number of groups, always the largest.
STEEPEST = 500.0
UNEXPLAINED = "no single fault on the list explains the frequencies"


def temperature(patterns: FloatArray, counts: Counts) -> tuple[float, float]:
    r"""Maximum-likelihood factor :math:`\beta` in :math:`P(k) \propto e^{\beta r_k}`, with its
    standard error.

    The log-likelihood is concave with second derivative minus the variance of the reward under the
    tilted law. Returns ``(±inf, nan)`` when the likelihood still rises at ``STEEPEST``, and
    ``(nan, nan)`` when no pattern has two different rewards.

    Parameters
    ----------
    patterns
        Rewards in nats, shape (patterns, K).
    counts
        How often each was kept, same shape.
    """
    totals = counts.sum(axis=1)
    if not np.ptp(patterns, axis=1).any():
        return math.nan, math.nan

    def score(beta: float) -> float:
        mean = (softmax(beta * patterns, axis=1) * patterns).sum(axis=1)
        return float((counts * patterns).sum() - totals @ mean)

    for end in (STEEPEST, -STEEPEST):
        if score(end) * end >= 0:
            return math.copysign(math.inf, end), math.nan
    beta = float(brentq(score, -STEEPEST, STEEPEST, xtol=1e-10))
    tilted = softmax(beta * patterns, axis=1)
    mean = (tilted * patterns).sum(axis=1)
    spread = (tilted * (patterns - mean[:, None]) ** 2).sum(axis=1)
    return beta, float(1 / math.sqrt(totals @ spread))


def explain(patterns: FloatArray, counts: Counts, asked: FloatArray | None = None) -> str:
    """The suspect that fits, as half a sentence: a fixed one before those with a fitted parameter,
    and the best of these; ``asked`` is the law that should hold, where it is not Luce's."""
    for suspects in (_fixed(patterns, counts), _fitted(patterns, counts)):
        trials = [(pattern_pvalue(patterns, counts, law), sentence) for law, sentence in suspects]
        pvalue, sentence = max(trials, key=lambda trial: trial[0])
        if pvalue > PLAUSIBLE:
            return sentence
    return f"{UNEXPLAINED}: " + _largest_gap(
        patterns, counts, softmax(patterns, axis=1) if asked is None else asked
    )


def _fixed(patterns: FloatArray, counts: Counts) -> Iterator[tuple[FloatArray, str]]:
    K = patterns.shape[1]
    right = softmax(patterns, axis=1)
    yield right, "the choice is Luce's, not the one asked for"
    yield from _extremes(patterns)
    yield (
        np.eye(K)[counts.argmax(axis=1)],
        "all groups with the same rewards kept the same position: one random draw is shared by "
        "the groups, or none is made",
    )
    yield np.full_like(right, 1 / K), "the choice ignores the rewards: every candidate is equal"
    used = counts.any(axis=0)
    if not used.all():
        law = np.where(used, right, 0.0)
        places = np.flatnonzero(used)
        some = f"the first {len(places)}" if places[-1] < len(places) else f"{len(places)}"
        yield (
            law / law.sum(axis=1, keepdims=True),
            f"only {some} of the {K} candidates are ever kept",
        )
    totals = counts.sum(axis=1)
    columns = np.exp(patterns) / (totals @ np.exp(patterns))
    yield (
        columns / columns.sum(axis=1, keepdims=True),
        "the softmax runs over the groups (axis 0), not over the candidates of each group",
    )
    yield (
        np.tile(totals @ right / totals.sum(), (len(right), 1)),
        "the choices follow the rewards of other groups: groups and rewards are out of step",
    )
    yield _normal_noise(patterns), "the noise on the rewards is normal, not Gumbel"
    for order, name in ((slice(None), "ascending"), (slice(None, None, -1), "descending")):
        yield (
            np.sort(right, axis=1)[:, order],
            f"the index returned counts positions in the rewards sorted in {name} order, not the "
            "candidates themselves",
        )
    for share, where in (
        (_even, "shared evenly"),
        (_first, "to the first"),
        (_last, "to the last"),
    ):
        yield (
            _ties_once(patterns, share),
            f"equal rewards are counted once ({where}): ties must each have their own weight",
        )
    positive = patterns + (patterns.max(axis=1, keepdims=True) == 0)
    yield (
        positive / positive.sum(axis=1, keepdims=True),
        "selection is proportional to the reward r, not to its exponential e^r",
    )


def _fitted(patterns: FloatArray, counts: Counts) -> Iterator[tuple[FloatArray, str]]:
    right = softmax(patterns, axis=1)
    epsilon = _share(right, np.full_like(right, 1 / right.shape[1]), counts)
    yield (
        (1 - epsilon) * right + epsilon / patterns.shape[1],
        f"a share of about {epsilon:.2g} of the choices ignores the rewards (noise)",
    )
    best = np.array([_even(row == row.max()) for row in patterns])
    greedy = _share(right, best, counts)
    yield (
        (1 - greedy) * right + greedy * best,
        f"a share of about {greedy:.2g} of the choices takes the largest reward outright",
    )
    beta, error = temperature(patterns, counts)
    if math.isfinite(beta):
        yield (
            softmax(beta * patterns, axis=1),
            f"selection frequencies match rewards multiplied by {beta:.3g} ± {1.96 * error:.1g}",
        )


def _extremes(patterns: FloatArray) -> Iterator[tuple[FloatArray, str]]:
    for sign, name in ((1, "largest"), (-1, "smallest")):
        best = sign * patterns == (sign * patterns).max(axis=1, keepdims=True)
        for share, where in (
            (_even, "ties broken evenly"),
            (_first, "ties to the first"),
            (_last, "ties to the last"),
        ):
            yield (
                np.array([share(row) for row in best]),
                f"the {name} reward is always kept ({where}): no chance is left to the others",
            )


def _even(among: NDArray[np.bool_]) -> FloatArray:
    share: FloatArray = among / among.sum()
    return share


def _first(among: NDArray[np.bool_]) -> FloatArray:
    share: FloatArray = np.eye(len(among))[np.argmax(among)]
    return share


def _last(among: NDArray[np.bool_]) -> FloatArray:
    return _first(among[::-1])[::-1]


def _ties_once(
    patterns: FloatArray, share: Callable[[NDArray[np.bool_]], FloatArray]
) -> FloatArray:
    law = np.zeros_like(patterns)
    for row, rewards in zip(law, patterns, strict=True):
        levels = np.unique(rewards)
        for level, mass in zip(levels, softmax(levels), strict=True):
            row += mass * share(rewards == level)
    return law


def _share(right: FloatArray, other: FloatArray, counts: Counts) -> float:
    """Likeliest share of the other law in a mixture of the two."""

    def loss(share: float) -> float:
        return -float((counts * np.log((1 - share) * right + share * other)).sum())

    return float(minimize_scalar(loss, bounds=(1e-6, 1 - 1e-6), method="bounded").x)


def _normal_noise(patterns: FloatArray) -> FloatArray:
    """Chance that each is the largest after standard normal noise, on a grid in the largest."""
    places = np.linspace(-8.0, 12.0, 401)
    law = np.empty_like(patterns)
    for row, rewards in zip(law, patterns, strict=True):
        u = places[:, None] - rewards
        # Trapezoidal sums of a smooth function that vanishes at both ends are exact to rounding.
        below = log_ndtr(u)
        row[:] = np.exp(below.sum(axis=1, keepdims=True) - below - u**2 / 2).sum(axis=0)
    return law / law.sum(axis=1, keepdims=True)


def _largest_gap(patterns: FloatArray, counts: Counts, right: FloatArray) -> str:
    totals = counts.sum(axis=1, keepdims=True)
    size = np.sqrt(np.maximum(totals * right * (1 - right), 1e-300))
    row, place = np.unravel_index(np.argmax(np.abs(counts - totals * right) / size), right.shape)
    shown = np.array2string(patterns[row], precision=3, separator=", ", threshold=8)
    return (
        f"at rewards {shown} position {place} was kept {counts[row, place] / totals[row, 0]:.3f} "
        f"of the time, the law says {right[row, place]:.3f}"
    )
