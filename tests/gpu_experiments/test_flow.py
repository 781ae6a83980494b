"""The flow of images: its coupling, a law it is known to learn, its promises, its faults."""

from __future__ import annotations

import io
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from gpu_experiments.flow import FlowSettings, ImageFlow, _lesson, quality_by_steps
from gpu_experiments.images import as_images
from gpu_experiments.solvers import SOLVERS
from sim.curation import KChoice
from sim.loop import Loop, LoopSettings
from sim.protocols import DivergedTraining
from sim.streams import Streams

SHAPE = (1, 4, 4)
SMOKE = FlowSettings.smoke()
PRESETS = {"cifar10": (3, 32, 32), "digits": (1, 8, 8), "smoke": (1, 8, 8)}


def images(n=60, seed=0, shape=SHAPE):
    drawn = torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))
    return 2 * drawn - 1


def fitted(settings=SMOKE, seed=0, data=None):
    flow = ImageFlow(settings, SHAPE)
    flow.fit(images() if data is None else data, np.random.default_rng([seed, 1]))
    return flow


def drawn(flow, n=20, seed=0):
    return flow.sample(n, np.random.default_rng([seed, 2]))


@pytest.fixture(scope="module")
def trained():
    """A flow to two images, black on the left or black on the right, the one in three of four."""
    left = torch.full(SHAPE, 0.8)
    left[:, :, :2] = -0.8
    data = torch.stack([left if k % 4 else left.flip(-1) for k in range(128)])
    settings = replace(
        SMOKE,
        batch=64,
        piece=64,
        steps=200,
        rate=5e-3,
        rise=0.05,
        fall="cosine",
        beta_2=0.99,
        dropout=0.0,
        flips=False,
        solver="adams",
        solver_steps=8,
    )
    flow = ImageFlow(settings, SHAPE)
    found = flow.fit(data, np.random.default_rng(0))
    return flow, found, left


def test_a_law_of_two_images_is_learnt(trained):
    flow, found, left = trained
    samples = drawn(flow, 400)
    apart = torch.stack(
        [(samples - image).square().mean(dim=(1, 2, 3)) for image in (left, left.flip(-1))]
    )
    # The two images are 1.6^2 = 2.56 apart; noise is 1 + 0.64 from both.
    assert float(apart.min(dim=0).values.quantile(0.9)) < 0.1
    # 400 throws: three standard errors are 0.065, and as much again for the fit.
    assert float((apart[0] < apart[1]).float().mean()) == pytest.approx(0.75, abs=0.13)
    assert found["steps"] == 200
    assert found["loss"] < 0.5 * found["loss_of_nothing"]


def test_every_pair_is_one_of_the_best_assignment():
    """The assignment of least squared distance is found by another program, and is unique."""
    data = images(64)
    t, x_t, u = _lesson()(data, torch.Generator().manual_seed(3), np.random.default_rng(1))
    noise = torch.empty_like(data).normal_(generator=torch.Generator().manual_seed(3))
    t = t[:, None, None, None]
    nearest = [
        torch.cdist(ends.flatten(1).double(), these.flatten(1).double()).min(dim=1)
        for ends, these in ((x_t - t * u, noise), (x_t + (1 - t) * u, data))
    ]
    assert all(float(found.values.max()) < 1e-5 for found in nearest)
    cost = torch.cdist(noise.flatten(1).double(), data.flatten(1).double()) ** 2
    best = linear_sum_assignment(cost.numpy())[1]
    assert [best[i] for i in nearest[0].indices] == nearest[1].indices.tolist()


def test_samples_are_images_and_depend_on_the_stream():
    flow = fitted()
    one, same, other = drawn(flow), drawn(flow), drawn(flow, seed=1)
    as_images(one, "samples", SHAPE)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(one, flow.transport(flow.noise(20, np.random.default_rng([0, 2]))))
    assert drawn(flow, 0).shape == (0, *SHAPE)


def test_evaluations_are_those_that_sampling_takes(monkeypatch):
    flow = fitted(replace(SMOKE, solver="heun", solver_steps=3))
    calls, run = [], flow.unet._run
    flow.unet._run = lambda times, x: calls.append(float(times[0])) or run(times, x)
    drawn(flow)
    assert len(calls) == flow.evaluations == 6


def test_a_state_passes_through_a_file_and_goes_on_in_the_same_way():
    flow = fitted()
    file = io.BytesIO()
    torch.save(flow.state(), file)
    file.seek(0)
    again = ImageFlow(SMOKE, SHAPE)
    again.load(torch.load(file, weights_only=True))
    assert torch.equal(drawn(flow), drawn(again))
    found = [one.fit(images(seed=3), np.random.default_rng(4)) for one in (flow, again)]
    assert found[0] == found[1]
    assert torch.equal(drawn(flow), drawn(again))


def test_a_state_is_no_window_on_the_flow():
    flow = fitted()
    state = flow.state()
    before = {name: value.clone() for name, value in state["weights"].items()}
    flow.fit(images(seed=3), np.random.default_rng(4))
    assert all(torch.equal(before[name], value) for name, value in state["weights"].items())


def test_a_state_from_before_the_first_fit_is_that_of_a_new_flow():
    flow, new = fitted(), ImageFlow(SMOKE, SHAPE)
    flow.load(new.state())
    with pytest.raises(ValueError, match="has not been fitted"):
        drawn(flow)
    for one in (flow, new):
        one.fit(images(), np.random.default_rng(7))
    assert torch.equal(drawn(flow), drawn(new))


@pytest.mark.parametrize("warm_start", [True, False])
def test_the_loop_runs_on_it_and_is_resumed(warm_start):
    def loop():
        return Loop(
            lambda: ImageFlow(SMOKE, SHAPE),
            images(),
            lambda samples: samples.mean(dim=(1, 2, 3)),
            KChoice(4),
            LoopSettings(iterations=2, kept=6, lam=1.0, warm_start=warm_start),
            Streams(5),
        )

    whole = list(loop().rounds())
    first, second = loop(), loop()
    rounds = first.rounds()
    next(rounds)
    next(rounds)
    second.load(first.state())
    resumed = list(second.rounds())
    assert [found.fit["steps"] for found in whole] == ([4, 2, 2] if warm_start else [4, 4, 4])
    for found, again in zip(whole[1:], resumed, strict=True):
        assert torch.equal(found.candidates, again.candidates)


def test_few_steps_come_near_the_reference(trained):
    flow, _, left = trained
    found = quality_by_steps(
        flow,
        np.random.default_rng(0),
        n=50,
        budgets=(4, 16),
        distance=lambda samples: float((samples.mean(dim=0) - left).square().mean()),
        reference=("euler", 100),
    )
    reference, rest = found[0], found[1:]
    assert (reference.evaluations, reference.squared_difference) == (100, 0.0)
    assert reference.distance > 0
    assert [(one.solver, one.evaluations) for one in rest] == [
        (solver, budget) for solver in SOLVERS for budget in (4, 16)
    ]
    for few, many in zip(rest[::2], rest[1::2], strict=True):
        assert many.squared_difference < few.squared_difference


def test_the_distance_may_be_left_out(trained):
    flow = trained[0]
    found = quality_by_steps(
        flow, np.random.default_rng(0), n=5, budgets=(2,), solvers=("heun",), reference=("euler", 3)
    )
    assert [(one.steps, one.distance) for one in found] == [(3, None), (1, None)]


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_take_their_images(preset):
    settings = getattr(FlowSettings, preset)()
    flow = ImageFlow(settings, PRESETS[preset])
    assert flow.evaluations >= 4
    # A configuration file has lists where settings have tuples.
    written = {field.name: getattr(settings, field.name) for field in fields(settings)}
    written["channel_mult"] = list(written["channel_mult"])
    assert FlowSettings(**written) == settings


def test_digits_are_not_mirrored_and_the_paper_takes_250_steps():
    assert not FlowSettings.digits().flips
    assert ImageFlow(FlowSettings.cifar10(), (3, 32, 32)).evaluations == 250


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (images(shape=(1, 8, 8)), ValueError, "images to fit"),
        (images() * 255, ValueError, "images to fit have values"),
        (images().double(), TypeError, "images to fit"),
    ],
)
def test_what_are_no_images_is_refused(data, error, said):
    with pytest.raises(error, match=said):
        ImageFlow(SMOKE, SHAPE).fit(data, np.random.default_rng(0))


def test_training_that_diverges_names_the_step():
    with pytest.raises(DivergedTraining, match=r"at step \d+ of 30 at rate 100"):
        fitted(replace(SMOKE, steps=30, rate=100.0, rise=0.0))


def test_too_little_memory_is_one_sentence():
    flow = fitted()

    def exhausted(times, x):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    flow.unet._run = exhausted
    with pytest.raises(MemoryError, match=r"give batch = 8 instead of 16\.$"):
        flow.fit(images(), np.random.default_rng(0))
    with pytest.raises(MemoryError, match=r"give in_flight = 32 instead of 64\.$"):
        drawn(flow)


def test_what_does_not_belong_is_refused():
    flow = fitted()
    with pytest.raises(ValueError, match="not of a flow"):
        flow.load({**flow.state(), "kind": "diffusion"})
    with pytest.raises(ValueError, match="solver = 'rk4'"):
        replace(SMOKE, solver="rk4")
    with pytest.raises(ValueError, match="solver_steps = 0"):
        replace(SMOKE, solver_steps=0)
    with pytest.raises(ValueError, match="budgets has 3"):
        quality_by_steps(flow, np.random.default_rng(0), n=2, budgets=(3,))
