"""The configuration of one experiment in the plane or on the line, and what it is made into.

A configuration is a tree of frozen dataclasses: equal configurations give equal runs. Its fields
are read from text by their types (:func:`with_fields`), for the command line and for sweeps.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, get_args, get_type_hints

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from sim.comparison import DataSet, Setting, on_samples
from sim.curation import KChoice
from sim.loop import Loop, LoopSettings, Round
from sim.metrics import measured
from sim.models import MODELS, Make, Preset
from sim.protocols import Progress, silent
from sim.runs import plain
from sim.streams import Streams
from theory.choice import Choice, PlackettLuce, choice_from_json
from theory.rewards import ClippedDistance
from theory.spelling import nearest


class UnknownField(ValueError):
    """There is no field, or no generator, of that name; the message names the nearest."""


@dataclass(frozen=True)
class Experiment:
    r"""One run of Algorithm 1 with a generator; the reward is
    :math:`r(x) = -\gamma\max(0, \|x-\mu\|-r_{\min})`.

    Attributes
    ----------
    data
        Law of the real data: one of :mod:`sim.datasets` or :mod:`sim.lines`.
    gamma, centre, radius
        The reward's slope γ, the place μ of its maximum, one number per coordinate, and the radius
        of the ball where it is constant.
    K
        Candidates per kept sample.
    choice
        Who keeps one of them: a choice model's name, or its JSON (:mod:`theory.choice`).
    lam
        Synthetic-to-real ratio λ; ``inf`` for no real data after the first fit.
    iterations
        Retraining rounds.
    kept
        Samples kept per round.
    real
        Real data: the first model is fitted to all of them.
    warm_start
        Whether fits start from the last parameters.
    generator, model
        Name of the generator and its settings (:mod:`sim.models`).
    device
        Where the generator runs.
    seed
        Root of all randomness.
    saved
        Candidates, and kept samples, stored per round, for figures.

    Raises
    ------
    ValueError
        For a field out of its range, or fields that do not fit each other.
    """

    data: DataSet
    centre: tuple[float, ...]
    gamma: float = 1.0
    radius: float = 0.0
    K: int = 2
    choice: str = PlackettLuce.name
    lam: float = math.inf
    iterations: int = 8
    kept: int = 5_000
    real: int = 10_000
    warm_start: bool = True
    generator: str = "flow"
    model: Any = field(default_factory=lambda: MODELS["flow"].quick)
    device: str = "cpu"
    seed: int = 0
    saved: int = 0

    def __post_init__(self) -> None:
        for name, least in (("real", 1), ("saved", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least {least}.")
        if self.generator not in MODELS:
            raise UnknownField(_unknown("generator", self.generator, MODELS))
        kind = MODELS[self.generator]
        if type(self.model) is not type(kind.quick):
            raise ValueError(
                f"model is of type {type(self.model).__name__}: the generator {self.generator!r} "
                f"takes {type(kind.quick).__name__}."
            )
        if kind.keeps and not self.warm_start:
            raise ValueError(
                f"the generator {self.generator!r} counts its fits: leave warm_start True."
            )
        settings = self.settings
        if settings.real > self.real:
            raise ValueError(
                f"lam = {self.lam} asks for {settings.real} real samples per round and there are "
                f"{self.real}: raise real or lam, or keep fewer."
            )
        Streams(self.seed)
        self.curator()
        dimension = len(self.data.grid(1))
        if len(self.centre) != dimension or not all(map(math.isfinite, self.centre)):
            raise ValueError(
                f"centre = {self.centre} is no point of the data: give {dimension} finite "
                f"number{'s' * (dimension > 1)}."
            )
        self.reward()
        self._check_device()
        if self.generator == "exact" and not isinstance(self.curator().choice, PlackettLuce):
            raise ValueError(
                f"the generator 'exact' is for the choice model {PlackettLuce.name!r}: take "
                "another generator."
            )

    @property
    def settings(self) -> LoopSettings:
        """Sizes of the loop."""
        return LoopSettings(self.iterations, self.kept, self.lam, self.warm_start)

    def reward(self) -> Callable[[Any], NDArray[np.float64]]:
        """Rewards of points (n, d)."""
        return ClippedDistance(self.gamma, self.centre, self.radius)

    def curator(self) -> KChoice:
        """Who keeps one of every K."""
        return KChoice(self.K, _choice(self.choice))

    def setting(self) -> Setting:
        """The same loop, for the exact prediction (:mod:`sim.comparison`)."""
        return Setting(self.data, self.reward(), self.K, self.settings, self.real)

    def make(self) -> Make:
        """What makes fresh generators."""
        return MODELS[self.generator].make(self.model, self.setting(), self.device)

    def real_data(self) -> NDArray[np.float64]:
        """The real data, shape (real, d)."""
        return self.data.sample(self.real, Streams(self.seed)("real data"))

    def loop(self, progress: Progress = silent) -> Loop:
        """The loop at its beginning."""
        return Loop(
            self.make(),
            torch.as_tensor(self.real_data()),
            on_samples(self.reward()),
            self.curator(),
            self.settings,
            Streams(self.seed),
            progress,
        )

    def measured(self, found: Round) -> dict[str, Any]:
        """Metrics of a round: :mod:`sim.metrics`."""
        return measured(found, self.data)

    def arrays(self, found: Round) -> dict[str, NDArray[np.float32]]:
        """The first ``saved`` candidates and, but in the last round, kept samples."""
        if self.saved == 0:
            return {}
        samples = {"candidates": found.candidates[: self.saved]}
        if found.kept is not None:
            samples["kept"] = found.candidates[found.kept[: self.saved]]
        return {name: values.float().cpu().numpy() for name, values in samples.items()}

    def as_json(self) -> dict[str, Any]:
        """All fields, the class of the data as ``law``; numbers that are not finite as words."""
        content = asdict(self)
        content["data"] = {"law": type(self.data).__name__, **content["data"]}
        return plain(content)

    def _check_device(self) -> None:
        try:
            device = torch.device(self.device)
            if device.type != "cpu":
                if not MODELS[self.generator].any_device:
                    raise ValueError(
                        f"device = {self.device!r}: the generator {self.generator!r} runs on the "
                        "CPU only."
                    )
                torch.zeros(1, device=device).item()
        # What torch raises for a name it does not know, a backend it was built without, and one
        # that cannot hold numbers here.
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise ValueError(
                f"device = {self.device!r} cannot be used here ({reason}): give cpu, or one that "
                "this machine has."
            ) from None


def field_values(experiment: Experiment) -> dict[str, Any]:
    """Values by the dotted names that :func:`with_fields` takes."""
    owners = {"": experiment, "data": experiment.data, "model": experiment.model}
    return {
        name: getattr(owners[part], key)
        for name in _names(owners)
        for part, _, key in [name.rpartition(".")]
    }


def with_fields(
    experiment: Experiment, texts: Mapping[str, str], preset: Preset = "quick"
) -> Experiment:
    """The experiment with some fields read from text.

    Parameters
    ----------
    experiment
        Where the other fields come from.
    texts
        Text by name, with dots into the parts, as ``model.steps``; hyphens count as underscores. A
        tuple's entries are separated by spaces.
    preset
        Another generator comes with its settings in this preset.

    Raises
    ------
    UnknownField
        For a name that there is not.
    ValueError
        For a text that is no value of the field, or a value that the experiment refuses.

    Examples
    --------
    >>> from sim.presets import EXPERIMENTS
    >>> found = with_fields(EXPERIMENTS["mixture-pure"].quick, {"K": "4", "data.modes": "3"})
    >>> found.K, found.data.modes
    (4, 3)
    """
    texts = {name.replace("-", "_"): text for name, text in texts.items()}
    name = texts.pop("generator", experiment.generator)
    if name not in MODELS:
        raise UnknownField(_unknown("generator", name, MODELS))
    model = experiment.model
    if name != experiment.generator:
        model = MODELS[name].settings(preset)
    owners = {"": experiment, "data": experiment.data, "model": model}
    known = _names(owners)
    read: dict[str, dict[str, Any]] = {part: {} for part in owners}
    for name_of, text in texts.items():
        if name_of not in known:
            raise UnknownField(_unknown("field", name_of, known))
        part, _, key = name_of.rpartition(".")
        read[part][key] = _read(name_of, get_type_hints(type(owners[part]))[key], text)
    # All at once: one on its own may not fit the others.
    return replace(
        experiment,
        **read[""],
        data=replace(experiment.data, **read["data"]),
        generator=name,
        model=replace(model, **read["model"]),
    )


def _names(owners: Mapping[str, Any]) -> list[str]:
    """Dotted names of all fields: the experiment's without its parts, then the parts'."""
    return [
        f"{part}.{member.name}" if part else member.name
        for part, owner in owners.items()
        for member in fields(owner)
        if part or member.name not in owners
    ]


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"there is no {what} {name!r}: did you mean {nearest(name, known)!r}?"


def _read(name: str, hint: Any, text: str) -> Any:
    several = getattr(hint, "__origin__", None) is tuple
    try:
        with redirect_stderr(io.StringIO()):
            return tyro.cli(hint, args=text.split() if several else [text])
    except SystemExit:
        raise ValueError(f"{name} = {text!r}: give {_described(hint)}.") from None


def _described(hint: Any) -> str:
    if getattr(hint, "__origin__", None) is tuple:
        return "numbers with spaces between them"
    words = {int: "a whole number", float: "a number", bool: "True or False", str: "a word"}
    if hint in words:
        return words[hint]
    return " or ".join(words.get(member) or str(member) for member in _alternatives(hint))


def _alternatives(hint: Any) -> list[Any]:
    found = []
    for member in get_args(hint):
        found += _alternatives(member) if get_args(member) else [member]
    return found


def _choice(text: str) -> Choice:
    if not text.lstrip().startswith("{"):
        return choice_from_json({"model": text})
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"choice = {text!r} is not JSON ({error}).") from None
    return choice_from_json(content)
