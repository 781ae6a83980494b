"""The configuration of one run on images, and what it is made into.

A run has a classifier, which its reward goes by, and a first generator, the pretrained one; both
depend on the data and on the pretraining's own seed alone, and are trained once for all runs that
share them. Where things are, and on which device, is no part of a run's identity.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_experiments.classifier import NETWORKS, Classifier
from gpu_experiments.classifier_training import ClassifierSettings, train_classifier
from gpu_experiments.data import NAMES, Labelled, Split, load
from gpu_experiments.diffusion import ImageDiffusion, ImageDiffusionSettings
from gpu_experiments.distributed import Sharded, SharedLoop, Team, team_on
from gpu_experiments.flow import FlowSettings, ImageFlow
from gpu_experiments.images import Images, to_bytes
from gpu_experiments.metrics import InceptionFeatures, Reference, features_for, measured, predicted
from gpu_experiments.pretrained import Pretrained
from gpu_experiments.rewards import ClassReward, ConfidenceReward, LearntReward, learn_reward
from gpu_experiments.sources import digits
from gpu_experiments.sources.collection import CIFAR10
from gpu_experiments.trained_once import trained_once
from sim.curation import KChoice
from sim.loop import LoopSettings, Round
from sim.protocols import Generator, Progress, Reward, silent
from sim.runs import plain
from sim.streams import Streams
from theory.choice import Noisy

RewardKind = Literal["class", "confidence", "learnt"]

# Of images by the name of the data: channels, height and width, and number of classes.
KNOWN = {
    "digits": ((1, 8, 8), len(digits.NAMES)),
    "cifar10": ((3, CIFAR10.size, CIFAR10.size), len(CIFAR10.names)),
}
CONTROL = "control"
"""What takes the place of a reward's name where a run keeps at random."""

# Neighbours of precision and recall.
NEIGHBOURS = 3
# Folder, below that of the models, of long fits that were interrupted.
UNFINISHED = "unfinished"
# Candidates of the first round whose place in the features is kept: some hundred kilobytes.
LOCATED = 4_000
# Beyond it weights exp(r) are no numbers of float64.
MOST = 709


@functools.lru_cache(maxsize=len(get_args(Split)))
def _read(data: str, path: Path | None, split: Split) -> Labelled:
    """Read once for all runs of a process: decoding CIFAR-10 takes seconds."""
    return load(data, path, split)


@dataclass(frozen=True)
class Places:
    """Where a run finds and keeps things, which its numbers do not depend on.

    Attributes
    ----------
    data
        Where CIFAR-10 is (:func:`gpu_experiments.data.load`); by default it is downloaded once.
    models
        Folder of the models that runs share, and of long fits that were interrupted.
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
    selects
        Whether one of K is kept by reward. Else it is kept at random, and the reward is only
        measured: the control, whose exact loop stands still, so that what moves beyond chance is
        the models' error.
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
    selects: bool = True
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
        for name, kinds in (
            ("model", FlowSettings | ImageDiffusionSettings),
            ("classifier", ClassifierSettings),
        ):
            if not isinstance(getattr(self, name), kinds):
                raise ValueError(f"{name} = {getattr(self, name)!r} is no settings of a {name}.")
        least_of = {"index": 0, "comparisons": 1, "compared": 10, "saved": 0}
        if self.limit is not None:
            least_of["limit"] = 20
        for name, least in least_of.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least {least}.")
        for name in ("gamma", "temperature", "lam"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} = {value!r} is not a number.")
        for name, most in (("gamma", MOST), ("temperature", math.inf)):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 < value <= most):
                limit = "" if math.isinf(most) else f" of at most {most}"
                raise ValueError(f"{name} = {value} is not a positive finite number{limit}.")
        for name in ("warm_start", "selects"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} = {getattr(self, name)!r} is neither True nor False.")
        Streams(self.seed)
        Streams(self.pretraining)
        self.curator()
        self.settings  # noqa: B018, it refuses what is out of range
        if self.K * self.kept <= NEIGHBOURS:
            raise ValueError(
                f"K * kept = {self.K * self.kept} candidates are too few for precision and recall: "
                f"give more than {NEIGHBOURS}."
            )
        self._refuse_what_does_not_fit_the_data()

    def _refuse_what_does_not_fit_the_data(self) -> None:
        shape, classes = KNOWN[self.data]
        if self.index >= classes:
            raise ValueError(
                f"index = {self.index} is no class of {self.data}: give one from 0 to "
                f"{classes - 1}."
            )
        takes = NETWORKS[self.classifier.network].shape
        if takes != shape:
            raise ValueError(
                f"classifier.network = {self.classifier.network!r} takes images of shape {takes} "
                f"and those of {self.data} have {shape}: give another network."
            )
        self.model.accepts(shape)
        if (weights := self.places.inception) is not None:
            if shape[0] != 3:
                raise ValueError(f"Inception takes colour images, which {self.data} are not.")
            if not weights.is_file():
                raise FileNotFoundError(f"{weights} is no file with parameters of Inception.")

    @property
    def settings(self) -> LoopSettings:
        """Sizes of the loop."""
        return LoopSettings(self.iterations, self.kept, self.lam, self.warm_start)

    @property
    def chosen_by(self) -> str:
        """What keeps one of every K: the reward's name, or that the run is a control."""
        return self.reward if self.selects else CONTROL

    def curator(self) -> KChoice:
        """Who keeps one of every K."""
        return KChoice(self.K) if self.selects else KChoice(self.K, Noisy(Fraction(1)))

    def as_json(self) -> dict[str, Any]:
        """All fields but the places; the kind of generator as ``generator``."""
        content = asdict(self)
        del content["places"]
        generator = "flow" if isinstance(self.model, FlowSettings) else self.model.sampler
        return plain({**content, "generator": generator})

    def shared_by(self, processes: int) -> ImageExperiment:
        """The same with batches in pieces that so many processes can share out.

        This one, if it has enough of them; else the pieces, within which flow matching couples
        images, are smaller.

        Raises
        ------
        ValueError
            When the processes cannot have equal parts of a batch.
        """
        batch, piece = self.model.batch, self.model.piece
        if (batch // piece) % processes == 0:
            return self
        if batch % processes:
            raise ValueError(
                f"a batch of {batch} images cannot be shared out to {processes} processes: start "
                "a number of them that divides it."
            )
        smaller = math.gcd(piece, batch // processes)
        return replace(self, model=replace(self.model, piece=smaller))

    def ready(self) -> None:
        """Read the data, and refuse what does not fit them: before anything is trained.

        Raises
        ------
        ValueError, FileNotFoundError, ConnectionError, ModuleNotFoundError
            See :func:`gpu_experiments.data.load`.
        ImportError
            When Inception features are wanted and torch-fidelity cannot be imported.
        """
        if self.settings.real > len(self._train):
            raise ValueError(
                f"lam = {self.lam} asks for {self.settings.real} real images per round and there "
                f"are {len(self._train)}: raise lam, or keep fewer."
            )
        self._generator()
        self._test  # noqa: B018, it is read
        if (weights := self.places.inception) is not None:
            InceptionFeatures(weights, self.team.device)

    def loop(self, progress: Progress = silent) -> SharedLoop:
        """The loop at its beginning."""
        self.ready()
        team = self.team
        real = self._train.images.to(team.device)

        def make() -> Generator:
            return Pretrained(
                Sharded(self._generator(), team),
                real,
                self.places.models,
                {**self._shared, "generator": asdict(self.model)},
                lambda: Streams(self.pretraining)("pretraining"),
                team,
            )

        loop = SharedLoop(
            make,
            real,
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
        """Rewards and predicted classes of all candidates, who is kept, and the first images; in
        the first round also coordinates of the first candidates in the first kind of features
        (:mod:`gpu_experiments.feature_axes`)."""
        labels = predicted(self.judges, Images(found.candidates))
        arrays: dict[str, NDArray[Any]] = {
            "rewards": found.rewards.float().cpu().numpy(),
            "classes": labels.to(torch.uint8).cpu().numpy(),
            "images": to_bytes(Images(found.candidates[: self.saved])).cpu().numpy(),
        }
        if found.t == 0:
            first = Images(found.candidates[:LOCATED])
            arrays["coordinates"] = self.references[0].coordinates(first).float().cpu().numpy()
        if found.kept is not None:
            arrays["kept"] = found.kept.to(torch.int32).cpu().numpy()
        return arrays

    @property
    def team(self) -> Team:
        """The processes of the run."""
        return team_on(self.places.device)

    @functools.cached_property
    def judges(self) -> Classifier:
        """The classifier, trained if it is not kept from another run."""
        config = {**self._shared, "classifier": asdict(self.classifier)}
        state = self.team.agreed(
            lambda: trained_once(self.places.models, "classifier", config, self._train_classifier)
        )
        found = Classifier.from_state(state, self.team.device)
        found.temperature = self.temperature
        return found

    @functools.cached_property
    def judge(self) -> Reward:
        """The reward."""
        if self.reward == "confidence":
            return ConfidenceReward(self.judges, self.gamma)
        of_class = ClassReward(self.judges, self.index, self.gamma)
        if self.reward == "class":
            return of_class

        def learn() -> Any:
            rng = Streams(self.pretraining)("comparisons")
            chosen = rng.integers(len(self._train), size=self.comparisons * self.K)
            shown = Images(self._train.images[torch.as_tensor(chosen)].to(self.team.device))
            # The control too learns from choices: it is the loop that keeps at random.
            return learn_reward(self.judges, shown, of_class, KChoice(self.K), rng).state()

        names = ("K", "index", "gamma", "temperature", "comparisons")
        config = {
            **self._shared,
            "classifier": asdict(self.classifier),
            **{name: getattr(self, name) for name in names},
        }
        # Kept too: what another device learns from the same answers differs in the last digits.
        state = self.team.agreed(lambda: trained_once(self.places.models, "reward", config, learn))
        learnt = LearntReward(self.judges)
        learnt.load(state)
        return learnt

    @functools.cached_property
    def references(self) -> list[Reference]:
        """Real images that the classifier never saw, in every kind of features there is."""
        held_out = Images(self._test.images.to(self.team.device))
        return [
            Reference(
                features,
                held_out,
                Streams(self.pretraining)("reference"),
                k=NEIGHBOURS,
                most=self.compared,
            )
            for features in features_for(self.judges, self.places.inception, self.team.device)
        ]

    @functools.cached_property
    def _train(self) -> Labelled:
        return self._load("train")

    @functools.cached_property
    def _test(self) -> Labelled:
        return self._load("test")

    def _load(self, split: Split) -> Labelled:
        found = _read(self.data, self.places.data, split)
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
        unfinished = self.places.models / UNFINISHED
        where = (self._train.shape, self.team.device, self.team, unfinished)
        if isinstance(self.model, FlowSettings):
            return ImageFlow(self.model, *where)
        return ImageDiffusion(self.model, *where)
