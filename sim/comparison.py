r"""A loop with a trained generator beside the exact loop, and where the gap comes from.

Every generator runs the same loop from the same real data, seed by seed, and so do two generators
without training error (:mod:`sim.generators.exact`). At each round t the candidates are held
against the law :math:`p_t` of the exact loop: mean reward and shares of groups as signed gaps,
divergence, energy and sliced Wasserstein distances (:mod:`sim.distances`) as they are. The gap of a
generator is the sum of three parts:

================  ==========================================================================
part              what it is
================  ==========================================================================
``measurement``   exact law, finitely many candidates: the gap of :class:`ExactSampler`
``drift``         finitely many real and kept samples: :class:`EmpiricalLaw` less the former
``fit``           what the generator makes of its data: its gap less that of the empirical law
================  ==========================================================================

The fit part has a sign: a model that smooths undoes some of the empirical law's drift in the
distances, which see fine detail, and its part is then negative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from sim.curation import KChoice
from sim.distances import Ruler
from sim.finite_sample import SampledLoop
from sim.generators.exact import EmpiricalLaw, ExactSampler
from sim.loop import Loop, LoopSettings
from sim.protocols import Generator, Reward
from sim.streams import Streams
from theory import Law, RetrainingLoop

FloatArray = NDArray[np.float64]

EXACT, EMPIRICAL = "exact sampler", "empirical law"
SIGNED = ("reward", "shares")
DISTANCES = ("divergence", "energy", "sliced")


class DataSet(Protocol):
    """A law with known density: those of :mod:`sim.datasets` and :mod:`sim.lines`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups."""

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """n draws, shape (n, d)."""

    def density(self, points: Any) -> FloatArray:
        """Density at points, shape (n,)."""

    def labels(self, points: Any) -> NDArray[np.int64]:
        """Group of each point, shape (n,)."""

    def grid(self, side: int) -> tuple[FloatArray, ...]:
        """Coordinate arrays of ``side`` equal cells."""


@dataclass(frozen=True)
class Setting:
    """One loop: its law, its reward and its sizes.

    Attributes
    ----------
    data
        Law of the real data.
    reward
        Rewards of points (n, d), bounded above: one of :mod:`theory.rewards`.
    K
        Candidates per kept sample.
    loop
        Rounds, samples kept, ratio of synthetic to real, warm starts.
    real
        Real data, drawn once per seed.
    side
        Cells per axis of the exact loop's grid.
    """

    data: DataSet
    reward: Callable[[Any], FloatArray]
    K: int
    loop: LoopSettings
    real: int
    side: int = 200

    def law(self) -> Law:
        """The law of the real data with its rewards, on the grid."""
        grid = self.data.grid(self.side)
        if len(grid) > 1:
            return Law.from_density(self.data.density, self.reward, grid, normalise=True)
        return Law.from_density(
            self.data.density, lambda points: self.reward(points[:, None]), grid, normalise=True
        )

    def sampled(self) -> SampledLoop:
        """The loop with a perfect generator at these sizes, which has prediction bands."""
        return SampledLoop(self.law(), self.K, self.loop.kept, self.real, self.loop.lam)

    def statistics(self, law: Law) -> FloatArray:
        """Reward and indicators of the groups at a law's atoms, shape (1 + groups, atoms): what
        the bands are asked for, in the order of the signed gaps."""
        labels = self.data.labels(law.atoms)
        groups = np.arange(len(self.data.names))[:, None] == labels
        return np.vstack([law.rewards, groups])


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    predicted
        ``"reward"``, shape (T + 1,), and ``"shares"``, shape (T + 1, groups), of the exact loop.
    measured
        For each generator, by measure, shape (seeds, T + 1), shares (seeds, T + 1, groups).
    groups
        Names of the groups.
    seeds
        Root seeds of the runs.
    """

    predicted: Mapping[str, FloatArray]
    measured: Mapping[str, Mapping[str, FloatArray]]
    groups: tuple[str, ...]
    seeds: tuple[int, ...]

    def gap(self, generator: str, measure: str) -> FloatArray:
        """Gaps to the exact loop, of the shape of the measure: differences of rewards and shares,
        which have a sign, or distances."""
        found = self.measured[generator][measure]
        return found - self.predicted[measure] if measure in SIGNED else found

    def parts(self, generator: str, measure: str) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Mean over the seeds and its standard error of ``total`` and of the three parts, which
        add up to it; shapes (T + 1,) or (T + 1, groups)."""
        total, drifting, exact = (self.gap(name, measure) for name in (generator, EMPIRICAL, EXACT))
        parts = {
            "measurement": exact,
            "drift": drifting - exact,
            "fit": total - drifting,
            "total": total,
        }
        return {
            name: (values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(len(values)))
            for name, values in parts.items()
        }

    def as_json(self) -> dict[str, Any]:
        """Everything in lists and numbers; :func:`from_json` reads it."""
        return {
            "predicted": {name: values.tolist() for name, values in self.predicted.items()},
            "measured": {
                generator: {name: values.tolist() for name, values in found.items()}
                for generator, found in self.measured.items()
            },
            "groups": list(self.groups),
            "seeds": list(self.seeds),
        }


def from_json(content: Mapping[str, Any]) -> Comparison:
    """The comparison that :meth:`Comparison.as_json` wrote."""
    return Comparison(
        {name: np.array(values) for name, values in content["predicted"].items()},
        {
            generator: {name: np.array(values) for name, values in found.items()}
            for generator, found in content["measured"].items()
        },
        tuple(content["groups"]),
        tuple(content["seeds"]),
    )


def compare(
    setting: Setting,
    generators: Mapping[str, Callable[[], Generator]],
    seeds: Sequence[int],
    progress: Callable[[str, int, int], None] = lambda generator, seed, t: None,
) -> Comparison:
    """Run every generator, and the two without training error, once per seed.

    Parameters
    ----------
    setting
        The loop.
    generators
        Makers of fresh generators, by name.
    seeds
        Root seeds, two or more: all generators have the same real data at the same seed.
    progress
        Called after each round with the generator, the seed and the round.

    Raises
    ------
    ValueError
        For fewer than two seeds, seeds that repeat, or a generator with a reserved name.
    """
    _check_seeds(seeds)
    taken = {EXACT, EMPIRICAL} & set(generators)
    if taken:
        raise ValueError(f"the name {taken.pop()!r} is taken: name the generator otherwise.")
    exact = _Exact(setting)
    makers: dict[str, Callable[[], Generator]] = {
        EXACT: lambda: ExactSampler(exact.laws),
        EMPIRICAL: EmpiricalLaw,
        **generators,
    }

    def run(name: str, make: Callable[[], Generator], seed: int) -> Iterator[dict[str, Any]]:
        # The exact sampler counts its fits: it is kept from round to round.
        loop = _loop(setting, make, seed, warm=name == EXACT or setting.loop.warm_start)
        for found in loop.rounds():
            yield exact.held_against(found.t, found.candidates.detach().cpu().double().numpy())
            progress(name, seed, found.t)

    return exact.comparison(
        {name: [list(run(name, make, seed)) for seed in seeds] for name, make in makers.items()},
        seeds,
    )


def compare_samples(
    setting: Setting, samples: Mapping[str, Sequence[Sequence[ArrayLike]]], seeds: Sequence[int]
) -> Comparison:
    """The comparison of loops that have been run, as :func:`compare` makes it.

    Parameters
    ----------
    setting
        The loop.
    samples
        For each generator, seed and round t the candidates, shape (n, d). The parts of a gap need
        those of the generators named ``EXACT`` and ``EMPIRICAL`` too.
    seeds
        Root seeds of the runs.

    Raises
    ------
    ValueError
        For fewer than two seeds, seeds that repeat, or another number of runs or rounds.
    """
    _check_seeds(seeds)
    for name, runs in samples.items():
        rounds = sorted({len(run) for run in runs})
        if len(runs) != len(seeds) or rounds != [setting.loop.iterations + 1]:
            raise ValueError(
                f"{name} has {len(runs)} runs of {rounds} rounds: give {len(seeds)} runs, one for "
                f"each seed, with rounds 0 to {setting.loop.iterations}."
            )
    exact = _Exact(setting)
    return exact.comparison(
        {
            name: [[exact.held_against(t, points) for t, points in enumerate(run)] for run in runs]
            for name, runs in samples.items()
        },
        seeds,
    )


class _Exact:
    """The exact loop, and what samples of its rounds are held against."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        law = setting.law()
        # The ratio that whole numbers of samples give.
        lam = setting.loop.kept / setting.loop.real if setting.loop.real else math.inf
        trajectory = RetrainingLoop(law, setting.K, lam).run(setting.loop.iterations)
        self.laws = list(trajectory.laws)
        self.rulers = [Ruler(found) for found in self.laws]
        self.groups = len(setting.data.names)
        labels = setting.data.labels(law.atoms)
        self.predicted = {
            "reward": trajectory.expected_reward,
            "shares": np.array(
                [np.bincount(labels, p.probabilities, self.groups) for p in self.laws]
            ),
        }

    def held_against(self, t: int, samples: ArrayLike) -> dict[str, Any]:
        """All measures of samples of round t."""
        points = np.asarray(samples, dtype=np.float64)
        labels = self.setting.data.labels(points)
        return {
            "reward": float(np.mean(self.setting.reward(points))),
            "shares": np.bincount(labels, minlength=self.groups) / len(points),
            "divergence": self.rulers[t].divergence(points).corrected,
            "energy": self.rulers[t].energy(points),
            "sliced": self.rulers[t].sliced(points),
        }

    def comparison(
        self, rows: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]], seeds: Sequence[int]
    ) -> Comparison:
        """What was found, by generator, seed and round."""
        measured = {
            name: {
                measure: np.array([[found[measure] for found in row] for row in runs])
                for measure in (*SIGNED, *DISTANCES)
            }
            for name, runs in rows.items()
        }
        return Comparison(self.predicted, measured, self.setting.data.names, tuple(seeds))


def _check_seeds(seeds: Sequence[int]) -> None:
    if len(set(seeds)) != len(seeds) or len(seeds) < 2:
        raise ValueError(
            f"seeds {list(seeds)} give no error bars: give two or more different ones."
        )


def on_samples(reward: Callable[[Any], FloatArray]) -> Reward:
    """A reward on arrays, such as those of :mod:`theory.rewards`, as one on torch samples."""

    def rewarded(samples: torch.Tensor) -> torch.Tensor:
        values = np.asarray(reward(samples.detach().cpu().double().numpy()), dtype=np.float64)
        return torch.as_tensor(values, device=samples.device)

    return rewarded


def _loop(setting: Setting, make: Callable[[], Generator], seed: int, *, warm: bool) -> Loop:
    streams = Streams(seed)
    real = torch.as_tensor(setting.data.sample(setting.real, streams("real data")))
    settings = replace(setting.loop, warm_start=warm)
    return Loop(make, real, on_samples(setting.reward), KChoice(setting.K), settings, streams)
