"""Trained diffusion models: the law they learn, their latents, their state, what they refuse."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from sim import GaussianMixture, TwoMoons
from sim.curation import KChoice
from sim.generators import diffusion
from sim.generators.diffusion import Diffusion, DiffusionSettings
from sim.generators.gaussian_diffusion import Normal, best_noise, ddim, ddpm, distance
from sim.generators.latents import slerp
from sim.generators.noise_schedule import NoiseSchedule
from sim.generators.single_precision import in_single_precision
from sim.loop import Loop, LoopSettings
from sim.protocols import DivergedTraining
from sim.streams import Streams
from theory.testing import check_generator

SETS = {"mixture": GaussianMixture(), "moons": TwoMoons()}
QUICK = DiffusionSettings(steps=60, warm_steps=20, batch=128, width=32, visited=10, times=100)


def draws(name: str, n: int, seed: int) -> torch.Tensor:
    return torch.as_tensor(SETS[name].sample(n, np.random.default_rng(seed)))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@cache
def trained(name: str, seed: int = 0) -> Any:
    """State after the default training on 20 000 points, in about 1.2 s of one core."""
    model = Diffusion()
    model.fit(draws(name, 20_000, 0), rng(seed))
    return model.state()


def of(name: str, seed: int = 0, **settings: Any) -> Diffusion:
    model = Diffusion(DiffusionSettings(**settings))
    model.load(trained(name, seed))
    return model


def energy(x: torch.Tensor, y: torch.Tensor) -> float:
    """Squared energy distance in the plane, without bias: 2 E|X − Y| − E|X − X'| − E|Y − Y'|.

    A distance is π/2 times the mean over directions of its projections; on a line the sums over all
    pairs come from sorting. 64 directions know |cos| to 2e-4 of its mean.
    """
    angles = torch.arange(64, dtype=torch.float64) * math.pi / 64
    directions = torch.stack([angles.cos(), angles.sin()])

    def pairs(points: torch.Tensor) -> float:
        """Sum of distances over pairs, in mean over directions."""
        n = len(points)
        places = 2 * torch.arange(n, dtype=torch.float64) - n + 1
        return float((places[:, None] * points.sort(dim=0).values).sum() / 64) * math.pi / 2

    x, y = x.double() @ directions, y.double() @ directions
    n, m = len(x), len(y)
    own = pairs(x), pairs(y)
    across = pairs(torch.cat([x, y])) - sum(own)
    return 2 * across / (n * m) - 2 * own[0] / (n * (n - 1)) - 2 * own[1] / (m * (m - 1))


# --- the law -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
# Measured over four seeds: up to 0.62e-3 and 0.31e-3, each with a standard error of 0.2e-3 and
# 0.03e-3 from 40 000 samples against as many true points.
@pytest.mark.parametrize(("name", "stated"), [("mixture", 1e-3), ("moons", 0.5e-3)])
def test_the_trained_model_is_near_the_data(
    name: str, stated: float, sampler: str, seed: int
) -> None:
    samples = of(name, seed, sampler=sampler).sample(40_000, rng(1))
    assert energy(samples, draws(name, 40_000, 2)) < stated


@pytest.mark.parametrize(
    ("name", "stated"),
    # In units of the data, whose total standard deviation is 5.05 and 1.01.
    [("mixture", (0.33, 0.17, 0.075, 0.04)), ("moons", (0.15, 0.085, 0.036, 0.018))],
)
def test_ten_to_a_hundred_times_fewer_steps_move_samples_little(
    name: str, stated: tuple[float, ...]
) -> None:
    """Root mean square distance of the samples of the same latents, 1000 steps against fewer: an
    upper bound on the Wasserstein distance of order 2 between the two laws."""
    latents = torch.randn(2000, 2, generator=torch.Generator().manual_seed(4))
    whole = of(name, visited=1000).decode(latents)
    found = [
        float((of(name, visited=n).decode(latents) - whole).square().sum(dim=1).mean().sqrt())
        for n in (10, 20, 50, 100)
    ]
    assert all(one < two for one, two in zip(found, stated, strict=True))
    # First order in the number of steps: ten times as many are about ten times nearer.
    assert 6 < found[0] / found[3] < 14


@pytest.mark.parametrize(("name", "sampler"), [("mixture", "ddpm"), ("moons", "ddim")])
def test_the_model_conforms(name: str, sampler: Any) -> None:
    data, held_out = (SETS[name].sample(n, rng(n)) for n in (20_000, 40_000))
    check_generator(
        lambda: Diffusion(DiffusionSettings(sampler=sampler)),
        data,
        held_out,
        fit_error=0.03,
        samples=40_000,
    ).require()


def test_on_gaussian_data_the_network_learns_the_closed_form() -> None:
    law = Normal.of([2.0, -1.0], [[1.3, 0.6], [0.6, 0.5]])
    data = rng().multivariate_normal(law.mean, law.covariance, 20_000)
    model = Diffusion()
    model.fit(torch.as_tensor(data), rng())
    # The network works in coordinates of variance 1.
    scale = data.std(axis=0)
    scaled = Normal(np.zeros(2), np.cov(data.T, ddof=0) / np.outer(scale, scale))
    chain = model.settings.chain()
    for t in (1, 100, 300, 600, 900, 1000):
        left = chain.alpha_bar[t - 1]
        noise = rng(t).standard_normal((4000, 2))
        noisy = math.sqrt(left) * (data[:4000] - data.mean(axis=0)) / scale
        noisy = noisy + math.sqrt(1 - left) * noise
        slope, shift = best_noise(scaled, left)
        with torch.no_grad():
            found = model._network(torch.as_tensor(noisy).float(), torch.tensor([t])).numpy()
        gap = found - (noisy @ slope.T + shift)
        # Measured up to 0.04, where noise of standard deviation 1 is predicted.
        assert math.sqrt((gap**2).mean()) < 0.06

    for sampler, exact in (("ddim", ddim), ("ddpm", ddpm)):
        other = Diffusion(DiffusionSettings(sampler=sampler))
        other.load(model.state())
        samples = other.sample(20_000, rng(5)).double().numpy()
        found = Normal((samples.mean(axis=0) - data.mean(axis=0)) / scale, _cov(samples / scale))
        predicted = exact(scaled, chain.at(chain.spaced(100)))[-1]
        # A standard error of a mean is 0.007; the rest is the network's.
        assert distance(found, predicted) < 0.05


def _cov(points: np.ndarray) -> np.ndarray:
    return np.cov(points.T, ddof=0)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_one_dimension_and_both_schedules(schedule: Any) -> None:
    data = torch.as_tensor(rng().normal(3.0, 0.5, (5000, 1)))
    model = Diffusion(DiffusionSettings(schedule=schedule, steps=300))
    model.fit(data, rng())
    samples = model.sample(5000, rng(1))
    assert samples.shape == (5000, 1)
    assert float(samples.mean()) == pytest.approx(3.0, abs=0.05)
    assert float(samples.std()) == pytest.approx(0.5, abs=0.05)


def test_a_coordinate_that_does_not_vary_stays_nearly_so() -> None:
    data = torch.cat([draws("moons", 4000, 0), torch.full((4000, 1), 7.0)], dim=1)
    model = Diffusion(DiffusionSettings(steps=600, batch=256))
    model.fit(data, rng())
    last = model.sample(1000, rng(1))[:, 2]
    assert float((last - 7).abs().mean()) < 0.1


# --- latents -------------------------------------------------------------------------------------


def test_the_same_latent_gives_the_same_sample() -> None:
    model = of("moons")
    latents = torch.randn(6000, 2, generator=torch.Generator().manual_seed(0))
    samples = model.decode(latents)
    torch.testing.assert_close(model.decode(latents), samples, rtol=0, atol=0)
    # Alone or among others; only the order of sums in a product may differ.
    torch.testing.assert_close(model.decode(latents[4321:4322]), samples[4321:4322])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", SETS)
def test_samples_move_continuously_along_interpolated_latents(name: str, seed: int) -> None:
    model = of(name)
    ends = torch.randn(2, 2, generator=torch.Generator().manual_seed(seed))
    jumps = []
    for points in (2001, 4001, 8001):
        path = model.decode(slerp(ends[0], ends[1], torch.linspace(0, 1, points)))
        jumps.append(float(path.diff(dim=0).norm(dim=1).max()))
    torch.testing.assert_close(path[[0, -1]], model.decode(ends), rtol=1e-4, atol=1e-4)
    # Twice as many points halve the largest move; float32 rounding adds a little.
    assert 1.6 < jumps[0] / jumps[1] < 2.2
    assert 1.6 < jumps[1] / jumps[2] < 2.2


def test_interpolation_keeps_to_the_circle() -> None:
    one, two = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    path = slerp(one, two, torch.linspace(0, 1, 5))
    torch.testing.assert_close(path.norm(dim=1), torch.full((5,), 3.0))
    angles = torch.atan2(path[:, 1], path[:, 0])
    torch.testing.assert_close(angles, torch.linspace(0, math.pi / 2, 5), rtol=0, atol=1e-6)
    # Unequal lengths keep the ends; parallel vectors are joined by a line.
    torch.testing.assert_close(slerp(one, 2 * two, torch.tensor([0.0, 1.0]))[1], 2 * two)
    torch.testing.assert_close(slerp(one, 2 * one, torch.tensor([0.5])), 1.5 * one[None])


# --- in the loop ---------------------------------------------------------------------------------


def test_a_warm_start_goes_on_from_the_last_fit() -> None:
    model = of("moons")
    before = model.sample(4000, rng(1))
    upper = draws("moons", 4000, 5)
    upper = upper[torch.as_tensor(TwoMoons().labels(upper)) == 0]
    figures = model.fit(upper, rng(2))
    assert figures["steps"] == 300
    after = model.sample(4000, rng(1))
    assert energy(before, upper) > 0.1 > 5e-3 > energy(after, upper)
    # One small step leaves it where it was, which a fit from the beginning would not.
    one = of("moons", warm_steps=1, warm_rate=1e-6)
    one.fit(upper, rng(2))
    torch.testing.assert_close(one.sample(4000, rng(1)), before, rtol=0, atol=1e-3)


def test_the_same_seed_gives_the_same_numbers_and_global_streams_are_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    found = []
    for seed in (3, 3, 4):
        model = Diffusion(replace(QUICK, sampler="ddpm"))
        stream = rng(seed)
        figures = [model.fit(draws("moons", 500, 0), stream) for _ in range(2)]
        found.append((figures, model.sample(50, stream)))
    torch.testing.assert_close(found[0][1], found[1][1], rtol=0, atol=0)
    assert found[0][0] == found[1][0]
    assert not torch.equal(found[0][1], found[2][1])
    Diffusion(replace(QUICK, sampler="ddpm")).load(model.state())
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002


def test_a_saved_state_samples_and_fits_on_as_the_original() -> None:
    model = Diffusion(QUICK)
    model.fit(draws("moons", 500, 0), rng())
    file = io.BytesIO()
    torch.save(model.state(), file)
    file.seek(0)
    other = Diffusion(QUICK)
    other.load(torch.load(file, weights_only=True))
    for one in (model, other):
        # What the original does next must not reach the other.
        one.fit(draws("moons", 300, 1) + 1, rng(2))
    torch.testing.assert_close(model.sample(20, rng(3)), other.sample(20, rng(3)), rtol=0, atol=0)


def test_a_state_is_its_own() -> None:
    model, other = fitted(), Diffusion(QUICK)
    before = model.sample(9, rng(1))
    state = model.state()
    other.load(state)
    for tensor in (*state["weights"].values(), state["shift"], state["scale"]):
        tensor.fill_(9.0)
    for one in (model, other):
        torch.testing.assert_close(one.sample(9, rng(1)), before, rtol=0, atol=0)


def test_the_state_of_a_new_model_is_that_of_a_new_model() -> None:
    model = Diffusion(QUICK)
    model.fit(draws("moons", 500, 0), rng())
    model.load(Diffusion(QUICK).state())
    with pytest.raises(ValueError, match="has not been fitted"):
        model.sample(3, rng())


def test_the_loop_runs_with_it() -> None:
    settings = LoopSettings(iterations=2, kept=300, lam=1.0)
    loop = Loop(
        lambda: Diffusion(QUICK),
        draws("moons", 1000, 0),
        lambda samples: -(samples - torch.tensor([0.0, 1.0])).norm(dim=1),
        KChoice(2),
        settings,
        Streams(0),
    )
    rounds = list(loop.rounds())
    assert [len(found.candidates) for found in rounds] == [600, 600, 600]
    assert rounds[2].rewards.mean() > rounds[0].rewards.mean()


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_no_samples_are_an_empty_table(sampler: Any) -> None:
    model = Diffusion(replace(QUICK, sampler=sampler))
    model.fit(draws("moons", 100, 0), rng())
    assert model.sample(0, rng()).shape == (0, 2)


def test_progress_ends_at_one() -> None:
    seen: list[tuple[float, float | None]] = []
    model = Diffusion(QUICK)
    figures = model.fit(draws("moons", 500, 0), rng(), lambda *now: seen.append(now))
    assert [done for done, _ in seen] == [50 / 60, 1.0]
    assert all(loss is not None and math.isfinite(loss) for _, loss in seen)
    assert math.isfinite(figures["loss"])


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_everything_is_made_on_the_device_of_the_model(
    sampler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the device whose tensors have no numbers: it refuses others as an accelerator does."""
    with pytest.raises(RuntimeError):
        torch.ones(3, device="meta") + torch.ones(3)
    monkeypatch.setattr(diffusion, "torch_generator", lambda stream, device: None)
    model = Diffusion(replace(QUICK, sampler=sampler), device="meta")
    model._network = model._new_network(2, torch.Generator())
    model._shift = model._scale = torch.ones(2, device="meta")
    data = in_single_precision(np.eye(2), model.device)
    times, noisy, wanted = model._training_pairs(model._network, data, 3, None)  # type: ignore[arg-type]
    loss = (model._network.learnt(noisy[0], times[0]) - wanted[0]).square().mean()
    loss.backward()
    latents = torch.ones(5000, 2, device="meta")
    found = [loss, model._denoised(latents, torch.Generator())]
    if sampler == "ddim":
        found += [model.sample(5000, rng()), model.decode(torch.zeros(3, 2))]
    assert {(one.device.type, one.dtype) for one in found} == {("meta", torch.float32)}


def test_data_are_left_as_they_were_and_may_be_an_array() -> None:
    data = draws("moons", 500, 0).float()
    copy = data.clone()
    one, two = Diffusion(QUICK), Diffusion(QUICK)
    one.fit(data, rng())
    two.fit(data.numpy(), rng())  # type: ignore[arg-type]
    torch.testing.assert_close(data, copy, rtol=0, atol=0)
    torch.testing.assert_close(one.sample(9, rng()), two.sample(9, rng()), rtol=0, atol=0)


# --- faults --------------------------------------------------------------------------------------


def test_a_diverged_fit_says_so_and_leaves_the_model() -> None:
    model = Diffusion(replace(QUICK, warm_rate=1e30))
    model.fit(draws("moons", 500, 0), rng())
    before = model.sample(20, rng(1))
    with pytest.raises(DivergedTraining, match=r"diverged within 20 of 20 steps at rate 1e\+30"):
        model.fit(draws("moons", 500, 0), rng())
    torch.testing.assert_close(model.sample(20, rng(1)), before, rtol=0, atol=0)


def fitted() -> Diffusion:
    model = Diffusion(QUICK)
    model.fit(draws("moons", 100, 0), rng())
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DiffusionSettings(sampler="dpm"), "sampler = 'dpm' is neither"),  # type: ignore[arg-type]
        (lambda: DiffusionSettings(schedule="flat"), "schedule = 'flat'"),  # type: ignore[arg-type]
        (lambda: DiffusionSettings(width=0), "width = 0"),
        (lambda: DiffusionSettings(steps=True), "steps = True"),
        (lambda: DiffusionSettings(batch=2.0), "batch = 2.0"),  # type: ignore[arg-type]
        (lambda: DiffusionSettings(rate=0.0), "rate = 0.0"),
        (lambda: DiffusionSettings(rate="fast"), "rate = 'fast'"),  # type: ignore[arg-type]
        (lambda: DiffusionSettings(warm_rate=math.inf), "warm_rate = inf"),
        (lambda: DiffusionSettings(visited=101, times=100), "visited = 101 is more"),
        (lambda: DiffusionSettings(schedule="linear", times=40, visited=5), "steps = 40"),
        (lambda: Diffusion().sample(3, rng()), "has not been fitted"),
        (lambda: Diffusion().decode(torch.zeros(1, 2)), "has not been fitted"),
        (lambda: Diffusion().fit(torch.zeros(4), rng()), "shape"),
        (lambda: Diffusion().fit(torch.zeros(0, 2), rng()), "shape"),
        (lambda: Diffusion().fit(torch.tensor([[math.nan]]), rng()), "not all finite"),
        (lambda: Diffusion().fit(draws("moons", 50, 0) + 1e8, rng()), "so far from 0"),
        (lambda: fitted().fit(torch.zeros(4, 3), rng()), "3 coordinates and the model 2"),
        (lambda: fitted().decode(torch.zeros(4, 3)), "give"),
        (lambda: of("moons", sampler="ddpm").decode(torch.zeros(1, 2)), "only sampler='ddim'"),
        (
            lambda: Diffusion(replace(QUICK, width=64)).load(fitted().state()),
            "width 64 and depth 3",
        ),
        (
            lambda: Diffusion(replace(QUICK, times=99)).load(fitted().state()),
            "a cosine chain of 100 times and the settings say cosine and 99",
        ),
        (
            lambda: Diffusion(replace(QUICK, schedule="linear")).load(fitted().state()),
            "the settings say linear and 100",
        ),
        (lambda: slerp(torch.zeros(2), torch.ones(2), torch.zeros(1)), "no direction"),
        (lambda: slerp(torch.ones(2), -torch.ones(2), torch.zeros(1)), "opposite"),
    ],
)
def test_bad_requests_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_settings_state_the_chain() -> None:
    chain = DiffusionSettings(schedule="linear", times=1000).chain()
    assert isinstance(chain, NoiseSchedule)
    assert chain.betas[-1] == pytest.approx(0.02, rel=1e-9, abs=0)
