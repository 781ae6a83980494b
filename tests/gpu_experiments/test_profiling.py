"""Profiles: operations per time, the phases of a preset, and the command."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from gpu_experiments import __main__ as cli
from gpu_experiments import profiling
from gpu_experiments.classifier import VGG11
from gpu_experiments.diffusion import ImageDiffusionSettings
from gpu_experiments.presets import PRESETS, Preset
from gpu_experiments.profiling import Timing, estimate, matrix_rate, profile


def timing(seconds, first=0.0):
    return Timing("work", 10, seconds, first, flops=2e9, rate=1e10, peak_bytes=0)


def test_shares_and_floors():
    found = timing(0.8)
    assert found.achieved == 2.5e9
    assert found.share == 0.25
    assert found.floor == 0.2
    assert found.images_per_second == 12.5
    assert found.as_json()["share"] == 0.25


def test_phases_of_the_fast_preset():
    """Counted by hand from its sizes, with ten steps a second and two passes of sampling."""
    runs = [run for name, run in PRESETS["cifar10-fast"].runs.items() if name == "class-pure-0"]
    one = runs[0]
    found = estimate(runs, timing(0.1, 5.0), timing(0.5, 3.0), timing(0.01, 1.0))
    assert found["compilation"] == 9.0
    assert found["classifier"] == pytest.approx(80 * 97 * 0.01)
    assert found["pretraining"] == pytest.approx(one.model.steps * 0.1)
    assert found["refits"] == pytest.approx(10 * one.model.warm_steps * 0.1)
    # 50 000 candidates in 20 passes of 2500, for p_0, ..., p_10.
    assert one.model.in_flight == 2500
    assert found["sampling"] == pytest.approx(11 * 20 * 0.5)


def test_models_are_shared_by_runs_unless_they_are_pretrained_apart(tiny):
    times = timing(1.0), timing(1.0), timing(1.0)
    alone = estimate([tiny], *times)
    seeds = estimate([tiny, replace(tiny, seed=1)], *times)
    apart = estimate([tiny, replace(tiny, pretraining=1)], *times)
    cold = estimate([replace(tiny, warm_start=False)], *times)
    assert seeds["pretraining"] == alone["pretraining"] == tiny.model.steps
    assert seeds["refits"] == 2 * alone["refits"]
    assert apart["pretraining"] == 2 * alone["pretraining"]
    # 60 images are not one batch of 64: all of them are one.
    assert apart["classifier"] == 2 * alone["classifier"] == 2
    assert cold["refits"] == tiny.iterations * tiny.model.steps


def test_rate_of_matrices_by_a_clock_that_counts_calls(monkeypatch):
    """Three products between two looks, three seconds apart: one second each."""
    clock = SimpleNamespace(perf_counter=itertools.count(step=3.0).__next__)
    monkeypatch.setattr(profiling, "time", clock)
    rate, precision = matrix_rate(torch.device("cpu"), 0.05)
    assert precision == "float32"
    assert rate == 2 * profiling.SIDE["cpu"] ** 3


def test_operations_of_vgg11():
    """Multiplications of its seven convolutions and three layers, an addition with each."""
    convolutions = [(3, 64, 32), (64, 128, 16), (128, 256, 8), (256, 256, 8)]
    convolutions += [(256, 512, 4), (512, 512, 4), (512, 512, 2), (512, 512, 2)]
    forward = sum(2 * 9 * a * b * side**2 for a, b, side in convolutions)
    forward += 2 * (512 * 4096 + 4096**2 + 4096 * 10)
    # As often again for the gradients of inputs and of weights, but for those of the images.
    backward = 2 * forward - 2 * 9 * 3 * 64 * 32**2
    assert profiling._classifier_operations("vgg11", VGG11.shape, 10) == forward + backward


@pytest.mark.parametrize("kind", ["flow", "ddim"])
def test_a_profile_on_the_cpu(tiny, kind):
    if kind == "ddim":
        tiny = replace(tiny, model=ImageDiffusionSettings.like(tiny.model, visited=3))
    found = profile({"run": tiny}, "cpu", 0.05)
    evaluations = {"flow": 4, "ddim": 3}[kind]
    assert found.sampling.what == f"sampling, {evaluations} evaluations"
    for each, images in ((found.training, 16), (found.sampling, 64), (found.classifier, 64)):
        assert each.images == images
        assert each.share == pytest.approx(each.flops / each.seconds / found.rate)
        assert each.first >= 0
    # Three evaluations' operations are one's with its gradient, but for the first layer.
    per_image = found.sampling.flops / 64 / evaluations
    assert 2.9 < found.training.flops / 16 / per_image < 3
    assert found.total == pytest.approx(sum(found.phases.values()))
    json.dumps(found.as_json(), allow_nan=False)


def test_what_cannot_be_profiled(tiny):
    with pytest.raises(ValueError, match="seconds = 0"):
        profile({"run": tiny}, "cpu", 0)
    other = replace(tiny, model=replace(tiny.model, batch=8))
    with pytest.raises(ValueError, match="the runs differ in data, generator or classifier"):
        profile({"run": tiny, "other": other}, "cpu")
    with pytest.raises(ValueError, match=r"one training step takes at least .* a smaller preset"):
        profile(PRESETS["cifar10-fast"].runs, "cpu", 1e-3)


def test_the_command(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(cli.PRESETS, "tiny", Preset("tiny", {"run": tiny}))
    file = tmp_path / "profile.json"
    given = ["profile", "tiny", "--device", "cpu", "--seconds", "0.02", "--batch", "8"]
    assert cli.main([*given, "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "TFLOP/s in products of float32 matrices" in printed
    assert "training step" in printed
    assert "pretraining" in printed
    found = json.loads(file.read_text())
    assert (found["preset"], found["training"]["images"]) == ("tiny", 8)
    assert math.isfinite(found["total"])
    assert cli.main(["profile", "tini"]) == 2
    assert "did you mean 'tiny'" in capsys.readouterr().err
