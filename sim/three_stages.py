r"""Pretraining, fine-tuning on quality, feedback: three stages on one task in the plane, compared.

1. *Pretrained* on many data.
2. *Fine-tuned* on few data of high quality: the best share of a fresh set, by the true reward.
3. *Feedback*, three ways, all from the fine-tuned model: a reward learnt from comparisons of its
   samples, to which the model is aligned at a KL penalty β; the same with the true reward in place
   of the learnt one; and curation, rounds of the loop that keep one of every K samples and need no
   reward model.

Beside them, one model with a level of quality as its condition, trained on the pretraining data.
Every model is measured by its expected true reward and its divergence from the pretrained one, and
held against the largest reward that the data's law can have at that divergence.

Run ``python -m sim.three_stages --help``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.console import Console
from rich.table import Table

from sim import GaussianMixture
from sim.alignment import align_samples, frontier, resample
from sim.curation import KChoice
from sim.generators.flow_matching import FlowMatching
from sim.generators.gaussian import Gaussian
from sim.generators.kernel import KernelDensity
from sim.loop import Loop, LoopSettings
from sim.nearest_neighbours import kl_from_samples
from sim.preferences import agreement, compare
from sim.protocols import Generator
from sim.quality import QualityConditioned, tilted_shares, top_samples
from sim.reward_models import NetworkReward
from sim.runs import write
from sim.streams import Streams
from theory import Law
from theory.law import PointFunction
from theory.rewards import ClippedDistance

# Cells per axis of the grid on which the frontier is computed: 0.1 wide for the default task, a
# fifth of the standard deviation of its modes.
SIDE = 150
# Samples of the pretrained model for each sample that is held against it: with more of them the
# divergence is less too low.
REFERENCE = 5
# Fewest data that a stage may be fitted to, and samples that it may be measured by: the divergence
# needs 32, and fewer say nothing.
FEWEST = 50


@dataclass(frozen=True)
class Settings:
    """Sizes of the three stages."""

    generator: Literal["kernel", "flow", "gaussian"] = "kernel"
    """Model that is trained: kernel density, flow matching, or one Gaussian."""
    bandwidth: float = 0.1
    """Of the kernel density."""
    pretraining: int = 20_000
    """Data that the first stage is fitted to."""
    fresh: int = 8_000
    """Data of which the best share fine-tunes."""
    share: float = 0.5
    """That share."""
    comparisons: int = 2_000
    """Pairs that the reward is learnt from."""
    beta: float = 1.0
    """KL penalty of the alignment."""
    K: int = 2
    """Candidates per kept sample, in the curation."""
    rounds: int = 2
    """Rounds of curation."""
    kept: int = 10_000
    """Samples that every feedback is refitted to."""
    levels: int = 8
    """Levels of the model that is conditioned on quality."""
    gamma: float = 1.0
    """Steepness of the true reward, per unit length."""
    measured: int = 20_000
    """Samples that every model is measured by."""
    seed: int = 0
    """Root of all randomness."""
    out: Path | None = None
    """Write settings and measurements to this JSON file."""

    def __post_init__(self) -> None:
        least = {
            "pretraining": self.levels * FEWEST,
            "fresh": FEWEST,
            "comparisons": 1,
            "K": 2,
            "rounds": 1,
            "kept": FEWEST,
            "levels": 2,
            "measured": FEWEST,
        }
        for name, smallest in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
                raise ValueError(f"{name} = {value!r} is not a whole number of {smallest} or more.")
        if not 0 < self.share <= 1 or self.share * self.fresh < FEWEST:
            raise ValueError(
                f"share = {self.share} of fresh = {self.fresh}: give a share in (0, 1] that "
                f"leaves {FEWEST} data or more."
            )
        for name in ("beta", "gamma", "bandwidth"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} = {value} is not a positive, finite number.")
        Streams(self.seed)


@dataclass(frozen=True)
class Measured:
    """One model of the comparison.

    Attributes
    ----------
    model
        Which.
    reward, reward_error
        Expected true reward from samples, and its standard error.
    kl, kl_error
        Divergence from the pretrained model in nats, estimated from nearest neighbours (see
        :mod:`sim.nearest_neighbours` for its bias), and its standard error.
    attainable
        The largest expected reward of a law within that divergence of the data's law.
    """

    model: str
    reward: float
    reward_error: float
    kl: float
    kl_error: float
    attainable: float


class ThreeStages:
    """The comparison, for any generator.

    Parameters
    ----------
    settings
        Sizes.
    make
        Makes a generator; by default the one that the settings name.
    data
        Law of the data.
    preference
        True reward of points (n, 2); by default minus ``gamma`` times the distance from the first
        mode of the data, flat within one standard deviation of it.
    """

    def __init__(
        self,
        settings: Settings,
        make: Callable[[], Generator] | None = None,
        data: GaussianMixture = GaussianMixture(),
        preference: PointFunction | None = None,
    ) -> None:
        self.settings = settings
        self.make = make if make is not None else _named(settings)
        self.data = data
        self.streams = Streams(settings.seed)
        self.preference = preference or ClippedDistance(
            settings.gamma, data.means[0].tolist(), data.std
        )
        axes = data.grid(SIDE)
        self.law = Law.from_density(data.density, self.preference, axes, normalise=True)
        self.agreement = math.nan

    def reward(self, samples: torch.Tensor) -> torch.Tensor:
        """True rewards of samples (n, 2), shape (n,)."""
        return torch.as_tensor(self.preference(samples.cpu().numpy()))

    def run(self) -> list[Measured]:
        """All stages, in order; :attr:`agreement` is then the share of fresh comparisons that the
        learnt reward foretells."""
        s, streams = self.settings, self.streams
        real = self._data("pretraining", s.pretraining)
        pretrained = self._fitted(self.make(), real, "pretrain")
        fresh = self._data("fresh", s.fresh)
        best = fresh[top_samples(self.reward(fresh), s.share, streams("quality"))]
        tuned = self._fitted(self._copy(pretrained), best, "fine-tune")

        shown = tuned.sample(2 * s.comparisons, streams("shown"))
        learnt = NetworkReward()
        learnt.fit(
            compare(shown, self.reward, KChoice(2), streams("answers")), streams("reward model")
        )
        asked = compare(
            tuned.sample(4_000, streams("asked")), self.reward, KChoice(2), streams("held out")
        )
        self.agreement = agreement(learnt, asked)

        conditioned = QualityConditioned(self.make, self.reward, s.levels)
        self._fitted(conditioned, real, "conditioned")
        conditioned.condition(tilted_shares(self.reward(real), s.levels, s.beta))

        models: list[tuple[str, Generator]] = [
            ("pretrained", pretrained),
            ("fine-tuned on quality", tuned),
            ("fine-tuned, learnt reward", self._aligned(tuned, learnt)),
            ("fine-tuned, true reward", self._aligned(tuned, self.reward)),
            ("fine-tuned, curated", self._curated(tuned)),
            ("conditioned on quality", conditioned),
        ]
        reference = pretrained.sample(REFERENCE * s.measured, streams("reference"))
        return [
            self._measure(name, model, reference, number)
            for number, (name, model) in enumerate(models)
        ]

    def _data(self, name: str, n: int) -> torch.Tensor:
        return torch.as_tensor(self.data.sample(n, self.streams(name)))

    def _fitted(self, generator: Generator, data: torch.Tensor, name: str) -> Generator:
        generator.fit(data, self.streams(name))
        return generator

    def _copy(self, generator: Generator) -> Generator:
        copy = self.make()
        copy.load(generator.state())
        return copy

    def _aligned(
        self, generator: Generator, reward: Callable[[torch.Tensor], torch.Tensor]
    ) -> Generator:
        # The same streams for every reward: models differ by their rewards alone.
        s = self.settings
        samples = generator.sample(s.kept, self.streams("aligned"))
        weights = align_samples(reward(samples), s.beta).weights
        index = resample(weights, s.kept, self.streams("resampled"))
        return self._fitted(self._copy(generator), samples[index], "align")

    def _curated(self, generator: Generator) -> Generator:
        s = self.settings
        loop = Loop(
            self.make,
            generator.sample(s.kept, self.streams("first")),
            self.reward,
            KChoice(s.K),
            LoopSettings(s.rounds, s.kept),
            self.streams,
        )
        loop.load({"t": 0, "generator": generator.state(), "fit": {}})
        for _ in loop.rounds():
            pass
        return loop.generator

    def _measure(
        self, name: str, model: Generator, reference: torch.Tensor, number: int
    ) -> Measured:
        samples = model.sample(self.settings.measured, self.streams("measured", number))
        rewards = self.reward(samples)
        divergence = kl_from_samples(samples, reference)
        return Measured(
            name,
            float(rewards.mean()),
            float(rewards.std()) / math.sqrt(len(rewards)),
            divergence.kl,
            divergence.error,
            frontier(self.law, max(divergence.kl, 0.0)).reward,
        )


def _named(settings: Settings) -> Callable[[], Generator]:
    if settings.generator == "gaussian":
        return Gaussian
    if settings.generator == "flow":
        return FlowMatching
    return lambda: KernelDensity(settings.bandwidth)


def as_table(found: list[Measured]) -> Table:
    """The comparison, one row per model."""
    table = Table(box=None)
    for heading in ("model", "true reward", "±", "KL (nats)", "±", "attainable"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for one in found:
        numbers = (one.reward, one.reward_error, one.kl, one.kl_error, one.attainable)
        table.add_row(one.model, *(f"{number:.3f}" for number in numbers))
    return table


def main() -> None:
    """Run the comparison and print it."""
    settings = tyro.cli(Settings, description=__doc__)
    torch.set_num_threads(1)
    stages = ThreeStages(settings)
    found = stages.run()
    console = Console()
    console.print(as_table(found))
    console.print(f"The learnt reward foretells {stages.agreement:.1%} of comparisons.")
    if settings.out is not None:
        content = {
            "settings": {**asdict(settings), "out": None},
            "agreement": stages.agreement,
            "models": [asdict(one) for one in found],
        }
        write(settings.out, json.dumps(content, indent=1).encode())


if __name__ == "__main__":
    main()
