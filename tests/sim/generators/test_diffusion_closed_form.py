"""Noise schedules, and diffusion of Gaussian data against its closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from sim.generators.denoising import denoise
from sim.generators.gaussian_diffusion import (
    Normal,
    best_noise,
    bound_terms,
    ddim,
    ddim_step,
    ddpm,
    ddpm_step,
    diffused,
    distance,
    divergence,
)
from sim.generators.noise_schedule import NoiseSchedule

SCHEDULES = [NoiseSchedule.linear, NoiseSchedule.cosine]
# Correlated, off centre, and with a thin direction; total variance about 2, as scaled data have.
DATA = Normal.of([0.7, -0.4], [[1.3, 0.6], [0.6, 0.5]])
names = [schedule.__name__ for schedule in SCHEDULES]


# --- the schedules -------------------------------------------------------------------------------


def test_the_published_linear_schedule() -> None:
    schedule = NoiseSchedule.linear(1000)
    assert schedule.betas[[0, -1]] == pytest.approx([1e-4, 2e-2], rel=1e-9, abs=0)
    # Sum of log(1 - beta) for betas on a line, by Euler-Maclaurin; Ho et al. state L_T near 1e-5.
    assert schedule.alpha_bar[-1] == pytest.approx(4.04e-5, rel=2e-3, abs=0)


@pytest.mark.parametrize("make", SCHEDULES, ids=names)
@pytest.mark.parametrize("steps", [50, 250, 1000])
def test_a_chain_forgets_its_start(make: Any, steps: int) -> None:
    schedule = make(steps)
    assert schedule.steps == steps
    assert (np.diff(schedule.alpha_bar) < 0).all()
    assert ((schedule.betas > 0) & (schedule.betas < 1)).all()
    assert schedule.alpha_bar[-1] < 1e-4
    assert schedule.posterior[0] == 0


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 600, 999, 1000])
def test_any_number_of_times_is_visited_evenly(count: int) -> None:
    times = NoiseSchedule.cosine(1000).spaced(count)
    gaps = np.diff(times, prepend=0)
    assert len(times) == count
    assert times[-1] == 1000
    assert set(gaps) <= {1000 // count, -(-1000 // count)}


def test_skipping_times_leaves_the_rest_of_the_chain() -> None:
    whole = NoiseSchedule.cosine(100)
    times = whole.spaced(7)
    kept = whole.at(times)
    np.testing.assert_array_equal(kept.alpha_bar, whole.alpha_bar[times - 1])
    # The step over a gap keeps the product of what the steps in it keep.
    for k, (low, high) in enumerate(pairwise([0, *times])):
        assert 1 - kept.betas[k] == pytest.approx(np.prod(1 - whole.betas[low:high]), rel=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NoiseSchedule.linear(49), "steps = 49"),
        (lambda: NoiseSchedule.cosine(0), "steps = 0"),
        (lambda: NoiseSchedule(np.array([0.5, 0.5])), "strictly decreasing"),
        (lambda: NoiseSchedule(np.array([1.0, 0.5])), "strictly decreasing"),
        (lambda: NoiseSchedule(np.array([])), "strictly decreasing"),
        (lambda: NoiseSchedule(np.array([0.5, math.nan])), "strictly decreasing"),
        (lambda: NoiseSchedule.cosine(10).spaced(11), "11 of 10"),
        (lambda: NoiseSchedule.cosine(10).spaced(0), "0 of 10"),
        (lambda: Normal.of([0.0], [[1.0, 0.0]]), "shapes"),
        (lambda: Normal.of([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]), "not symmetric"),
        (
            lambda: denoise(
                lambda x, t: x,
                NoiseSchedule.cosine(10),
                torch.zeros(2, 1),
                sampler="ddpm",
                visited=5,
            ),
            "give a torch generator",
        ),
    ],
)
def test_bad_requests_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# --- the way to noise ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", SCHEDULES, ids=names)
def test_the_chain_step_by_step_has_the_stated_marginals(make: Any) -> None:
    """q(x_t | x_0), first by the recursion of mean and variance along the chain."""
    schedule = make(200)
    mean, variance = 1.0, 0.0
    for t in range(200):
        beta = schedule.betas[t]
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        assert mean == pytest.approx(math.sqrt(schedule.alpha_bar[t]), rel=1e-12, abs=0)
        assert variance == pytest.approx(1 - schedule.alpha_bar[t], rel=1e-11, abs=0)


def test_the_simulated_chain_has_the_stated_marginals() -> None:
    schedule, n, start = NoiseSchedule.cosine(50), 40_000, 1.7
    rng = np.random.default_rng(0)
    x = np.full(n, start)
    for t in range(50):
        x = math.sqrt(1 - schedule.betas[t]) * x + math.sqrt(
            schedule.betas[t]
        ) * rng.standard_normal(n)
        left = schedule.alpha_bar[t]
        # Five standard errors of a mean and of a variance: 100 checks, false alarm 6e-5.
        error = 5 * math.sqrt((1 - left) / n)
        assert x.mean() == pytest.approx(math.sqrt(left) * start, abs=error)
        assert x.var() == pytest.approx(1 - left, rel=5 * math.sqrt(2 / n), abs=0)


def joint_of_the_chain(schedule: NoiseSchedule, data: Normal) -> Normal:
    """Law of (x_0, …, x_T) stacked, from the linear map of (x_0, ε_1, …, ε_T)."""
    d, T = len(data.mean), schedule.steps
    mix = np.zeros((T + 1, T + 1))
    mix[0, 0] = 1
    for t in range(1, T + 1):
        mix[t] = math.sqrt(1 - schedule.betas[t - 1]) * mix[t - 1]
        mix[t, t] = math.sqrt(schedule.betas[t - 1])
    sources = np.zeros(((T + 1) * d,) * 2)
    sources[:d, :d] = data.covariance
    sources[d:, d:] = np.eye(T * d)
    wide = np.kron(mix, np.eye(d))
    return Normal(wide[:, :d] @ data.mean, wide @ sources @ wide.T)


def conditioned(law: Normal, wanted: slice, given: slice) -> tuple[np.ndarray, np.ndarray]:
    """Slope of E[wanted | given] and the covariance left."""
    cross = law.covariance[wanted, given]
    slope = cross @ np.linalg.inv(law.covariance[given, given])
    return slope, law.covariance[wanted, wanted] - slope @ cross.T


def block(t: int) -> slice:
    return slice(2 * t, 2 * t + 2)


@pytest.mark.parametrize("t", [1, 2, 6, 12])
def test_the_best_prediction_is_the_conditional_expectation(t: int) -> None:
    schedule = NoiseSchedule.cosine(12)
    joint = joint_of_the_chain(schedule, DATA)
    slope, shift = best_noise(DATA, schedule.alpha_bar[t - 1])
    # The noise is what is not the shrunken x_0: its conditional mean by dense algebra.
    left, noise = math.sqrt(schedule.alpha_bar[t - 1]), math.sqrt(1 - schedule.alpha_bar[t - 1])
    of_data, _ = conditioned(joint, block(0), block(t))
    np.testing.assert_allclose(slope, (np.eye(2) - left * of_data) / noise, atol=1e-11)
    # At the mean of x_t the expected noise is 0.
    np.testing.assert_allclose(slope @ joint.mean[block(t)] + shift, 0, atol=1e-12)
    law = diffused(DATA, schedule.alpha_bar[t - 1])
    np.testing.assert_allclose(law.mean, joint.mean[block(t)], atol=1e-13)
    np.testing.assert_allclose(law.covariance, joint.covariance[block(t), block(t)], atol=1e-13)


@pytest.mark.parametrize("t", [1, 2, 6, 12])
def test_the_exact_step_is_the_chain_backwards(t: int) -> None:
    schedule = NoiseSchedule.cosine(12)
    joint = joint_of_the_chain(schedule, DATA)
    step = ddpm_step(DATA, schedule, t, "exact")
    slope, left = conditioned(joint, block(t - 1), block(t))
    np.testing.assert_allclose(step.slope, slope, atol=1e-10)
    np.testing.assert_allclose(step.noise, left, atol=1e-10)
    reached = step.slope @ joint.mean[block(t)] + step.shift
    np.testing.assert_allclose(reached, joint.mean[block(t - 1)], atol=1e-11)


# --- the bound -----------------------------------------------------------------------------------


def joint_of_the_model(schedule: NoiseSchedule, data: Normal, variance: Any) -> Normal:
    """Law of (x_0, …, x_T) under the model: standard normal x_T, then the DDPM steps."""
    d, T = len(data.mean), schedule.steps
    size = (T + 1) * d
    precision, linear = np.zeros((size, size)), np.zeros(size)
    precision[T * d :, T * d :] += np.eye(d)
    for t in range(1, T + 1):
        step = ddpm_step(data, schedule, t, variance)
        # x_{t-1} - A x_t - b is normal with the step's noise.
        rows = np.zeros((d, size))
        rows[:, block(t - 1)] = np.eye(d)
        rows[:, block(t)] = -step.slope
        inverse = np.linalg.inv(step.noise)
        precision += rows.T @ inverse @ rows
        linear += rows.T @ inverse @ step.shift
    covariance = np.linalg.inv(precision)
    return Normal(covariance @ linear, (covariance + covariance.T) / 2)


@pytest.mark.parametrize("variance", ["beta", "exact"])
@pytest.mark.parametrize("make", [NoiseSchedule.cosine, lambda T: NoiseSchedule.linear(50)])
def test_the_sum_of_divergences_is_the_bound(make: Any, variance: Any) -> None:
    r"""The bound is KL(q(x_0…x_T) ‖ p(x_0…x_T)) + entropy of the data, by dense algebra."""
    schedule = make(12)
    chain = joint_of_the_chain(schedule, DATA)
    model = joint_of_the_model(schedule, DATA, variance)
    terms = bound_terms(DATA, schedule, variance)
    assert terms.shape == (schedule.steps + 1,)
    exact = divergence(chain, model) + DATA.entropy
    assert terms.sum() == pytest.approx(exact, rel=1e-8, abs=0)
    # All but the first are divergences.
    assert (terms[1:] >= 0).all()


@pytest.mark.parametrize("variance", ["beta", "exact"])
def test_the_bound_exceeds_the_likelihood_by_the_posterior_gap(variance: Any) -> None:
    r"""Bound + E log p(x_0) = E KL(q(x_1…x_T|x_0) ‖ p(x_1…x_T|x_0)), by conditioning both."""
    schedule = NoiseSchedule.cosine(12)
    chain = joint_of_the_chain(schedule, DATA)
    model = joint_of_the_model(schedule, DATA, variance)
    hidden, seen = slice(2, None), slice(0, 2)
    of_chain, left_chain = conditioned(chain, hidden, seen)
    of_model, left_model = conditioned(model, hidden, seen)
    # The means' difference is affine in x_0: its square averages to mean and covariance parts.
    slope = of_chain - of_model
    shift = (
        chain.mean[hidden]
        - of_chain @ chain.mean[seen]
        - model.mean[hidden]
        + of_model @ model.mean[seen]
    )
    centre = slope @ DATA.mean + shift
    zero = np.zeros(len(centre))
    gap = divergence(Normal(centre, _even(left_chain)), Normal(zero, _even(left_model)))
    spread = slope @ DATA.covariance @ slope.T
    gap += 0.5 * float(np.trace(np.linalg.solve(left_model, spread)))
    # -E log p(x_0) of the model's own x_0.
    marginal = Normal(model.mean[seen], _even(model.covariance[seen, seen]))
    likelihood = divergence(DATA, marginal) + DATA.entropy
    bound = bound_terms(DATA, schedule, variance).sum()
    assert bound - likelihood == pytest.approx(gap, rel=1e-6, abs=1e-10)
    assert gap > 0


def _even(matrix: np.ndarray) -> np.ndarray:
    return (matrix + matrix.T) / 2


def test_with_exact_steps_the_bound_is_the_entropy_and_the_end() -> None:
    """All that is lost is that x_T is not quite standard normal."""
    schedule = NoiseSchedule.linear(200)
    end = divergence(diffused(DATA, schedule.alpha_bar[-1]), Normal.standard(2))
    bound = bound_terms(DATA, schedule, "exact").sum()
    assert bound - DATA.entropy == pytest.approx(end, rel=1e-6, abs=1e-11)


def test_the_bound_closes_like_one_over_the_steps() -> None:
    # From T to 2T the gap of beta's bound halves; the end's own gap, below 1e-4, is taken off.
    gaps = []
    for steps in (250, 500, 1000, 2000):
        schedule = NoiseSchedule.linear(steps)
        gap = bound_terms(DATA, schedule, "beta").sum() - bound_terms(DATA, schedule, "exact").sum()
        gaps.append(gap)
    rates = np.log2(np.array(gaps[:-1]) / gaps[1:])
    np.testing.assert_allclose(rates, 1, atol=0.1)


# --- the way back --------------------------------------------------------------------------------


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("make", SCHEDULES, ids=names)
def test_ddim_has_the_marginals_of_ddpm_for_every_eta(make: Any, eta: float) -> None:
    """Given x_0 (data at one point, whose best prediction knows it) the steps lead from
    q(x_t | x_0) to q(x_{t-1} | x_0), to rounding."""
    schedule = make(200)
    point = Normal.of([0.7, -0.4], np.zeros((2, 2)))
    law = diffused(point, schedule.alpha_bar[-1])
    for t in range(200, 0, -1):
        step = ddim_step(point, schedule, t, eta)
        law = law.through(step.slope, step.shift, step.noise)
        left = schedule.before[t - 1]
        np.testing.assert_allclose(law.mean, math.sqrt(left) * point.mean, atol=1e-12)
        np.testing.assert_allclose(law.covariance, (1 - left) * np.eye(2), atol=1e-12)


@pytest.mark.parametrize("make", SCHEDULES, ids=names)
def test_at_eta_one_ddim_is_ddpm(make: Any) -> None:
    """Two derivations of one law, compared at every time."""
    schedule = make(100)
    for one, two in zip(
        ddim(DATA, schedule, eta=1.0), ddpm(DATA, schedule, "posterior"), strict=True
    ):
        np.testing.assert_allclose(one.mean, two.mean, atol=1e-10)
        np.testing.assert_allclose(one.covariance, two.covariance, atol=1e-10)


SAMPLERS = {
    "ddim": lambda schedule: ddim(DATA, schedule),
    "ddim, eta 1": lambda schedule: ddim(DATA, schedule, eta=1.0),
    "ddpm, posterior": lambda schedule: ddpm(DATA, schedule, "posterior"),
    "ddpm, beta": lambda schedule: ddpm(DATA, schedule, "beta"),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_with_the_best_prediction_the_marginals_agree_up_to_one_over_the_steps(
    sampler: str,
) -> None:
    worst = []
    for steps in (125, 250, 500, 1000):
        schedule = NoiseSchedule.cosine(steps)
        true = [diffused(DATA, left) for left in (*schedule.alpha_bar[::-1], 1.0)]
        laws = SAMPLERS[sampler](schedule)
        worst.append(max(distance(p, q) for p, q in zip(laws, true, strict=True)))
    # At 1000 steps 0.0008 to 0.0034, on data of standard deviations 1.29 and 0.36.
    assert worst[-1] < 0.0035
    np.testing.assert_allclose(np.log2(np.array(worst[:-1]) / worst[1:]), 1, atol=0.08)


def test_with_exact_steps_ddpm_only_pays_for_the_end() -> None:
    """From x_T standard normal instead of q(x_T), and no noise on the last step."""
    schedule = NoiseSchedule.cosine(1000)
    assert distance(ddpm(DATA, schedule, "exact")[-1], DATA) < 1e-4
    start = diffused(DATA, schedule.alpha_bar[-1])
    law = start
    for t in range(1000, 0, -1):
        step = ddpm_step(DATA, schedule, t, "exact")
        law = law.through(step.slope, step.shift, step.noise)
    np.testing.assert_allclose(law.covariance, DATA.covariance, atol=1e-10)
    np.testing.assert_allclose(law.mean, DATA.mean, atol=1e-10)


@pytest.mark.parametrize(
    ("visited", "most"), [(10, 0.168), (20, 0.087), (50, 0.036), (100, 0.018), (1000, 0.0018)]
)
def test_few_steps_of_ddim_stay_within_the_stated_distance(visited: int, most: float) -> None:
    """Wasserstein distance of order 2 to the data: 10 to 100 times fewer than 1000 steps."""
    chain = NoiseSchedule.cosine(1000)
    found = distance(ddim(DATA, chain.at(chain.spaced(visited)))[-1], DATA)
    # Rounded up: the stated number is the distance, not merely a bound.
    assert 0.9 * most < found < most


@pytest.mark.parametrize("visited", [3, 10, 600])
def test_on_standard_normal_data_ddim_turns_and_shrinks(visited: int) -> None:
    r"""With :math:`\sqrt{\bar\alpha} = \cos\theta` a step is a factor :math:`\cos\Delta\theta`."""
    chain = NoiseSchedule.cosine(1000)
    chain = chain.at(chain.spaced(visited))
    angles = np.arccos(np.sqrt([1.0, *chain.alpha_bar]))
    shrunk = np.prod(np.cos(np.diff(angles)))
    law = ddim(Normal.standard(1), chain)[-1]
    assert math.sqrt(law.covariance[0, 0]) == pytest.approx(shrunk, rel=1e-11, abs=0)


# --- the samplers that are used ------------------------------------------------------------------


def predicted(chain: NoiseSchedule) -> Callable[[torch.Tensor, int], torch.Tensor]:
    """The best prediction for DATA, as tensors in float64."""

    def noise_of(samples: torch.Tensor, t: int) -> torch.Tensor:
        slope, shift = (torch.as_tensor(a) for a in best_noise(DATA, chain.alpha_bar[t - 1]))
        return samples @ slope.T + shift

    return noise_of


@pytest.mark.parametrize("visited", [1, 7, 10, 100, 600, 1000])
@pytest.mark.parametrize("make", SCHEDULES, ids=names)
def test_ddim_as_used_is_the_closed_form(make: Any, visited: int) -> None:
    """Its map is affine: read off at 0 and the unit vectors. 7 and 600 do not divide 1000."""
    chain = make(1000)
    probes = torch.cat([torch.zeros(1, 2), torch.eye(2)]).double()
    images = denoise(predicted(chain), chain, probes, sampler="ddim", visited=visited).numpy()
    slope = (images[1:] - images[0]).T
    law = ddim(DATA, chain.at(chain.spaced(visited)))[-1]
    # The schedulers take float64 roots and quotients; rounding grows by 1/sqrt(alpha_bar_T).
    np.testing.assert_allclose(images[0], law.mean, atol=1e-9)
    np.testing.assert_allclose(slope @ slope.T, law.covariance, atol=1e-9)


@pytest.mark.parametrize("visited", [1, 7, 50])
def test_ddpm_as_used_is_the_closed_form(visited: int) -> None:
    chain, n = NoiseSchedule.cosine(1000), 200_000
    rng = torch.Generator().manual_seed(3)
    latents = torch.randn(n, 2, generator=rng, dtype=torch.float64)
    noise_of = predicted(chain)
    found = denoise(
        noise_of, chain, latents, sampler="ddpm", visited=visited, generator=rng
    ).numpy()
    law = ddpm(DATA, chain.at(chain.spaced(visited)), "beta")[-1]
    # Five standard errors of each entry.
    spread = np.sqrt(np.diag(law.covariance))
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - law.mean), 5 * spread / math.sqrt(n))
    variances = np.outer(spread, spread) ** 2 + law.covariance**2
    np.testing.assert_array_less(
        np.abs(np.cov(found.T) - law.covariance), 5 * np.sqrt(variances / n)
    )


def test_divergence_and_distance_in_one_dimension() -> None:
    p, q = Normal.of([1.0], [[4.0]]), Normal.of([0.0], [[1.0]])
    # log(s_q/s_p) + (s_p^2 + gap^2) / (2 s_q^2) - 1/2, and the gaps of means and deviations.
    assert divergence(p, q) == pytest.approx(-math.log(2) + 2.5 - 0.5, rel=1e-14, abs=0)
    assert distance(p, q) == pytest.approx(math.sqrt(2), rel=1e-14, abs=0)
    assert distance(p, p) == pytest.approx(0, abs=1e-7)
    assert p.entropy == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 4), rel=1e-14, abs=0)
