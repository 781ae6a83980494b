"""The configuration of one run on images, and what it is made into.

A run has a classifier, which its reward goes by, and a first generator, the pretrained one; both
depend on the data and on the pretraining's own seed alone, and are trained once for all runs that
share them. Where things are, and on which device, is no part of a run's identity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_experiments.classifier import Classifier
from gpu_experiments.classifier_training import ClassifierSettings, train_classifier
from gpu_experiments.data import NAMES, Labelled, Split, load
from gpu_experiments.diffusion import ImageDiffusion, ImageDiffusionSettings
from gpu_experiments.distributed import Sharded, SharedLoop, Team, team_on
from gpu_experiments.flow import FlowSettings, ImageFlow
from gpu_experiments.images import Images, to_bytes
from gpu_experiments.metrics import Reference, features_for, measured, predicted
from gpu_experiments.pretrained import Pretrained
from gpu_experiments.rewards import ClassReward, ConfidenceReward, learn_reward
from gpu_experiments.trained_once import trained_once
from sim.curation import KChoice
from sim.loop import LoopSettings, Round
from sim.protocols import Generator, Progress, Reward, silent
from sim.runs import plain
from sim.streams import Streams

RewardKind = Literal["class", "confidence", "learnt"]


@dataclass(frozen=True)
class Places:
    """Where a run finds and keeps things, which its numbers do not depend on.

    Attributes
    ----------
    data
        Where CIFAR-10 is (:func:`gpu_experiments.data.load`); by default it is downloaded once.
    models
        Folder of the models that runs share.
    inception
        File of the Inception network's parameters, if Fréchet distances in its features are wanted.
    device
        See :class:`gpu_experiments.distributed.Team`.
    """

    data: Path | None = None
    models: Path = Path("build/models")
    inception: Path | None = None
    device: str = "auto"


@dataclass(frozen=True)
class ImageExperiment:
    """One run of Algorithm 1 on images.

    Attributes
    ----------
    data
        ``"digits"`` or ``"cifar10"``.
    reward
        ``"class"``: γ q_c(x) for the class with number ``index``; ``"confidence"``: γ max_i q_i(x);
        ``"learnt"``: Bradley–Terry, from ``comparisons`` of K real images, answered by the class
        reward.
    gamma
        γ.
    K, lam, iterations, kept, warm_start
        As in :class:`sim.loop.LoopSettings`; K candidates per kept image.
    model
        The generator's settings: a flow's or a diffusion model's.
    classifier
        Settings of the classifier.
    index, comparisons
        See ``reward``.
    temperature
        The classifier's logits are divided by it: above 1 it is a judge less sure of itself.
    limit
        Images of each part of the data that are used, for trials; all by default.
    compared
        Images that precision and recall compare, at most.
    saved
        Images stored per round, for grids.
    seed
        Root of the run's randomness.
    pretraining
        Root of that of the classifier and the first generator.
    places
        See :class:`Places`.

    Raises
    ------
    ValueError
        For a field out of its range, or fields that do not fit each other.
    """

    data: str
    reward: RewardKind
    gamma: float
    K: int
    kept: int
    iterations: int
    model: FlowSettings | ImageDiffusionSettings
    classifier: ClassifierSettings
    lam: float = math.inf
    warm_start: bool = True
    index: int = 0
    temperature: float = 1.0
    comparisons: int = 2_000
    limit: int | None = None
    compared: int = 10_000
    saved: int = 64
    seed: int = 0
    pretraining: int = 0
    places: Places = field(default_factory=Places, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, known in (("data", NAMES), ("reward", get_args(RewardKind))):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} = {getattr(self, name)!r}: give one of {', '.join(known)}."
                )
        for name, least in (("index", 0), ("comparisons", 1), ("compared", 10), ("saved", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least {least}.")
        if self.limit is not None and (isinstance(self.limit, bool) or not self.limit >= 20):
            raise ValueError(f"limit = {self.limit!r} is not a whole number of at least 20.")
        for name in ("gamma", "temperature"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} = {value} is not a positive finite number.")
        Streams(self.seed)
        Streams(self.pretraining)
        self.curator()
        self.settings  # noqa: B018, it refuses what is out of range

    @property
    def settings(self) -> LoopSettings:
        """Sizes of the loop."""
        return LoopSettings(self.iterations, self.kept, self.lam, self.warm_start)

    def curator(self) -> KChoice:
        """Who keeps one of every K."""
        return KChoice(self.K)

    def as_json(self) -> dict[str, Any]:
        """All fields but the places; the kind of generator as ``generator``."""
        content = asdict(self)
        del content["places"]
        generator = "flow" if isinstance(self.model, FlowSettings) else self.model.sampler
        return plain({**content, "generator": generator})

    def loop(self, progress: Progress = silent) -> SharedLoop:
        """The loop at its beginning."""
        team, data = self.team, self._train

        def make() -> Generator:
            return Pretrained(
                Sharded(self._generator(), team),
                self.places.models,
                {**self._shared, "generator": asdict(self.model)},
                lambda: Streams(self.pretraining)("pretraining"),
                team,
            )

        loop = SharedLoop(
            make,
            data.images.to(team.device),
            self.judge,
            self.curator(),
            self.settings,
            Streams(self.seed),
            progress,
        )
        loop.team = team
        return loop

    def measured(self, found: Round) -> dict[str, Any]:
        """Metrics of a round (:func:`gpu_experiments.metrics.measured`); in the first one also what
        the classifier is worth on images that it never saw, and what real images are like among
        themselves."""
        labels = predicted(self.judges, Images(found.candidates))
        metrics = measured(found, labels, self._train.names, self.references)
        if found.t == 0:
            metrics["classifier"] = asdict(self.judges.report(self._test))
            metrics["reference"] = [reference.as_json() for reference in self.references]
        return metrics

    def arrays(self, found: Round) -> dict[str, NDArray[Any]]:
        """Rewards and predicted classes of all candidates, who is kept, and the first images."""
        labels = predicted(self.judges, Images(found.candidates))
        arrays: dict[str, NDArray[Any]] = {
            "rewards": found.rewards.float().cpu().numpy(),
            "classes": labels.to(torch.uint8).cpu().numpy(),
            "images": to_bytes(Images(found.candidates[: self.saved])).cpu().numpy(),
        }
        if found.kept is not None:
            arrays["kept"] = found.kept.to(torch.int32).cpu().numpy()
        return arrays

    @property
    def team(self) -> Team:
        """The processes of the run."""
        return team_on(self.places.device)

    @cached_property
    def judges(self) -> Classifier:
        """The classifier, trained if it is not kept from another run."""
        state = None
        if self.team.first:
            state = trained_once(
                self.places.models,
                "classifier",
                {**self._shared, "classifier": asdict(self.classifier)},
                self._train_classifier,
            )
        found = Classifier.from_state(self.team.told(state), self.team.device)
        found.temperature = self.temperature
        return found

    @cached_property
    def judge(self) -> Reward:
        """The reward."""
        if self.reward == "confidence":
            return ConfidenceReward(self.judges, self.gamma)
        of_class = ClassReward(self.judges, self.index, self.gamma)
        if self.reward == "class":
            return of_class
        rng = Streams(self.pretraining)("comparisons")
        chosen = rng.integers(len(self._train), size=self.comparisons * self.K)
        shown = Images(self._train.images[torch.as_tensor(chosen)].to(self.team.device))
        return learn_reward(self.judges, shown, of_class, self.curator(), rng)

    @cached_property
    def references(self) -> list[Reference]:
        """Real images that the classifier never saw, in every kind of features there is."""
        held_out = Images(self._test.images.to(self.team.device))
        return [
            Reference(
                features,
                held_out,
                Streams(self.pretraining)("reference"),
                most=self.compared,
            )
            for features in features_for(self.judges, self.places.inception, self.team.device)
        ]

    @cached_property
    def _train(self) -> Labelled:
        found = self._load("train")
        if self.index >= len(found.names):
            raise ValueError(
                f"index = {self.index} is no class of {self.data}: give one from 0 to "
                f"{len(found.names) - 1}."
            )
        if self.settings.real > len(found):
            raise ValueError(
                f"lam = {self.lam} asks for {self.settings.real} real images per round and there "
                f"are {len(found)}: raise lam, or keep fewer."
            )
        return found

    @cached_property
    def _test(self) -> Labelled:
        return self._load("test")

    def _load(self, split: Split) -> Labelled:
        found = load(self.data, self.places.data, split)
        if self.limit is None or self.limit >= len(found):
            return found
        return found.subset(self.limit, Streams(self.pretraining)("limit", split == "test"))

    @property
    def _shared(self) -> Mapping[str, Any]:
        """What the classifier and the first generator depend on, besides their settings."""
        return {"data": self.data, "limit": self.limit, "pretraining": self.pretraining}

    def _train_classifier(self) -> Any:
        rng: np.random.Generator = Streams(self.pretraining)("classifier")
        return train_classifier(self._train, self.classifier, rng, self.team.device).state()

    def _generator(self) -> Generator:
        shape, device = self._train.shape, self.team.device
        if isinstance(self.model, FlowSettings):
            return ImageFlow(self.model, shape, device, self.team)
        return ImageDiffusion(self.model, shape, device, self.team)
