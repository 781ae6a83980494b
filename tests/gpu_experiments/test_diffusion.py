"""Diffusion of images on the U-Net: its target, a law it learns, its promises, its refusals."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from gpu_experiments.diffusion import ImageDiffusion, ImageDiffusionSettings
from gpu_experiments.flow import FlowSettings, ImageFlow
from gpu_experiments.images import as_images
from sim.streams import torch_generator

SHAPE = (1, 4, 4)
SMOKE = ImageDiffusionSettings.like(FlowSettings.smoke(), visited=4, times=100)


def images(n=60, seed=0):
    drawn = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(seed))
    return 2 * drawn - 1


def fitted(settings=SMOKE, seed=0):
    model = ImageDiffusion(settings, SHAPE)
    model.fit(images(), np.random.default_rng([seed, 1]))
    return model


def drawn(model, n=20, seed=0):
    return model.sample(n, np.random.default_rng([seed, 2]))


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_what_is_learnt_gives_back_image_and_noise(schedule):
    """x_t and v are a rotation of image and noise: turned back, v's part of x_t is the image."""
    model = ImageDiffusion(replace(SMOKE, schedule=schedule), SHAPE)
    data = images()
    t, x_t, v = model._lesson(data, torch_generator(np.random.default_rng(0), "cpu"), None)
    alpha_bar = torch.as_tensor(model.settings.chain().alpha_bar)[t.long() - 1]
    left, mixed = (
        part.float()[:, None, None, None] for part in (alpha_bar**0.5, (1 - alpha_bar) ** 0.5)
    )
    torch.testing.assert_close(left * x_t - mixed * v, data, rtol=1e-4, atol=1e-5)
    noise = mixed * x_t + left * v
    # 960 normal numbers: five standard errors.
    assert abs(float(noise.mean())) < 0.17
    assert float(noise.std()) == pytest.approx(1, abs=0.12)
    assert float(t.min()) >= 1
    assert float(t.max()) <= 100


@pytest.mark.parametrize(("sampler", "visited"), [("ddim", 10), ("ddpm", 50)])
def test_with_the_best_prediction_it_samples_the_law(sampler, visited):
    """One image is the whole law: the best v is known, and every sample is that image."""
    image = images(1)
    model = fitted(replace(SMOKE, sampler=sampler, visited=visited))

    def best(times, x):
        place = times.long() - 1
        left, mixed = model._left[place], model._mixed[place]
        noise = (x - left * image) / mixed
        return left * noise - mixed * image

    model.unet._run = best
    # The cosine chain's first alpha_bar is near 1, so that the last step leaves no noise.
    torch.testing.assert_close(drawn(model), image.expand(20, *SHAPE), rtol=0, atol=2e-2)


def test_the_noise_that_samplers_are_told_is_that_of_the_best_prediction(monkeypatch):
    told = []
    monkeypatch.setattr(
        "gpu_experiments.diffusion.denoise",
        lambda noise_of, chain, part, **_: told.append(noise_of) or part,
    )
    model = fitted()
    drawn(model)
    image, noise = images(1), torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(1))
    for t in (1, 2, 37, 100):
        left, mixed = model._left[t - 1], model._mixed[t - 1]
        model.unet._run = lambda times, x, v=left * noise - mixed * image: v
        found = told[0](left * image + mixed * noise, t)
        torch.testing.assert_close(found, noise, rtol=1e-5, atol=1e-6)


def test_one_image_is_learnt():
    image = torch.full(SHAPE, 0.7)
    image[:, :2] = -0.7
    chosen = replace(
        SMOKE,
        batch=64,
        piece=64,
        steps=150,
        rate=5e-3,
        rise=0.05,
        fall="cosine",
        beta_2=0.99,
        dropout=0.0,
        flips=False,
        visited=20,
    )
    model = ImageDiffusion(chosen, SHAPE)
    model.fit(image.expand(64, *SHAPE), np.random.default_rng(0))
    # Noise of variance 1, cut off at 1, is about 1 away.
    assert float((drawn(model, 100) - image).square().mean()) < 0.1


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_samples_are_images_and_depend_on_the_stream(sampler):
    model = fitted(replace(SMOKE, sampler=sampler))
    one, same, other = drawn(model), drawn(model), drawn(model, seed=1)
    as_images(one, "samples", SHAPE)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_latents_give_their_images():
    model = fitted()
    latents = model.unet.latents(20, torch_generator(np.random.default_rng([0, 2]), "cpu"))
    assert torch.equal(model.decode(latents), drawn(model))


def test_evaluations_are_those_that_sampling_takes():
    model = fitted()
    calls, run = [], model.unet._run
    model.unet._run = lambda times, x: calls.append(float(times[0])) or run(times, x)
    drawn(model)
    assert calls == [100, 75, 50, 25]
    assert model.evaluations == 4


def test_a_state_passes_through_a_file_and_goes_on_in_the_same_way():
    model = fitted()
    file = io.BytesIO()
    torch.save(model.state(), file)
    file.seek(0)
    again = ImageDiffusion(SMOKE, SHAPE)
    again.load(torch.load(file, weights_only=True))
    found = [one.fit(images(seed=3), np.random.default_rng(4)) for one in (model, again)]
    assert found[0] == found[1]
    assert torch.equal(drawn(model), drawn(again))


def test_settings_are_those_of_the_flow_and_its_own():
    flow = FlowSettings.digits()
    settings = ImageDiffusionSettings.like(flow, steps=5, sampler="ddpm")
    assert (settings.channels, settings.rate, settings.steps) == (flow.channels, flow.rate, 5)
    assert settings.sampler == "ddpm"


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"sampler": "euler"}, "sampler = 'euler'"),
        ({"schedule": "square"}, "schedule = 'square'"),
        ({"visited": 0}, "visited = 0"),
        ({"visited": 200, "times": 100}, "visited = 200 is more"),
    ],
)
def test_settings_out_of_range_are_refused(chosen, said):
    with pytest.raises(ValueError, match=said):
        replace(SMOKE, **chosen)


def test_what_does_not_belong_is_refused():
    model = fitted()
    with pytest.raises(ValueError, match="not of a diffusion model"):
        model.load(ImageFlow(FlowSettings.smoke(), SHAPE).state())
    with pytest.raises(ValueError, match="cosine chain of 100 times"):
        ImageDiffusion(replace(SMOKE, times=50), SHAPE).load(model.state())
    with pytest.raises(ValueError, match="DDPM adds noise"):
        fitted(replace(SMOKE, sampler="ddpm")).decode(images())
    with pytest.raises(ValueError, match="has not been fitted"):
        drawn(ImageDiffusion(SMOKE, SHAPE))
    with pytest.raises(ValueError, match="latents have shape"):
        model.decode(torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match="images to fit"):
        model.fit(images() * 3, np.random.default_rng(0))
