"""The few-step solver beside the reference: the same noise, compared pair by pair."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from gpu_experiments.diffusion import ImageDiffusionSettings
from gpu_experiments.flow import REFERENCE, ImageFlow
from gpu_experiments.solver_check import solver_check


@pytest.fixture
def here(tiny, tmp_path):
    """A tiny run with a folder for its models."""
    return replace(tiny, places=replace(tiny.places, models=tmp_path))


def test_the_reference_does_not_differ_from_itself(here, monkeypatch):
    monkeypatch.setattr("gpu_experiments.solver_check.REFERENCE", ("heun", 2))
    same = replace(here, model=replace(here.model, solver="heun", solver_steps=2))
    found = solver_check(same, 5 * here.K)
    assert found["rms"] == 0
    for pair in (found["reward"], found["kept_reward"], *found["shares"].values()):
        assert pair["difference"] == pair["se"] == 0
        assert pair["here"] == pair["there"]
    assert found["quality"][0] == found["quality"][1]


def test_what_is_told_is_recomputed_from_the_images(here, monkeypatch):
    sets = []
    transport = ImageFlow.transport

    def kept(self, noise, solver, steps):
        sets.append((solver, steps, transport(self, noise, solver, steps)))
        return sets[-1][-1]

    monkeypatch.setattr(ImageFlow, "transport", kept)
    monkeypatch.setattr("gpu_experiments.solver_check.REFERENCE", ("euler", 16))
    few = replace(here, model=replace(here.model, solver="euler", solver_steps=2))
    n = 6 * here.K
    found = solver_check(few, n)
    (one, one_steps, images), (other, other_steps, reference) = sets[-2:]
    assert (one, one_steps, other, other_steps) == ("euler", 2, "euler", 16)
    assert (found["steps"], found["reference_steps"], found["images"]) == (2, 16, n)
    apart = images.double().numpy() - reference.double().numpy()
    assert found["rms"] == pytest.approx(math.sqrt((apart**2).mean()), rel=1e-5)
    assert found["rms"] > 0
    rewards = [few.judge(each).double().numpy() for each in (images, reference)]
    means = [
        [np.average(group, weights=np.exp(group)) for group in each.reshape(-1, here.K)]
        for each in rewards
    ]
    for name, values in (("reward", rewards), ("kept_reward", means)):
        difference = np.subtract(*values)
        # Rewards are float32.
        assert found[name]["difference"] == pytest.approx(difference.mean(), rel=1e-4, abs=1e-6)
        assert found[name]["se"] == pytest.approx(
            difference.std(ddof=1) / math.sqrt(len(difference)), rel=1e-4, abs=1e-6
        )
    assert found["kept_reward"]["here"] > found["reward"]["here"]
    for side in ("here", "there"):
        assert sum(pair[side] for pair in found["shares"].values()) == pytest.approx(1)


def test_the_reference_is_the_papers():
    assert REFERENCE == ("euler", 250)


@pytest.mark.parametrize("images", [0, 3, 7])
def test_images_that_are_no_groups_are_refused(here, images):
    with pytest.raises(ValueError, match=f"images = {images} do not divide into groups of K = "):
        solver_check(here, images)


def test_a_model_without_solver_is_refused(here):
    diffusion = replace(here, model=ImageDiffusionSettings.like(here.model))
    with pytest.raises(ValueError, match="ddim has no solver to compare: give a flow"):
        solver_check(diffusion, 4 * here.K)
