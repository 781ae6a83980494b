"""Presets: what was published, and which runs share their models."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from gpu_experiments.diffusion import ImageDiffusionSettings
from gpu_experiments.experiment import CONTROL, KNOWN, ImageExperiment
from gpu_experiments.flow import ImageFlow
from gpu_experiments.presets import CONTROLS, FOUR, PRESETS
from gpu_experiments.unet import UNetSettings

RUNS = [(preset, name) for preset, chosen in PRESETS.items() for name in chosen.runs]


@pytest.mark.parametrize(("preset", "name"), RUNS)
def test_a_run_is_what_its_name_says(preset: str, name: str) -> None:
    run = PRESETS[preset].runs[name]
    reward, ratio, seed = name.split("-")
    assert run.selects == (reward != CONTROL)
    assert run.reward == ("confidence" if reward == CONTROL else reward)
    assert {"pure": math.inf, "mixed": 1.0}[ratio] == run.lam
    assert run.seed == int(seed)
    assert run.data == preset.partition("-")[0]
    assert run.settings.real == (0 if ratio == "pure" else run.kept)
    json.dumps(run.as_json(), allow_nan=False)
    # The network takes the images.
    ImageFlow(run.model, KNOWN[run.data][0])


@pytest.mark.parametrize("preset", PRESETS)
def test_runs_of_a_preset_share_their_models_and_are_told_apart(preset: str) -> None:
    runs = list(PRESETS[preset].runs.values())
    shared = {(run.data, run.limit, run.pretraining, run.model, run.classifier) for run in runs}
    assert len(shared) == 1
    assert len({json.dumps(run.as_json()) for run in runs}) == len(runs)
    settings = set(FOUR)
    if preset == "cifar10-fast":
        settings -= {"class-mixed"}
    elif preset != "cifar10-paper":
        settings |= set(CONTROLS)
    assert {"-".join(name.split("-")[:2]) for name in PRESETS[preset].runs} == settings


def test_controls_are_as_long_as_what_they_are_the_controls_of() -> None:
    for preset in ("digits-quick", "cifar10-record"):
        runs = PRESETS[preset].runs
        for name in CONTROLS:
            assert runs[f"{name}-0"].iterations == runs["confidence-pure-0"].iterations


def test_the_published_sizes() -> None:
    runs = PRESETS["cifar10-paper"].runs
    assert len(runs) == 12
    for name, run in runs.items():
        assert (run.kept * run.K, run.kept) == (50_000, 2_500)
        assert run.gamma == (5.0 if run.reward == "class" else 15.0)
        assert run.iterations == (10 if "pure" in name else 20)
        assert run.index == 0
        assert run.temperature == 1.0
        assert run.limit is None
        assert run.warm_start
        assert (run.model.solver, run.model.solver_steps) == ("euler", 250)
        assert run.classifier.network == "vgg11"
    # The published network: the defaults of torchcfm's CIFAR-10.
    network = {name: getattr(run.model, name) for name in UNetSettings.__dataclass_fields__}
    assert network == {
        name: field.default for name, field in UNetSettings.__dataclass_fields__.items()
    }


def test_three_seeds_of_the_published_runs_and_of_the_digits() -> None:
    for preset in ("cifar10-paper", "cifar10-record", "digits-quick"):
        assert {run.seed for run in PRESETS[preset].runs.values()} == {0, 1, 2}


def test_the_fast_runs_have_the_protocol_of_the_published_ones() -> None:
    for name, run in PRESETS["cifar10-fast"].runs.items():
        published = PRESETS["cifar10-paper"].runs[name]
        same = replace(run, model=published.model, iterations=published.iterations)
        assert same == published
        assert 10 <= run.iterations <= published.iterations
        assert run.model.steps < published.model.steps


@pytest.mark.parametrize(
    "preset", ["cifar10-paper", "cifar10-fast", "cifar10-record", "digits-quick"]
)
def test_several_processes_can_share_every_preset(preset: str) -> None:
    for run in PRESETS[preset].runs.values():
        for processes in (1, 2):
            model = run.shared_by(processes).model
            assert (model.batch // model.piece) % processes == 0


def test_a_diffusion_model_can_take_the_place_of_the_flow() -> None:
    run: ImageExperiment = PRESETS["digits-quick"].runs["class-pure-0"]
    other = replace(run, model=ImageDiffusionSettings.like(run.model))
    assert other.as_json()["generator"] == "ddim"
    assert other.model.channels == run.model.channels
