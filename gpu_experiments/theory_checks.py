r"""What the theory says of a run, held against what was recorded of it.

Each check takes the folder of a run, complete or packed (:mod:`gpu_experiments.parcel`), and says
where the recorded numbers are furthest from what is said, in units of what chance allows. The
theorems speak of generators that fit their training set perfectly; a check that fails on a trained
run is a finding about its model error, not about the theorem.

================  ================================================================================
``weight``        pure loop: E[w] rises every round (Lemma 2.2)
``dominance``     the rewards of the last round dominate those of the first: no quantile is lower
                  (first-order stochastic dominance, pure and mixed loop)
``divergence``    mixed loop: the class shares of round t are no further from those of round 0 than
                  the envelope allows any law (:func:`theory.divergences.envelope_kl`; classes are
                  a coarser law, so their divergence is smaller)
``bands``         class shares, mean reward and mean weight are in the exact loop's bands
                  (:mod:`gpu_experiments.prediction`)
================  ================================================================================

The first three have false alarms with probability :data:`ALARM` each, over all rounds together, as
far as models have the exact loop's laws: chance is that of the candidates that are measured. That
of the n kept, which models follow, is in the bands alone, and counts in ``weight`` once the mean
weight has all but stopped rising: perfect generators failed it in none of 200 runs of ten rounds
with n = 300 and K = 4, in 1 of 200 of twenty, and in 3 of 100 with n = 100 and K = 20. In the mixed
loop ``dominance`` and ``divergence`` take the first model for the real data's law. The bands hold
each statistic of each round by itself, and what is outside is listed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from gpu_experiments.prediction import Prediction
from sim.recording import load_samples
from sim.runs import CONFIG, METRICS, read_lines
from theory.divergences import envelope_kl

__all__ = [
    "ALARM",
    "ClassDivergences",
    "Finding",
    "Outside",
    "check_bands",
    "check_run",
    "class_divergences",
    "dominance_allowed",
    "share_below",
]

ALARM = 1e-3
"""Probability that a check fails by chance."""


@dataclass(frozen=True)
class Finding:
    """One check of one run.

    Attributes
    ----------
    check, claims
        Which, and the ids of the claims behind it.
    t
        The round where the run is furthest from what is said.
    found, allowed
        The number there, and the largest that is said and chance allows together.
    """

    check: str
    claims: tuple[str, ...]
    t: int
    found: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether the run is as is said."""
        return self.found <= self.allowed

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "fails"
        return (
            f"{self.check} {verdict}: {self.found:.3g} in round {self.t}, at most "
            f"{self.allowed:.3g} allowed ({', '.join(self.claims)})"
        )


@dataclass(frozen=True)
class Outside:
    """A statistic outside its band: which, in which round, and where the band ends are.

    ``by_chance`` says whether any of the run's statistics is as far from its mean, in standard
    deviations, with a probability of :data:`ALARM` or more: if many are looked at, some are outside
    their own bands.
    """

    statistic: str
    t: int
    value: float
    lower: float
    upper: float
    by_chance: bool


@dataclass(frozen=True, eq=False)
class ClassDivergences:
    """Divergences of class shares from those of round 0 in rounds 1 to T, nats.

    Attributes
    ----------
    measured
        Of the run.
    bound
        What no law of the exact mixed loop exceeds (:func:`theory.divergences.envelope_kl`).
    allowed
        The bound with what chance adds to it.
    """

    measured: NDArray[np.float64]
    bound: NDArray[np.float64]
    allowed: NDArray[np.float64]


def check_run(path: Path) -> list[Finding]:
    """Every check that the theory has for a run: ``weight`` for a pure one, ``divergence`` for a
    mixed one, ``dominance`` for both; none for a control, of which it says only that it stands
    still (``bands``).

    Raises
    ------
    ValueError
        For a run of fewer than two rounds.
    """
    config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    if not config["selects"]:
        return []
    lines = read_lines(path / METRICS)
    if len(lines) < 2:
        raise ValueError(f"{path} has {len(lines)} rounds: a loop is seen from two on.")
    lam = float(config["lam"])
    own = _weight(lines) if math.isinf(lam) else _divergence(lines, lam, int(config["K"]))
    return [own, _dominance(path, lines[-1]["t"], math.isinf(lam))]


def check_bands(path: Path, prediction: Prediction) -> tuple[list[Outside], int]:
    """Statistics of rounds from 1 on that are outside their bands, and the number of all."""
    lines = read_lines(path / METRICS)
    names = [*(f"share of {name}" for name in lines[0]["shares"]), "mean reward", "mean weight"]
    values = np.array(
        [[*each["shares"].values(), each["reward"], each["weight"]] for each in lines]
    )
    bands = prediction.bands
    # Bonferroni's bound over all that are looked at, on both sides.
    furthest = norm.isf(ALARM / values[1:].size / 2) * bands.std
    outside = [
        Outside(
            names[k],
            t,
            float(values[t, k]),
            float(bands.lower[t, k]),
            float(bands.upper[t, k]),
            bool(abs(values[t, k] - bands.mean[t, k]) <= furthest[t, k]),
        )
        for t in range(1, len(values))
        for k in range(values.shape[1])
        if not bands.lower[t, k] <= values[t, k] <= bands.upper[t, k]
    ]
    return outside, values[1:].size


def _weight(lines: Sequence[dict[str, Any]]) -> Finding:
    """The largest fall of the mean weight in standard errors of the difference."""
    weight = np.array([line["weight"] for line in lines])
    error = np.array([line["weight_se"] for line in lines])
    # Candidates of different rounds are drawn independently, given the models.
    fall = (weight[:-1] - weight[1:]) / np.hypot(error[:-1], error[1:])
    t = int(fall.argmax())
    return Finding(
        "weight", ("lemma-2.2",), t + 1, float(fall[t]), float(norm.isf(ALARM / len(fall)))
    )


def _dominance(path: Path, last: int, pure: bool) -> Finding:
    """The largest excess of the last round's distribution function of rewards over the first's."""
    first, after = (np.sort(load_samples(path, t)["rewards"]) for t in (0, last))
    points = np.concatenate([first, after])
    excess = share_below(after, points) - share_below(first, points)
    claims = ("dominance-pure",) if pure else ("dominance-mixed",)
    allowed = dominance_allowed(len(first), len(after))
    return Finding("dominance", claims, last, float(excess.max()), allowed)


def dominance_allowed(n: int, m: int) -> float:
    """What the excess of one distribution function over another, of n and m samples of one law,
    exceeds with probability :data:`ALARM`: a one-sided excess x has exp(−2 x² nm/(n+m)) in
    Smirnov's limit, which finite samples stay below."""
    return math.sqrt(-math.log(ALARM) * (n + m) / (2 * n * m))


def share_below(values: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Share of sorted values that are at most each point."""
    return np.searchsorted(values, points, side="right") / len(values)


def class_divergences(lines: Sequence[dict[str, Any]], lam: float, K: int) -> ClassDivergences:
    """Divergences of a run's class shares from those of its round 0, from its metrics by round.

    Both laws of shares are measured on candidates. By chance the measured divergence exceeds the
    true one: by a linear term with the standard error of the delta method, and by the chi-square
    term of both multinomials, which is all there is where the true one is 0. Allowed is the bound
    with both at their quantiles.
    """
    shares = np.array([[*line["shares"].values()] for line in lines])
    n = np.array([line["candidates"] for line in lines], dtype=float)
    start, level = shares[0], ALARM / (len(lines) - 1) / 2
    rows = []
    for t in range(1, len(lines)):
        # Classes without a candidate at round 0 would make the divergence infinite by chance: half
        # a candidate each stands for them.
        base = np.maximum(start, 0.5 / n[0])
        p = shares[t]
        seen = p > 0
        ratio = np.log(p[seen] / base[seen])
        divergence = float((p[seen] * ratio).sum())
        linear = (p[seen] * ratio**2).sum() - divergence**2
        tilt = (p**2 / base).sum() - 1
        error = math.sqrt(max(0.0, linear) / n[t] + max(0.0, tilt) / n[0])
        square = chi2.isf(level, len(start) - 1) / 2 * (1 / n[t] + 1 / n[0])
        bound = envelope_kl(lam, K, t)
        rows.append((divergence, bound, bound + norm.isf(level) * error + square))
    return ClassDivergences(*np.array(rows).T)


def _divergence(lines: Sequence[dict[str, Any]], lam: float, K: int) -> Finding:
    """The largest divergence of class shares from those of round 0, in units of what is allowed."""
    found = class_divergences(lines, lam, K)
    worst = int((found.measured / found.allowed).argmax())
    return Finding(
        "divergence",
        ("envelope", "theorem-2.4-sharp"),
        worst + 1,
        float(found.measured[worst]),
        float(found.allowed[worst]),
    )
